"""Graphs in API format: read from a file, inputs set by `--set`, nodes named as a person knows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .host import HostError


def read_graph(path: Path) -> dict[str, Any]:
    """A graph from a file in API format. Errors: HostError."""
    try:
        graph = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise HostError(f"{path} is not JSON: {error}") from None
    if not isinstance(graph, dict) or not all(isinstance(n, dict) and "class_type" in n for n in graph.values()):
        raise HostError(f"{path} is not a graph in API format; in ComfyUI: Workflow, Export (API)")
    return graph


def set_inputs(graph: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """A copy of the graph with NODE.INPUT=VALUE carried out; NODE is an id or a title. Errors: HostError."""
    graph = json.loads(json.dumps(graph))
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        name, dot, key = target.rpartition(".")
        if not (equals and dot and name and key):
            raise HostError(f"--set wants NODE.INPUT=VALUE, got {assignment!r}")
        inputs = graph[_node_called(name, graph, assignment)]["inputs"]
        if key not in inputs:
            raise HostError(
                f"--set {assignment}: {name!r} has no input {key!r} in this graph; it sets {', '.join(inputs)}"
            )
        inputs[key] = _value(text, inputs[key], assignment)
    return graph


def _node_called(name: str, graph: dict[str, Any], assignment: str) -> str:
    """The id of the node with this id or, where there is none, with this title."""
    if name in graph:
        return name
    titles = {node_id: node.get("_meta", {}).get("title", node_id) for node_id, node in graph.items()}
    matches = [node_id for node_id, title in titles.items() if title == name]
    if len(matches) != 1:
        named = (node_id if node_id == title else f"{node_id} ({title})" for node_id, title in titles.items())
        found, known = ("several nodes", matches) if matches else ("no node", named)
        raise HostError(f"--set {assignment}: {found} called {name!r}; the graph has {', '.join(known)}")
    return matches[0]


def _value(text: str, old: Any, assignment: str) -> Any:
    """The text as the kind of value that the input has now; a linked input takes any."""
    if isinstance(old, str):
        return text
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    for kind, name in ((bool, "true or false"), ((int, float), "a number")):
        if isinstance(old, kind):
            if not isinstance(value, kind) or isinstance(value, bool) != isinstance(old, bool):
                raise HostError(f"--set {assignment}: expected {name}, such as {json.dumps(old)}, got {text!r}")
            break
    return value


def name_node(graph: dict[str, Any], node_id: str) -> str:
    """A node as a person knows it: its title, its id, its class."""
    node = graph.get(node_id, {})
    kind = node.get("class_type", "a node that another one made")
    title = node.get("_meta", {}).get("title")
    return f"{title} (node {node_id}, {kind})" if title else f"{kind} (node {node_id})"

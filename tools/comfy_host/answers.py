"""What the host answers to a graph, in words: why it is refused, and the texts below its nodes."""

from __future__ import annotations

from typing import Any

from .graphs import name_node

TEXT_EVENT = (3).to_bytes(4, "big")
"""The host's binary event for a text below a node."""


def read_notice(message: bytes, graph: dict[str, Any]) -> list[tuple[str, str]]:
    """(node id, text) when a binary message of the host is a text for a node of the graph; else nothing.

    The event, the length of the node's id, both in four bytes, the id, the text.
    """
    if message[:4] != TEXT_EVENT:
        return []
    end = 8 + int.from_bytes(message[4:8], "big")
    node, text = message[8:end].decode(), message[end:].decode()
    return [(node, text)] if node in graph else []


def describe_refusal(answer: dict[str, Any], graph: dict[str, Any]) -> str:
    """The host's answer to a prompt that it will not queue, as lines of `node: text`."""
    lines = []
    for node, problems in (answer.get("node_errors") or {}).items():
        own: set[str] = set()  # the host repeats a node's own words for every input that the node looks at
        for problem in problems["errors"]:
            words = (problem.get("details") or "").partition(" - ")[2]
            if problem.get("type") != "custom_validation_failed" or words not in own:
                lines.append(f"{name_node(graph, node)}: {_problem(problem)}")
            own.add(words)
    error = answer.get("error") or {}
    node = error.get("extra_info", {}).get("node_id")
    where = f"{name_node(graph, node)}: " if node in graph else ""
    return "\n".join(lines) or where + error.get("message", "ComfyUI refused the graph and did not say why")


def _problem(problem: dict[str, Any]) -> str:
    details = problem.get("details") or ""
    if problem.get("type") == "custom_validation_failed":  # the input, then the node's own words
        name, _, text = details.partition(" - ")
        return text if text.startswith(name) else f"{name}: {text}"
    return problem["message"] + (f": {details}" if details else "")

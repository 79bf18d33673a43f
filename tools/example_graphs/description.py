"""What a graph is in words: columns of notes and groups, groups of nodes, nodes of values and links."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool


@dataclass(frozen=True)
class Link:
    """The output of another node: its name here and the output's name."""

    source: str
    output: str


@dataclass(frozen=True)
class Node:
    """name  what links call it
    inputs   widget values and links, by the node's own input names; what is left out keeps the node's default
    height   at least this many pixels
    """

    name: str
    type: str
    inputs: Mapping[str, Value | Link]
    title: str = ""
    height: int = 0
    colors: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Group:
    """Its columns stand side by side."""

    title: str
    color: str
    columns: Sequence[Sequence[Node]]


@dataclass(frozen=True)
class Column:
    width: int
    items: Sequence[Group | Node]


@dataclass(frozen=True)
class File:
    """Its folder below `models`, its size where that is known, its repository on Hugging Face."""

    folder: str
    size: str
    source: str


@dataclass(frozen=True)
class Graph:
    name: str
    columns: Sequence[Column]

    @property
    def id(self) -> str:
        """The UI gives every graph a random one; ours stays the same."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"rgba-video/{self.name}"))

    @property
    def nodes(self) -> list[Node]:
        items = [item for column in self.columns for item in column.items]
        stacks = [stack for item in items for stack in (item.columns if isinstance(item, Group) else [[item]])]
        return [node for stack in stacks for node in stack]

    def description(self) -> dict[str, Any]:
        """What `WebUI.build` takes."""
        return {
            "id": self.id,
            "columns": [{"width": c.width, "items": [_item(item) for item in c.items]} for c in self.columns],
            "links": [
                {"source": value.source, "output": value.output, "target": node.name, "input": name}
                for node in self.nodes
                for name, value in node.inputs.items()
                if isinstance(value, Link)
            ],
        }


def _item(item: Group | Node) -> dict[str, Any]:
    if isinstance(item, Group):
        columns = [[_item(node) for node in column] for column in item.columns]
        return {"title": item.title, "color": item.color, "columns": columns}
    color, background = item.colors
    values = {name: value for name, value in item.inputs.items() if not isinstance(value, Link)}
    names = {"name": item.name, "type": item.type, "title": item.title}
    return names | {"values": values, "height": item.height, "color": color, "bgcolor": background}


def link(text: str) -> Link:
    """`link("unet.MODEL")`: the output MODEL of the node called unet."""
    source, _, output = text.partition(".")
    return Link(source, output)

"""What stands on standard error: messages, and how far a run is."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any

from .graphs import name_node

SPARSELY_S = 10.0
"""Between two lines of progress, where standard error is no terminal."""


def say(text: str) -> None:
    """One line on standard error, at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class Bar:
    """One line on the terminal: the node that runs, and how far it is."""

    def __init__(self, graph: dict[str, Any]) -> None:
        self.graph = graph
        self.done: set[str] = set()

    def show(self, nodes: dict[str, Any]) -> None:
        self.done |= {node for node, state in nodes.items() if state["state"] == "finished"}
        for node, state in nodes.items():
            if state["state"] == "running":
                part = state["value"] / max(state["max"], 1)
                self.line(part, f"{len(self.done)}/{len(self.graph)} nodes  {name_node(self.graph, node)} {part:4.0%}")

    def line(self, part: float, text: str) -> None:
        self.write(f"[{'#' * int(part * 30):<30}] {text}")

    def write(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r{text[:width]:<{width}}\r")
        sys.stderr.flush()

    def close(self) -> None:
        self.write("")


class Lines(Bar):
    """The same for a log: a line now and then, and none for a short run."""

    def __init__(self, graph: dict[str, Any]) -> None:
        super().__init__(graph)
        self.last = time.monotonic()

    def line(self, part: float, text: str) -> None:
        if time.monotonic() - self.last >= SPARSELY_S:
            self.last = time.monotonic()
            say(text)

    def close(self) -> None:
        pass

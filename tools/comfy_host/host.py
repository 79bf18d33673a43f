"""A ComfyUI on this machine, and what the person at the keyboard is told when it fails."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Host:
    """A ComfyUI on this machine: its folder, the interpreter that runs it, its version."""

    root: str
    python: str
    version: str


class HostError(RuntimeError):
    """Something that the person at the keyboard can act on; shown without a traceback."""


class GraphError(HostError):
    """A node refused its input or failed: the message is the node and its error text."""

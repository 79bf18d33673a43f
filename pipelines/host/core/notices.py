"""Warnings that stand on the node: for what is allowed and probably not meant."""

from __future__ import annotations

import logging
import sys

from comfy_execution.utils import get_executing_context

_of_run: dict[str, list[str]] = {}
"""{node of the prompt that runs: its warnings so far}; a node that runs over a list has those of every entry."""
_prompt: str | None = None


def warn(text: str) -> None:
    """Shows `text` below the node that runs, after what it warned of before in this run, and writes it to the log.

    The host keeps one text for each node, and a new one takes the place of the last.
    """
    logging.getLogger(__name__).warning("%s", text)
    context = get_executing_context()
    server = sys.modules.get("server")  # where there is none, there is no node to be seen either
    running = getattr(getattr(server, "PromptServer", None), "instance", None)
    if context is not None and running is not None:
        running.send_progress_text("\n".join(_collect(context.prompt_id, context.node_id, text)), context.node_id)


def _collect(prompt: str, node: str, text: str) -> list[str]:
    """All warnings of this node in this prompt, each once; those of an earlier prompt are forgotten."""
    global _prompt
    if prompt != _prompt:
        _prompt = prompt
        _of_run.clear()
    warnings = _of_run.setdefault(node, [])
    if text not in warnings:
        warnings.append(text)
    return warnings

"""Warnings that stand on the node: for what is allowed and probably not meant."""

from __future__ import annotations

import logging
import sys

from comfy_execution.utils import get_executing_context


def warn(text: str) -> None:
    """Shows `text` below the node that runs, as the host's own nodes do, and writes it to the log."""
    logging.getLogger(__name__).warning("%s", text)
    context = get_executing_context()
    server = sys.modules.get("server")  # where there is none, there is no node to be seen either
    running = getattr(getattr(server, "PromptServer", None), "instance", None)
    if context is not None and running is not None:
        running.send_progress_text(text, context.node_id)

"""Warnings that stand on the node: for what is allowed and probably not meant."""

from __future__ import annotations

import logging

from comfy_execution.utils import get_executing_context


def warn(text: str) -> None:
    """Shows `text` below the node that runs, as the host's own nodes do, and writes it to the log."""
    logging.getLogger(__name__).warning("%s", text)
    context = get_executing_context()
    if context is None:
        return  # called outside the queue
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if server is not None:
        server.send_progress_text(text, context.node_id)

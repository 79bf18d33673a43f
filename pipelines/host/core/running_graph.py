"""The graph that is running, as files keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from comfy.cli_args import args

from ...media.takes.plan import json_texts

if TYPE_CHECKING:
    from .sockets import Hidden

SEED_INPUTS = ("seed", "noise_seed")


def texts(hidden: Hidden) -> dict[str, str]:
    """The running graph as strict JSON texts, as containers keep it."""
    return json_texts(running(hidden))


def running(hidden: Hidden) -> dict[str, Any]:
    """The prompt and the workflow that are running, unless the host was told to write no metadata."""
    if args.disable_metadata:
        return {}
    prompt = {} if hidden.prompt is None else {"prompt": hidden.prompt}
    return prompt | dict(hidden.extra_pnginfo or {})


def seeds(hidden: Hidden) -> list[int]:
    """Every seed in the running prompt, in the order of its nodes."""
    prompt: Mapping[str, Any] = hidden.prompt or {}
    values = [node.get("inputs", {}).get(name) for node in prompt.values() for name in SEED_INPUTS]
    return [value for value in values if isinstance(value, int)]

"""The host's output folder: where a take goes, what the graph that made it was, and how the host hears of its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import folder_paths
from comfy.cli_args import args
from torch import Tensor

from ..media.plan import Plan, frame_path, sidecar_path
from ..media.sequence import write_sequence
from ..media.takes import EXISTING, REFUSE, Take, batch_entry, name_parts, new_take, refuse_existing
from .progress import steps

SEED_INPUTS = ("seed", "noise_seed")
TOKEN = re.compile("%(width|height|year|month|day|hour|minute|second)%")


def prefix_problem(prefix: str | None, existing: str | None) -> str | None:
    """Why nothing can be saved as that, known before anything runs; None when it can, or when a link will tell."""
    if existing is not None and existing not in EXISTING:
        return f"existing is one of {', '.join(EXISTING)}; got {existing!r}."
    if prefix is None:
        return None
    try:
        name_parts(TOKEN.sub("0", prefix))
        if existing == REFUSE and not TOKEN.search(prefix):
            refuse_existing(Path(folder_paths.get_output_directory()), prefix)
    except (ValueError, FileExistsError) as problem:
        return str(problem)
    return None


def output_path(prefix: str, frames: Tensor) -> str:
    """The prefix with the host's tokens (%width%, %year% ...) filled in; still relative to the output folder."""
    height, width = frames.shape[1:3]
    root = folder_paths.get_output_directory()

    def filled(part: str) -> str:
        return folder_paths.get_save_image_path(part, root, width, height)[-1] if "%" in part else part

    return "/".join(filled(part) for part in re.split(r"[/\\]", prefix))


def save(prefix: str, existing: str, clips: Sequence[Tensor], plan: Callable[[Take], Plan]) -> list[Plan]:
    """Writes a take for each clip of the batch, all of one version, as `plan` says of each, with progress."""
    step = steps(sum(len(clip) for clip in clips))
    first = new_take(Path(folder_paths.get_output_directory()), prefix, existing)
    plans = []
    for entry, clip in enumerate(clips, start=1):
        plans.append(plan(batch_entry(first, entry)))
        write_sequence(clip, plans[-1], step)
    return plans


def graph_of(hidden: Any) -> dict[str, Any]:
    """The prompt and the workflow that are running, unless the host was told to write no metadata."""
    if args.disable_metadata:
        return {}
    prompt = {} if hidden.prompt is None else {"prompt": hidden.prompt}
    return prompt | dict(hidden.extra_pnginfo or {})


def seeds_of(hidden: Any) -> list[int]:
    """Every seed in the running prompt, in the order of its nodes."""
    prompt: Mapping[str, Any] = hidden.prompt or {}
    values = [node.get("inputs", {}).get(name) for node in prompt.values() for name in SEED_INPUTS]
    return [value for value in values if isinstance(value, int)]


def saved(plans: Sequence[Plan], count: int) -> dict[str, Any]:
    """What the host shows and remembers: the first frame as a picture on the node, and the name of every file."""
    frames = [
        [_entry(frame_path(plan, each, plan.start + index)) for index in range(count)]
        for plan in plans
        for each in plan.passes
    ]
    sidecars = [_entry(sidecar_path(plan)) for plan in plans]
    return {"images": [frames[0][0]], "files": [*(entry for one in frames for entry in one), *sidecars]}


def _entry(path: Path) -> dict[str, str]:
    folder = path.parent.relative_to(folder_paths.get_output_directory())
    return {"filename": path.name, "subfolder": "" if str(folder) == "." else folder.as_posix(), "type": "output"}

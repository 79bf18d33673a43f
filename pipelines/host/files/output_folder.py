"""The host's output folder: where a take goes, and how the host hears of its files."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
from torch import Tensor

from ...alpha.association import looks_premultiplied
from ...media.stills import exr, png
from ...media.stills.formats import STILLS
from ...media.stills.quantise import quantise
from ...media.takes.names import EXISTING, REFUSE, Take, batch_entry, name_parts, new_files, new_take, refuse_existing
from ...media.takes.plan import Plan, frame_path, sidecar_path
from ...media.takes.sequence import write_sequence
from ...media.video.animation import SUFFIXES, Animation, write_animation
from ...media.video.formats import video_problem
from ...media.video.sprite_sheet import SheetPlan, write_sheet
from ...media.video.write_video import VideoPlan, write_video
from ...media.whole_file import write_whole
from ..core.notices import warn
from ..core.progress import steps
from .sound import sound_of

if TYPE_CHECKING:
    from ..core.sockets import Audio

TOKEN = re.compile("%(width|height|year|month|day|hour|minute|second)%")
TRIED_FRAMES, TRIED_LINES = 4, 120


@dataclass(frozen=True)
class Saved:
    """The paths, a line for each file or take, and what the host shows and remembers."""

    paths: str
    ui: dict[str, Any]


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


def still_problem(format_name: str | None) -> str | None:
    """Why a still format cannot be written on this host, known before anything runs; None when it can."""
    if format_name is None:
        return None
    if format_name not in STILLS:
        return f"format is one of {', '.join(STILLS)}; got {format_name!r}."
    if not format_name.startswith("exr"):
        return None
    try:
        exr.library()
    except ImportError as problem:
        return str(problem)
    return None


def warn_if_premultiplied(frames: Tensor) -> None:
    """A warning on the node when the colour that is to be straight looks premultiplied where it is tried."""
    apart = max(1, min(frames.shape[1:3]) // TRIED_LINES)
    tried = frames[:: max(1, len(frames) // TRIED_FRAMES), ::apart, ::apart]
    if all(looks_premultiplied(frame[..., :3], frame[..., 3:]) for frame in tried):
        warn(
            "Straight colour was expected, this looks premultiplied: under partial alpha it is nowhere brighter than "
            "alpha. Saved as it is; if its edges come out dark, put Unpremultiply RGBA before this node."
        )


def filled_prefix(prefix: str, frames: Tensor) -> str:
    """The prefix with the host's tokens (%width%, %year% ...) filled in; still relative to the output folder."""
    height, width = frames.shape[1:3]
    root = folder_paths.get_output_directory()

    def filled(part: str) -> str:
        return folder_paths.get_save_image_path(part, root, width, height)[-1] if "%" in part else part

    return "/".join(filled(part) for part in re.split(r"[/\\]", prefix))


def save_sequence(prefix: str, existing: str, clips: Sequence[Tensor], plan: Callable[[Take], Plan]) -> Saved:
    """Writes a take for each clip of the batch, all of one version, as `plan` says of each, with progress."""
    step = steps(sum(len(clip) for clip in clips))
    first = new_take(Path(folder_paths.get_output_directory()), prefix, existing)
    plans = []
    for entry, clip in enumerate(clips, start=1):
        plans.append(plan(batch_entry(first, entry)))
        write_sequence(clip, plans[-1], step)
    return Saved("\n".join(str(each.take.folder) for each in plans), _shown(plans, clips))


def video_name_problem(prefix: str | None, format_name: str | None) -> str | None:
    """Why no video can be saved as that on this host, known before anything runs; None when it can."""
    return prefix_problem(prefix, None) or (None if format_name is None else video_problem(format_name))


def save_files(prefix: str, suffix: str, clips: Sequence[Tensor], write: Callable[[int, Tensor, Path], None]) -> Saved:
    """Writes a single file for each clip of the batch, all of one version; `write` gets number, clip and path."""
    paths = new_files(Path(folder_paths.get_output_directory()), prefix, suffix, len(clips))
    for entry, (clip, path) in enumerate(zip(clips, paths, strict=True)):
        write(entry, clip, path)
    return Saved(
        "\n".join(map(str, paths)), {"images": [_shown_first(clips[0])], "files": [page_entry(each) for each in paths]}
    )


def save_video(prefix: str, clips: Sequence[Tensor], plan: VideoPlan, audio: Audio | None) -> Saved:
    """Writes and checks a video for each clip of the batch, with progress."""
    step = steps(2 * sum(len(clip) for clip in clips))

    def write(entry: int, clip: Tensor, path: Path) -> None:
        write_video(clip, path, replace(plan, sound=sound_of(audio, entry)), step)

    return save_files(prefix, plan.format.suffix, clips, write)


def save_animation(prefix: str, clips: Sequence[Tensor], plan: Animation) -> Saved:
    """Writes and checks an animation for each clip of the batch, with progress."""
    step = steps(2 * sum(len(clip) for clip in clips))
    if plan.format == "gif":
        warn("A GIF has one bit of alpha: soft edges become hard at 1/2, and 256 colours are left; WebP has both.")
    return save_files(
        prefix, SUFFIXES[plan.format], clips, lambda _, clip, path: write_animation(clip, path, plan, step)
    )


def save_sheet(prefix: str, clips: Sequence[Tensor], plan: SheetPlan) -> Saved:
    """Writes a sprite sheet and its JSON for each clip of the batch, with progress."""
    step = steps(sum(len(clip) for clip in clips))
    told: list[Path] = []

    def write(_: int, clip: Tensor, path: Path) -> None:
        told.append(write_sheet(clip, path, plan, step))

    done = save_files(prefix, "png", clips, write)
    return Saved(done.paths, {"images": done.ui["files"][:1], "files": [*done.ui["files"], *map(page_entry, told)]})


def _shown(plans: Sequence[Plan], clips: Sequence[Tensor]) -> dict[str, Any]:
    """What the host shows and remembers: the first frame as a picture on the node, and the name of every file."""
    files = [
        page_entry(frame_path(plan, passes[0], plan.start + index))
        for plan, clip in zip(plans, clips, strict=True)
        for passes in plan.files
        for index in range(len(clip))
    ]
    shown = files[0] if plans[0].still.suffix == "png" else _shown_first(clips[0])
    return {"images": [shown], "files": [*files, *(page_entry(sidecar_path(plan)) for plan in plans)]}


def _shown_first(frames: Tensor) -> dict[str, str]:
    """The first frame as a PNG in the host's temp folder, for files that no web page can show."""
    name = f"rgba_first_{uuid.uuid4().hex[:12]}.png"
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / name, png.encode(quantise(frames[0], 8, 0), compression=1))
    return {"filename": name, "subfolder": "", "type": "temp"}


def page_entry(path: Path) -> dict[str, str]:
    """A file of the output folder, as the host names it to its web page."""
    folder = path.parent.relative_to(folder_paths.get_output_directory())
    return {"filename": path.name, "subfolder": "" if str(folder) == "." else folder.as_posix(), "type": "output"}

"""A clip delivered: every file that a target takes, as the host's savers write them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ...media.stills.formats import STILLS, Light
from ...media.takes.names import NEW_VERSION, name_parts
from ...media.takes.plan import Plan
from ...media.targets import TARGETS, Sheet, Stills, VideoFile, deliveries, file_name
from ...media.video.formats import VIDEO_FORMATS
from ...media.video.sprite_sheet import SheetPlan
from ...media.video.write_video import VideoPlan, refuse_size, write_video
from ..core import running_graph as graph
from ..core.progress import steps
from .output_folder import Saved, page_entry, prefix_problem, save_files, save_sequence, save_sheet, still_problem
from .sound import sound_of

if TYPE_CHECKING:
    from ..core.sockets import Audio, Hidden


def deliver(
    target: str, prefix: str, clips: Sequence[Tensor], fps: Fraction, audio: Audio | None, hidden: Hidden
) -> Saved:
    """Everything that a target takes, all of one version and with the target in its name, with progress.

    ValueError before anything is written, for a size that one of its formats has not.
    """
    name_parts(prefix)  # refuses what is no name, which with the target behind it might be one
    parts, prefix = deliveries(target), file_name(prefix, target)
    for each in parts:
        if isinstance(each, Sheet):
            return save_sheet(prefix, clips, SheetPlan(fps))
        if isinstance(each, Stills):
            return _deliver_stills(prefix, clips, fps, each, hidden)
    videos = [each for each in parts if isinstance(each, VideoFile)]
    for each in videos:
        refuse_size(VIDEO_FORMATS[each.format], *clips[0].shape[1:3])
    step = steps(2 * len(videos) * sum(len(clip) for clip in clips))
    written: list[Path] = []

    def write(entry: int, clip: Tensor, path: Path) -> None:
        for each in videos:
            wanted = VIDEO_FORMATS[each.format]
            plan = VideoPlan(wanted, fps, each.association, sound=sound_of(audio, entry), text=graph.texts(hidden))
            written.append(path.with_suffix(f".{wanted.suffix}"))
            write_video(clip, written[-1], plan, step)

    done = save_files(prefix, VIDEO_FORMATS[videos[0].format].suffix, clips, write)
    return Saved("\n".join(map(str, written)), done.ui | {"files": [*map(page_entry, written)]})


def _deliver_stills(prefix: str, clips: Sequence[Tensor], fps: Fraction, part: Stills, hidden: Hidden) -> Saved:
    still = STILLS[part.format](1, Light(kind=part.kind))
    plan = partial(Plan, still=still, fps=fps, seeds=graph.seeds(hidden), graph=graph.running(hidden))
    return save_sequence(prefix, NEW_VERSION, clips, plan)


def problem(prefix: str | None, target: str | None) -> str | None:
    """Why nothing can be delivered as that on this host, known before anything runs; None when it can."""
    if target is None or target not in TARGETS:
        return prefix_problem(prefix, None)
    names = [] if prefix is None else [prefix, file_name(prefix, target)]
    stills = [each.format for each in deliveries(target) if isinstance(each, Stills)]
    problems = [*(prefix_problem(name, None) for name in names), *map(still_problem, stills)]
    return next(filter(None, problems), None)

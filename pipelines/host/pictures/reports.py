"""A clip's report and the best of many, with progress: the host's lists and pictures before `report`'s numbers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ...metrics.flow import opencv_is_here
from ...report.measures import Measures, measured
from ...report.plot import plot
from ...report.ranking import score
from ...report.sheet import contact_sheet
from ...report.text import report
from ..core.notices import warn
from ..core.progress import steps
from .image_and_mask import given, rgba


def reported(image: Tensor, mask: Tensor | None, flow: bool) -> tuple[Measures, str, Tensor]:
    """Numbers, text, and plot (1, H, W, 3). Flow is left out, with a warning, where OpenCV is missing."""
    opencv = opencv_is_here()
    clip = rgba(image, mask)
    found = measured(clip, flow and opencv, steps(len(clip)))
    words = report(found, opencv or not flow)
    if flow and not opencv:
        warn("The flow difference wants OpenCV, which is missing: pip install opencv-python-headless")
    return found, words, plot(found)[None]


def picked(
    images: Sequence[Tensor], seeds: Sequence[int], rule: str, masks: Sequence[Tensor], subjects: Sequence[Tensor]
) -> tuple[Tensor, str, Tensor]:
    """The best clip, the ranking, and a contact sheet (1, H, W, 3). A single mask or subject goes with every clip.

    Raises ValueError for lists of lengths that do not fit.
    """
    names = _names(seeds, len(images))
    clips = [rgba(image, mask) for image, mask in zip(images, _each("mask", masks, len(images)))]
    fields = [_field(subject, clip) for subject, clip in zip(_each("subject", subjects, len(clips)), clips)]
    step = steps(sum(len(clip) for clip in clips))
    scores = [score(clip, rule, field, step) for clip, field in zip(clips, fields)]
    order = sorted(range(len(clips)), key=lambda index: scores[index].order)
    captions = [(f"{place}. {names[index]}", scores[index].words) for place, index in enumerate(order, start=1)]
    if scores[order[0]].is_dead:
        warn("No clip has a living alpha: each is nearly all opaque or nearly all empty.")
    ranking = "\n".join(": ".join(each) for each in captions)
    return clips[order[0]], ranking, contact_sheet([clips[index] for index in order], captions)[None]


def _names(seeds: Sequence[int], count: int) -> list[str]:
    if len(seeds) == count:
        return [f"seed {seed}" for seed in seeds]
    if len(seeds) == 1:
        return [f"seed {seeds[0]}, clip {index}" for index in range(1, count + 1)]
    raise ValueError(f"seeds has {len(seeds)} numbers for {count} clips; give one for each clip, or a single one.")


def _each(name: str, given: Sequence[Tensor], count: int) -> Sequence[Tensor | None]:
    """One for each clip; None where nothing is given."""
    if len(given) not in (0, 1, count):
        raise ValueError(f"{name} has {len(given)} entries for {count} clips; give one for each clip, or a single one.")
    return list(given) if len(given) == count else [given[0] if given else None] * count


def _field(subject: Tensor | None, clip: Tensor) -> Tensor | None:
    """The subject in the clip's size and length. Raises ValueError where it is not, as on the latent grid."""
    if subject is None:
        return None
    height, width = clip.shape[1:3]
    if tuple(subject.shape[-2:]) != (height, width):
        raise ValueError(
            f"subject wants the pixel grid of its clip, {width} x {height}, got {subject.shape[-1]} x "
            f"{subject.shape[-2]}; take it from the ellipse editor or from RGBAEllipsesToSubject."
        )
    return given(subject, clip)

"""Writing a take: frames in, whole numbered files and a sidecar out, in order, a few frames at a time.

Layout   frames (H, W, 4), one size.
Range    straight RGBA, sRGB, 0..1, alpha 1 = opaque.

Frames are encoded on several threads and written in order by one, so a take that stops early holds its first frames,
each of them whole, and a sidecar that says how many. Writing into an older take replaces it frame by frame; what it
had more is removed at the end, when the new take is complete.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path

from torch import Tensor

from ..in_order import in_order
from ..passes import PASSES
from ..stills.formats import SUFFIXES, Frame
from ..whole_file import write_whole
from .names import Take
from .plan import Plan, frame_path, graph_text, pass_folder, sidecar_path
from .sidecar import sidecar

File = tuple[Path, bytes]


def write_sequence(frames: Iterable[Tensor], plan: Plan, on_frame: Callable[[int], None] = lambda _: None) -> int:
    """Write a clip as `plan` says and return the number of its frames; `on_frame` hears it after each one.

    `frames` may be a generator: the first frame and at most THREADS + 1 others are held. What `frames` or `on_frame`
    raise (an interrupt) goes on unchanged once the finished frames are accounted for; frames taken but not finished
    are dropped. ValueError for an empty clip, for frames of another size or layout, and for values that are not
    finite. OSError when a file cannot be written, saying how many frames are finished.
    """
    pictures = _checked(frames)
    first = next(pictures, None)
    if first is None:
        raise ValueError("A clip of at least one frame was expected, got none.")
    height, width = first.shape[:2]
    finished = 0

    def account(count: int | None, complete: bool = False) -> None:
        described = sidecar(plan, width=width, height=height, count=count, complete=complete)
        write_whole(sidecar_path(plan), described)

    for each in plan.passes:
        pass_folder(plan, each).mkdir(exist_ok=True)
    account(None)
    try:
        numbered = enumerate(chain([first], pictures), plan.start)
        with closing(in_order(lambda item: _encoded(plan, *item), numbered)) as ready:
            for files in ready:
                _write_frame(files, plan, finished)
                finished += 1
                on_frame(finished)
        _remove_leftovers(plan, finished)
        account(finished, complete=True)
    except BaseException:
        with suppress(OSError):  # the disk may be full: the sidecar of the beginning, complete: false, then stays
            account(finished)
        raise
    return finished


def _checked(frames: Iterable[Tensor]) -> Iterator[Tensor]:
    size = None
    for index, frame in enumerate(frames):
        if frame.ndim != 3 or frame.shape[-1] != 4 or not frame.is_floating_point():
            raise ValueError(
                f"Frame {index} of the clip: (H, W, 4) of straight RGBA in 0..1 was expected, "
                f"got {tuple(frame.shape)} of {frame.dtype}."
            )
        size = size or frame.shape
        if frame.shape != size:
            raise ValueError(
                f"Frame {index} of the clip is {frame.shape[1]} x {frame.shape[0]}, the frames before it "
                f"{size[1]} x {size[0]}; a sequence has one size: resize or crop first."
            )
        yield frame


def _encoded(plan: Plan, number: int, frame: Tensor) -> list[File]:
    """The files of one frame, each read back already; only the first frame carries the graph."""
    text = graph_text(plan) if number == plan.start else {}
    given = Frame(frame.detach().float().cpu(), number, plan.fps, text)
    return [(frame_path(plan, passes[0], number), plan.still.encode(given, passes)) for passes in plan.files]


def _write_frame(files: list[File], plan: Plan, finished: int) -> None:
    for path, data in files:
        try:
            write_whole(path, data)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}: {path.name} could not be written; {finished} frames are finished and whole in "
                f"{plan.take.folder}. Make room or choose another folder, then save again",
            ) from error


def _remove_leftovers(plan: Plan, count: int) -> None:
    """Remove the frames that an older, overwritten take had beyond this one, or in other passes and formats."""
    ours = {frame_path(plan, each, number) for each in plan.passes for number in range(plan.start, plan.start + count)}
    for path in _take_frames(plan.take):
        if path not in ours:
            path.unlink()
    for name in PASSES:
        with suppress(OSError):  # it is not there, or not empty
            (plan.take.folder / name).rmdir()


def _take_frames(take: Take) -> list[Path]:
    """Every file in a take's folders that bears the name of one of its frames."""
    passes, suffixes = "|".join(PASSES), "|".join(SUFFIXES)
    name = re.compile(rf"{re.escape(take.stem)}(_({passes}))?\.[0-9]+\.({suffixes})")
    folders = [take.folder, *(take.folder / each for each in PASSES)]
    return [path for folder in folders if folder.is_dir() for path in folder.iterdir() if name.fullmatch(path.name)]

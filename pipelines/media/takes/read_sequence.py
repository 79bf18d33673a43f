"""Reading a take: numbered stills of a folder, or one still, back to straight RGBA.

Layout   (T, H, W, 4) float32.
Range    straight, sRGB, 0..1, alpha 1 = opaque.

What the files cannot say (the rate, the association of a pass) is taken from the sidecar beside them or above them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from ..clip_memory import Room, in_memory
from ..in_order import in_order
from ..passes import BEST_FIRST
from ..signatures import READABLE
from ..stills.read_still import read_still
from .numbering import Numbered, find_sequences
from .read_sidecar import read_sidecar

LISTED = 6
"""Sequences and files that a message names."""


@dataclass(frozen=True)
class Footage:
    """Stills of one clip in order of their numbers, and what the sidecar says of them.

    notes    what is to be known of names and other files in the folder, a sentence each
    """

    files: Sequence[Path]
    numbers: Sequence[int]
    fps: Fraction | None = None
    association: str | None = None
    notes: tuple[str, ...] = ()


def find_footage(path: Path) -> Footage:
    """The clip of a folder (a take, one of its passes, or any folder with one numbered sequence), or a single still.

    Single files of another kind beside a sequence are left out, and named in the notes.
    FileNotFoundError when nothing is there, ValueError when there are no stills or several sequences.
    """
    if path.is_file():
        return Footage([path], [0], *read_sidecar(path))
    if not path.is_dir():
        raise FileNotFoundError(f"{path.name}: a folder of stills or one still was expected, nothing is there.")
    found = find_sequences(_stills(path))
    if not found:
        inner = [path / name for name in BEST_FIRST if (path / name).is_dir()]
        if not inner:
            raise ValueError(
                f"{path.name}: stills ({', '.join(sorted(READABLE))}) were expected, none is in this folder."
            )
        path, found = inner[0], find_sequences(_stills(inner[0]))
    sequence, notes = _only_one(path, found)
    numbers = sorted(sequence.files)
    fps, association = read_sidecar(sequence.files[numbers[0]])
    return Footage([sequence.files[number] for number in numbers], numbers, fps, association, notes)


def chosen(footage: Footage, start: int = 0, count: int = 0, every: int = 1) -> Footage:
    """Every `every`-th frame from the number `start` on (0: from the first, which may be below), `count` (0: all).

    ValueError when the number or the count is not there, or a frame among those that are asked for is not. The rate
    falls with the frames, so that time stays. Costs no more for numbers that are far apart.
    """
    first, last = footage.numbers[0], footage.numbers[-1]
    if start and not first <= start <= last:
        raise ValueError(f"Frame {first} to {last} can be the first, got {start}.")
    notes = footage.notes
    if start == 0 and first < 0 <= last:
        notes = (*notes, f"start_frame 0 begins with the first frame there is, which is {first}; frame 0 comes later.")
    start = start or first
    there = (last - start) // every + 1
    if count > there:
        raise ValueError(f"{there} frames are there from frame {start} on, got a frame_count of {count}.")
    wanted = range(start, start + (count or there) * every, every)
    some = [(number, path) for number, path in zip(footage.numbers, footage.files) if number in wanted]
    if missing := (count or there) - len(some):
        gap = next((number for number, (got, _) in zip(wanted, some) if got != number), wanted[len(some)])
        raise ValueError(
            f"{footage.files[0].name}: frames {wanted[0]} to {wanted[-1]} were expected, without {missing} of them, "
            f"the first is {gap}; render what is missing, choose others by start_frame and frame_count, or rename the "
            "files if these numbers do not count frames."
        )
    rate = footage.fps / every if footage.fps else None
    return Footage([path for _, path in some], wanted, rate, footage.association, notes)


def read_footage(
    footage: Footage,
    association: str | None = None,
    on_frame: Callable[[int], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
    room: Room = in_memory,
    **how: str,
) -> Tensor:
    """(T, H, W, 4): every frame read, a few at a time; `on_frame` hears of each and may raise to stop.

    `association` (straight, premultiplied) overrides what files and sidecar say; `how` is passed to `read_still`.
    `room` makes the clip that the frames are read into.
    `on_note` hears the footage's notes, and those of its frames, each kind once. ValueError naming the file when one
    cannot be read, and both files when one has another size than the first.
    """
    clip: Tensor | None = None
    notes = Notes(footage.numbers)

    def read(path: Path) -> tuple[Tensor, tuple[str, ...]]:
        still = read_still(path, association or footage.association, **how)
        return still.rgba, still.notes

    with closing(in_order(read, footage.files)) as ready:
        for index, (frame, said) in enumerate(ready):
            if clip is None:
                clip = room(len(footage.files), *frame.shape)
            if frame.shape != clip.shape[1:]:
                raise ValueError(
                    f"{footage.files[index].name} is {_size(frame)}, {footage.files[0].name} {_size(clip[0])}; one "
                    "size was expected. Scale them to one size, or part them."
                )
            clip[index] = frame
            notes.add(index, said)
            on_frame(index + 1)
    if clip is None:
        raise ValueError("At least one frame was expected, got none.")
    for note in (*footage.notes, *notes.sentences()):
        on_note(note)
    return clip


class Notes:
    """What was said of frames by their numbers; of one kind are sentences that differ in numbers alone."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers
        self.kinds: dict[str, tuple[int, str, int]] = {}

    def add(self, index: int, said: Sequence[str]) -> None:
        """Takes in what was said of the frame at `index`."""
        for kind, text in {re.sub(r"-?[0-9]+(\.[0-9]+)?", "#", text): text for text in said}.items():
            first, sentence, count = self.kinds.get(kind, (index, text, 0))
            self.kinds[kind] = (first, sentence, count + 1)

    def sentences(self) -> list[str]:
        """Each kind once, with the frame that it was first said of, and of how many others."""
        return [self._sentence(*kind) for kind in self.kinds.values()]

    def _sentence(self, first: int, text: str, count: int) -> str:
        if len(self.numbers) == 1:
            return text
        more = "" if count == 1 else f" and {count - 1} more"
        return f"frame {self.numbers[first]}{more}: {text}"


def _stills(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in READABLE and not path.name.startswith(".") and path.is_file()
    ]


def _only_one(folder: Path, found: Sequence[Numbered]) -> tuple[Numbered, tuple[str, ...]]:
    """The sequence of a folder, and its notes. ValueError when there are several."""
    sequence = max(found, key=lambda each: len(each.files), default=None)
    others = [each for each in found if each is not sequence]
    if sequence is None or not all(_is_stray(each, sequence) for each in others):
        labels = [each.label for each in found]
        more = f" and {len(labels) - LISTED} more" if len(labels) > LISTED else ""
        raise ValueError(
            f"{folder.name}: one sequence was expected, got {', '.join(labels[:LISTED]) or 'none'}{more}; part them."
        )
    if not others:
        return sequence, sequence.notes
    names = [path.name for each in others for path in each.files.values()]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    are = "is not of the sequence and was" if len(names) == 1 else "are not of the sequence and were"
    return sequence, (*sequence.notes, f"{', '.join(names[:LISTED])}{more} {are} left out: {sequence.label} was read.")


def _is_stray(other: Numbered, sequence: Numbered) -> bool:
    """A single file beside several, of another format or without a number: a thumbnail, a contact sheet."""
    return len(other.files) == 1 < len(sequence.files) and (other.kind != sequence.kind or not other.counted)


def _size(frame: Tensor) -> str:
    return f"{frame.shape[1]} x {frame.shape[0]}"

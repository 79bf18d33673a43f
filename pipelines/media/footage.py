"""One door to footage: a still, a folder of numbered stills, a video or an animation, as a clip of straight RGBA.

Layout   (T, H, W, 4) float32.
Range    straight, sRGB, 0..1, alpha 1 = opaque.

Nodes, training and metrics read through it, so that a file means the same everywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from .passes import BEST_FIRST
from .signatures import PNG, READABLE
from .takes.read_sequence import Footage, find_footage, read_footage
from .video.read_video import LOSSLESS, SUFFIXES, Video, Wanted, described, read_audio, read_video
from .video.sound import Sound

OPENABLE = READABLE | SUFFIXES
"""Suffixes of single files, in small letters."""

ROUNDING = frozenset({"jpg", "jpeg", "avif", "webp"})
"""Stills that most often are not what was put into them; WebP can be either."""

ANIMATION_CHUNK, FIRST_PIXELS = b"acTL", b"IDAT"
WEBP_ANIMATION = 2
"""Of the flags in a WebP's VP8X header."""


def ignore(_: object) -> None:
    """Hears of a frame or a note, and does nothing."""


@dataclass(frozen=True, eq=False)
class Clip(ABC):
    """Footage on disk, opened and not yet read.

    count   frames that there are
    fps     exact frames per second; None where nothing says it
    format  the codec of a video, the suffix of stills without its dot
    notes   what is to be known of how the clip is read, a sentence each; `read` may have more for `on_note`
    """

    path: Path
    count: int
    fps: Fraction | None
    format: str
    notes: tuple[str, ...]

    @property
    @abstractmethod
    def lossless(self) -> bool:
        """Whether the format keeps the values that were put into it."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """Width and height of the frames as they are read. Stills are measured by reading the first one."""

    @abstractmethod
    def read(
        self,
        start: int = 0,
        count: int = 0,
        every: int = 1,
        association: str | None = None,
        on_frame: Callable[[int], None] = ignore,
        on_note: Callable[[str], None] = ignore,
    ) -> Tensor:
        """(T, H, W, 4): every `every`-th frame from `start` on, counted from 0; `count` of them, 0: to the end.

        association  straight or premultiplied, over what the file says
        on_frame     hears how many frames are read, after each, and may raise to stop
        on_note      hears `notes` and those of the frames that are read, each kind once

        ValueError naming the file when frames are not there, cannot be read, or differ in size.
        """

    @abstractmethod
    def read_sound(self, start: int = 0, count: int = 0) -> Sound | None:
        """The sound that goes with `count` frames from `start` on, at the clip's own rate; None where there is none."""

    def _frames(self, start: int, count: int, every: int) -> range:
        frames = range(start, self.count, every)
        if start < 0 or not frames or count > len(frames):
            step = f", every {every}th" if every > 1 else ""
            wanted = f"{count} frame{'s' * (count != 1)}" if count else "frames"
            raise ValueError(
                f"{self.path.name}: {wanted} from frame {start} on{step} were expected, there are {self.count} in all."
            )
        return frames[: count or None]


@dataclass(frozen=True, eq=False)
class Stills(Clip):
    """One still, or the numbered ones of a folder in their order; gaps between their numbers are closed."""

    footage: Footage

    @property
    def lossless(self) -> bool:
        return self.format not in ROUNDING

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.read(count=1).shape[1:3]
        return width, height

    def read(
        self,
        start: int = 0,
        count: int = 0,
        every: int = 1,
        association: str | None = None,
        on_frame: Callable[[int], None] = ignore,
        on_note: Callable[[str], None] = ignore,
    ) -> Tensor:
        frames = self._frames(start, count, every)
        files, numbers = self.footage.files, self.footage.numbers
        some = Footage(
            [files[frame] for frame in frames],
            [numbers[frame] for frame in frames],
            association=association or self.footage.association,
            notes=self.notes,
        )
        return read_footage(some, on_frame=on_frame, on_note=on_note)

    def read_sound(self, start: int = 0, count: int = 0) -> Sound | None:
        return None


@dataclass(frozen=True, eq=False)
class Moving(Clip):
    """A video or an animation."""

    video: Video

    @property
    def lossless(self) -> bool:
        return self.format in LOSSLESS - ROUNDING

    @property
    def size(self) -> tuple[int, int]:
        return self.video.width, self.video.height

    def read(
        self,
        start: int = 0,
        count: int = 0,
        every: int = 1,
        association: str | None = None,
        on_frame: Callable[[int], None] = ignore,
        on_note: Callable[[str], None] = ignore,
    ) -> Tensor:
        frames = self._frames(start, count, every)
        clip = read_video(self.path, Wanted(start, len(frames), every, association), self.video, on_frame)
        for note in self.notes:
            on_note(note)
        return clip

    def read_sound(self, start: int = 0, count: int = 0) -> Sound | None:
        frames = self._frames(start, count, 1)
        return read_audio(self.path, start / self.video.fps, len(frames) / self.video.fps, self.video)


def open_footage(path: Path) -> Clip:
    """The clip of a file or of a folder of stills; an animation that is alone in a folder, or is called .png, moves.

    FileNotFoundError when nothing is there; ValueError naming what is there when it is no clip, or several.
    """
    if path.is_dir() or not path.is_file():
        footage = find_footage(path)
        if len(footage.files) > 1 or not is_animation(footage.files[0]):
            return _stills(path, footage)
        path = footage.files[0]
    elif path.suffix.lower() not in OPENABLE:
        raise ValueError(f"{path.name}: one of {', '.join(sorted(OPENABLE))} was expected.")
    elif path.suffix.lower() in READABLE and not is_animation(path):
        return _stills(path, find_footage(path))
    video = described(path)
    return Moving(path, video.count, video.fps, video.codec, video.notes, video)


def is_footage(path: Path) -> bool:
    """Whether this is something to open, by its name: a video, a still, or a folder with stills in it."""
    if not path.is_dir():
        return path.suffix.lower() in OPENABLE
    folders = [path, *(path / name for name in BEST_FIRST if (path / name).is_dir())]
    return any(file.suffix.lower() in READABLE for folder in folders for file in folder.iterdir())


def is_animation(path: Path) -> bool:
    """Whether a PNG or WebP holds more than a still, by its header; True for GIF and the suffixes of videos."""
    suffix = path.suffix.lower()
    if suffix == ".png":
        return _animated_png(path)
    if suffix == ".webp":
        with path.open("rb") as file:
            head = file.read(21)
        return head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & WEBP_ANIMATION)
    return suffix in SUFFIXES


def _animated_png(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(8) != PNG:
            return False
        while len(head := file.read(8)) == 8:
            if head[4:] in (ANIMATION_CHUNK, FIRST_PIXELS):
                return head[4:] == ANIMATION_CHUNK and int.from_bytes(file.read(4), "big") > 1
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return False


def _stills(path: Path, footage: Footage) -> Stills:
    suffix = footage.files[0].suffix[1:].lower()
    return Stills(path, len(footage.files), footage.fps, suffix, (*footage.notes, *_gaps(footage)), footage)


def _gaps(footage: Footage) -> list[str]:
    first, last = footage.numbers[0], footage.numbers[-1]
    missing = last - first + 1 - len(footage.numbers)
    return [f"{missing} numbers between {first} and {last} are not there; the gaps are closed."] if missing else []

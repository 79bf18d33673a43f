"""Frames of a clip on disk: a video, a still, or a folder of stills.

Layout   (T, H, W, 4), float32.
Range    0..1, straight; alpha 1 where the file has none.
Source   PyAV reads whatever FFmpeg reads.
Differs  The reference reads 8 bits; here 16-bit stills keep theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av.error import FFmpegError
from torch import Tensor

STILLS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"})


def is_footage(path: Path) -> bool:
    """Whether this is something to read: a video, a still, or a folder with stills in it."""
    return path.suffix.lower() in STILLS | VIDEOS or (path.is_dir() and bool(_stills(path)))


def count_frames(path: Path) -> int:
    """How many frames there are, without decoding them. Raises ValueError, naming the file, if it cannot be read."""
    if path.is_dir():
        return len(_stills(path))
    if path.suffix.lower() in STILLS:
        return 1
    with _opened(path) as file:
        stream = file.streams.video[0]
        return stream.frames or sum(1 for packet in file.demux(stream) if packet.size)


def read_frames(path: Path, start: int = 0, count: int | None = None) -> Tensor:
    """Frames `start` to `start + count`, or to the end. Raises ValueError, naming the file, if there are fewer, their
    sizes differ, or it cannot be read."""
    stop = None if count is None else start + count
    if path.is_dir():
        files = _stills(path)[start:stop]
        pictures = [picture for file in files for picture in _decoded(file)]
    else:
        pictures = [picture for number, picture in enumerate(_decoded(path, stop)) if number >= start]
    if not pictures or (count is not None and len(pictures) < count):
        raise ValueError(f"{path}: expected {count or 'some'} frames from frame {start} on, got {len(pictures)}.")
    if len({picture.shape for picture in pictures}) > 1:
        raise ValueError(f"{path}: its frames are of several sizes; a clip has one.")
    return torch.stack([_unit(picture) for picture in pictures])


def _stills(folder: Path) -> list[Path]:
    """In the order of the last number in their names."""
    files = [path for path in folder.iterdir() if path.suffix.lower() in STILLS]
    return sorted(files, key=lambda path: (int((re.findall(r"\d+", path.stem) or ["-1"])[-1]), path.name))


def _decoded(path: Path, stop: int | None = None) -> Iterator[np.ndarray]:
    """RGBA of 8 or 16 bits, frame by frame."""
    with _opened(path) as file:
        try:
            for number, frame in enumerate(file.decode(video=0)):
                if stop is not None and number >= stop:
                    return
                deep = max(component.bits for component in frame.format.components) > 8
                yield frame.to_ndarray(format="rgba64le" if deep else "rgba")
        except FFmpegError as problem:
            raise ValueError(f"{path}: it broke off while it was read ({problem}); copy it again.") from problem


def _opened(path: Path) -> Any:
    try:
        file = av.open(str(path))
    except (FFmpegError, FileNotFoundError) as problem:
        raise ValueError(f"{path}: expected a video or a picture, it could not be read ({problem}).") from problem
    if not file.streams.video:
        file.close()
        raise ValueError(f"{path}: there is no picture in it.")
    return file


def _unit(levels: np.ndarray) -> Tensor:
    return torch.from_numpy(levels.astype(np.float32) / np.iinfo(levels.dtype).max)

"""Clips on disk: folders of PNG frames, and folders of such folders, paired by name.

Layout   a clip (T, H, W, 4), float32; a PNG of 8 or 16 bits, RGB or RGBA.
Range    0..1, straight, alpha 1 = opaque; an RGB file has alpha 1.
Differs  No video files: nearly all codecs round colour on the way, and a metric would measure them. Take the frames
         before they are encoded, or `ffmpeg -i clip.mov -pix_fmt rgba clip/%04d.png`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch
from av.error import FFmpegError
from torch import Tensor

CHANNELS = {"rgb24": 3, "rgba": 4, "rgb48be": 3, "rgba64be": 4}


@dataclass(frozen=True)
class Pairing:
    """Clips of one name: the reference's frames, then those of each other folder, in the order given."""

    name: str
    frames: tuple[tuple[Path, ...], ...]


def pair(folders: Sequence[Path]) -> list[Pairing]:
    """Clips of the first folder beside those of every other one, by name; each folder may also be one clip itself.

    Raises ValueError for a folder without frames, a single clip beside several, and names that are not everywhere.
    """
    found = [_clips(folder) for folder in folders]
    if all(len(clips) == 1 and "" in clips for clips in found):
        return [Pairing(folders[0].name, tuple(clips[""] for clips in found))]
    for folder, clips in zip(folders, found, strict=True):
        if "" in clips:
            raise ValueError(
                f"{folder}: folders of clips were expected, this one holds frames itself; "
                "give one clip everywhere, or folders of clips everywhere."
            )
        if missing := found[0].keys() ^ clips.keys():
            raise ValueError(
                f"{folder}: clips are paired by name with those of {folders[0]}, and {', '.join(sorted(missing))} "
                "is in only one of the two; rename or move it."
            )
    return [Pairing(name, tuple(clips[name] for clips in found)) for name in found[0]]


def read_clip(frames: Sequence[Path]) -> Tensor:
    """The frames as one tensor. Raises ValueError naming a file that is broken, of another kind or another size."""
    pictures: list[Tensor] = []
    for path in frames:
        picture = _read_frame(path)
        if pictures and picture.shape != pictures[0].shape:
            raise ValueError(
                f"{path}: {_size(pictures[0])} was expected as in the frames before, got {_size(picture)}."
            )
        pictures.append(picture)
    return torch.stack(pictures)


def _clips(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Frames of each clip by its name, sorted; the name is empty where `folder` is a clip itself."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: a folder of PNG frames, or of such folders, was expected; there is none.")
    frames = _frames(folder)
    clips = {inner.name: _frames(inner) for inner in sorted(folder.iterdir()) if inner.is_dir()}
    clips = {name: inner for name, inner in clips.items() if inner}
    if frames and clips:
        raise ValueError(
            f"{folder}: frames or folders of frames were expected, it holds both ({frames[0].name}, {min(clips)}); "
            "name the folder that is meant, or move the others away."
        )
    if frames:
        return {"": frames}
    if not clips:
        raise ValueError(f"{folder}: no PNG frames were found in it or in a folder of it.")
    return clips


def _frames(folder: Path) -> tuple[Path, ...]:
    """In the order of the last number in their names, as 9 comes before 10."""
    return tuple(sorted((path for path in folder.glob("*.png") if path.is_file()), key=_number))


def _number(path: Path) -> tuple[int, str]:
    numbers = re.findall(r"[0-9]+", path.stem)
    return (int(numbers[-1]) if numbers else -1, path.name)


def _read_frame(path: Path) -> Tensor:
    try:
        with av.open(str(path)) as file:
            frame = next(file.decode(video=0))
    except (FFmpegError, StopIteration, IndexError) as problem:  # cut off; empty of pictures; no picture at all
        raise ValueError(f"{path}: a PNG was expected, it could not be read; write it again.") from problem
    if frame.format.name not in CHANNELS:
        raise ValueError(
            f"{path}: RGB or RGBA of 8 or 16 bits was expected, got {frame.format.name}; "
            "a grey matte or a palette is no colour: save RGBA."
        )
    levels = frame.to_ndarray()
    picture = torch.from_numpy(levels.astype(np.float32) / np.iinfo(levels.dtype).max)
    return picture if picture.shape[-1] == 4 else torch.cat((picture, torch.ones_like(picture[..., :1])), dim=-1)


def _size(picture: Tensor) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"

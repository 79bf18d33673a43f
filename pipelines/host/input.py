"""The host's input folder: what can be loaded from it, and where a chosen name lies."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import folder_paths
import torch
from torch import Tensor

from ..media.rates import USUAL, exact_rate
from ..media.read_sequence import chosen, find_footage, read_footage
from ..media.read_still import READABLE
from ..media.read_video import SUFFIXES, Source, Wanted, described, frame_count, read_audio, read_video
from ..media.sound import Sound
from .progress import steps


def listed(suffixes: Collection[str], folders: bool) -> list[str]:
    """Files of these kinds below the input folder; with `folders`, folders that hold some, not what is in them.

    Hidden ones are left out.
    """
    root = folder_paths.get_input_directory()
    found = []
    for folder, inner, files in os.walk(root, followlinks=True):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        name = os.path.relpath(folder, root).replace(os.sep, "/")
        ours = (each for each in files if os.path.splitext(each)[1].lower() in suffixes and not each.startswith("."))
        if folders and name != ".":
            found += [name] if next(ours, None) else []
        else:
            found += [each if name == "." else f"{name}/{each}" for each in sorted(ours)]
    return found


def chosen_path(name: str) -> Path:
    """Where a name lies: below the input folder, or below another of the host's that it names, as `take [output]` does.

    ValueError when it would leave that folder, FileNotFoundError when nothing is there.
    """
    plain, root = folder_paths.annotated_filepath(name.strip())
    base = Path(root or folder_paths.get_input_directory())
    path = Path(os.path.normpath(base / plain.strip()))
    if not path.is_relative_to(os.path.normpath(base)) or not plain.strip():
        raise ValueError(f"A name below the host's input folder was expected, got {name!r}.")
    if not path.exists():
        raise FileNotFoundError(f"{name!r} was expected in {base}, nothing is there; copy or upload it, then refresh.")
    return path


def input_problem(name: str | None) -> str | None:
    """Why a name cannot be loaded, known before anything runs; None when it can, or when a link will tell."""
    if name is None:
        return None
    try:
        chosen_path(name)
    except (ValueError, FileNotFoundError) as problem:
        return str(problem)
    return None


def fingerprint(name: str) -> str:
    """Changes when a file does: names, sizes and times of everything that the name stands for."""
    path = chosen_path(name)
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return repr([(str(each), stat.st_size, stat.st_mtime_ns) for each in files for stat in (each.stat(),)])


def load_sequence(
    name: str, start: int, count: int, every: int, association: str | None, fps: float
) -> tuple[Tensor, Fraction]:
    """The frames that are asked for and their rate, with progress; `fps` above 0 is the rate of all the files."""
    footage = find_footage(chosen_path(name))
    if fps > 0:
        footage = replace(footage, fps=exact_rate(fps))
    footage = chosen(footage, start, count, every)
    return read_footage(footage, association, steps(len(footage.files))), footage.fps or USUAL / every


def sequences() -> list[str]:
    """What the sequence loader offers."""
    return listed(READABLE, folders=True)


def videos() -> list[str]:
    """What the video loader offers."""
    return listed(SUFFIXES, folders=False)


def load_video(source: Source, wanted: Wanted) -> tuple[Tensor, Fraction, dict[str, Any] | None]:
    """The frames that are asked for, their rate and the sound that goes with them, with progress."""
    video = described(source)
    count = frame_count(video, wanted)
    clip = read_video(source, wanted, video, steps(count))
    seconds = Fraction(count * wanted.every) / video.fps
    return clip, video.fps / wanted.every, audio_of(read_audio(source, wanted.start / video.fps, seconds))


def from_video(video: Any, kind_of_files: type) -> tuple[Tensor, Fraction, dict[str, Any] | None]:
    """A VIDEO of the host: its file by our own way, which keeps the alpha of VP9; what has no file as it is.

    `kind_of_files` is the host's class for a VIDEO that is a file, and nothing else.
    """
    if not isinstance(video, kind_of_files):
        parts = video.get_components()
        alpha = parts.images.new_ones(*parts.images.shape[:3], 1) if parts.alpha is None else parts.alpha
        alpha = alpha.reshape(*parts.images.shape[:3], 1)
        return torch.cat((parts.images[..., :3], alpha), dim=-1).float(), Fraction(parts.frame_rate), parts.audio
    source = video.get_stream_source()
    source = Path(source) if isinstance(source, str) else source
    fps = described(source).fps
    start, seconds = video.get_active_trim_window()
    return load_video(source, Wanted(round(start * fps), round(seconds * fps)))


def audio_of(sound: Sound | None) -> dict[str, Any] | None:
    """Sound as the host's AUDIO."""
    return sound and {"waveform": sound.waveform[None], "sample_rate": sound.rate}


def sound_of(audio: dict[str, Any] | None, entry: int = 0) -> Sound | None:
    """The host's AUDIO as sound: one waveform for all clips of a batch, or each its own."""
    if audio is None:
        return None
    waveforms = audio["waveform"]
    return Sound(waveforms[min(entry, len(waveforms) - 1)], audio["sample_rate"])

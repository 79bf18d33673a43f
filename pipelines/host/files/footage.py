"""Files on disk as clips of the host: frames, their rate and their sound."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ...media.footage import Moving, Stills, open_footage
from ...media.rates import USUAL, exact_rate
from ...media.takes.read_sequence import chosen, read_footage
from ...media.video.read_video import Source, Video, Wanted, described, frame_count, read_audio, read_video
from ..core.clip_room import new_clip
from ..core.notices import warn
from ..core.progress import steps
from .input_folder import chosen_path
from .sound import audio_of

if TYPE_CHECKING:
    from comfy_api.latest import InputImpl

    from ..core.sockets import Audio, VideoInput


def load_sequence(
    name: str, start: int, count: int, every: int, association: str | None, fps: float, window: str, layer: str
) -> tuple[Tensor, Fraction]:
    """The frames that are asked for and their rate, with progress; `fps` above 0 is the rate of all the files.

    `start` is a frame's number, and counts from 0 in an animation. What was converted, cut or guessed is a warning.
    window, layer: see read_still.
    """
    clip = open_footage(chosen_path(name))
    if isinstance(clip, Moving):
        image, rate, _ = load_video(clip.path, Wanted(start, count, every, association))
        return image, exact_rate(fps) / every if fps > 0 else rate
    assert isinstance(clip, Stills)  # there is no third kind
    footage = replace(clip.footage, fps=exact_rate(fps)) if fps > 0 else clip.footage
    footage = chosen(footage, start, count, every)
    progress = steps(len(footage.files))
    image = read_footage(footage, association, progress, warn, new_clip, window=window, layer=layer)
    return image, footage.fps or USUAL / every


def load_video(source: Source, wanted: Wanted) -> tuple[Tensor, Fraction, Audio | None]:
    """The frames that are asked for, their rate and the sound that goes with them, with progress."""
    return _load(source, wanted, described(source))


def _load(source: Source, wanted: Wanted, video: Video) -> tuple[Tensor, Fraction, Audio | None]:
    count = frame_count(video, wanted)
    clip = read_video(source, wanted, video, steps(count), new_clip)
    for note in video.notes:
        warn(note)
    seconds = Fraction(count * wanted.every) / video.fps
    return clip, video.fps / wanted.every, audio_of(read_audio(source, wanted.start / video.fps, seconds, video))


def from_video(
    video: VideoInput, kind_of_files: type[InputImpl.VideoFromFile]
) -> tuple[Tensor, Fraction, Audio | None]:
    """A VIDEO of the host: its file by our own way, which keeps the alpha of VP9; what has no file as it is.

    `kind_of_files` is the host's class for a VIDEO that is a file, and nothing else.
    """
    if not isinstance(video, kind_of_files):
        parts = video.get_components()
        images = parts.images
        clip = new_clip(*images.shape[:3], 4, device=images.device)
        clip[..., :3] = images[..., :3]
        clip[..., 3] = 1 if parts.alpha is None else parts.alpha.reshape(images.shape[:3])
        return clip, Fraction(parts.frame_rate), parts.audio
    source = video.get_stream_source()
    source = Path(source) if isinstance(source, str) else source
    video_file = described(source)
    start, seconds = (Fraction(each).limit_denominator(1_000_000) for each in video.get_active_trim_window())
    first = max(0, ceil((start - video_file.start) * video_file.fps))
    last = min(
        video_file.count, ceil((start + seconds - video_file.start) * video_file.fps) if seconds else video_file.count
    )
    if first >= last:
        raise ValueError(
            f"The clip is {float(video_file.count / video_file.fps):.3f} s long; the cut from {float(start):.3f} s on "
            "leaves no frame of it. Choose an earlier start_time, or a longer duration."
        )
    return _load(source, Wanted(first, last - first), video_file)

"""Reading a video with alpha, by a way of its own: what the writers are checked against.

Layout   frames (H, W, 4) float32, one after the other.
Range    0..1, sRGB values as they are, alpha 1 = opaque.
Source   WebM's AlphaMode: the alpha of VP8 and VP9 is a second stream beside the first, which only libvpx decodes.
Differs  FFmpeg's own VP9 decoder leaves that alpha out without a word; here libvpx is asked.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import cast

import av
import torch
from av.container import InputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from torch import Tensor

from ...alpha.association import PREMULTIPLIED, STRAIGHT, unpremultiply
from ..rates import USUAL, exact_rate
from .frames import picture_from
from .read_webp import counts_and_rate, frames_of, is_webp, size_of
from .sound import Sound, read_sound

ASSOCIATION_TAG, LAYOUT_TAG = "rgba_association", "rgba_layout"
STACKED_LAYOUT = "colour above alpha"
WITH_ALPHA = {"vp9": "libvpx-vp9", "vp8": "libvpx"}
SUFFIXES = frozenset({".mov", ".mp4", ".m4v", ".webm", ".mkv", ".avi", ".gif", ".apng", ".nut", ".webp"})

LOSSLESS = frozenset({"ffv1", "apng", "png", "gif", "qtrle", "rawvideo", "webp"})
NOISE = 16 / 255
"""By this much a lossy codec may lift premultiplied colour above alpha; more is light, and is meant."""

Source = str | Path | io.BytesIO


@dataclass(frozen=True)
class Video:
    """What a file says of itself: frames, their rate, size as stored, association and whether alpha stands below."""

    count: int
    fps: Fraction
    width: int
    height: int
    association: str
    stacked: bool
    codec: str


@dataclass(frozen=True)
class Wanted:
    """Which frames, and what is known better than the file does; None leaves that to the file."""

    start: int = 0
    count: int = 0
    every: int = 1
    association: str | None = None
    stacked: bool | None = None


def opened(source: Source) -> InputContainer:
    """An open file, from its beginning. ValueError when it is no video."""
    name = source.name if isinstance(source, Path) else "the file"
    if isinstance(source, io.BytesIO):
        source.seek(0)
    try:
        container = cast(InputContainer, av.open(str(source) if isinstance(source, Path) else source))
    except FFmpegError as error:
        raise ValueError(f"A video was expected, {name} is none: {error.strerror}.") from None
    if not container.streams.video:
        container.close()
        raise ValueError(f"A video was expected, {name} has no picture in it.")
    return container


def described(source: Source) -> Video:
    """What the file says; but for WebP, frames are counted without decoding them."""
    if is_webp(source):
        counts, fps = counts_and_rate(source)
        return Video(sum(counts), fps, *size_of(source), STRAIGHT, stacked=False, codec="webp")
    with opened(source) as container:
        stream = container.streams.video[0]
        tags = {key.lower(): value.lower() for key, value in {**container.metadata, **stream.metadata}.items()}
        count = sum(1 for packet in container.demux(stream) if packet.size)
        rate = stream.average_rate or stream.guessed_rate or USUAL
        return Video(
            count,
            exact_rate(float(rate)),
            stream.codec_context.width,
            stream.codec_context.height,
            PREMULTIPLIED if tags.get(ASSOCIATION_TAG) == PREMULTIPLIED else STRAIGHT,
            tags.get(LAYOUT_TAG) == STACKED_LAYOUT,
            stream.codec_context.name,
        )


def stored_frames(source: Source) -> Generator[Tensor, None, None]:
    """Every frame as it is stored, (H, W, 4): not unpremultiplied, not unstacked."""
    if is_webp(source):
        yield from frames_of(source)
        return
    with opened(source) as container:
        stream = container.streams.video[0]
        own = WITH_ALPHA.get(stream.codec_context.name) if stream.metadata.get("alpha_mode") == "1" else None
        if own is None:
            stream.thread_type = "AUTO"
            yield from (picture_from(frame) for frame in container.decode(stream))
            return
        codec = cast(VideoCodecContext, av.CodecContext.create(own, "r"))
        for packet in container.demux(stream):
            if packet.size:
                yield from (picture_from(cast(av.VideoFrame, frame)) for frame in codec.decode(packet))
        yield from (picture_from(cast(av.VideoFrame, frame)) for frame in codec.decode(None))


def unstacked(stored: Tensor) -> Tensor:
    """(H, W, 4) of (2H, W, 3 or 4): alpha is the mean of what stands below. ValueError for an odd height."""
    if stored.shape[0] % 2:
        raise ValueError(f"Colour above alpha has an even height, got {stored.shape[0]}; choose the layout plain.")
    above, below = stored[..., :3].chunk(2)
    return torch.cat((above, below.mean(dim=-1, keepdim=True)), dim=-1)


def _make_straight(premultiplied: Tensor, noise: float) -> Tensor:
    """(H, W, 4). Colour that exceeds its alpha by no more than `noise` counts as its alpha: divided, the noise would be
    any colour.
    """
    rgb, alpha = premultiplied.split((3, 1), dim=-1)
    clean = torch.where(rgb <= alpha + noise, torch.minimum(rgb, alpha), rgb)
    return torch.cat((unpremultiply(clean, alpha, keep_hidden=True), alpha), dim=-1)


def frame_count(video: Video, wanted: Wanted) -> int:
    """How many frames will be read. ValueError when they are not there."""
    there = len(range(wanted.start, video.count, wanted.every))
    if not there or wanted.count > there:
        raise ValueError(
            f"{video.count} frames are there, from 0 on; got start_frame {wanted.start}, frame_count {wanted.count}, "
            f"every_nth {wanted.every}."
        )
    return wanted.count or there


def read_video(
    source: Source, wanted: Wanted, video: Video, on_frame: Callable[[int], None] = lambda _: None
) -> Tensor:
    """(T, H, W, 4) of straight RGBA, decoded one frame at a time; `on_frame` hears of each and may raise to stop.

    ValueError when the frames are not there, or fewer than the file says can be decoded.
    """
    count = frame_count(video, wanted)
    stacked = video.stacked if wanted.stacked is None else wanted.stacked
    divide = (wanted.association or video.association) == PREMULTIPLIED
    clip: Tensor | None = None
    done = 0
    noise = 0.0 if video.codec in LOSSLESS else NOISE
    with closing(stored_frames(source)) as frames:
        for index, stored in enumerate(islice(frames, wanted.start, wanted.start + (count - 1) * wanted.every + 1)):
            if index % wanted.every:
                continue
            picture = unstacked(stored) if stacked else stored
            if clip is None:
                clip = torch.empty(count, *picture.shape)
            clip[done] = _make_straight(picture, noise) if divide else picture
            done += 1
            on_frame(done)
    if clip is None or done < count:
        raise ValueError(f"{count} frames were expected, {done} could be decoded; the file is cut or broken.")
    return clip


def read_audio(source: Source, start: Fraction, seconds: Fraction) -> Sound | None:
    """The sound that goes with a part of the video; None where there is none."""
    if is_webp(source):
        return None
    with opened(source) as container:
        sound = read_sound(container)
    return sound.cut(start, seconds) if sound else None

"""Reading a video with alpha, by a way of its own: what the writers are checked against.

Layout   frames (H, W, 4) float32, one after the other.
Range    0..1, straight RGBA in display space (sRGB), alpha 1 = opaque; highlights of HDR go on above 1.
Source   Frames as players show them: by time, after edit lists, upright, with square pixels.
Differs  A clip has one rate: what stands for different times is placed by time, and `Video.notes` says it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from io import BytesIO
from typing import cast

import av
import torch
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from torch import Tensor

from ...alpha.association import PREMULTIPLIED, STRAIGHT, unpremultiply
from ..clip_memory import Room, in_memory
from ..limits import BYTES_PER_PIXEL, refuse_size
from ..rates import USUAL
from .clock import SteadyClock
from .colour import CONVERTED, colour_notes, display_from
from .containers import (
    SUFFIXES,
    Source,
    decode,
    decoder_with_alpha,
    exact_frame_rates,
    name_of,
    opened,
    pictures_in,
    scan,
    tags_of,
)
from .delays import UNITS, delays_of, kind_of, noted, refuse_claim
from .frames import UNSPECIFIED, floats_of, picture_from
from .geometry import BESIDE, FILL_AND_KEY, LAYOUTS, PLAIN, Geometry, display_matrix, geometry_of, split
from .read_webp import pictures_of, size_of
from .sound import Sound, read_sound
from .timing import Timeline, animation_timeline, video_timeline

__all__ = ["SUFFIXES", "Source", "Video", "Wanted", "described", "frame_count", "read_audio", "read_video"]

ASSOCIATION_TAG, LAYOUT_TAG = "rgba_association", "rgba_layout"
STACKED_LAYOUT = "colour above alpha"
KEY = re.compile(r"\b(key|alpha|matte)\b", re.IGNORECASE)

LOSSLESS = frozenset({"ffv1", "apng", "png", "gif", "qtrle", "rawvideo", "webp"})
NOISE = 16 / 255
"""By this much a lossy codec may lift premultiplied colour above alpha; more is light, and is meant."""
MOST_REPEATED, REPEATED_BYTES = 10, 1 << 30
"""A clip of more than 1 GB may be at most ten times as long as it has pictures."""


@dataclass(frozen=True)
class Video:
    """What a file says of itself.

    count          frames at the rate `fps`
    width, height  of a frame as it is read: upright, without the half that is alpha, of square pixels
    layout         one of `LAYOUTS`: where alpha is
    notes          what was converted, repeated, left out or guessed, one sentence each
    """

    count: int
    fps: Fraction
    width: int
    height: int
    association: str
    layout: str
    codec: str
    notes: tuple[str, ...] = ()
    timeline: Timeline = field(default=Timeline(Fraction(16), range(0)), repr=False)
    geometry: Geometry = field(default=Geometry(), repr=False)
    colour: tuple[int, int] = (UNSPECIFIED, UNSPECIFIED)
    """Transfer and primaries, by the codes of ITU-T H.273."""
    stored: tuple[int, int] = (0, 0)
    """Width and height of a picture as it is stored."""

    @property
    def start(self) -> Fraction:
        """Seconds, on the clock of the file's sound, at which frame 0 is shown."""
        return self.timeline.start


@dataclass(frozen=True)
class Wanted:
    """Which frames, and what is known better than the file does; None leaves that to the file. ValueError for a layout
    that is none of `LAYOUTS`.
    """

    start: int = 0
    count: int = 0
    every: int = 1
    association: str | None = None
    layout: str | None = None

    def __post_init__(self) -> None:
        if self.layout is not None and self.layout not in LAYOUTS:
            raise ValueError(f"layout is one of {', '.join(LAYOUTS)}; got {self.layout!r}.")


def described(source: Source) -> Video:
    """What the file says. Its packets are counted and its first picture is decoded. ValueError when it is no video."""
    kind, name = kind_of(source), name_of(source)
    if kind is None and name.lower().endswith(".webp"):
        raise ValueError(f"An animated WebP was expected, {name} is none: it does not begin as one.")
    if kind:
        refuse_claim(source, name)
    timeline = None
    if kind:
        with _naming(name):
            timeline = animation_timeline(delays_of(source), UNITS[kind], noted(source))
    if kind == "webp" and timeline:
        size = size_of(source, name)
        told = len(timeline.shown), timeline.rate, *size, STRAIGHT, PLAIN, "webp", timeline.notes, timeline
        return Video(*told, stored=size)
    with opened(source) as container:
        streams = pictures_in(container)
        stream = streams[0]
        tags, codec, pixel = tags_of(container, stream), stream.codec_context.name, stream.sample_aspect_ratio
        layout, notes = _layout_of(streams, tags)
        found = scan(container, stream, until_first=timeline is not None)
        codes = _code(found.first, stream, "color_trc"), _code(found.first, stream, "color_primaries")
        if found.lost:
            notes.append(f"Pictures at the beginning that refer to what was cut away, and are left out: {found.lost}.")
        if timeline is None and found.times is not None:
            with _naming(name):
                timeline = video_timeline(found.times, found.last, _base(stream), exact_frame_rates(stream))
    timeline = timeline or measured_timeline(source)
    notes.extend(found.notes)
    geometry = geometry_of(display_matrix(found.first), pixel)
    width, height = geometry.shown_size(found.first.width, found.first.height, layout)
    refuse_size(name, width, height)
    return Video(
        len(timeline.shown),
        timeline.rate,
        width,
        height,
        PREMULTIPLIED if tags.get(ASSOCIATION_TAG, "").lower() == PREMULTIPLIED else STRAIGHT,
        layout,
        codec,
        (*notes, *timeline.notes, *geometry.notes, *colour_notes(*codes, tags)),
        timeline,
        geometry,
        codes,
        (found.first.width, found.first.height),
    )


def _layout_of(streams: Sequence[VideoStream], tags: Mapping[str, str]) -> tuple[str, list[str]]:
    """Where alpha is, and what is to be said of it."""
    said = tags.get(LAYOUT_TAG, "").lower()
    if said in LAYOUTS:
        return said, []
    sizes = {(each.codec_context.width, each.codec_context.height) for each in streams}
    if len(streams) < 2:
        return PLAIN, []
    if len(streams) == 2 and len(sizes) == 1 and any(KEY.search(text) for text in streams[1].metadata.values()):
        return FILL_AND_KEY, ["Its second video track is named as a key; it was read as alpha."]
    hint = f"; where the second one is the key, choose the layout {FILL_AND_KEY}" if len(sizes) == 1 else ""
    which = "the first" if streams[0].index == min(each.index for each in streams) else "the one marked as default"
    return PLAIN, [f"It has {len(streams)} video tracks, of which {which} was read{hint}."]


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Puts the file's name before what is wrong with its times."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _base(stream: VideoStream) -> Fraction:
    return stream.time_base or Fraction(1, 1000)


def _code(frame: VideoFrame, stream: VideoStream, name: str) -> int:
    """What the frame says, else the container. PyAV 16 says neither of a frame."""
    for each in (frame, stream.codec_context):
        code = getattr(each, name, None)
        if code is not None and int(code) != UNSPECIFIED:
            return int(code)
    return UNSPECIFIED


def _move(frame: VideoFrame, clock: SteadyClock) -> int | None:
    return None if frame.pts is None else clock.move(frame.pts, frame.duration or 0)


def measured_timeline(source: Source) -> Timeline:
    """By decoding everything, where packets do not say when pictures are shown, or are no pictures of their own."""
    with opened(source) as container:
        stream = pictures_in(container)[0]
        stream.thread_type = "AUTO"
        rates, base = exact_frame_rates(stream), _base(stream)
        clock = SteadyClock(container, base)
        seen = [(_move(frame, clock), frame.duration or 0) for frame in decode(container, stream)]
    if not seen:
        raise ValueError(f"{name_of(source)} is cut or damaged: none of its pictures can be decoded. Export it again.")
    times = sorted(time for time, _ in seen if time is not None)
    if len(times) < len(seen):
        rate = next((rate for rate in rates if rate), USUAL)
        return video_timeline(range(len(seen)), 1, 1 / rate, [rate])
    return video_timeline(times, seen[-1][1], base, rates)


Picture = Callable[[Tensor | None], Tensor]
"""Makes (H, W, 4) of a stored picture, in the tensor that is given or in a new one."""


def decoded(source: Source, track: int = 0) -> Generator[Picture, None, None]:
    """Every stored picture, not yet converted: not turned, not divided, alpha where it was stored.

    ValueError when the size changes in the middle, and when the file is damaged.
    """
    name = name_of(source)
    if kind_of(source) == "webp":
        for pixels in pictures_of(source, name):
            yield partial(floats_of, pixels)
        return
    with opened(source) as container:
        stream = pictures_in(container)[track]
        colour = int(stream.codec_context.colorspace)
        size: tuple[int, int] | None = None
        for index, frame in enumerate(_frames(container, stream)):
            size = size or (frame.width, frame.height)
            if size != (frame.width, frame.height):
                raise ValueError(
                    f"{name} changes its size at picture {index}, from {size[0]} x {size[1]} to {frame.width} x "
                    f"{frame.height}; a clip has one size. Cut the file there, or scale it to one size first."
                )
            yield partial(picture_from, frame, colour=colour)


def _frames(container: InputContainer, stream: VideoStream) -> Generator[VideoFrame, None, None]:
    own = decoder_with_alpha(stream)
    if own is None:
        stream.thread_type = "AUTO"
        yield from decode(container, stream)
    else:
        yield from decode(container, stream, cast(VideoCodecContext, av.CodecContext.create(own, "r")))


def stored_frames(source: Source) -> Generator[Tensor, None, None]:
    """Every picture as it is stored, (H, W, 4): not unpremultiplied, alpha where it was stored."""
    with closing(decoded(source)) as pictures:
        for picture in pictures:
            yield picture(None)


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
    if wanted.start < 0 or not there or wanted.count > there:
        raise ValueError(
            f"{video.count} frames are there, from 0 on; got start_frame {wanted.start}, frame_count {wanted.count}, "
            f"every_nth {wanted.every}."
        )
    return wanted.count or there


def read_video(
    source: Source,
    wanted: Wanted,
    video: Video,
    on_frame: Callable[[int], None] = lambda _: None,
    room: Room = in_memory,
) -> Tensor:
    """(T, H, W, 4) of straight RGBA, decoded one frame at a time; `on_frame` hears of each and may raise to stop.

    `room` makes the clip that the frames are decoded into.
    ValueError when the frames are not there, or fewer than the file says can be decoded.
    """
    count = frame_count(video, wanted)
    clip, done = _read(source, wanted, video, count, on_frame, room)
    if done < count and not kind_of(source):  # some packets are no pictures of their own: count those that are
        timeline = measured_timeline(source)
        if len(timeline.shown) >= wanted.start + (count - 1) * wanted.every + 1:
            clip, done = _read(source, wanted, replace(video, timeline=timeline), count, on_frame, lambda *_: clip)
    if done < count:
        raise ValueError(
            f"{name_of(source)}: {count} frames were expected, {done} could be decoded; the file is cut or broken."
        )
    return clip


def _read(
    source: Source, wanted: Wanted, video: Video, count: int, on_frame: Callable[[int], None], room: Room
) -> tuple[Tensor, int]:
    """The clip, as far as it could be decoded, and how far that is."""
    shown = video.timeline.shown[wanted.start : wanted.start + (count - 1) * wanted.every + 1 : wanted.every]
    layout = wanted.layout or video.layout
    convert = _conversion(wanted, video)
    clip = _empty_clip(source, count, video.geometry.shown_size(*video.stored, layout), len({*shown}), room)
    done = 0
    with closing(_with_key(source) if layout == FILL_AND_KEY else decoded(source)) as pictures:
        for index, picture in enumerate(pictures):
            if shown[done] != index:
                continue
            convert(picture, clip[done])
            end = next((at for at in range(done + 1, count) if shown[at] != index), count)
            if end > done + 1:
                clip[done + 1 : end] = clip[done]
            while done < end:
                done += 1
                on_frame(done)
            if done == count:
                break
    return clip, done


def _conversion(wanted: Wanted, video: Video) -> Callable[[Picture, Tensor], Tensor]:
    """Puts a stored picture into a frame of the clip."""
    layout = wanted.layout or video.layout
    divide = (wanted.association or video.association) == PREMULTIPLIED
    noise = 0.0 if video.codec in LOSSLESS else NOISE
    if not divide and layout not in BESIDE and video.geometry.is_plain and video.colour[0] not in CONVERTED:
        return lambda picture, out: picture(out)

    def convert(picture: Picture, out: Tensor) -> Tensor:
        frame = split(video.geometry.turn(picture(None)), layout)
        frame = _make_straight(frame, noise) if divide else frame
        return out.copy_(video.geometry.square(display_from(frame, *video.colour)))

    return convert


def _empty_clip(source: Source, count: int, size: tuple[int, int], pictures: int, room: Room) -> Tensor:
    """Room for the clip. ValueError where that is more than there is, or most of it would be repeated pictures."""
    width, height = size
    needed = count * width * height * BYTES_PER_PIXEL
    if needed > REPEATED_BYTES and count > MOST_REPEATED * pictures:
        raise ValueError(
            f"{name_of(source)} has {pictures} pictures that stand for {count} frames, {needed / 2**30:.1f} GB; choose "
            "a part of them by start_frame and frame_count, or fewer by every_nth."
        )
    try:
        return room(count, height, width, 4)
    except ValueError as problem:
        raise ValueError(f"{name_of(source)}: {problem}") from None


def _with_key(source: Source) -> Generator[Picture, None, None]:
    """The pictures of the first track with the second one as alpha. ValueError when there is no second one."""
    with opened(source) as container:
        streams = pictures_in(container)
        sizes = [(each.codec_context.width, each.codec_context.height) for each in streams[:2]]
    if len(sizes) < 2 or sizes[0] != sizes[1]:
        raise ValueError(
            f"{name_of(source)} has no second video track of the same size, which the layout {FILL_AND_KEY} needs; "
            "choose another layout."
        )
    other = BytesIO(source.getvalue()) if isinstance(source, BytesIO) else source
    with closing(decoded(source)) as fills, closing(decoded(other, track=1)) as keys:
        for fill, key in zip(fills, keys, strict=False):
            yield partial(_filled, fill, key)


def _filled(fill: Picture, key: Picture, out: Tensor | None = None) -> Tensor:
    frame = fill(out)
    frame[..., 3] = key(None)[..., :3].mean(dim=-1)
    return frame


def read_audio(source: Source, start: Fraction, seconds: Fraction, video: Video | None = None) -> Sound | None:
    """The sound that goes with a part of the clip, `start` seconds after frame 0; None where there is none.

    `video` is what `described` returned, which knows when frame 0 is shown on the clock of the sound.
    """
    if kind_of(source):
        return None
    with opened(source) as container:
        stream = pictures_in(container)[0]
        begin = (stream.start_time or 0) * _base(stream) if video is None else video.start
        return read_sound(container, begin + start, seconds)

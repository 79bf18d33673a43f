"""Writing a video with alpha, and reading it back before it gets its name.

Layout   frames (H, W, 4), one size.
Range    straight RGBA, sRGB, 0..1, alpha 1 = opaque.
Source   Custom of the containers: VP9's alpha is a second stream, ProRes 4444 carries 16 bits of it, stacked video has
         it below the colour. Colour is tagged as BT.709, which players show as sRGB.
Differs  No container but ours says whether colour is premultiplied: a tag `rgba_association` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import torch
from av.container import OutputContainer
from torch import Tensor

from ...alpha.association import PREMULTIPLIED, STRAIGHT, premultiply
from ...alpha.bleed import edge_bleed
from ..read_back import ReadBackError
from ..whole_file import named_when_whole
from .formats import VideoFormat
from .frames import color_tags, frame_of, picture_from
from .read_video import ASSOCIATION_TAG, LAYOUT_TAG, STACKED_LAYOUT, described, stored_frames
from .sound import LAYOUTS, Sound
from .stacked import stacked

LEAST_FOR_SLICES = 4
"""Pixels a side below which FFV1's sixteen slices are more than there is to slice."""

ALPHA_LOSS = 24 / 255
"""How far the darkest and the brightest alpha may move: a lost or opaque alpha moves much further."""


@dataclass(frozen=True)
class VideoPlan:
    """What a video is made of.

    association  straight, or premultiplied in display space
    bleed        colour runs on under alpha 0, so that compression finds none there that shows at the edge; straight
                 colour only
    text         what the container keeps: "prompt" and "workflow" as JSON
    """

    format: VideoFormat
    fps: Fraction
    association: str = STRAIGHT
    bleed: bool = True
    sound: Sound | None = None
    text: Mapping[str, str] = field(default_factory=dict)


def stored_picture(rgba: Tensor, plan: VideoPlan) -> Tensor:
    """What the plan stores of a straight frame: (H, W, 4), or (2H, W, 3) stacked. ValueError for what is not finite."""
    rgba = rgba.detach().float().cpu()
    if not bool(rgba.isfinite().all()):
        raise ValueError("Numbers from 0 to 1 were expected, some are NaN or infinite; look at what made the picture.")
    rgb, alpha = rgba.clamp(0, 1).split((3, 1), dim=-1)
    if plan.association == PREMULTIPLIED:
        rgb = premultiply(rgb, alpha)
    elif plan.bleed:
        rgb = edge_bleed(rgb, alpha)
    picture = torch.cat((rgb, alpha), dim=-1)
    return stacked(picture) if plan.format.stacked else picture


def write_video(
    frames: Sequence[Tensor] | Tensor, path: Path, plan: VideoPlan, on_step: Callable[[int], None] = lambda _: None
) -> None:
    """Write and check a whole video; `on_step` hears of each frame twice: written, read back. It may raise to stop.

    ValueError for no frame, and for a size that the format has not; FileExistsError when `path` is taken;
    ReadBackError when the file does not hold the frames. In every case nothing is left under the name.
    """
    if not len(frames):
        raise ValueError("A clip of at least one frame was expected, got none.")
    refuse_size(plan.format, *frames[0].shape[:2])
    with named_when_whole(path) as partial:
        _encode(frames, partial, plan, on_step)
        _check(frames, partial, plan, on_step)


def refuse_size(format: VideoFormat, height: int, width: int) -> None:
    """ValueError for a size that the format has not."""
    if format.even and (height % 2 or width % 2):
        raise ValueError(
            f"{format.name} wants an even width and height, got {width} x {height}; crop or resize first, or take "
            "another format."
        )


def _encode(frames: Sequence[Tensor] | Tensor, path: Path, plan: VideoPlan, on_step: Callable[[int], None]) -> None:
    wanted = plan.format
    tags = dict(plan.text) | {ASSOCIATION_TAG: plan.association}
    if wanted.stacked:
        tags[LAYOUT_TAG] = STACKED_LAYOUT
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w", format=wanted.container, options=dict(wanted.container_options)) as container:
        container.metadata.update(tags)
        options = dict(wanted.options)
        if "slices" in options and min(height, width) < LEAST_FOR_SLICES:
            options["slices"] = "1"
        stream = cast(av.VideoStream, container.add_stream(wanted.codec, rate=plan.fps, options=options))
        stream.width, stream.height, stream.pix_fmt = width, height * (2 if wanted.stacked else 1), wanted.pixel_format
        codec = stream.codec_context
        codec.time_base = 1 / plan.fps
        if wanted.tag:
            codec.codec_tag = wanted.tag
        codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range = color_tags(wanted.pixel_format)
        speaker = _speaker(container, plan)
        for index, rgba in enumerate(frames):
            frame = frame_of(stored_picture(rgba, plan), wanted.pixel_format)
            frame.pts, frame.time_base = index, 1 / plan.fps
            container.mux(stream.encode(frame))
            on_step(index + 1)
        container.mux(stream.encode(None))
        if speaker and plan.sound:
            sound = plan.sound.cut(Fraction(0), Fraction(len(frames)) / plan.fps)
            for frame in sound.frames():
                container.mux(speaker.encode(frame))
            container.mux(speaker.encode(None))


def _speaker(container: OutputContainer, plan: VideoPlan) -> av.AudioStream | None:
    """The audio stream, which has to be there before the first frame is written. Opus knows 48000 Hz alone."""
    if plan.sound is None:
        return None
    rate = 48000 if plan.format.audio == "libopus" else plan.sound.rate
    stream = cast(av.AudioStream, container.add_stream(plan.format.audio, rate=rate))
    stream.layout = LAYOUTS[plan.sound.waveform.shape[0]]
    return stream


def _check(frames: Sequence[Tensor] | Tensor, path: Path, plan: VideoPlan, on_step: Callable[[int], None]) -> None:
    """ReadBackError unless the file holds these frames, of this size, with this alpha, about in these colours."""
    video = described(path)
    count = 0
    with closing(stored_frames(path)) as read:
        for rgba, picture in zip(frames, read, strict=False):
            expected = picture_from(frame_of(stored_picture(rgba, plan), plan.format.pixel_format))
            _compare(expected, picture, plan.format, count)
            count += 1
            on_step(len(frames) + count)
    if count != len(frames) or video.count != len(frames):
        raise _not_to_be_trusted(plan.format, f"{len(frames)} frames were written, {min(count, video.count)} read back")
    if abs(video.fps - plan.fps) > plan.fps / 1000:
        raise _not_to_be_trusted(plan.format, f"{float(plan.fps):g} fps were written, {float(video.fps):g} read back")


def _compare(stored: Tensor, read: Tensor, wanted: VideoFormat, index: int) -> None:
    """`stored` is what the encoder was given, in its pixel format: what halved colour costs is no fault of its."""
    if read.shape != stored.shape:
        raise _not_to_be_trusted(wanted, f"{tuple(stored.shape)} was written, {tuple(read.shape)} read back")
    apart = float((stored - read).abs().mean(dim=(0, 1)).max())
    if not apart <= wanted.loss:
        raise _not_to_be_trusted(
            wanted, f"frame {index} differs by {apart:.4f} on average, {wanted.loss:g} at most was expected"
        )
    for least, name in ((True, "lowest"), (False, "highest")):
        given, got = (_extreme(each, wanted, least) for each in (stored, read))
        if abs(given - got) > ALPHA_LOSS:
            raise _not_to_be_trusted(
                wanted, f"the {name} alpha of frame {index} was {given:.3f}, {got:.3f} was read back"
            )


def _extreme(stored: Tensor, wanted: VideoFormat, least: bool) -> float:
    alpha = stored.chunk(2)[1][..., :3].mean(dim=-1) if wanted.stacked else stored[..., 3]
    return float(alpha.min() if least else alpha.max())


def _not_to_be_trusted(wanted: VideoFormat, text: str) -> ReadBackError:
    return ReadBackError(
        f"{wanted.name}: {text}; the encoder of this host is not to be trusted with it. Nothing was kept: choose "
        "another format."
    )

"""The video formats with alpha: one row each, and whether this host's encoders can write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import cast

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

STACKED = "stacked mp4"


@dataclass(frozen=True)
class VideoFormat:
    """A container, an encoder with its pixel format and options, the sound that goes with it, and what it may lose."""

    name: str
    suffix: str
    container: str
    codec: str
    pixel_format: str
    options: Mapping[str, str]
    audio: str
    loss: float
    """The mean difference of a channel, 0..1, that passes the read-back; noise costs ten times what pictures do."""
    tag: str | None = None
    container_options: Mapping[str, str] = field(default_factory=dict)
    even: bool = False
    stacked: bool = False
    """Colour above, alpha below, in a format without alpha."""


PRORES = {"vendor": "apl0", "alpha_bits": "16"}
KEEP_TAGS = {"movflags": "use_metadata_tags"}
FOR_WEB = {"movflags": "use_metadata_tags+faststart"}
VP9 = {"crf": "14", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1", "auto-alt-ref": "0", "threads": "4"}
HEVC = {"crf": "14", "x265-params": "log-level=none"}
H264 = {"crf": "12", "preset": "medium"}
FFV1 = {"level": "3", "slices": "16", "slicecrc": "1"}

VIDEO_FORMATS: Mapping[str, VideoFormat] = {
    each.name: each
    for each in (
        VideoFormat(
            "prores 4444", "mov", "mov", "prores_ks", "yuva444p10le", PRORES | {"profile": "4444"}, "pcm_s24le", 0.01,
            container_options=KEEP_TAGS,
        ),
        VideoFormat(
            "prores 4444 xq", "mov", "mov", "prores_ks", "yuva444p10le", PRORES | {"profile": "4444xq"}, "pcm_s24le",
            0.01, container_options=KEEP_TAGS,
        ),
        VideoFormat("webm vp9", "webm", "webm", "libvpx-vp9", "yuva420p", VP9, "libopus", 0.06),
        VideoFormat(
            "hevc alpha", "mov", "mov", "libx265", "yuva420p", HEVC, "aac", 0.06, tag="hvc1",
            container_options=KEEP_TAGS, even=True,
        ),
        VideoFormat("ffv1", "mkv", "matroska", "ffv1", "gbrap16le", FFV1, "flac", 1e-5),
        VideoFormat(
            STACKED, "mp4", "mp4", "libx264", "yuv420p", H264, "aac", 0.06, container_options=FOR_WEB, even=True,
            stacked=True,
        ),
    )
}  # fmt: skip
"""Name in the menu, to the format."""


@cache
def video_problem(name: str) -> str | None:
    """Why this host cannot write a format, found by encoding one small frame; None when it can."""
    if name not in VIDEO_FORMATS:
        return f"format is one of {', '.join(VIDEO_FORMATS)}; got {name!r}."
    wanted = VIDEO_FORMATS[name]
    try:
        codec = cast(VideoCodecContext, av.CodecContext.create(wanted.codec, "w"))
        codec.width, codec.height, codec.pix_fmt, codec.time_base = 64, 64, wanted.pixel_format, Fraction(1, 16)
        codec.options = dict(wanted.options)
        codec.open()
    except (FFmpegError, ValueError) as error:
        return (
            f"{name} wants an encoder that can, {wanted.codec} of this host (PyAV {av.__version__}) refuses: {error}. "
            f"Choose {STACKED}, which plays wherever a shader can put alpha back, or prores 4444."
        )
    return None

"""One picture through an encoder or a decoder of FFmpeg, without a container.

Layout   (H, W, C) as the pixel format packs it.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext


def encoded(codec_name: str, pixels: np.ndarray, pixel_format: str, options: Mapping[str, str]) -> bytes:
    """A whole file; its pixels are square."""
    codec = cast(VideoCodecContext, av.CodecContext.create(codec_name, "w"))
    codec.height, codec.width = pixels.shape[:2]
    codec.pix_fmt = pixel_format
    codec.time_base = Fraction(1)
    codec.sample_aspect_ratio = Fraction(1)
    codec.thread_count = 1
    codec.options = dict(options)
    plane = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(plane), format=pixel_format)
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def decoded(codec_name: str, file: bytes) -> av.VideoFrame:
    """The picture of a file, in the file's own pixel format. ValueError when there is none in it."""
    codec = cast(VideoCodecContext, av.CodecContext.create(codec_name, "r"))
    codec.thread_count = 1
    try:
        frames = [*codec.decode(av.Packet(file)), *codec.decode(None)]
    except FFmpegError as error:
        raise ValueError(
            f"A picture in {codec_name} was expected, got {len(file)} bytes that are none: {error}."
        ) from None
    if len(frames) != 1:
        raise ValueError(f"One picture in {codec_name} was expected, got {len(frames)} in {len(file)} bytes.")
    return frames[0]

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


def encoded(codec_name: str, pixels: np.ndarray, pixel_format: str, options: Mapping[str, str]) -> memoryview:
    """A whole file, where the encoder has put it; its pixels are square."""
    codec = cast(VideoCodecContext, av.CodecContext.create(codec_name, "w"))
    codec.height, codec.width = pixels.shape[:2]
    codec.pix_fmt = pixel_format
    codec.time_base = Fraction(1)
    codec.sample_aspect_ratio = Fraction(1)
    codec.thread_count = 1
    codec.options = dict(options)
    frame = av.VideoFrame.from_numpy_buffer(_in_file_order(pixels, pixel_format), format=pixel_format)
    (packet,) = [*codec.encode(frame), *codec.encode(None)]
    return memoryview(packet)


def decoded(codec_name: str, file: bytes) -> av.VideoFrame:
    """The picture of a file, in the file's own pixel format. ValueError when there is none in it."""
    codec = cast(VideoCodecContext, av.CodecContext.create(codec_name, "r"))
    codec.thread_count = 1
    try:
        frames = [*codec.decode(av.Packet(file)), *codec.decode(None)]
    except FFmpegError as error:
        raise ValueError(
            f"A picture in {codec_name} was expected, got {len(file)} bytes that are none: {error.strerror}."
        ) from None
    if len(frames) != 1:
        raise ValueError(f"One picture in {codec_name} was expected, got {len(frames)} in {len(file)} bytes.")
    return frames[0]


def pixels_of(frame: av.VideoFrame, channels: int) -> np.ndarray:
    """The pixels (H, W, channels) of a packed frame where they lie, in its order of bytes: nothing is copied."""
    (plane,) = frame.planes
    order = ">" if frame.format.is_big_endian else "<"
    stored = np.dtype(f"{order}u2" if frame.format.components[0].bits > 8 else np.uint8)
    rows = np.frombuffer(memoryview(plane), stored).reshape(-1, plane.line_size // stored.itemsize)
    return rows[: frame.height, : frame.width * channels].reshape(frame.height, frame.width, channels)


def _in_file_order(pixels: np.ndarray, pixel_format: str) -> np.ndarray:
    """The pixels in the format's order of bytes; where that is theirs already, they themselves."""
    plane = np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    plane = plane.reshape(-1).reshape(plane.shape)  # strides of a side of 1 mean nothing to numpy, and much to PyAV
    return plane.byteswap() if pixel_format.endswith("be") else plane

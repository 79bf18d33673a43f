"""Frames of FFmpeg against tensors: what an encoder is given, and what a decoder gave.

Layout   (H, W, 4 or 3) float32; an AVFrame in any pixel format.
Range    0..1, as stored: straight or premultiplied, sRGB values as they are.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from ..stills.read_still import rgba_from
from .yuv import BT601, BT709, Coding, picture_of, planes_of

BT709_CODE, SRGB_CODE, RGB_CODE = 1, 13, 0
LIMITED, FULL = 1, 2
BT601_CODES = (5, 6)
UNSPECIFIED = 2
HD_LINES = 720
"""From here on an untagged video is taken for BT.709, below for BT.601, as players do."""


def frame_of(picture: Tensor, pixel_format: str) -> av.VideoFrame:
    """A frame for an encoder: planar YUV(A) tagged as BT.709 of limited range, or lossless gbrap16le."""
    height, width = picture.shape[:2]
    frame = av.VideoFrame(width, height, pixel_format)
    if pixel_format == "gbrap16le":
        values = (picture.double().clamp(0, 1) * 65535 + 0.5).floor().int().unbind(-1)
        planes = [values[index] for index in (1, 2, 0, 3)]
    else:
        planes = planes_of(picture, _coding(frame, BT709, full=False))
    for plane, values in zip(frame.planes, planes, strict=True):
        _fill(plane, values.numpy(), frame.format.components[0].bits)
    _tag(frame, pixel_format)
    return frame


def picture_from(frame: av.VideoFrame) -> Tensor:
    """(H, W, 4) of a decoded frame; a format without alpha is opaque."""
    name = frame.format.name
    if name.startswith("yuv") and not frame.format.is_big_endian and frame.format.is_planar:
        full = int(frame.color_range) == FULL or name.startswith("yuvj")
        bits = frame.format.components[0].bits
        kind = np.dtype(np.uint8 if bits == 8 else "<u2")
        planes = [torch.from_numpy(_values(plane, kind).astype(np.int32)) for plane in frame.planes]
        picture = picture_of(planes, _coding(frame, _weights(frame), full))
        return picture if picture.shape[-1] == 4 else torch.cat((picture, torch.ones_like(picture[..., :1])), dim=-1)
    deep = frame.format.components[0].bits > 8
    return rgba_from(frame.reformat(format="rgba64le" if deep else "rgba").to_ndarray())


def _coding(frame: av.VideoFrame, weights: tuple[float, float], full: bool) -> Coding:
    luma, difference = frame.planes[0], frame.planes[1]
    halved = (difference.width < luma.width or luma.width == 1, difference.height < luma.height or luma.height == 1)
    name = frame.format.name
    sub = (halved[0] and "444" not in name, halved[1] and not any(each in name for each in ("444", "422")))
    return Coding(weights, frame.format.components[0].bits, *sub, full)


def _weights(frame: av.VideoFrame) -> tuple[float, float]:
    code = int(frame.colorspace)
    return BT601 if code in BT601_CODES or (code == UNSPECIFIED and frame.height < HD_LINES) else BT709


def color_tags(pixel_format: str) -> tuple[int, int, int, int]:
    """Primaries, transfer, matrix and range, by their codes: YUV is BT.709, limited; RGB is sRGB, full."""
    if pixel_format.startswith("gbr"):
        return BT709_CODE, SRGB_CODE, RGB_CODE, FULL
    return BT709_CODE, BT709_CODE, BT709_CODE, LIMITED


def _tag(frame: av.VideoFrame, pixel_format: str) -> None:
    primaries, transfer, frame.colorspace, frame.color_range = color_tags(pixel_format)
    with suppress(AttributeError):  # PyAV 16 has no such tags on a frame
        frame.color_primaries, frame.color_trc = primaries, transfer


def _fill(plane: Any, values: np.ndarray, bits: int) -> None:
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    rows = np.zeros((plane.height, plane.line_size // kind.itemsize), kind)
    rows[:, : plane.width] = values
    plane.update(rows.tobytes().ljust(plane.buffer_size, b"\0"))


def _values(plane: Any, kind: np.dtype) -> np.ndarray:
    rows = np.frombuffer(plane, kind, count=plane.height * plane.line_size // kind.itemsize)
    return rows.reshape(plane.height, -1)[:, : plane.width]

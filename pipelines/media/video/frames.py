"""Frames of FFmpeg against tensors: what an encoder is given, and what a decoder gave.

Layout   (H, W, 4 or 3) float32; an AVFrame in any pixel format.
Range    0..1, as stored: straight or premultiplied, sRGB values as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from .yuv import BAND, BT601, BT709, BT2020, FCC, SMPTE240M, Coding, picture_of, planes_of

BT709_CODE, SRGB_CODE, RGB_CODE = 1, 13, 0
LIMITED, FULL = 1, 2
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


def picture_from(frame: av.VideoFrame, out: Tensor | None = None, colour: int = UNSPECIFIED) -> Tensor:
    """(H, W, 4) of a decoded frame, in `out` when that is given; a format without alpha is opaque.

    `colour` is the code of the matrix that the container names, for a frame that names none.
    """
    frame = _planar(frame)
    name, bits = frame.format.name, frame.format.components[0].bits
    if frame.format.is_planar and name.startswith(("yuv", "gbr", "gray")) and bits <= 16:
        if out is None:
            out = torch.empty(frame.height, frame.width, 4)
        kind = np.dtype("u1" if bits == 8 else ">u2" if name.endswith("be") else "<u2")
        planes = [_values(plane, kind) for plane in frame.planes]
        if name.startswith("gbr"):
            return _rgb_planes([planes[index] for index in (2, 0, 1, 3)[: len(planes)]], bits, out)
        full = int(frame.color_range) == FULL or name.startswith("yuvj")
        full = full or (name.startswith("gray") and int(frame.color_range) != LIMITED)
        return picture_of(planes, _coding(frame, _weights(frame, colour), full), out)
    return floats_of(frame.reformat(format="rgba64le" if bits > 8 else "rgba").to_ndarray(), out)


def floats_of(pixels: np.ndarray, out: Tensor | None = None) -> Tensor:
    """(H, W, 4) float32 of whole numbers of any unsigned type, in `out` when that is given."""
    out = torch.empty(*pixels.shape) if out is None else out
    np.divide(pixels, np.float32(np.iinfo(pixels.dtype).max), out=out.numpy())
    return out


PLANAR: Mapping[str, str] = {
    "nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p", "nv42": "yuv444p",
    "p010le": "yuv420p10le", "p012le": "yuv420p12le", "p016le": "yuv420p16le", "nv20le": "yuv422p10le",
    "p210le": "yuv422p10le", "p212le": "yuv422p12le", "p216le": "yuv422p16le",
    "p410le": "yuv444p10le", "p412le": "yuv444p12le", "p416le": "yuv444p16le",
    "yuyv422": "yuv422p", "uyvy422": "yuv422p", "yvyu422": "yuv422p", "y210le": "yuv422p10le", "y212le": "yuv422p12le",
    "xv30le": "yuv444p10le", "xv36le": "yuv444p12le", "xv48le": "yuv444p16le", "vyu444": "yuv444p", "vuyx": "yuv444p",
    "vuya": "yuva444p", "ayuv": "yuva444p", "uyva": "yuva444p", "ayuv64le": "yuva444p16le",
}  # fmt: skip
"""Packed pixels, and the planes of the same values: FFmpeg's own way to RGB would forget the matrix."""


def _planar(frame: av.VideoFrame) -> av.VideoFrame:
    target = PLANAR.get(frame.format.name)
    if target is None:
        return frame
    planar = frame.reformat(format=target)
    planar.color_range, planar.colorspace = frame.color_range, frame.colorspace
    return planar


def _rgb_planes(planes: list[np.ndarray], bits: int, out: Tensor) -> Tensor:
    """Red, green, blue and perhaps alpha, whole numbers of some bits."""
    for top in range(0, out.shape[0], BAND):
        for channel, plane in enumerate(planes):
            np.divide(plane[top : top + BAND], np.float32(2**bits - 1), out=out[top : top + BAND, :, channel].numpy())
    if len(planes) == 3:
        out[..., 3] = 1
    return out


HALVED: Mapping[str, tuple[int, int]] = {"420": (1, 1), "422": (1, 0), "440": (0, 1), "411": (2, 0), "410": (2, 2)}
"""How often colour differences are halved across and down."""


def _coding(frame: av.VideoFrame, weights: tuple[float, float], full: bool) -> Coding:
    name = frame.format.name
    halved = next((times for sampling, times in HALVED.items() if sampling in name), (0, 0))
    return Coding(weights, frame.format.components[0].bits, *halved, full)


WEIGHTS: Mapping[int, tuple[float, float]] = {
    1: BT709, 4: FCC, 5: BT601, 6: BT601, 7: SMPTE240M, 9: BT2020, 10: BT2020
}  # fmt: skip
"""By the codes of ITU-T H.273."""


def _weights(frame: av.VideoFrame, colour: int) -> tuple[float, float]:
    code = int(frame.colorspace)
    code = colour if code == UNSPECIFIED else code
    return WEIGHTS.get(code) or (BT601 if code == UNSPECIFIED and frame.height < HD_LINES else BT709)


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

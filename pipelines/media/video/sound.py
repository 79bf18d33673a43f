"""Sound beside a video.

Layout   waveform (channels, samples), float32.
Range    -1..1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
import numpy as np
import torch
from av.container import InputContainer
from av.error import InvalidDataError
from torch import Tensor

from .clock import SteadyClock
from .containers import default_first, packets_of

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
CHUNK = 1 << 16
GAP = Fraction(1, 20)
"""Seconds: by less than this the times of blocks are off where nothing is missing."""


@dataclass(frozen=True)
class Sound:
    """A waveform and its samples per second; ValueError for a layout that no container has a name for."""

    waveform: Tensor
    rate: int

    def __post_init__(self) -> None:
        if self.waveform.ndim != 2 or self.waveform.shape[0] not in LAYOUTS:
            raise ValueError(
                f"Sound of {', '.join(map(str, LAYOUTS))} channels (C, samples) was expected, got "
                f"{tuple(self.waveform.shape)}; mix it to stereo first."
            )

    def cut(self, start: Fraction, seconds: Fraction) -> Sound:
        """The part from `start` on, no longer than `seconds`; what is not there is left away."""
        first, last = (round(each * self.rate) for each in (start, start + seconds))
        return Sound(self.waveform[:, first:last], self.rate)

    def frames(self) -> Iterator[av.AudioFrame]:
        """Planar float frames for an encoder, which stamps them with its own clock."""
        values = self.waveform.detach().float().cpu().numpy()
        for begin in range(0, values.shape[1], CHUNK):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(values[:, begin : begin + CHUNK]), "fltp", LAYOUTS[values.shape[0]]
            )
            frame.sample_rate = self.rate
            frame.pts = begin
            frame.time_base = Fraction(1, self.rate)
            yield frame


def read_sound(container: InputContainer, first: Fraction, seconds: Fraction) -> Sound | None:
    """The sound that players choose of an open file, from the second `first` on and no longer than `seconds`; silent
    where it has not begun yet. None when there is none, or nothing in it. Channels without a layout become
    stereo.
    """
    stream = next(iter(default_first(container.streams.audio)), None)
    if stream is None or stream.codec_context is None:
        return None
    rate = stream.rate or 44100
    begin, end = (round(each * rate) for each in (first, first + seconds))
    parts: list[tuple[int, np.ndarray]] = []
    at = 0
    clock = SteadyClock(container, Fraction(1, rate))
    for time, values in _blocks(container, stream, rate):
        told = at if time is None else clock.move(round(time * rate), values.shape[1])
        if not parts or told - at > rate * GAP:
            at = told
        parts.append((at, values))
        at += values.shape[1]
        if at >= end:
            break
    if not parts:
        return None
    length = max(0, min(end, at) - begin)
    waveform = np.zeros((parts[0][1].shape[0], length), np.float32)
    for at, values in parts:
        cut = values[:, max(0, begin - at) : max(0, begin + length - at)]
        to = max(0, at - begin)
        waveform[:, to : to + cut.shape[1]] = cut
    return Sound(torch.from_numpy(waveform), rate)


def _decoded(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """What cannot be decoded is silent."""
    for packet in packets_of(container, stream):
        with suppress(InvalidDataError):
            yield from cast("list[av.AudioFrame]", packet.decode())


def _blocks(
    container: InputContainer, stream: av.AudioStream, rate: int
) -> Iterator[tuple[Fraction | None, np.ndarray]]:
    """The second at which each block of samples begins, where the file says it, and the block (channels, samples)."""
    resampler, form, layout = None, None, None
    for frame in _decoded(container, stream):
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or now != form:
            layout = layout or (frame.layout if frame.layout.nb_channels in LAYOUTS else "stereo")
            resampler, form = av.AudioResampler(format="fltp", layout=layout, rate=rate), now
        time = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
        for block in resampler.resample(frame):
            yield time, block.to_ndarray()
            time = None
    for block in resampler.resample(None) if resampler else ():
        yield None, block.to_ndarray()

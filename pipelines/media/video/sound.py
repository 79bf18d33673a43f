"""Sound beside a video.

Layout   waveform (channels, samples), float32.
Range    -1..1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import torch
from av.container import InputContainer
from torch import Tensor

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
CHUNK = 1 << 16


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


def read_sound(container: InputContainer) -> Sound | None:
    """The first audio stream of an open file, from its beginning; None when there is none, or nothing in it."""
    stream = next(iter(container.streams.audio), None)
    if stream is None:
        return None
    resampler = av.AudioResampler(format="fltp")
    parts = [each.to_ndarray() for frame in container.decode(stream) for each in resampler.resample(frame)]
    parts += [each.to_ndarray() for each in resampler.resample(None)]
    if not parts:
        return None
    return Sound(torch.from_numpy(np.concatenate(parts, axis=1)), stream.rate or 44100)

"""The host's AUDIO against sound as files have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...media.video.sound import Sound

if TYPE_CHECKING:
    from ..core.sockets import Audio


def audio_of(sound: Sound | None) -> Audio | None:
    """Sound as the host's AUDIO."""
    return sound and {"waveform": sound.waveform[None], "sample_rate": sound.rate}


def sound_of(audio: Audio | None, entry: int = 0) -> Sound | None:
    """The host's AUDIO as sound: one waveform for all clips of a batch, or each its own."""
    if audio is None:
        return None
    waveforms = audio["waveform"]
    return Sound(waveforms[min(entry, len(waveforms) - 1)], audio["sample_rate"])

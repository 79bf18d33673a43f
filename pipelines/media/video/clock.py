"""Times of a stream whose clock is set anew in the middle, as those of one clock that goes on.

Range    whole units of the stream's time base.
Source   ISO/IEC 13818-1: the clock of a transport or program stream may jump where recordings are joined or cut.
Differs  The standard marks a jump; recorders and `cat` do not, so a step back, or one too far ahead, is taken for one.
"""

from __future__ import annotations

from fractions import Fraction

from av.container import InputContainer

JUMPS = 0x200
"""FFmpeg's mark of a container whose times may jump."""
BACK, AHEAD = Fraction(1, 10), Fraction(10)
"""Seconds: further apart from what was expected, the clock was set anew. FFmpeg's own program takes the same."""


class SteadyClock:
    """Moves each time by what the jumps before it come to; it moves none where the container has no jumps."""

    def __init__(self, container: InputContainer, base: Fraction) -> None:
        self._may_jump = bool(int(container.format.flags) & JUMPS)
        self._base = base
        self._expected: int | None = None
        self._moved = 0
        self.jumps = 0

    def move_shown(self, time: int, decoded: int | None, lasts: int) -> int:
        """When a packet is shown that is decoded at another time; longer after that than a jump, it is damaged."""
        if decoded is None or (self._may_jump and (time - decoded) * self._base > AHEAD):
            return self.move(time if decoded is None else decoded, lasts)
        return self.move(decoded, lasts) + time - decoded

    def move(self, now: int, lasts: int) -> int:
        """The time that `now` is on one clock. It rises but for jumps; `lasts` is 0 where it is not known."""
        if not self._may_jump:
            return now
        time = now + self._moved
        if self._expected is not None and not -BACK <= (time - self._expected) * self._base <= AHEAD:
            self.jumps += 1
            self._moved = self._expected - now
            time = self._expected
        self._expected = time + lasts
        return time

    def notes(self) -> list[str]:
        """What is to be said of it."""
        if not self.jumps:
            return []
        return [
            f"Its clock jumps, as where recordings are joined ({self.jumps}); its parts were read one after the other."
        ]

"""Frame rates: from the float on a socket to the exact fraction that belongs into a file.

Range    frames per second, above 0.
Source   SMPTE ST 12-1 and ST 2036-1: television's rates are n * 1000/1001, printed as 23.976 or 29.97.
Differs  Nothing. The standards do not say what a printed rate was rounded from: the 0.005 around it is ours.
"""

import math
from fractions import Fraction

BROADCAST = tuple(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120))
ROUNDING = Fraction(1, 200)
LARGEST_DENOMINATOR = 1001

USUAL = Fraction(16)
"""Wan's rate, for what does not say its own."""


def exact_rate(fps: float) -> Fraction:
    """The rate that `fps` was rounded from: n * 1000/1001 within 0.005, else the nearest fraction up to x/1001.

    So 23.976 and 23.98 are 24000/1001, 16.0 is 16, 12.5 is 25/2. ValueError for what is no rate: 0, negative, NaN,
    infinite, or so slow that the nearest fraction is 0.
    """
    if not math.isfinite(fps) or fps <= 0:
        raise ValueError(f"A frame rate is a number of frames per second above 0, got {fps}; Wan's is 16.")
    given = Fraction(fps)
    for rate in BROADCAST:
        if abs(given - rate) <= ROUNDING:
            return rate
    nearest = given.limit_denominator(LARGEST_DENOMINATOR)
    if nearest == 0:
        raise ValueError(f"A frame rate of at least one frame in 1001 seconds was expected, got {fps}.")
    return nearest

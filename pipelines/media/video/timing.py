"""When the pictures of a file are shown, and the one rate at which they become frames.

Range    seconds; a frame of the clip is shown for 1 / rate.
Source   Custom of editors: a clip has one rate, and a picture that stands longer is repeated.
Differs  A delay in whole hundredths or thousandths of a second was rounded from a rate; the rate is found again: the
         slowest at which every picture begins within half a unit of its frame. Where there is none, each picture is
         put to the nearest frame of a usual rate, and that is said.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from math import floor

import numpy as np

from ..rates import BROADCAST, USUAL, exact_rate

EVEN = 0.3
"""By this part of a frame a picture may be off its time and still count as one after the other."""
FASTEST = 120
FASTEST_BY_TIME = 60
USUAL_RATES = tuple(Fraction(each) for each in (5, 8, 10, 12, 15, 16, 20, 24, 25, 30, 48, 50, 60, 100, 120))
MOST_FRAMES = 1_000_000
TINY = 1e-9
CUT, MOST_CUT, LEAST_BEFORE_A_CUT = 3, 2, 12
"""A copy that ends between reordered pictures may lack up to two before one of its last three; they are not made up."""


@dataclass(frozen=True)
class Timeline:
    """Which stored picture each frame of a clip shows, at one rate.

    shown  the number of the stored picture, one entry a frame
    start  seconds, on the clock that the file's sound goes by, at which frame 0 is shown
    """

    rate: Fraction
    shown: Sequence[int]
    start: Fraction = Fraction(0)
    notes: tuple[str, ...] = ()


def animation_timeline(
    delays: Sequence[Fraction], unit: Fraction, told: tuple[Fraction, int] | None = None
) -> Timeline:
    """Of the seconds that each picture stands, which are whole `unit`s, or exact where that is 0.

    `told` is the rate and the number of frames that the file's writer noted; they are believed where the delays agree.
    """
    ends = [Fraction(0), *accumulate(delays)]
    if told is not None:
        rate, count = told
        at = np.rint([float(end * rate) for end in ends])
        off = max(abs(float(n / float(rate) - float(end))) for n, end in zip(at, ends, strict=True))
        alone = len(delays) == 1
        if (alone or (off <= float(unit) / 2 + TINY and at[-1] == count)) and len(delays) <= count <= MOST_FRAMES:
            at[-1] = count
            return Timeline(rate, _repeated(at[:-1], count))
    if len(delays) == 1:
        return Timeline(USUAL, range(1))
    fastest = max(Fraction(100), 1 / (min(delays) or unit or Fraction(1, 1000)))
    return _placed(ends, unit, min(fastest, Fraction(1000)), len(delays), said=False)


def _repeated(positions: np.ndarray, count: int) -> Sequence[int]:
    """The number of the picture that each frame shows, of the frames at which pictures begin."""
    shown = np.searchsorted(positions, np.arange(count), side="right") - 1
    return range(count) if len(positions) == count and (shown == np.arange(count)).all() else shown.tolist()


def video_timeline(times: Sequence[int], last: int, time_base: Fraction, rates: Sequence[Fraction | None]) -> Timeline:
    """Of the times of the pictures in units of `time_base`, rising, the time that the last one stands (0 where that is
    not known), and the rates that the file may have.
    """
    first, count = times[0], len(times)
    start = first * time_base
    if count == 1:
        return Timeline(next(_usable(rates), USUAL), range(1), start)
    seconds = (np.array(times, dtype=np.float64) - first) * float(time_base)
    mean = (count - 1) / seconds[-1] if seconds[-1] > 0 else 0.0
    length = float(last * time_base)
    for rate in _usable([*rates, Fraction(mean)]):
        late = seconds * float(rate) - np.arange(count)
        off = EVEN + float(time_base * rate) / 2
        if last and length * float(rate) > 1 + 2 * off:
            continue
        if float(np.abs(late).max()) <= off:
            return Timeline(rate, range(count), start)
        if count > LEAST_BEFORE_A_CUT and float(np.abs(late[:-CUT]).max()) <= off and 0 < late[-1] <= MOST_CUT + off:
            note = f"It was cut between pictures that depend on each other; missing at the end: {late[-1]:.0f}."
            return Timeline(rate, range(count), start, (note,))
    ends = [(each - first) * time_base for each in times]
    ends.append(ends[-1] + (last * time_base or Fraction(1, FASTEST)))
    timeline = _placed(ends, time_base, Fraction(FASTEST), count, said=True)
    return Timeline(timeline.rate, timeline.shown, start, timeline.notes)


def _usable(rates: Sequence[Fraction | None]) -> Iterator[Fraction]:
    for rate in rates:
        if rate and rate > 0:
            try:
                yield exact_rate(float(rate))
            except ValueError:  # a frame in more than 1001 seconds
                continue


def _placed(ends: Sequence[Fraction], unit: Fraction, fastest: Fraction, count: int, said: bool) -> Timeline:
    """`ends` is where each picture begins, and at last where the last one ends."""
    rate = _fitting_rate(ends, unit, fastest)
    exact = rate is not None
    rate = rate or _slowest_apart(ends, count)
    positions = np.rint(np.array([float(each) for each in ends]) * float(rate))
    total = max(positions[-1], positions[-2] + 1)
    if total > max(count, MOST_FRAMES):
        raise ValueError(
            f"Its pictures stand for {float(ends[-1]):.0f} s, which is {total:.0f} frames at {float(rate):g} fps; at "
            f"most {MOST_FRAMES} are made. Its times are damaged, or it is no clip: export it at a constant rate."
        )
    shown = _repeated(positions[:-1], int(total))
    dropped = count - len({*shown})
    notes = []
    if said or not exact:
        notes.append(
            f"Its pictures stand for different times; by time they are {len(shown)} frames at {float(rate):g} fps, "
            f"made of {count} stored pictures."
        )
    if dropped:
        notes.append(f"{dropped} pictures stand for less than a frame at {float(rate):g} fps and were left out.")
    return Timeline(rate, shown, notes=tuple(notes))


def _fitting_rate(ends: Sequence[Fraction], unit: Fraction, fastest: Fraction) -> Fraction | None:
    """The slowest rate at which every picture begins within half a unit of its own frame; of equal ones the usual."""
    times = np.array([float(each) for each in ends[1:]])
    candidates: list[tuple[Fraction, int]] = []
    for rank, rates in enumerate(_candidates(ends, unit, fastest)):
        for rate in rates:
            if rate <= fastest:
                insort(candidates, (rate, rank))
    fitting = []
    for rate, rank in candidates:
        at = _fit(times, float(rate), float(unit))
        if at is not None:
            fitting.append((rate, rank, at))
    if not fitting:
        return None
    slowest = fitting[0][2]
    mean = float(slowest[-1] / times[-1])
    same = [(rank, abs(float(rate) - mean), rate) for rate, rank, at in fitting if (at == slowest).all()]
    return min(same)[2]


def _fit(times: np.ndarray, rate: float, unit: float) -> np.ndarray | None:
    if abs(round(times[0] * rate) / rate - times[0]) > unit / 2 + TINY:
        return None
    at = np.rint(times * rate)
    apart = np.diff(at, prepend=0) >= 1
    return at if apart.all() and float(np.abs(at / rate - times).max()) <= unit / 2 + TINY else None


def _candidates(ends: Sequence[Fraction], unit: Fraction, fastest: Fraction) -> Iterator[Sequence[Fraction]]:
    """Rates, the likeliest first."""
    delays = [after - before for before, after in pairwise(ends)]
    shortest = min(each for each in delays if each > 0) if any(each > 0 for each in delays) else Fraction(1)
    yield USUAL_RATES
    yield [*BROADCAST, Fraction(15, 2), Fraction(25, 2)]
    yield [times / shortest for times in range(1, min(int(fastest * shortest) + 1, 200))]
    near = sorted(each for each in delays if each <= shortest * 3 / 2)
    usual = sum(near) / len(near) if near else shortest
    at = accumulate(max(1, round(each / usual)) for each in delays)
    bounds = [
        (n / (end + unit / 2), n / max(end - unit / 2, Fraction(1, 10**6))) for n, end in zip(at, ends[1:], strict=True)
    ]
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    yield [_simplest(low, high)] if low <= high else []
    yield [Fraction(each) for each in range(1, int(fastest) + 1)]


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction of the smallest denominator from `low` to `high`, both above 0."""
    whole = floor(low)
    if whole == low or whole + 1 <= high:
        return Fraction(whole if whole == low else whole + 1)
    return whole + 1 / _simplest(1 / (high - whole), 1 / (low - whole))


def _slowest_apart(ends: Sequence[Fraction], count: int) -> Fraction:
    """The slowest usual rate at which no two pictures are in one frame; the fastest where there is none."""
    times = np.array([float(each) for each in ends[:-1]])
    mean = count / float(ends[-1]) if ends[-1] else 0.0
    for rate in sorted([*USUAL_RATES, *BROADCAST]):
        if 0.98 * mean <= rate <= FASTEST_BY_TIME and (np.diff(np.rint(times * float(rate))) >= 1).all():
            return rate
    return Fraction(FASTEST_BY_TIME)

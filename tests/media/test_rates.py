import math
from fractions import Fraction

import pytest

from pipelines.media.rates import exact_rate


@pytest.mark.parametrize(
    ("printed", "n"), [(23.976, 24), (23.98, 24), (29.97, 30), (47.952, 48), (47.95, 48), (59.94, 60), (119.88, 120)]
)
def test_a_printed_broadcast_rate_is_that_rate(printed, n):
    assert exact_rate(printed) == Fraction(n * 1000, 1001)


@pytest.mark.parametrize("rate", [Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)])
def test_a_broadcast_rate_survives_the_way_through_float(rate):
    assert exact_rate(float(rate)) == rate


@pytest.mark.parametrize("fps", [1, 8, 12, 15, 16, 24, 25, 30, 48, 50, 60, 120, 1000])
def test_whole_rates_stay_whole(fps):
    assert exact_rate(float(fps)) == fps


def test_other_rates_are_the_nearest_fraction():
    assert exact_rate(12.5) == Fraction(25, 2)
    assert exact_rate(0.1) == Fraction(1, 10)
    assert exact_rate(14.985) == Fraction(14985, 1000)
    assert exact_rate(1 / 3) == Fraction(1, 3)
    assert exact_rate(math.pi) == Fraction(355, 113)


def test_the_borders_of_a_broadcast_rate_are_five_thousandths_away():
    rate = Fraction(30_000, 1001)
    assert exact_rate(float(rate + Fraction(49, 10_000))) == rate
    assert exact_rate(float(rate + Fraction(51, 10_000))) != rate
    assert exact_rate(float(rate - Fraction(49, 10_000))) == rate
    assert exact_rate(float(rate - Fraction(51, 10_000))) != rate


@pytest.mark.parametrize("fps", [0.0, -16.0, math.nan, math.inf, -math.inf])
def test_what_is_no_rate_is_refused(fps):
    with pytest.raises(ValueError, match="above 0, got"):
        exact_rate(fps)


def test_a_rate_that_would_round_to_zero_is_refused():
    with pytest.raises(ValueError, match="one frame in 1001 seconds"):
        exact_rate(1e-9)

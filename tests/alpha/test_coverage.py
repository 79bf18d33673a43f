import pytest
import torch

from pipelines.alpha.coverage import AlphaCoverage, coverage


def test_coverage_counts_the_outermost_two_levels_of_eight_bits():
    levels = torch.arange(256).float().reshape(1, 16, 16, 1) / 255
    assert coverage(levels) == AlphaCoverage(opaque=2 / 256, empty=2 / 256)


def test_a_dead_alpha_is_all_opaque_or_all_empty():
    assert coverage(torch.ones(3, 5, 7, 1)) == AlphaCoverage(opaque=1.0, empty=0.0)
    assert coverage(torch.zeros(3, 5, 7, 1)) == AlphaCoverage(opaque=0.0, empty=1.0)


def test_coverage_is_the_mean_over_all_frames_of_all_clips():
    alpha = torch.zeros(2, 2, 5, 7, 1)
    alpha[1, 1] = 1
    assert coverage(alpha) == AlphaCoverage(opaque=0.25, empty=0.75)


def test_coverage_of_no_pixels_is_refused():
    with pytest.raises(ValueError, match="at least one pixel"):
        coverage(torch.zeros(0, 5, 7, 1))

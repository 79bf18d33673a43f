import math

import pytest
import torch

from pipelines.report.edge_width import edge_of


def ramp(width: float, size: int = 101) -> torch.Tensor:
    """A straight edge, `width` pixels from 0 to 1."""
    x = torch.arange(size, dtype=torch.float64) - size // 2 + 0.25
    return (x / width + 0.5).clamp(0, 1).expand(9, size)[..., None]


@pytest.mark.parametrize("width", [4.0, 10.0, 30.0])
def test_the_width_of_a_ramp_is_its_width_and_its_length_the_frames_height(width):
    edge = edge_of(ramp(width))
    assert edge.width == pytest.approx(width, rel=0.05)
    assert edge.length == pytest.approx(9, rel=0.02)


def test_a_hard_edge_has_no_width_and_no_edge_has_none_to_measure():
    assert edge_of(ramp(0.01).round()).width == 0
    for flat in (0.0, 0.6, 1.0):
        assert math.isnan(edge_of(torch.full((5, 7, 1), flat)).width)


def test_the_even_inside_of_glass_is_no_edge():
    alpha = 0.5 * ramp(0.01).round()
    assert edge_of(alpha).length == pytest.approx(4.5)  # half a step, over nine rows


def test_a_soft_disc_has_the_width_of_its_edge_and_the_length_of_its_outline():
    place = torch.arange(129, dtype=torch.float64) - 64
    alpha = ((40 - torch.hypot(place, place[:, None])) / 8 + 0.5).clamp(0, 1)[..., None]
    edge = edge_of(alpha)
    assert edge.width == pytest.approx(8, rel=0.05)
    assert edge.length == pytest.approx(2 * math.pi * 40, rel=0.02)

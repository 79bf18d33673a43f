import math

import pytest
import torch

from pipelines.metrics.plain_background import subject_iou, subject_of


def square_on_a_slope():
    """A red square before a grey background with a soft gradient."""
    rgb = torch.linspace(0.45, 0.55, 40)[None, None, :, None].expand(2, 20, 40, 3).clone()
    rgb[:, 5:15, 10:20] = torch.tensor([0.9, 0.1, 0.1])
    return rgb


def test_the_square_is_found_and_the_gradient_is_not():
    found = subject_of(square_on_a_slope())
    expected = torch.zeros(2, 20, 40, 1, dtype=torch.bool)
    expected[:, 5:15, 10:20] = True
    assert torch.equal(found, expected)


def test_an_alpha_half_a_square_aside_overlaps_by_a_third():
    alpha = torch.zeros(2, 20, 40, 1)
    alpha[:, 5:15, 15:25] = 1
    assert subject_iou(square_on_a_slope(), alpha) == pytest.approx(1 / 3)


def test_each_frame_has_its_own_background():
    rgb = torch.stack((torch.zeros(9, 9, 3), torch.ones(9, 9, 3)))
    assert not subject_of(rgb).any()
    assert math.isnan(subject_iou(rgb, torch.zeros(2, 9, 9, 1)))

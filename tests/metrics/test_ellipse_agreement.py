import math

import cv2
import numpy as np
import pytest
import torch

from pipelines.ellipse.drawing import Drawing, Ellipse, Keyframe
from pipelines.metrics.ellipse_agreement import agreement, drawn_inside, iou, shift_strength


def drawing(*keyframes):
    return Drawing((Ellipse("e", "", keyframes),))


MOVING = drawing(
    Keyframe(frame=0, cx=0.25, cy=0.5, rx=0.15, ry=0.2), Keyframe(frame=8, cx=0.75, cy=0.5, rx=0.15, ry=0.2)
)


def test_the_inside_has_the_ellipses_area():
    inside = drawn_inside(drawing(Keyframe(frame=0, cx=0.5, cy=0.4, rx=0.3, ry=0.2, angle=30)), 2, 200, 200)
    assert inside.shape == (2, 200, 200, 1)
    assert inside[0].sum().item() == pytest.approx(math.pi * 60 * 40, rel=0.005)


def test_the_inside_is_opencvs_filled_ellipse_but_for_its_rim():
    key = Keyframe(frame=0, cx=0.4, cy=0.55, rx=0.25, ry=0.1, angle=-35)
    inside = drawn_inside(drawing(key), 1, 240, 240)[0, ..., 0]
    painted = np.zeros((240, 240), np.uint8)
    cv2.ellipse(painted, ((0.4 * 240 - 0.5, 0.55 * 240 - 0.5), (0.5 * 240, 0.2 * 240), -35), 1, -1)
    assert iou(inside, torch.from_numpy(painted).bool()) > 0.97


def test_an_ellipse_without_weight_covers_nothing():
    assert not drawn_inside(drawing(Keyframe(frame=0, cx=0.5, cy=0.5, rx=0.5, ry=0.5, weight=0)), 1, 8, 8).any()


def test_several_ellipses_cover_together():
    left = Keyframe(frame=0, cx=0.25, cy=0.5, rx=0.1, ry=0.1)
    right = Keyframe(frame=0, cx=0.75, cy=0.5, rx=0.1, ry=0.1)
    both = Drawing((Ellipse("l", "", (left,)), Ellipse("r", "", (right,))))
    one, other = (drawn_inside(drawing(key), 3, 40, 40) for key in (left, right))
    assert torch.equal(drawn_inside(both, 3, 40, 40), one | other)


def test_alpha_that_is_the_ellipse_agrees_wholly():
    inside = drawn_inside(MOVING, 9, 32, 48)
    found = agreement(inside.float(), inside)
    assert (found.inside, found.outside, found.iou) == (1, 0, 1)
    assert found.ratio == math.inf and found.following == pytest.approx(1, abs=1e-5)


def test_an_even_alpha_has_a_ratio_of_one_and_does_not_follow():
    inside = drawn_inside(MOVING, 9, 32, 48)
    found = agreement(torch.full((9, 32, 48, 1), 0.4), inside)
    assert found.ratio == pytest.approx(1) and found.following == pytest.approx(0, abs=1e-5)


def test_alpha_that_moves_half_as_far_follows_by_a_half():
    there = drawing(
        Keyframe(frame=0, cx=0.25, cy=0.5, rx=0.1, ry=0.1), Keyframe(frame=8, cx=0.5, cy=0.5, rx=0.1, ry=0.1)
    )
    alpha = drawn_inside(there, 9, 200, 200).double()
    assert agreement(alpha, drawn_inside(MOVING, 9, 200, 200)).following == pytest.approx(0.5, abs=0.01)


def test_alpha_that_moves_the_other_way_follows_backwards():
    inside = drawn_inside(MOVING, 9, 32, 48)
    assert agreement(inside.flip(0).double(), inside).following == pytest.approx(-1, abs=1e-9)


def test_frames_without_alpha_do_not_count_in_following():
    inside = drawn_inside(MOVING, 9, 32, 48)
    alpha = inside.double()
    alpha[4] = 0
    assert agreement(alpha, inside).following == pytest.approx(1)


def test_an_ellipse_that_rests_is_followed_by_nobody():
    inside = drawn_inside(drawing(Keyframe(frame=0, cx=0.5, cy=0.5, rx=0.2, ry=0.2)), 3, 32, 32)
    assert math.isnan(agreement(inside.float(), inside).following)
    assert math.isnan(agreement(torch.zeros(3, 32, 32, 1), inside).following)
    assert math.isnan(agreement(torch.zeros(3, 32, 32, 1), inside).ratio)


def test_the_strength_of_the_real_models_shift_is_23():
    assert shift_strength(0.05, round(21 * 60 * 104 / 10)) == pytest.approx(23, abs=0.2)


def test_the_strength_is_how_far_the_mean_of_shifted_noise_lies_off():
    noise = torch.randn(400, 16, 50, generator=torch.Generator().manual_seed(0)) + 0.1
    standard_error = 1 / math.sqrt(16 * 50)
    assert noise.mean().item() / standard_error == pytest.approx(shift_strength(0.1, 50), abs=0.2)


def test_alpha_on_another_grid_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        agreement(torch.zeros(3, 4, 6, 1), torch.zeros(9, 32, 48, 1, dtype=torch.bool))

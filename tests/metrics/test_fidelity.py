import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from pipelines.alpha.render import COLORS, soft_render
from pipelines.metrics.fidelity import mean_squared_error, psnr, rgba_ssim, seen, ssim


def clip(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def ssim_by_scipy(x, y):
    """One channel of one frame; a radius of 5 is where scipy cuts a Gaussian of sigma 1.5 at 3.5 sigmas."""

    def blur(z):
        return gaussian_filter(z, 1.5, truncate=3.5)[5:-5, 5:-5]

    mean_x, mean_y = blur(x), blur(y)
    of_x, of_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    of_both = blur(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + 1e-4) * (2 * of_both + 9e-4)
    return (above / ((mean_x**2 + mean_y**2 + 1e-4) * (of_x + of_y + 9e-4))).mean()


def test_a_tenth_off_everywhere_is_20_db():
    true = clip(2, 5, 7, 3) * 0.5
    assert psnr(true, true + 0.1) == pytest.approx(20)


def test_equal_clips_have_infinite_psnr_and_an_ssim_of_one():
    true = clip(2, 12, 13, 3)
    assert psnr(true, true.clone()) == math.inf
    assert ssim(true, true.clone()) == pytest.approx(1)


def test_psnr_is_of_the_whole_clip_and_not_a_mean_over_frames():
    true = torch.zeros(2, 5, 7, 1)
    made = torch.cat((torch.full((1, 5, 7, 1), 0.2), torch.zeros(1, 5, 7, 1)))
    assert psnr(true, made) == pytest.approx(-10 * math.log10(0.02))


def test_only_marked_pixels_count():
    true, made = torch.zeros(2, 3, 5, 7, 3), torch.zeros(2, 3, 5, 7, 3)
    made[:, :, 0, 0] = 0.5
    made[:, :, 4, 6] = 1.0
    where = torch.zeros(3, 5, 7, 1, dtype=torch.bool)
    where[:, 0, 0] = True
    assert mean_squared_error(true, made, where) == pytest.approx(0.25)
    assert math.isnan(psnr(true, made, torch.zeros_like(where)))


def test_ssim_is_scipys():
    true, made = clip(2, 17, 23, 3), clip(2, 17, 23, 3, seed=1)
    made = 0.7 * true + 0.3 * made
    pairs = [(true[t, ..., c].numpy(), made[t, ..., c].numpy()) for t in range(2) for c in range(3)]
    assert ssim(true, made) == pytest.approx(np.mean([ssim_by_scipy(*pair) for pair in pairs]), abs=1e-12)


def test_ssim_of_two_plain_greys_by_hand():
    dark, light = torch.full((1, 11, 11, 1), 0.2), torch.full((1, 11, 11, 1), 0.6)
    assert ssim(dark, light) == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), abs=1e-5)


def test_black_and_white_walls_stand_for_all_eight():
    true, made = clip(2, 12, 13, 4), clip(2, 12, 13, 4, seed=1)

    def over_all(rgba):
        return torch.stack([soft_render(rgba[..., :3], rgba[..., 3:], color) for color in COLORS.values()])

    assert psnr(seen(true), seen(made)) == pytest.approx(psnr(over_all(true), over_all(made)), abs=1e-10)
    assert ssim(seen(true), seen(made)) == pytest.approx(ssim(over_all(true), over_all(made)), abs=1e-10)


def test_colour_that_cannot_be_seen_does_not_count():
    true = clip(1, 12, 13, 4)
    true[..., 3] = (true[..., 3] > 0.5).double()
    made = true.clone()
    made[..., :3][true[..., 3] == 0] = 0.123
    assert rgba_ssim(true, made) == pytest.approx(1)
    assert psnr(seen(true), seen(made)) == math.inf
    assert rgba_ssim(true, torch.cat((made[..., :3], 1 - true[..., 3:]), -1)) < 0.5


def test_float32_agrees_with_float64():
    true, made = clip(2, 32, 33, 3), clip(2, 32, 33, 3, seed=1)
    assert ssim(true.float(), made.float()) == pytest.approx(ssim(true, made), abs=1e-5)
    assert psnr(true.float(), made.float()) == pytest.approx(psnr(true, made), abs=1e-4)


def test_inputs_stay_as_they_were():
    true, made = clip(1, 12, 12, 4), clip(1, 12, 12, 4, seed=1)
    before = true.clone(), made.clone()
    rgba_ssim(true, made), psnr(seen(true), seen(made))
    assert torch.equal(true, before[0]) and torch.equal(made, before[1])


def test_clips_of_two_sizes_are_refused():
    for measure in (psnr, ssim):
        with pytest.raises(ValueError, match=r"one size.*\(2, 12, 12, 3\) and \(2, 12, 13, 3\)"):
            measure(torch.zeros(2, 12, 12, 3), torch.zeros(2, 12, 13, 3))


def test_frames_smaller_than_ssims_window_are_refused():
    with pytest.raises(ValueError, match="at least 11 x 11, got 7 x 12"):
        ssim(torch.zeros(1, 12, 7, 3), torch.zeros(1, 12, 7, 3))

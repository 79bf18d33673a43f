import math

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve
from scipy.stats import norm

from pipelines.metrics.matting import dtssd, gradient_error, mae, mse, sad


def alpha(seed, *shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradient_error_by_scipy(true, made):
    """From the normal density and its derivative, sampled out to 4 pixels."""
    x = np.arange(-4, 5)
    bell = norm.pdf(x, scale=1.4)
    kernel = np.outer(bell, -x * bell / 1.4**2)
    kernel /= np.linalg.norm(kernel)

    def length(frame):
        return np.hypot(convolve(frame, kernel, mode="nearest"), convolve(frame, kernel.T, mode="nearest"))

    return np.mean([((length(a) - length(b)) ** 2).sum() for a, b in zip(true, made)]) / 1000


def test_a_quarter_off_everywhere_by_hand():
    true = torch.full((3, 5, 7, 1), 0.5)
    assert mae(true, true - 0.25) == pytest.approx(0.25)
    assert mse(true, true - 0.25) == pytest.approx(0.0625)
    assert sad(true, true - 0.25) == pytest.approx(0.25 * 35 / 1000)
    assert dtssd(true, true - 0.25) == 0
    assert gradient_error(true, true - 0.25) == pytest.approx(0, abs=1e-9)


def test_sad_is_of_a_frame_however_long_the_clip():
    true, made = alpha(0, 1, 5, 7, 1), alpha(1, 1, 5, 7, 1)
    assert sad(true.expand(4, -1, -1, -1), made.expand(4, -1, -1, -1)) == pytest.approx(sad(true, made))


def test_the_gradient_error_is_scipys():
    true, made = alpha(0, 2, 15, 18, 1), alpha(1, 2, 15, 18, 1)
    expected = gradient_error_by_scipy(true[..., 0].numpy(), made[..., 0].numpy())
    assert gradient_error(true, made) == pytest.approx(expected, rel=1e-12)


def test_the_gradient_of_an_edge_is_as_long_in_every_direction():
    plane = torch.zeros(1, 21, 21, 1)
    plane[:, :, 10:] = 1
    nothing = torch.zeros_like(plane)
    assert gradient_error(nothing, plane) == pytest.approx(gradient_error(nothing, plane.transpose(1, 2)), rel=1e-6)
    assert gradient_error(nothing, plane) > 0.1


def test_dtssd_of_an_alpha_that_blinks_by_hand():
    true, made = torch.zeros(4, 5, 7, 1), torch.zeros(4, 5, 7, 1)
    made[1::2] = 0.3
    assert dtssd(true, made) == pytest.approx(0.3)


def test_dtssd_is_numpys():
    true, made = alpha(0, 4, 5, 7, 1), alpha(1, 4, 5, 7, 1)
    changes = np.diff(true.numpy(), axis=0) - np.diff(made.numpy(), axis=0)
    expected = np.sqrt((changes**2).reshape(3, -1).mean(1)).mean()
    assert dtssd(true, made) == pytest.approx(expected, rel=1e-12)


def test_a_single_frame_has_no_dtssd():
    assert math.isnan(dtssd(torch.zeros(1, 5, 7, 1), torch.ones(1, 5, 7, 1)))


@pytest.mark.parametrize("measure", [mae, sad, mse, gradient_error, dtssd])
def test_clips_of_two_lengths_are_refused(measure):
    with pytest.raises(ValueError, match="one size"):
        measure(torch.zeros(2, 5, 7, 1), torch.zeros(3, 5, 7, 1))

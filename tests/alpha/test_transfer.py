import math

import numpy as np
import pytest
import torch

from pipelines.alpha.transfer import linear_from_srgb, srgb_from_linear


def test_half_of_the_light_is_three_quarters_of_the_display_value():
    light = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    shown = torch.tensor([0.0, 0.7353569830524495, 1.0], dtype=torch.float64)
    torch.testing.assert_close(srgb_from_linear(light), shown, atol=1e-12, rtol=0)
    torch.testing.assert_close(linear_from_srgb(shown), light, atol=1e-12, rtol=0)


def test_dark_values_are_on_the_straight_part():
    assert linear_from_srgb(torch.tensor(0.04, dtype=torch.float64)).item() == pytest.approx(0.04 / 12.92, abs=1e-15)


@pytest.mark.parametrize(("dtype", "apart"), [(torch.float64, 1e-15), (torch.float32, 4e-7)])
def test_light_is_the_printed_formula_up_to_the_joint_and_beyond(dtype, apart):
    joint = torch.tensor(0.04045, dtype=dtype)
    beside = [joint.nextafter(torch.tensor(to, dtype=dtype)) for to in (0.0, 1.0)]
    values = torch.cat((torch.linspace(0, 1, 100001, dtype=dtype), torch.stack([joint, *beside])))
    shown = values.double().numpy()
    printed = np.where(values <= joint, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    assert np.abs(linear_from_srgb(values).double().numpy() - printed).max() < apart


def test_what_is_not_finite_stays_so():
    found = linear_from_srgb(torch.tensor([math.inf, -math.inf, math.nan]))
    assert found[0] == math.inf and found[1] == -math.inf and found[2].isnan()


def test_light_rises_as_steeply_as_the_formula_says():
    display = torch.tensor([0.01, 0.02, 0.5, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    linear_from_srgb(display).sum().backward()
    steep = [2.4 / 1.055 * ((each + 0.055) / 1.055) ** 1.4 for each in (0.5, 1.0, 2.0)]
    assert display.grad.tolist() == pytest.approx([1 / 12.92, 1 / 12.92, *steep])


@pytest.mark.parametrize("curve", [linear_from_srgb, srgb_from_linear])
def test_black_has_a_gradient(curve):
    black = torch.zeros(3, requires_grad=True)
    curve(black).sum().backward()
    assert black.grad.isfinite().all()


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-7), (torch.float32, 5e-7)])
def test_the_two_are_inverse_also_below_0_and_above_1(dtype, atol):
    values = torch.linspace(-1.5, 4, 10001, dtype=dtype)
    torch.testing.assert_close(srgb_from_linear(linear_from_srgb(values)), values, atol=atol, rtol=atol)
    torch.testing.assert_close(linear_from_srgb(srgb_from_linear(values)), values, atol=atol, rtol=atol)
    assert linear_from_srgb(values).dtype == dtype


def test_the_curve_rises_everywhere():
    values = torch.linspace(0, 1, 100001, dtype=torch.float64)
    assert (linear_from_srgb(values).diff() > 0).all()
    assert (srgb_from_linear(values).diff() > 0).all()

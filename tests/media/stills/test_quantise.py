from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch

from pipelines.media.stills.quantise import quantise


def test_rounding_by_hand():
    # 0.5 * 255 = 127.5 and half a step rounds up; 0.1 * 255 = 25.5 exactly in no binary float: 0.1f is above it
    values = torch.tensor([[[0.0, 1.0, 0.5, 0.25]]])
    assert quantise(values, 8, 0).tolist() == [[[0, 255, 128, 64]]]
    assert quantise(values, 16, 0).tolist() == [[[0, 65535, 32768, 16384]]]


@pytest.mark.parametrize("bits", [8, 16])
def test_every_stored_number_comes_back(bits):
    stored = torch.arange(2**bits)
    assert np.array_equal(quantise((stored / (2**bits - 1)).float(), bits, 0), stored.numpy())


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_rounding_equals_rational_arithmetic(bits, dtype):
    peak = 2**bits - 1
    halves = (torch.arange(min(peak, 300), dtype=torch.float64) + 0.5) / peak
    near = torch.cat((torch.nextafter(halves.float(), torch.tensor(0.0)), halves.float(), torch.rand(300)))
    values = near.to(dtype)
    by_hand = [floor(Fraction(value) * peak + Fraction(1, 2)) for value in values.double().tolist()]
    assert quantise(values, bits, 0).tolist() == by_hand


def test_values_outside_0_to_1_become_0_or_1():
    assert quantise(torch.tensor([-0.25, 1.5, -0.0, 300.0]), 8, 0).tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused_by_frame(bad):
    picture = torch.zeros(5, 7, 4)
    picture[2, 3, 1] = bad
    with pytest.raises(ValueError, match=r"Frame 1007: .* 1 of 140 are NaN or infinite"):
        quantise(picture, 8, 1007)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_picture_is_not_modified(dtype):
    picture = torch.rand(5, 7, 4, dtype=dtype)
    before = picture.clone()
    quantise(picture, 16, 0)
    assert torch.equal(picture, before)

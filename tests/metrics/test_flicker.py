import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from pipelines.metrics.flicker import flicker


def test_a_still_does_not_flicker():
    assert flicker(torch.rand(1, 5, 7, 3).expand(4, -1, -1, -1)) == 1


def test_black_and_white_in_turn_flicker_as_much_as_can_be():
    clip = torch.zeros(4, 5, 7, 3)
    clip[1::2] = 1
    assert flicker(clip) == 0


def test_it_is_vbenchs_formula_on_frames_of_eight_bits():
    clip = torch.rand(5, 6, 7, 3, generator=torch.Generator().manual_seed(0))
    frames = [(frame.numpy() * 255).round().astype(np.float32) for frame in clip]
    changes = [cv2.absdiff(one, other).mean() for one, other in pairwise(frames)]
    assert flicker(clip) == pytest.approx((255 - np.mean(changes)) / 255, abs=1e-6)


def test_what_eight_bits_cannot_say_does_not_flicker():
    clip = torch.zeros(2, 5, 7, 3)
    clip[1] = 0.4 / 255
    assert flicker(clip) == 1
    clip[1] = 0.6 / 255
    assert flicker(clip) == pytest.approx(254 / 255)


def test_a_single_frame_has_none():
    assert math.isnan(flicker(torch.zeros(1, 5, 7, 3)))

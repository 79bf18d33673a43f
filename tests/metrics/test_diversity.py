import math

import pytest
import torch
from scipy.spatial.distance import pdist

from pipelines.metrics.diversity import diversity, thumbnail


def test_copies_are_not_diverse():
    clip = torch.rand(5, 16, 24, 4)
    assert diversity(torch.stack([thumbnail(clip)] * 3)) == 0


def test_opaque_black_and_opaque_white_by_hand():
    black, white = torch.zeros(4, 16, 16, 4), torch.ones(4, 16, 16, 4)
    black[..., 3] = 1
    assert diversity(torch.stack((thumbnail(black), thumbnail(white)))) == pytest.approx(math.sqrt(3 / 4))


def test_it_is_the_mean_of_scipys_pair_distances():
    several = torch.rand(5, 30, dtype=torch.float64)
    assert diversity(several) == pytest.approx(pdist(several.numpy()).mean() / math.sqrt(30))


def test_hidden_colour_does_not_make_diverse():
    red, blue = torch.zeros(4, 16, 16, 4), torch.zeros(4, 16, 16, 4)
    red[..., 0], blue[..., 2] = 1, 1
    assert diversity(torch.stack((thumbnail(red), thumbnail(blue)))) == 0


def test_clips_of_any_size_have_thumbnails_of_one():
    assert thumbnail(torch.rand(5, 16, 24, 4)).shape == thumbnail(torch.rand(17, 33, 70, 4)).shape == (4 * 4 * 16 * 16,)


def test_one_clip_has_no_diversity():
    assert math.isnan(diversity(torch.rand(1, 30)))

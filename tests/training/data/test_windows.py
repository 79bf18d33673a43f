import pytest
import torch

from pipelines.training.data.buckets import AREA, EndlessOrder, bucket
from pipelines.training.data.windows import cut_window, resized, slide_window, to_and_fro


def ramp(height, width):
    """A still whose channels are its rows and columns."""
    rows = torch.arange(height, dtype=torch.float32)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=torch.float32)[None].expand(height, width)
    return torch.stack([rows / height, columns / width], dim=-1)[None]


@pytest.mark.parametrize("seed", range(8))
def test_a_window_slides_evenly_within_the_still(seed):
    clip = slide_window(ramp(64, 96), 9, 32, 40, torch.Generator().manual_seed(seed))
    assert clip.shape == (9, 32, 40, 2)
    places = clip.mean((1, 2))
    steps = places.diff(dim=0)
    assert (steps - steps.mean(0)).abs().max() <= 1.01 / 32
    assert clip.min() >= 0 and clip.max() <= 1


def test_windows_move_in_every_direction():
    moves = [
        slide_window(ramp(64, 96), 9, 16, 16, torch.Generator().manual_seed(seed)).mean((1, 2)).diff(dim=0).mean(0)
        for seed in range(20)
    ]
    signs = {tuple((move > 0).tolist()) for move in moves}
    assert len(signs) == 4


def test_a_short_clip_turns_round_at_both_ends():
    assert to_and_fro(3, 0, 8) == [0, 1, 2, 1, 0, 1, 2, 1]
    assert to_and_fro(5, 2, 5) == [2, 3, 4, 3, 2]
    assert to_and_fro(1, 0, 3) == [0, 0, 0]


def test_a_window_has_its_size_whatever_the_footage():
    for height, width in ((5, 200), (300, 7), (32, 40)):
        clip = cut_window(torch.rand(3, height, width, 4), 32, 40, torch.Generator().manual_seed(0))
        assert clip.shape == (3, 32, 40, 4)


def test_resizing_keeps_a_flat_picture_flat():
    assert torch.allclose(resized(torch.full((1, 7, 9, 4), 0.3), 30, 4), torch.tensor(0.3))


@pytest.mark.parametrize(
    ("size", "expected"), [((1080, 1920), (480, 832)), ((1920, 1080), (832, 480)), ((500, 500), (624, 640))]
)
def test_a_clip_comes_to_the_reference_s_bucket_of_its_aspect(size, expected):
    assert bucket(*size) == expected
    assert expected[0] * expected[1] == AREA


def test_an_area_without_factors_is_refused():
    with pytest.raises(ValueError, match="no width and height that are multiples of 16"):
        bucket(100, 100, 16 * 16 * 7)


def test_every_clip_comes_once_in_an_epoch_and_neighbours_have_one_size():
    sizes = ["wide", "tall", "wide", "tall", "wide", "wide"]
    order = EndlessOrder(sizes, group=2, seed=1)
    first, second = ([order[number] for number in range(start, start + 6)] for start in (0, 6))
    assert sorted(first) == sorted(second) == list(range(6))
    assert first != second
    assert all(sizes[first[k]] == sizes[first[k + 1]] for k in (0, 2, 4))
    assert [EndlessOrder(sizes, 2, 1)[number] for number in range(6, 12)] == second


def test_a_size_that_does_not_fill_its_group_begins_again():
    order = EndlessOrder(["wide", "wide", "tall"], group=2, seed=0)
    groups = sorted([order[k], order[k + 1]] for k in (0, 2))
    assert [2, 2] in groups

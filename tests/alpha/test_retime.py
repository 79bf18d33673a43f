from fractions import Fraction

import pytest
import torch

from pipelines.alpha.retime import METHODS, mix, retimed, retimed_length

NTSC = Fraction(24000, 1001)


def clip(frames: int) -> torch.Tensor:
    """Frame k has k in its red channel and is opaque."""
    made = torch.ones(frames, 2, 3, 4, dtype=torch.float64)
    made[..., 0] = torch.arange(frames).double()[:, None, None]
    return made


@pytest.mark.parametrize(
    ("count", "before", "after", "length"),
    [
        (81, 16, 24, 122),
        (81, 16, 16, 81),
        (81, 24, 12, 41),
        (1, 16, 1, 1),
        (48, Fraction(24), NTSC, 48),
        (4, 1, 30, 120),
    ],
)
def test_the_duration_stays(count, before, after, length):
    assert retimed_length(count, Fraction(before), Fraction(after)) == length


@pytest.mark.parametrize("method", METHODS)
def test_the_same_rate_is_the_same_clip(method):
    frames = torch.rand(5, 2, 3, 4)
    assert torch.equal(torch.stack(list(retimed(frames, NTSC, NTSC, method))), frames)


def test_held_frames_of_16_to_24_by_hand():
    held = [frame[0, 0, 0].item() for frame in retimed(clip(4), Fraction(16), Fraction(24))]
    assert held == [0, 0, 1, 2, 2, 3]


def test_blended_frames_of_12_to_24_are_half_way_and_the_last_one_stays():
    blended = [frame[0, 0, 0].item() for frame in retimed(clip(3), Fraction(12), Fraction(24), "blend")]
    assert blended == [0, 0.5, 1, 1.5, 2, 2]


def test_half_of_opaque_red_and_half_of_empty_green_is_half_of_red():
    red, green = torch.tensor([[[1.0, 0, 0, 1]]]), torch.tensor([[[0, 1.0, 0, 0]]])
    assert mix(red, green, 0.5)[0, 0].tolist() == [1, 0, 0, 0.5]


def test_hidden_colours_mix_where_both_are_empty():
    red, green = torch.tensor([[[1.0, 0, 0, 0]]]), torch.tensor([[[0, 1.0, 0, 0]]])
    assert mix(red, green, 0.25)[0, 0].tolist() == [0.75, 0.25, 0, 0]

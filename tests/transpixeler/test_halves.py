import pytest
import torch

from pipelines.transpixeler.halves import KEEP, join, keep_mask, same_noise, split


def video(frames: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 4, frames, 5, 7, generator=torch.Generator().manual_seed(seed))


def test_splitting_undoes_joining():
    rgb, alpha = video(seed=1), video(seed=2)
    both = join(rgb, alpha)
    assert both.shape == (2, 4, 6, 5, 7)
    assert torch.equal(split(both)[0], rgb)
    assert torch.equal(split(both)[1], alpha)


def test_the_rgb_frames_come_first():
    both = join(torch.zeros(1, 1, 2, 1, 1), torch.ones(1, 1, 2, 1, 1))
    assert both.flatten().tolist() == [0, 0, 1, 1]


def test_the_same_noise_stands_in_both_halves_and_is_that_of_the_first():
    noise = video(6)
    before = noise.clone()
    rgb, alpha = split(same_noise(noise))
    assert torch.equal(rgb, alpha)
    assert torch.equal(rgb, noise[:, :, :3])
    assert torch.equal(noise, before)


@pytest.mark.parametrize(("keep", "expected"), [("none", [1, 1, 1, 1]), ("rgb", [0, 0, 1, 1]), ("alpha", [1, 1, 0, 0])])
def test_a_kept_half_is_zero_in_the_mask(keep, expected):
    mask = keep_mask(torch.full((2, 4, 2, 5, 7), float("nan")), keep)
    assert mask.shape == (2, 1, 4, 5, 7)
    assert torch.equal(mask, torch.tensor(expected).float().reshape(1, 1, 4, 1, 1).expand_as(mask))


def test_dtypes_stay():
    half = video().to(torch.bfloat16)
    assert join(half, half).dtype == keep_mask(half, KEEP[1]).dtype == torch.bfloat16


@pytest.mark.parametrize("frames", [1, 3, 13])
def test_an_odd_number_of_frames_is_refused(frames):
    for halve in (split, same_noise):
        with pytest.raises(ValueError, match=rf"as many alpha frames as RGB frames, got \(2, 4, {frames}, 5, 7\)"):
            halve(video(frames))


def test_a_picture_is_refused():
    with pytest.raises(ValueError, match=r"got \(2, 4, 6, 7\); make it from a latent of one domain"):
        split(torch.zeros(2, 4, 6, 7))
    with pytest.raises(ValueError, match=r"rgb and alpha want video latents"):
        join(torch.zeros(2, 4, 6, 7), torch.zeros(2, 4, 6, 7))


@pytest.mark.parametrize("shape", [(1, 4, 3, 5, 7), (2, 3, 3, 5, 7), (2, 4, 2, 5, 7), (2, 4, 3, 5, 6)])
def test_halves_of_two_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"rgb and alpha want video latents .* of one shape, got \(2, 4, 3, 5, 7\)"):
        join(video(), torch.zeros(shape))


def test_an_unknown_half_is_refused():
    with pytest.raises(ValueError, match=r"keep is one of none, rgb, alpha, got 'both'"):
        keep_mask(video(), "both")

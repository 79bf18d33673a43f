from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from pipelines.latent_grid.pooling import to_latent_grid

GAUSS = load_file(Path(__file__).parents[1] / "data" / "wan_alpha" / "gauss_mask_dev.safetensors")


def test_pooling_matches_the_reference_exactly():
    for case in ("centred_blob", "rotated_moving", "semi_irregular"):
        opaque = (GAUSS[f"{case}/alpha_u8"] > 25.5).float()
        t = (len(opaque) + 3) // 4
        assert torch.equal(to_latent_grid(opaque, t, 12, 20), GAUSS[f"{case}/script/compressed"])


def test_the_first_frame_stands_alone_and_then_fours_are_averaged():
    frames = torch.arange(9).double()[:, None, None].expand(9, 16, 24)
    assert to_latent_grid(frames, 3, 2, 3)[:, 0, 0].tolist() == [0, 2.5, 6.5]


def test_pooling_keeps_the_mean_of_a_still_subject():
    frame = torch.rand(1, 40, 56, dtype=torch.float64)
    torch.testing.assert_close(to_latent_grid(frame.expand(9, -1, -1), 3, 5, 7).mean(), frame.mean())


def test_a_subject_on_the_latent_grid_passes_through():
    latent = torch.rand(3, 5, 7)
    assert torch.equal(to_latent_grid(latent, 3, 5, 7), latent)


def test_a_latent_subject_of_another_size_is_resized_in_space_only():
    latent = torch.rand(3, 17, 31)
    resized = to_latent_grid(latent, 3, 5, 7)
    for frame, expected in zip(resized, latent, strict=True):
        assert torch.equal(frame, F.interpolate(expected[None, None], (5, 7), mode="bilinear")[0, 0])


def test_a_single_frame_is_a_pixel_frame_at_eight_times_the_size_and_a_latent_frame_otherwise():
    pixels = torch.zeros(1, 40, 56)
    pixels[:, ::8, ::8] = 1  # the top left pixel of each cell: seen by the mean, missed by bilinear sampling
    assert torch.equal(to_latent_grid(pixels, 1, 5, 7), torch.full((1, 5, 7), 1 / 64))
    assert not to_latent_grid(pixels[:, :, :48], 1, 5, 6).eq(0).all()
    assert not to_latent_grid(pixels, 1, 5, 6).eq(1 / 64).any()


def test_rounding_comes_before_resizing_and_after_pooling():
    latent, pixels = torch.rand(3, 17, 31), torch.rand(9, 40, 56)
    rounded = to_latent_grid(latent, 3, 5, 7, rounding=torch.bfloat16)
    assert rounded.dtype == torch.bfloat16
    assert torch.equal(rounded, to_latent_grid(latent.bfloat16(), 3, 5, 7))
    pooled = to_latent_grid(pixels, 3, 5, 7, rounding=torch.bfloat16)
    assert torch.equal(pooled, to_latent_grid(pixels, 3, 5, 7).bfloat16())


@pytest.mark.parametrize(
    ("shape", "came"),
    [
        ((1, 5, 7), "1 frame of 7 x 5"),
        ((1, 40, 56), "1 frame of 56 x 40"),
        ((9, 40, 48), "9 frames of 48 x 40"),
        ((9, 5, 7), "9 frames of 7 x 5"),
        ((4, 5, 7), "4 frames of 7 x 5"),
        ((3, 0, 7), "3 frames of 7 x 0"),
        ((5, 7), r"a shape of \(5, 7\)"),
        ((1, 3, 5, 7), r"a shape of \(1, 3, 5, 7\)"),
    ],
)
def test_anything_on_neither_grid_is_refused_with_both_grids_named(shape, came):
    both = r"9 frames of 56 x 40 \(width x height, pixel grid\) or 3 frames of any size \(latent grid 7 x 5\)"
    with pytest.raises(ValueError, match=f"must have {both}, got {came}; make it"):
        to_latent_grid(torch.zeros(shape), 3, 5, 7)

"""The fill of what is invisible, against what the official implementation computed with OpenCV."""

import pytest
import torch

from pipelines.layerdiffuse.padding import pad, pyramid

CASES = ("noise", "disc", "sparse", "empty", "opaque", "strip", "small", "wide")


@pytest.fixture(scope="module")
def goldens(golden):
    return golden("padding")


@pytest.mark.parametrize("case", CASES)
def test_padding_matches_the_reference(goldens, case):
    rgb, alpha = (goldens[f"{case}.rgba_u8"].float() / 255).split((3, 1), dim=-1)
    assert (pad(rgb, alpha) - goldens[f"{case}.padded_rgb"]).abs().max() < 1e-5


def test_the_pyramid_matches_the_reference(goldens):
    rgb, alpha = (goldens["disc.rgba_u8"].float() / 255).split((3, 1), dim=-1)
    levels = pyramid(torch.cat([rgb * alpha, alpha], dim=-1).movedim(-1, 0))
    for name, level in (("level1", levels[1]), ("top", levels[-1])):
        wanted = torch.cat([goldens[f"disc.{name}_premultiplied"], goldens[f"disc.{name}_alpha"]], dim=-1)
        assert (level.movedim(0, -1) - wanted).abs().max() < 1e-5


def test_opaque_pixels_keep_their_colour():
    rgb, alpha = torch.rand(9, 14, 3), (torch.rand(9, 14, 1) > 0.5).float()
    assert pad(rgb, alpha)[alpha[..., 0] == 1].equal(rgb[alpha[..., 0] == 1])


def test_one_visible_colour_fills_the_whole_picture():
    alpha = torch.zeros(20, 30, 1, dtype=torch.float64)
    alpha[4:9, 21:26] = 1
    color = torch.tensor([0.2, 0.7, 0.4], dtype=torch.float64)
    assert pad(color * alpha, alpha).allclose(color.expand(20, 30, 3), atol=1e-12)

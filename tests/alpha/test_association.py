import torch

from pipelines.alpha.association import premultiply, unpremultiply


def test_straight_colour_survives_the_round_trip_where_alpha_is_above_zero():
    generator = torch.Generator().manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        rgb = torch.rand(3, 5, 7, 3, generator=generator, dtype=dtype)
        alpha = torch.rand(3, 5, 7, 1, generator=generator, dtype=dtype).clamp(min=1 / 65535)
        eps = torch.finfo(dtype).eps
        torch.testing.assert_close(unpremultiply(premultiply(rgb, alpha), alpha), rgb, atol=0, rtol=eps)


def test_colour_under_zero_alpha_becomes_zero():
    rgb, alpha = torch.ones(5, 7, 3), torch.zeros(5, 7, 1)
    assert torch.equal(unpremultiply(rgb, alpha), torch.zeros(5, 7, 3))


def test_premultiplying_by_half_halves_the_colour():
    assert torch.equal(premultiply(torch.full((1, 1, 3), 0.5), torch.full((1, 1, 1), 0.5)), torch.full((1, 1, 3), 0.25))


def test_inputs_are_left_alone():
    rgb, alpha = torch.rand(5, 7, 3), torch.rand(5, 7, 1).round()
    rgb_before, alpha_before = rgb.clone(), alpha.clone()
    premultiply(rgb, alpha)
    unpremultiply(rgb, alpha)
    assert torch.equal(rgb, rgb_before) and torch.equal(alpha, alpha_before)

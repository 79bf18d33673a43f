import torch

from pipelines.alpha.association import looks_premultiplied, premultiply, unpremultiply


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


def test_light_that_covers_nothing_stays_only_when_it_is_kept():
    rgb, alpha = torch.rand(5, 7, 3), torch.tensor([0, 0.25, 1, 0, 0.5, 0, 1])[:, None].expand(5, 7, 1)
    kept = unpremultiply(rgb, alpha, keep_hidden=True)
    assert torch.equal(kept[alpha[..., 0] == 0], rgb[alpha[..., 0] == 0])
    assert torch.equal(torch.where(alpha > 0, kept, 0), unpremultiply(rgb, alpha))


def test_premultiplying_by_half_halves_the_colour():
    assert torch.equal(premultiply(torch.full((1, 1, 3), 0.5), torch.full((1, 1, 1), 0.5)), torch.full((1, 1, 3), 0.25))


def test_inputs_are_left_alone():
    rgb, alpha = torch.rand(5, 7, 3), torch.rand(5, 7, 1).round()
    rgb_before, alpha_before = rgb.clone(), alpha.clone()
    premultiply(rgb, alpha)
    unpremultiply(rgb, alpha)
    assert torch.equal(rgb, rgb_before) and torch.equal(alpha, alpha_before)


def soft_disc(size: int = 64) -> torch.Tensor:
    """Alpha (size, size, 1): a disc with an edge of ten pixels."""
    place = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return ((size / 3 - torch.hypot(place, place[:, None])) / 10 + 0.5).clamp(0, 1)[..., None]


def test_a_premultiplied_disc_looks_so_and_a_straight_one_does_not():
    alpha = soft_disc()
    rgb = torch.tensor([0.9, 0.5, 0.1], dtype=torch.float64).expand(64, 64, 3)
    assert looks_premultiplied(premultiply(rgb, alpha), alpha)
    assert looks_premultiplied((premultiply(rgb, alpha) * 255).round() / 255, (alpha * 255).round() / 255)
    assert not looks_premultiplied(rgb, alpha)


def test_black_opaque_and_nearly_hard_pictures_tell_nothing():
    alpha = soft_disc()
    assert not looks_premultiplied(torch.zeros(64, 64, 3), alpha)
    assert not looks_premultiplied(torch.rand(64, 64, 3), torch.ones(64, 64, 1))
    few = alpha.round()
    few[0, :10] = 0.5
    assert not looks_premultiplied(torch.full((64, 64, 3), 0.1), few)

import torch

from pipelines.alpha.over import over
from pipelines.alpha.render import soft_render


def picture(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A random picture with fully empty and fully opaque pixels in it."""
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.rand(5, 7, 3, generator=generator, dtype=torch.float64)
    alpha = (torch.rand(5, 7, 1, generator=generator, dtype=torch.float64) * 2 - 0.5).clamp(0, 1)
    return rgb * (alpha > 0), alpha


def assert_same(one: tuple[torch.Tensor, torch.Tensor], other: tuple[torch.Tensor, torch.Tensor]) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, atol=1e-14, rtol=0)


def test_over_is_associative():
    a, b, c = picture(1), picture(2), picture(3)
    assert_same(over(*over(*a, *b), *c), over(*a, *over(*b, *c)))


def test_an_opaque_front_hides_the_back():
    front, back = picture(1), picture(2)
    opaque = torch.ones_like(front[1])
    assert_same(over(front[0], opaque, *back), (front[0], opaque))


def test_an_empty_picture_is_the_identity_on_both_sides():
    some = picture(1)
    empty = (torch.rand(5, 7, 3, dtype=torch.float64), torch.zeros(5, 7, 1, dtype=torch.float64))
    assert_same(over(*some, *empty), some)
    assert_same(over(*empty, *some), some)


def test_over_an_opaque_wall_is_the_soft_render():
    rgb, alpha = picture(1)
    wall = torch.tensor([0.2, 0.4, 0.6], dtype=torch.float64).expand(5, 7, 3)
    assert_same(over(rgb, alpha, wall, torch.ones_like(alpha)), (soft_render(rgb, alpha, wall), torch.ones_like(alpha)))


def test_over_half_red_on_opaque_blue_is_purple():
    red, blue = torch.tensor([[[1.0, 0, 0]]]), torch.tensor([[[0, 0, 1.0]]])
    rgb, alpha = over(red, torch.tensor([[[0.5]]]), blue, torch.tensor([[[1.0]]]))
    assert rgb.flatten().tolist() == [0.5, 0, 0.5] and alpha.item() == 1


def test_over_half_red_on_half_blue_is_two_parts_red_to_one_part_blue():
    red, blue = torch.tensor([[[1.0, 0, 0]]]).double(), torch.tensor([[[0, 0, 1.0]]]).double()
    half = torch.tensor([[[0.5]]]).double()
    rgb, alpha = over(red, half, blue, half)
    torch.testing.assert_close(rgb.flatten(), torch.tensor([2 / 3, 0, 1 / 3], dtype=torch.float64))
    assert alpha.item() == 0.75


def test_two_empty_pictures_give_black_and_empty():
    rgb, alpha = over(torch.ones(5, 7, 3), torch.zeros(5, 7, 1), torch.ones(5, 7, 3), torch.zeros(5, 7, 1))
    assert not rgb.any() and not alpha.any()


def test_one_frame_stands_behind_a_clip():
    rgb, alpha = over(torch.rand(4, 5, 7, 3), torch.rand(4, 5, 7, 1), torch.rand(5, 7, 3), torch.ones(5, 7, 1))
    assert rgb.shape == (4, 5, 7, 3) and alpha.shape == (4, 5, 7, 1)

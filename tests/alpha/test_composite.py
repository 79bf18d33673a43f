import pytest
import torch

from pipelines.alpha.composite import MODES, SPACES, composite
from pipelines.alpha.over import over

BOTH = [(space, mode) for space in SPACES for mode in MODES]


def picture(seed: int, height: int = 5, width: int = 7) -> torch.Tensor:
    """A random RGBA picture with fully empty and fully opaque pixels in it."""
    generator = torch.Generator().manual_seed(seed)
    rgba = torch.rand(height, width, 4, generator=generator, dtype=torch.float64)
    rgba[..., 3] = (rgba[..., 3] * 2 - 0.5).clamp(0, 1)
    return rgba


def opaque(seed: int, height: int = 5, width: int = 7) -> torch.Tensor:
    return torch.cat((picture(seed, height, width)[..., :3], torch.ones(height, width, 1).double()), -1)


def visible(rgba: torch.Tensor) -> torch.Tensor:
    return rgba * (rgba[..., 3:] > 0)


@pytest.mark.parametrize("space", SPACES)
def test_soft_composites_are_associative_in_display_values_and_in_light(space):
    a, b, c = picture(1), picture(2), picture(3)
    one = composite(composite(a, b, space=space), c, space=space)
    other = composite(a, composite(b, c, space=space), space=space)
    atol = 1e-13 if space == "display" else 1e-6  # the curve and its inverse are the printed ones
    torch.testing.assert_close(visible(one), visible(other), atol=atol, rtol=0)


def test_a_composite_in_display_values_is_over():
    front, back = picture(1), picture(2)
    rgb, alpha = over(front[..., :3], front[..., 3:], back[..., :3], back[..., 3:])
    torch.testing.assert_close(
        visible(composite(front, back)), visible(torch.cat((rgb, alpha), -1)), atol=1e-14, rtol=0
    )


@pytest.mark.parametrize(("space", "mode"), BOTH)
@pytest.mark.parametrize("back", [picture(2).float(), opaque(2).float(), opaque(2).float()[..., :3]])
def test_where_the_front_is_empty_or_opaque_the_bits_are_the_inputs(space, mode, back):
    front = picture(1).float()
    made = composite(front, back, space=space, mode=mode)
    empty, full = front[..., 3] == 0, front[..., 3] == 1
    assert empty.any() and full.any()
    assert torch.equal(made[empty][:, : back.shape[-1]], back[empty])
    assert torch.equal(made[full], front[full])


@pytest.mark.parametrize(("space", "mode"), BOTH)
def test_an_rgb_plate_is_an_opaque_rgba_plate(space, mode):
    plate = opaque(2)
    made = composite(picture(1), plate, space=space, mode=mode)
    assert torch.equal(composite(picture(1), plate[..., :3], space=space, mode=mode), made)
    assert made[..., 3].eq(1).all()


def test_half_white_on_black_is_half_the_value_or_half_the_light():
    front = torch.tensor([[[1.0, 1.0, 1.0, 0.5]]], dtype=torch.float64)
    back = torch.zeros(1, 1, 3, dtype=torch.float64)
    assert composite(front, back)[0, 0].tolist() == [0.5, 0.5, 0.5, 1]
    assert composite(front, back, space="linear")[0, 0, 0].item() == pytest.approx(0.7353569830524495, abs=1e-12)


def test_hard_shows_every_pixel_that_is_visible_at_all_whole():
    front = torch.tensor([[[0.2, 0.4, 0.6, 1 / 255], [0.2, 0.4, 0.6, 0.0]]])
    back = torch.full((1, 2, 4), 0.5)
    made = composite(front, back, mode="hard")
    assert torch.equal(made[0, 0], torch.tensor([0.2, 0.4, 0.6, 1.0]))
    assert torch.equal(made[0, 1], back[0, 1])


@pytest.mark.parametrize(("space", "mode"), BOTH)
@pytest.mark.parametrize(("x", "y"), [(0, 0), (2, 1), (-2, -1), (5, 4), (-6, 3), (7, 0), (0, -9), (-100, 100)])
def test_a_placed_front_is_the_front_in_an_empty_frame(x, y, space, mode):
    front, back = picture(1, 4, 6), picture(2, 5, 7)
    padded = torch.zeros(5, 7, 4, dtype=torch.float64)
    for row in range(4):
        for column in range(6):
            if 0 <= row + y < 5 and 0 <= column + x < 7:
                padded[row + y, column + x] = front[row, column]
    torch.testing.assert_close(
        composite(front, back, x, y, space, mode), composite(padded, back, 0, 0, space, mode), atol=1e-15, rtol=0
    )


def test_a_front_larger_than_the_back_is_cut():
    front = picture(1, 9, 11)
    torch.testing.assert_close(composite(front, picture(2), -2, -3), composite(front[3:8, 2:9], picture(2)))


def test_inputs_are_left_alone_and_the_result_is_written_where_it_is_wanted():
    front, back, out = picture(1), opaque(2), torch.full((5, 7, 4), 9.0, dtype=torch.float64)
    before = front.clone(), back.clone()
    assert composite(front, back, 1, 1, out=out) is out
    assert torch.equal(out, composite(front, back, 1, 1))
    assert torch.equal(front, before[0]) and torch.equal(back, before[1])

import torch

from pipelines.alpha.render import soft_render
from pipelines.alpha.unmatte import estimated_plate, unmatte


def ramp() -> torch.Tensor:
    """Alpha (24, 40, 1) from 0 over every 8-bit level to 1."""
    x = torch.linspace(-0.3, 1.3, 40, dtype=torch.float64).clamp(0, 1)
    return ((x * 255).round() / 255).expand(24, 40)[..., None]


def picture(seed: int) -> torch.Tensor:
    return torch.rand(24, 40, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_unmatte_undoes_the_composite_wherever_alpha_is_above_zero():
    front, plate, alpha = picture(1), picture(2), ramp()
    seen = soft_render(front, alpha, plate)
    made = unmatte(seen, alpha, plate)
    shown = (alpha > 0)[..., 0]
    torch.testing.assert_close(made[shown], front[shown], atol=1e-13, rtol=0)
    assert torch.equal(made[~shown], seen[~shown])


def test_opaque_pixels_keep_their_bits_and_a_strength_of_0_all_of_them():
    front, plate, alpha = picture(1).float(), picture(2).float(), ramp().float()
    full = (alpha == 1)[..., 0]
    assert torch.equal(unmatte(front, alpha, plate)[full], front[full])
    assert torch.equal(unmatte(front, alpha, plate, strength=0.0), front)


def test_half_the_strength_goes_half_of_the_way():
    front, plate, alpha = picture(1), picture(2), ramp()
    middle = (front + unmatte(front, alpha, plate)) / 2
    torch.testing.assert_close(unmatte(front, alpha, plate, 0.5), middle, atol=1e-15, rtol=0)


def test_colour_never_leaves_its_range_however_small_alpha_is():
    alpha = torch.full((24, 40, 1), 1 / 65535, dtype=torch.float64)
    made = unmatte(picture(1), alpha, picture(2))
    assert made.min() >= 0 and made.max() <= 1


def test_a_smooth_backdrop_is_found_behind_the_subject_and_taken_out():
    y, x = torch.meshgrid(torch.linspace(0, 1, 48).double(), torch.linspace(0, 1, 64).double(), indexing="ij")
    plate = torch.stack((0.3 + 0.2 * x, 0.5 + 0.1 * y, 0.4 - 0.2 * x * y), -1)
    alpha = ((0.22 - torch.hypot(x - 0.5, y - 0.5)) / 0.1 + 0.5).clamp(0, 1)[..., None]
    front = torch.tensor([0.9, 0.1, 0.2], dtype=torch.float64).expand(48, 64, 3)
    seen = soft_render(front, alpha, plate)
    found = estimated_plate(seen, alpha)
    assert found is not None
    empty = (alpha == 0)[..., 0]
    assert torch.equal(found[empty], plate[empty])
    assert (found - plate).abs().max() < 0.03
    edge = ((alpha > 0.1) & (alpha < 1))[..., 0]
    before, after = (((each - front)[edge]).abs().max().item() for each in (seen, unmatte(seen, alpha, found)))
    assert before > 0.3 and after < 0.08


def test_a_frame_that_is_all_subject_shows_no_backdrop():
    assert estimated_plate(picture(1), torch.full((24, 40, 1), 0.5)) is None

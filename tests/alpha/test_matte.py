import math

import pytest
import torch

from pipelines.alpha.matte import Repair, choked, despeckled, feathered, grown, holes_filled, levels, repaired


def disc(radius: float, soft: float = 1.0, size: int = 65) -> torch.Tensor:
    place = torch.arange(size, dtype=torch.float64) - size // 2
    return ((radius - torch.hypot(place, place[:, None])) / soft + 0.5).clamp(0, 1)[..., None].float()


def noise(seed: int = 0) -> torch.Tensor:
    return torch.rand(33, 47, 1, generator=torch.Generator().manual_seed(seed))


def test_a_repair_of_nothing_keeps_every_bit():
    assert torch.equal(repaired(noise(), Repair()), noise())


def test_black_and_white_point_give_exact_ends_and_a_line_between():
    alpha = torch.tensor([0.0, 0.01, 0.02, 0.26, 0.5, 0.98, 0.99, 1.0])[:, None, None]
    made = levels(alpha, 0.02, 0.98, 1.0).flatten()
    assert made[:3].eq(0).all() and made[5:].eq(1).all()
    torch.testing.assert_close(made[3:5], torch.tensor([0.25, 0.5]))


def test_gamma_2_is_a_square_root():
    torch.testing.assert_close(levels(torch.tensor([[[0.25]]]), 0, 1, 2.0), torch.tensor([[[0.5]]]))


@pytest.mark.parametrize("radius", [1, 3, 5, 40])
def test_grow_and_choke_are_the_extremes_over_a_disc(radius):
    alpha = noise(radius)
    reach = [
        (dy, dx)
        for dy in range(-radius, radius + 1)
        for dx in range(-radius, radius + 1)
        if dy * dy + dx * dx <= radius * radius
    ]
    most, least = grown(alpha, radius), choked(alpha, radius)
    for y, x in ((0, 0), (5, 7), (16, 23), (32, 46), (31, 1)):
        near = [alpha[y + dy, x + dx].item() for dy, dx in reach if 0 <= y + dy < 33 and 0 <= x + dx < 47]
        assert most[y, x].item() == max(near) and least[y, x].item() == min(near)


def test_choke_and_grow_move_the_edge_of_a_disc_by_the_radius():
    for made, radius in ((grown(disc(20), 4), 24), (choked(disc(20), 4), 16)):
        assert made.sum().item() == pytest.approx(math.pi * radius**2, rel=0.03)
        assert {made[0, 0].item(), made[32, 32].item()} == {0.0, 1.0}


def test_choke_does_not_eat_from_the_border_of_the_frame():
    assert choked(torch.ones(9, 11, 1), 3).eq(1).all()


def test_feather_is_a_gaussian_that_leaves_exact_0_and_1_where_all_around_is():
    step = torch.zeros(9, 101, 1)
    step[:, 51:] = 1
    made = feathered(step, 3.0)
    assert made[:, :39].eq(0).all() and made[:, 63:].eq(1).all()
    x = torch.arange(101).double() - 50.5
    wanted = (0.5 * (1 + torch.erf(x / (3.0 * math.sqrt(2))))).float()
    torch.testing.assert_close(made[4, :, 0], wanted, atol=1.5e-3, rtol=0)
    assert feathered(torch.ones(5, 7, 1), 2.3).eq(1).all()


def test_a_small_hole_with_a_soft_rim_becomes_opaque_and_a_large_one_stays():
    subject = disc(28)
    with_hole = torch.minimum(subject, 1 - disc(3, soft=2))
    assert torch.equal(holes_filled(with_hole, 60), subject)
    ring = torch.minimum(subject, 1 - disc(10, soft=2))
    assert torch.equal(holes_filled(ring, 60), ring)


def test_a_hole_in_glass_is_filled_to_the_level_below_the_glass():
    glass = torch.full((33, 47, 1), 0.6)
    glass[10:13, 20:23] = 0.1
    filled = holes_filled(glass, 9)
    assert filled[10:13, 20:23].eq(0.5).all()
    filled[10:13, 20:23] = 0.1
    assert torch.equal(filled, glass)


def test_a_speck_goes_and_a_thin_diagonal_line_stays():
    subject = disc(20)
    for k in range(8):
        subject[k, k] = 1
    specked = subject.clone()
    specked[2, 40], specked[3, 40], specked[60, 3] = 0.9, 0.4, 1.0
    assert torch.equal(despeckled(specked, 6), subject)


def test_despeckle_is_hole_filling_turned_over_but_for_the_corners():
    holed = torch.ones(33, 47, 1)
    holed[4:6, 5:9], holed[20, 30] = 0.25, 0.0
    torch.testing.assert_close(1 - despeckled(1 - holed, 8), holes_filled(holed, 8))
    assert holes_filled(holed, 8).eq(1).all()


def test_everything_keeps_an_empty_and_an_opaque_frame_and_stays_in_range():
    repair = Repair(0.02, 0.98, 1.2, despeckle=9, fill_holes=9, choke=2, grow=3, feather=1.5)
    assert repaired(torch.zeros(33, 47, 1), repair).eq(0).all()
    assert repaired(torch.ones(33, 47, 1), repair).eq(1).all()
    made = repaired(noise(), repair)
    assert made.min() >= 0 and made.max() <= 1 and made.dtype == torch.float32


def test_points_that_cross_and_a_gamma_of_zero_are_refused():
    with pytest.raises(ValueError, match=r"white wants to be above black, got black 0.5 and white 0.5"):
        Repair(black=0.5, white=0.5)
    with pytest.raises(ValueError, match="gamma wants to be above 0, got 0"):
        Repair(gamma=0)

import math

import pytest
import torch
from scipy.ndimage import binary_fill_holes

from pipelines.metrics.holes import hole_rate, reached_from_border


def drawn(*rows):
    return torch.tensor([[float(c == "#") for c in row] for row in rows])[None, ..., None]


def test_one_hole_in_a_block_of_nine():
    assert hole_rate(drawn(".....", ".###.", ".#.#.", ".###.", ".....")) == pytest.approx(1 / 9)


def test_an_open_bay_is_no_hole():
    assert hole_rate(drawn(".....", ".###.", ".#...", ".###.", ".....")) == 0


def test_a_diagonal_step_is_no_way_out():
    assert hole_rate(drawn("####", "#.##", "##..", "####")) == pytest.approx(1 / 14)


def test_a_hole_is_one_of_its_own_frame():
    whole, ring = drawn("###", "###", "###"), drawn("###", "#.#", "###")
    assert hole_rate(torch.cat((whole, ring))) == pytest.approx(1 / 18)


def test_a_way_out_is_found_round_every_corner():
    spiral = drawn(
        "###########",
        "#.........#",
        "#.#######.#",
        "#.#.....#.#",
        "#.#.###.#.#",
        "#.#.#...#.#",
        "#.#.#####.#",
        "#.#.......#",
        "#.#########",
        "#..........",
        "###########",
    )
    assert hole_rate(spiral) == 0
    spiral[0, 9, 10] = 1
    assert hole_rate(spiral) > 0.3


def test_the_reach_of_the_border_is_what_scipy_does_not_fill():
    empty = torch.rand(20, 23, 31, generator=torch.Generator().manual_seed(0)) > 0.45
    reached = reached_from_border(empty)
    for open_here, found in zip(empty, reached):
        filled = torch.from_numpy(binary_fill_holes(~open_here.numpy()))
        assert torch.equal(found, ~filled)
    assert (empty & ~reached).any()


def test_half_opaque_is_still_empty():
    ring = drawn("###", "#.#", "###")
    ring[0, 1, 1] = 0.5
    assert hole_rate(ring) == pytest.approx(1 / 9)
    ring[0, 1, 1] = 0.51
    assert hole_rate(ring) == 0


def test_no_subject_has_no_rate():
    assert math.isnan(hole_rate(torch.zeros(2, 5, 7, 1)))

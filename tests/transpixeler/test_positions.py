from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipelines.transpixeler.positions import cogvideox_rotary, shared

DATA = Path(__file__).parents[1] / "data" / "transpixeler"
GOLDEN = load_file(DATA / "cogvideox_rope_dev.safetensors")
CLIPS = {"480x720x13": (13, 30, 45), "320x480x5": (5, 20, 30), "480x480x3": (3, 30, 30), "64x96x3": (3, 4, 6)}


@pytest.mark.parametrize("part", ["cos", "sin"])
@pytest.mark.parametrize("clip", CLIPS)
def test_the_rotary_table_is_the_official_one(clip, part):
    grid = CLIPS[clip]
    got = dict(zip(("cos", "sin"), cogvideox_rotary(*grid)))[part].reshape(*grid, 64)
    for name, axis in (("time", 0), ("height", 1), ("width", 2)):
        first, last = {"time": (0, 16), "height": (16, 40), "width": (40, 64)}[name]
        expected = GOLDEN[f"{clip}.{name}_{part}"]
        shape = [-1 if place == axis else 1 for place in range(3)]
        whole = expected.reshape(*shape, last - first).expand(*grid, -1)
        torch.testing.assert_close(got[..., first:last], whole, rtol=0, atol=5e-7)


def test_the_whole_table_of_the_tiny_clip_is_the_official_one():
    forward = load_file(DATA / "cogvideox_forward_dev.safetensors")
    for got, part in zip(cogvideox_rotary(3, 4, 6), ("cos", "sin")):
        torch.testing.assert_close(got, forward[f"in.rope_{part}"], rtol=0, atol=5e-7)


@pytest.mark.parametrize(("h", "w"), [(30, 45), (45, 30), (30, 30), (8, 60), (60, 8), (1, 1)])
def test_every_table_stays_on_the_grid_that_was_trained(h, w):
    """The lowest frequency is 1: its angle is the position itself, as long as that is small."""
    cos, sin = (table.reshape(2, h, w, 64).double() for table in cogvideox_rotary(2, h, w))
    slowest = torch.atan2(sin[..., 38], cos[..., 38]) * 10000 ** (22 / 24)
    assert slowest.min() >= -0.1 and slowest.max() < 30
    slowest = torch.atan2(sin[..., 62], cos[..., 62]) * 10000 ** (22 / 24)
    assert slowest.min() >= -0.1 and slowest.max() < 45


def test_turning_is_by_angles_sum_of_squares_is_one():
    cos, sin = cogvideox_rotary(3, 5, 7)
    torch.testing.assert_close(cos**2 + sin**2, torch.ones_like(cos))


@pytest.mark.parametrize("dim", [0, 1])
def test_alpha_has_the_positions_of_rgb(dim):
    table = torch.randn(4, 6)
    got = shared(table, dim)
    rgb, alpha = got.chunk(2, dim)
    assert got.shape == table.shape and torch.equal(rgb, alpha) and torch.equal(rgb, table.chunk(2, dim)[0])


def test_the_table_of_both_domains_begins_with_that_of_one():
    for both, one in zip(cogvideox_rotary(6, 4, 6), cogvideox_rotary(3, 4, 6)):
        assert torch.equal(shared(both)[: len(one)], one)

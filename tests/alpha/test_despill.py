import pytest
import torch

from pipelines.alpha.despill import KEYS, LIMITS, despill


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("key", KEYS)
def test_greys_and_colours_without_spill_keep_their_bits(key, limit):
    grey = torch.rand(5, 7, 1).expand(5, 7, 3)
    assert torch.equal(despill(grey, key, limit), grey)
    rgb = torch.rand(5, 7, 3)
    rgb[..., KEYS[key]] = 0
    assert torch.equal(despill(rgb, key, limit), rgb)


def test_half_green_on_red_by_hand():
    orange = torch.tensor([0.8, 0.6, 0.2])
    torch.testing.assert_close(despill(orange, "green", "average"), torch.tensor([0.8, 0.5, 0.2]))
    assert torch.equal(despill(orange, "green", "maximum"), orange)
    torch.testing.assert_close(despill(orange, "green", "average", 0.5), torch.tensor([0.8, 0.55, 0.2]))
    assert torch.equal(despill(orange, "green", "average", 0.0), orange)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("key", KEYS)
def test_the_screen_itself_turns_black_and_spill_never_comes_back(key, limit):
    screen = torch.zeros(3)
    screen[KEYS[key]] = 1
    assert not despill(screen, key, limit).any()
    once = despill(torch.rand(5, 7, 3), key, limit)
    torch.testing.assert_close(despill(once, key, limit), once)


def test_the_input_is_left_alone():
    rgb = torch.rand(5, 7, 3)
    before = rgb.clone()
    despill(rgb)
    assert torch.equal(rgb, before)

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipelines.alpha.render import COLORS, hard_render, soft_render

GOLDEN = load_file(Path(__file__).parents[1] / "data" / "wan_alpha" / "render_dev.safetensors")


def pixels(key: str) -> torch.Tensor:
    """The golden's [-1, 1] channels-first clip as 0..1, channels last."""
    return (GOLDEN[key].movedim(0, -1) + 1) / 2


def test_the_eight_colors_are_the_references_in_its_order():
    assert list(COLORS) == ["black", "blue", "green", "cyan", "red", "magenta", "yellow", "white"]
    torch.testing.assert_close(torch.tensor(list(COLORS.values())), (GOLDEN["colors"] + 1) / 2, atol=0, rtol=0)


@pytest.mark.parametrize("index", range(8))
def test_renders_match_the_reference_on_every_color(index):
    color = list(COLORS.values())[index]
    rgb, alpha = pixels("fgr"), pixels("alpha")
    torch.testing.assert_close(soft_render(rgb, alpha, color), pixels(f"soft/{index}"), atol=5e-7, rtol=0)
    torch.testing.assert_close(hard_render(rgb, alpha, color), pixels(f"hard/{index}"), atol=5e-7, rtol=0)


def test_opaque_shows_the_colour_and_empty_the_wall():
    rgb = torch.rand(2, 5, 7, 3, dtype=torch.float64)
    opaque, empty = torch.ones(2, 5, 7, 1).double(), torch.zeros(2, 5, 7, 1).double()
    for render in (soft_render, hard_render):
        assert torch.equal(render(rgb, opaque, COLORS["red"]), rgb)
        assert torch.equal(render(rgb, empty, COLORS["red"]), torch.tensor([1.0, 0, 0]).double().expand_as(rgb))


def test_soft_render_of_half_green_on_red_is_olive():
    green, half = torch.tensor([[[0.0, 1.0, 0.0]]]), torch.tensor([[[0.5]]])
    assert soft_render(green, half, COLORS["red"]).flatten().tolist() == [0.5, 0.5, 0.0]


def test_hard_render_counts_one_level_of_alpha_as_visible_unless_the_threshold_says_otherwise():
    green, faint = torch.tensor([[[0.0, 1.0, 0.0]]]), torch.tensor([[[1 / 255]]])
    assert hard_render(green, faint, COLORS["red"]).flatten().tolist() == [0, 1, 0]
    assert hard_render(green, faint, COLORS["red"], threshold=1.5 / 255).flatten().tolist() == [1, 0, 0]


def test_a_color_may_be_a_tensor_and_must_have_three_numbers():
    rgb, alpha = torch.rand(5, 7, 3), torch.rand(5, 7, 1)
    assert torch.equal(soft_render(rgb, alpha, torch.tensor([1.0, 0, 0])), soft_render(rgb, alpha, COLORS["red"]))
    with pytest.raises(ValueError, match="colour wants 3 numbers"):
        hard_render(rgb, alpha, [0.5, 0.5])

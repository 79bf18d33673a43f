from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipelines.alpha.association import premultiply
from pipelines.alpha.over import over
from pipelines.transpixeler.decoded import ALPHA_FROM, join_decoded

GOLDEN = load_file(Path(__file__).parents[1] / "data" / "transpixeler" / "postprocess_dev.safetensors")


def frames(alpha_from: str = "max") -> torch.Tensor:
    """The golden's halves as a decoder gives them, clamped as the host's VAE clamps them, and joined."""
    halves = (GOLDEN[f"in.decoded_{name}"].movedim(1, -1) for name in ("rgb", "alpha"))
    return join_decoded(*((half / 2 + 0.5).clamp(0, 1) for half in halves), alpha_from)


def test_alpha_is_the_references_bit_for_bit():
    assert torch.equal(frames()[..., 3], GOLDEN["out.alpha_max"])
    assert torch.equal(frames("mean")[..., 3], GOLDEN["out.alpha_mean"])


def test_the_colour_is_straight_and_the_references_once_it_is_premultiplied():
    rgb, alpha = frames().split([3, 1], dim=-1)
    assert torch.equal(rgb, GOLDEN["out.frames_rgb"])
    assert torch.equal(premultiply(rgb, alpha), GOLDEN["out.premultiplied_rgb"])


def test_the_8_bit_files_are_the_references_once_they_are_cut():
    rgb, alpha = frames().split([3, 1], dim=-1)
    assert torch.equal((premultiply(rgb, alpha) * 255).to(torch.uint8)[0], GOLDEN["out.premultiplied_u8"])
    assert torch.equal((alpha.expand_as(rgb) * 255).to(torch.uint8)[0], GOLDEN["out.alpha_u8"])


def test_over_a_background_it_is_the_references_composite():
    rgb, alpha = frames().split([3, 1], dim=-1)
    background = GOLDEN["in.background"]
    composite, _ = over(rgb, alpha, background, torch.ones_like(background[..., :1]))
    torch.testing.assert_close(composite, GOLDEN["out.composite"], rtol=0, atol=1e-6)


def test_max_mean_and_red_of_one_pixel():
    grey = torch.tensor([0.25, 1.0, 0.25]).expand(1, 2, 2, 3)
    values = {name: join_decoded(torch.zeros_like(grey), grey, name)[..., 3].unique().tolist() for name in ALPHA_FROM}
    assert values == {"max": [1.0], "mean": [0.5], "red": [0.25]}


@pytest.mark.parametrize(("rgb", "alpha"), [((2, 4, 4, 3), (3, 4, 4, 3)), ((2, 4, 4, 4), (2, 4, 4, 4))])
def test_clips_that_are_not_a_pair_are_refused(rgb, alpha):
    with pytest.raises(ValueError, match=r"expected two decoded clips \(..., H, W, 3\) of one size, got"):
        join_decoded(torch.zeros(rgb), torch.zeros(alpha))

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipelines.alpha.association import premultiply
from pipelines.alpha.decoded import ALPHA_FROM, join_decoded
from pipelines.alpha.over import over

DATA = Path(__file__).parents[1] / "data"
WAN = load_file(DATA / "wan_alpha" / "vae_decode_lora_dev.safetensors")
TRANSPIXELER = load_file(DATA / "transpixeler" / "postprocess_dev.safetensors")


def as_the_host_decodes(clip: Tensor) -> Tensor:
    """(3, T, H, W) in [-1, 1] as a decoder gives it to (T, H, W, 3) in [0, 1] as the host's VAE gives it."""
    return (clip.movedim(0, -1) + 1) / 2


def cut_to_8_bits(frames: Tensor) -> Tensor:
    return (frames * 255).to(torch.uint8)


def test_frames_match_wan_alphas_node():
    frames = join_decoded(as_the_host_decodes(WAN["rgb"]), as_the_host_decodes(WAN["alpha3"]), "mean")
    assert torch.equal(cut_to_8_bits(frames), WAN["comfy_node_frames_rgba_u8"])


def test_frames_match_wan_alphas_command_line_once_its_channels_are_cut():
    alpha = cut_to_8_bits(as_the_host_decodes(WAN["alpha3"])).float()
    frames = join_decoded(cut_to_8_bits(as_the_host_decodes(WAN["rgb"])).float(), alpha, "mean")
    assert torch.equal(frames.to(torch.uint8), WAN["frames_rgba_u8"])


def test_wan_alphas_two_references_differ_by_one_level_at_most():
    node, command_line = WAN["comfy_node_frames_rgba_u8"], WAN["frames_rgba_u8"]
    assert (node.int() - command_line.int()).unique().tolist() == [0, 1]


def test_colour_is_kept_and_alpha_is_the_mean_of_three_channels():
    rgb = torch.rand(2, 3, 4, 3, dtype=torch.float64)
    alpha = torch.tensor([0.2, 0.3, 0.7], dtype=torch.float64).expand(2, 3, 4, 3)
    frames = join_decoded(rgb, alpha, "mean")
    assert torch.equal(frames[..., :3], rgb)
    torch.testing.assert_close(frames[..., 3], torch.full((2, 3, 4), 0.4, dtype=torch.float64), rtol=0, atol=1e-15)


def test_opaque_and_empty_stay_exact():
    ones, zeros = torch.ones(1, 2, 2, 3), torch.zeros(1, 2, 2, 3)
    assert torch.equal(join_decoded(zeros, ones, "mean")[..., 3], torch.ones(1, 2, 2))
    assert torch.equal(join_decoded(ones, zeros, "mean")[..., 3], torch.zeros(1, 2, 2))


def transpixelers_frames(alpha_from: str = "max") -> torch.Tensor:
    """The golden's halves as a decoder gives them, clamped as the host's VAE clamps them, and joined."""
    halves = (TRANSPIXELER[f"in.decoded_{name}"].movedim(1, -1) for name in ("rgb", "alpha"))
    return join_decoded(*((half / 2 + 0.5).clamp(0, 1) for half in halves), alpha_from)


def test_alpha_is_transpixelers_bit_for_bit():
    assert torch.equal(transpixelers_frames()[..., 3], TRANSPIXELER["out.alpha_max"])
    assert torch.equal(transpixelers_frames("mean")[..., 3], TRANSPIXELER["out.alpha_mean"])


def test_the_colour_is_straight_and_transpixelers_once_it_is_premultiplied():
    rgb, alpha = transpixelers_frames().split([3, 1], dim=-1)
    assert torch.equal(rgb, TRANSPIXELER["out.frames_rgb"])
    assert torch.equal(premultiply(rgb, alpha), TRANSPIXELER["out.premultiplied_rgb"])


def test_the_8_bit_files_are_transpixelers_once_they_are_cut():
    rgb, alpha = transpixelers_frames().split([3, 1], dim=-1)
    assert torch.equal((premultiply(rgb, alpha) * 255).to(torch.uint8)[0], TRANSPIXELER["out.premultiplied_u8"])
    assert torch.equal((alpha.expand_as(rgb) * 255).to(torch.uint8)[0], TRANSPIXELER["out.alpha_u8"])


def test_over_a_background_it_is_transpixelers_composite():
    rgb, alpha = transpixelers_frames().split([3, 1], dim=-1)
    background = TRANSPIXELER["in.background"]
    composite, _ = over(rgb, alpha, background, torch.ones_like(background[..., :1]))
    torch.testing.assert_close(composite, TRANSPIXELER["out.composite"], rtol=0, atol=1e-6)


def test_max_mean_and_red_of_one_pixel():
    grey = torch.tensor([0.25, 1.0, 0.25]).expand(1, 2, 2, 3)
    values = {name: join_decoded(torch.zeros_like(grey), grey, name)[..., 3].unique().tolist() for name in ALPHA_FROM}
    assert values == {"max": [1.0], "mean": [0.5], "red": [0.25]}


@pytest.mark.parametrize(("rgb", "alpha"), [((2, 4, 4, 3), (3, 4, 4, 3)), ((2, 4, 4, 4), (2, 4, 4, 4))])
def test_clips_that_are_not_a_pair_are_refused(rgb, alpha):
    with pytest.raises(ValueError, match=r"expected two decoded clips \(..., H, W, 3\) of one size, got"):
        join_decoded(torch.zeros(rgb), torch.zeros(alpha), "max")

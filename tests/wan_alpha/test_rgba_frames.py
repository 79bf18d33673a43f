import pytest
import torch
from torch import Tensor

from pipelines.wan_alpha.rgba_frames import join_decoded


def decoded(clip: Tensor) -> Tensor:
    """(3, T, H, W) in [-1, 1] as a decoder gives it to (T, H, W, 3) in [0, 1] as the host's VAE gives it."""
    return (clip.movedim(0, -1) + 1) / 2


def cut_to_8_bits(frames: Tensor) -> Tensor:
    return (frames * 255).to(torch.uint8)


def test_frames_match_the_reference_node(decoder_goldens):
    frames = join_decoded(decoded(decoder_goldens["rgb"]), decoded(decoder_goldens["alpha3"]))
    assert torch.equal(cut_to_8_bits(frames), decoder_goldens["comfy_node_frames_rgba_u8"])


def test_frames_match_the_reference_command_line_once_its_channels_are_cut(decoder_goldens):
    alpha = cut_to_8_bits(decoded(decoder_goldens["alpha3"])).float()
    frames = join_decoded(cut_to_8_bits(decoded(decoder_goldens["rgb"])).float(), alpha)
    assert torch.equal(frames.to(torch.uint8), decoder_goldens["frames_rgba_u8"])


def test_the_two_references_differ_by_one_level_at_most(decoder_goldens):
    node, command_line = decoder_goldens["comfy_node_frames_rgba_u8"], decoder_goldens["frames_rgba_u8"]
    assert (node.int() - command_line.int()).unique().tolist() == [0, 1]


def test_colour_is_kept_and_alpha_is_the_mean_of_three_channels():
    rgb = torch.rand(2, 3, 4, 3, dtype=torch.float64)
    alpha = torch.tensor([0.2, 0.3, 0.7], dtype=torch.float64).expand(2, 3, 4, 3)
    frames = join_decoded(rgb, alpha)
    assert torch.equal(frames[..., :3], rgb)
    torch.testing.assert_close(frames[..., 3], torch.full((2, 3, 4), 0.4, dtype=torch.float64), rtol=0, atol=1e-15)


def test_opaque_and_empty_stay_exact():
    ones, zeros = torch.ones(1, 2, 2, 3), torch.zeros(1, 2, 2, 3)
    assert torch.equal(join_decoded(zeros, ones)[..., 3], torch.ones(1, 2, 2))
    assert torch.equal(join_decoded(ones, zeros)[..., 3], torch.zeros(1, 2, 2))


@pytest.mark.parametrize(("rgb", "alpha"), [((2, 4, 4, 3), (3, 4, 4, 3)), ((2, 4, 4, 4), (2, 4, 4, 4))])
def test_clips_that_are_not_a_pair_are_refused(rgb: tuple[int, ...], alpha: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"expected two decoded clips \(T, H, W, 3\) of one size, got"):
        join_decoded(torch.zeros(rgb), torch.zeros(alpha))

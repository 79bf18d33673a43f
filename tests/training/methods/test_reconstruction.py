import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from pipelines.alpha.render import COLORS
from pipelines.training.methods.reconstruction import edges, hard_rendered, reconstruction_losses

FILE = Path(__file__).parents[2] / "data" / "wan_alpha" / "vae_losses_tabd_dev.safetensors"
GOLDEN = load_file(FILE)
with safe_open(FILE, "pt") as opened:
    ABOUT = json.loads(opened.metadata()["golden"])
WALLS = [COLORS[name] for name in ABOUT["color_names"]]


def losses(hard, soft, perceptual=None):
    return reconstruction_losses(
        GOLDEN["recon_fgr"],
        GOLDEN["recon_alpha3"],
        GOLDEN["video_fgr"],
        GOLDEN["video_alpha"],
        WALLS[hard],
        WALLS[soft],
        perceptual,
    )


@pytest.mark.parametrize("color", range(8))
def test_l1_and_edges_over_every_wall_match_the_reference(color):
    found = losses(color, color)
    table = torch.stack([torch.stack([found[f"l1_{kind}"], found[f"edge_{kind}"]]) for kind in ("hard", "soft")])
    torch.testing.assert_close(table, GOLDEN["loss_table"][color], rtol=0, atol=1e-5)
    alpha = torch.stack([found["l1_alpha"], found["edge_alpha"]])
    torch.testing.assert_close(alpha, GOLDEN["alpha_losses"], rtol=0, atol=1e-5)


def test_the_sum_of_a_step_matches_the_reference():
    run = ABOUT["run0"]
    total = sum(losses(run["hard_color"], run["soft_color"]).values())
    assert float(total) == pytest.approx(run["losses"]["total_recon"] + run["losses"]["total_sobel"], abs=1e-5)


def test_a_perfect_reconstruction_costs_nothing():
    rgb, alpha = torch.rand(1, 3, 5, 5, 7) * 2 - 1, torch.rand(1, 1, 5, 5, 7) * 2 - 1
    terms = reconstruction_losses(rgb, alpha, rgb, alpha, WALLS[3], WALLS[5])
    assert all(term == 0 for term in terms.values())


def test_the_hard_render_gives_no_gradient_to_alpha():
    alpha = torch.zeros(1, 3, 1, 5, 7, requires_grad=True)
    hard_rendered(torch.rand(1, 3, 1, 5, 7, requires_grad=True), alpha, WALLS[1]).sum().backward()
    assert alpha.grad is None


def test_colour_where_alpha_is_zero_does_not_count():
    rgb = torch.rand(1, 3, 1, 5, 7)
    alpha = -torch.ones(1, 1, 1, 5, 7)
    terms = reconstruction_losses(rgb, alpha, -rgb, alpha, WALLS[1], WALLS[2])
    assert all(term == 0 for term in terms.values())


def test_each_clip_has_its_own_wall():
    rgb = torch.zeros(2, 3, 1, 5, 7)
    clear = -torch.ones(2, 1, 1, 5, 7)
    shown = hard_rendered(rgb, clear, torch.tensor([WALLS[1], WALLS[4]]))
    assert shown[0, :, 0, 0, 0].tolist() == [-1, -1, 1]
    assert shown[1, :, 0, 0, 0].tolist() == [1, -1, -1]


def test_a_vertical_step_is_two_columns_of_edge():
    frames = torch.zeros(1, 3, 7, 8, dtype=torch.float64)
    frames[..., 4:] = 1
    grey = (65.738 + 129.057 + 25.064) / 256
    row = edges(frames)[0, 3]
    assert row[3].item() == pytest.approx(grey, rel=1e-5)
    assert row[4].item() == pytest.approx(grey, rel=1e-5)
    assert row[1].item() == pytest.approx(1e-3)


def test_the_perceptual_term_sees_frames_of_the_three_renders():
    seen = []

    def perceptual(clip, true):
        seen.append((clip.shape, true.shape))
        return (clip - true).abs().amax()

    terms = losses(0, 0, perceptual)
    assert seen == [(torch.Size([18, 3, 32, 40]),) * 2] * 3
    assert terms["perceptual_alpha"] == (GOLDEN["recon_alpha3"] - GOLDEN["video_alpha"]).abs().amax()

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from pipelines.training.draws import Draws
from pipelines.training.methods.flow_levels import at_level, training_sigmas, training_weights
from pipelines.training.methods.tabd import FORMS, tabd_loss, tabd_mask, tabd_terms
from pipelines.wan_alpha.latent_stats import normalise

FILE = Path(__file__).parents[2] / "data" / "wan_alpha" / "vae_losses_tabd_dev.safetensors"
GOLDEN = load_file(FILE)
with safe_open(FILE, "pt") as opened:
    ABOUT = json.loads(opened.metadata()["golden"])


def test_the_levels_match_the_reference():
    torch.testing.assert_close(training_sigmas(), GOLDEN["train_sigmas"], rtol=0, atol=1e-6)
    torch.testing.assert_close(1000 * training_sigmas(), GOLDEN["train_timesteps"], rtol=1e-6, atol=0)
    torch.testing.assert_close(training_weights(training_sigmas()), GOLDEN["train_weights"], rtol=0, atol=1e-5)


def test_the_mask_matches_the_reference():
    assert torch.equal(tabd_mask(GOLDEN["video_alpha"]).to(torch.int8), GOLDEN["tabd_mask"])


@pytest.mark.parametrize("case", ["halves", "semi"])
def test_the_mask_matches_the_reference_on_hand_made_alpha(case):
    mask = tabd_mask(GOLDEN[f"maskcase/{case}/alpha"])
    assert torch.equal(mask[0].to(torch.int8), GOLDEN[f"maskcase/{case}/mask"])


def test_the_two_valued_mask_leaves_nothing_out():
    alpha = GOLDEN["video_alpha"]
    three, two = tabd_mask(alpha), tabd_mask(alpha, two_valued=True)
    assert torch.equal(two == 1, three == 1)
    assert torch.equal(two == -1, three != 1)
    assert (three == 0).any()


@pytest.mark.parametrize("run", [0, 1, 2])
def test_the_released_loss_matches_the_reference(run):
    about = ABOUT[f"run{run}"]
    latent = GOLDEN["merged_latents"] if run == 0 else GOLDEN[f"run{run}/merged_latents"]
    index = torch.tensor([about["timestep_index"]] * 2)
    noisy = at_level(latent, GOLDEN["noise"], training_sigmas()[index])
    torch.testing.assert_close(noisy, GOLDEN[f"run{run}/noisy_latents"], rtol=0, atol=1e-5)
    form = FORMS["released"]
    terms = tabd_terms(
        GOLDEN[f"run{run}/velocity_pred"],
        latent,
        GOLDEN["noise"],
        GOLDEN["tabd_mask"].float(),
        training_weights(training_sigmas())[index],
        form,
    )
    assert float(terms.mean()) == pytest.approx(about["tabd"]["clamped_mean"], abs=1e-5)
    assert float(form.weight * terms.mean()) == pytest.approx(about["losses"]["loss_t2v"], abs=1e-5)


def gradients(form, error):
    """d loss / d error on a pushed and a pulled entry whose squared errors are `error`."""
    velocity = torch.full((1, 1, 1, 1, 2), error**0.5, requires_grad=True)
    zero = torch.zeros(1, 1, 1, 1, 2)
    mask = torch.tensor([-1.0, 1.0]).reshape(1, 1, 1, 1, 2)
    tabd_terms(velocity, zero, zero, mask, torch.ones(1), FORMS[form]).sum().backward()
    assert velocity.grad is not None
    return velocity.grad.flatten().tolist()


def test_released_does_not_push():
    pushed, pulled = gradients("released", 0.25)
    assert pushed == 0
    assert pulled > 0


def test_paper_pushes_without_an_end():
    assert [gradients("paper", error)[0] < 0 for error in (0.25, 4, 100)] == [True] * 3


def test_bounded_pushes_until_the_margin():
    assert gradients("bounded", 0.25)[0] < 0
    assert gradients("bounded", 1.01)[0] == 0
    assert gradients("bounded", 1.01)[1] > 0


def test_bounded_is_never_below_zero():
    for first in range(0, 40, 2):
        draws = Draws(0, [first, first + 1])
        loss = tabd_loss(lambda x, t: x * 0, GOLDEN["merged_latents"], GOLDEN["video_alpha"], FORMS["bounded"], draws)
        assert loss >= 0


@pytest.mark.parametrize("form", FORMS)
def test_the_dit_is_shown_raw_latents_by_the_release_alone(form):
    seen = []

    def velocity(x, timestep):
        seen.append((x, timestep))
        return x * 0

    latent = GOLDEN["merged_latents"]
    tabd_loss(velocity, latent, GOLDEN["video_alpha"], FORMS[form], Draws(3, [0, 1]))
    (x, timestep), draws = seen[0], Draws(3, [0, 1])
    sigma = training_sigmas()[draws.choice(1000)]
    noise = draws.normal(*latent.shape[1:])
    assert torch.equal(timestep, 1000 * sigma)
    torch.testing.assert_close(x, at_level(latent if form == "released" else normalise(latent), noise, sigma))


def test_the_mask_refuses_frames_that_the_vae_drops():
    with pytest.raises(ValueError, match=r"a length of 4n \+ 1 frames, got 6"):
        tabd_mask(torch.zeros(1, 1, 6, 8, 8))

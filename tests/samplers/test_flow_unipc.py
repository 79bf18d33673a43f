import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from diffusers import UniPCMultistepScheduler
from safetensors.torch import load_file

from pipelines.latent_grid.pooling import to_latent_grid
from pipelines.samplers.flow_unipc import reference_sigmas, sample, timestep
from pipelines.samplers.mean_shift import shift_mean

GOLDEN = load_file(Path(__file__).parents[1] / "data" / "wan_alpha" / "mean_shift_sampler_dev.safetensors")
SUBJECTS = {"v2_same_unipc4": "same_res", "v2_other_unipc4": "other_res", "v2_same_unipc6": "same_res"}


def toy_velocity(x: torch.Tensor, t: int) -> torch.Tensor:
    """The goldens' stand-in for the 14B transformer."""
    channel = torch.linspace(-1, 1, 16).view(1, 16, 1, 1, 1)
    return x - 0.8 * torch.tanh(x) - 0.1 * channel + 0.2 * (t / 1000) * torch.sin(2 * x)


def initial_noise(run: str) -> torch.Tensor:
    noise = GOLDEN["noise"][None]
    if run not in SUBJECTS:
        return noise
    subject = to_latent_grid(GOLDEN[f"mask/{SUBJECTS[run]}"], 3, 12, 20, rounding=torch.bfloat16)
    return shift_mean(noise, subject, 0.05, torch.bfloat16)


@pytest.mark.parametrize(("run", "steps"), [("v1_unipc4", 4), *((run, int(run[-1])) for run in SUBJECTS)])
def test_the_sampler_matches_the_reference(run, steps):
    result = sample(toy_velocity, initial_noise(run), reference_sigmas(steps))[0]
    torch.testing.assert_close(result, GOLDEN[f"{run}/x0"], atol=2e-6, rtol=0)


@pytest.mark.parametrize("run", ["v1_unipc4", "v2_same_unipc4", "v2_other_unipc4"])
def test_the_model_is_shown_what_the_reference_shows_it(run):
    shown: list[torch.Tensor] = []

    def velocity(x: torch.Tensor, t: int) -> torch.Tensor:
        shown.append(x[0])
        return toy_velocity(x, t)

    sample(velocity, initial_noise(run), reference_sigmas(4))
    torch.testing.assert_close(torch.stack(shown), GOLDEN[f"{run}/model_inputs"], atol=3e-6, rtol=0)


@pytest.mark.parametrize("run", SUBJECTS)
def test_sigmas_and_timesteps_are_the_references_exactly(run):
    sigmas = reference_sigmas(int(run[-1]))
    assert torch.equal(sigmas, GOLDEN[f"{run}/sigmas"])
    assert [timestep(float(sigma)) for sigma in sigmas[:-1]] == GOLDEN[f"{run}/timesteps"].tolist()


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 12])
def test_the_sampler_matches_the_unipc_of_diffusers(steps):
    sigmas = reference_sigmas(steps)
    scheduler = UniPCMultistepScheduler(
        use_flow_sigmas=True, prediction_type="flow_prediction", solver_order=2, solver_type="bh2", flow_shift=5.0
    )
    scheduler.set_timesteps(steps)
    scheduler.sigmas = sigmas
    scheduler.timesteps = torch.tensor([timestep(float(sigma)) for sigma in sigmas[:-1]])
    theirs = noise = GOLDEN["noise"][None]
    for t in scheduler.timesteps:
        theirs = scheduler.step(toy_velocity(theirs, int(t)), t, theirs, return_dict=False)[0]
    torch.testing.assert_close(sample(toy_velocity, noise, sigmas), theirs, atol=5e-6, rtol=0)


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_model_that_knows_the_answer_is_followed_to_it(steps):
    answer = torch.randn(1, 2, 5, 7, dtype=torch.float64)
    sigmas = reference_sigmas(steps).double()
    levels = iter(sigmas.tolist())
    result = sample(lambda x, t: (x - answer) / next(levels), torch.randn_like(answer), sigmas)
    torch.testing.assert_close(result, answer, atol=1e-13, rtol=0)


def gaussian_error(steps: int, spread: float = 0.5) -> float:
    """Distance to the exact flow of Gaussian data, x proportional to sqrt((1 - sigma)^2 spread^2 + sigma^2)."""
    levels = [0.9 + (0.05 - 0.9) * k / steps for k in range(steps + 1)]
    asked = iter(levels)

    def velocity(x: torch.Tensor, t: int) -> torch.Tensor:
        sigma = next(asked)
        return (sigma - (1 - sigma) * spread**2) / ((1 - sigma) ** 2 * spread**2 + sigma**2) * x

    def size(sigma: float) -> float:
        return math.sqrt((1 - sigma) ** 2 * spread**2 + sigma**2)

    result = sample(velocity, torch.ones(1, dtype=torch.float64), levels).item()
    return abs(result - size(levels[-1]) / size(levels[0]))


def test_the_sampler_is_of_second_order():
    errors = [gaussian_error(steps) for steps in (256, 512, 1024)]
    assert all(coarse / fine > 3.5 for coarse, fine in pairwise(errors))


def test_a_single_step_is_the_first_prediction():
    noise = torch.randn(1, 16, 3, 5, 7)
    sigma = float(reference_sigmas(1)[0])
    assert torch.equal(sample(toy_velocity, noise, [sigma, 0.0]), noise - sigma * toy_velocity(noise, timestep(sigma)))


def test_a_schedule_may_start_at_one():
    noise = torch.randn(1, 16, 3, 5, 7, dtype=torch.float64)
    exact = sample(lambda x, t: toy_velocity(x, 0), noise, [1.0, 0.9375, 0.8333, 0.625, 0.0])
    nearly = sample(lambda x, t: toy_velocity(x, 0), noise, [1 - 1e-12, 0.9375, 0.8333, 0.625, 0.0])
    assert exact.isfinite().all()
    assert (exact - nearly).abs().max() < 1e-3  # log-SNR grows slowly, so 1e-12 below 1 is still 3e-5 off


def test_every_step_reports_what_it_did_and_can_interrupt():
    noise = torch.randn(1, 16, 3, 5, 7)
    seen: list[tuple[int, torch.Tensor, torch.Tensor]] = []
    result = sample(toy_velocity, noise, reference_sigmas(3), lambda *step: seen.append(step))
    assert [step for step, _, _ in seen] == [0, 1, 2]
    assert torch.equal(seen[-1][1], result) and torch.equal(seen[-1][2], result)

    class Stop(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stop

    with pytest.raises(Stop):
        sample(toy_velocity, noise, reference_sigmas(3), stop)


def test_the_noise_is_left_alone():
    noise = torch.randn(1, 16, 3, 5, 7)
    before = noise.clone()
    sample(toy_velocity, noise, reference_sigmas(4))
    assert torch.equal(noise, before)


@pytest.mark.parametrize("sigmas", [[], [0.5], [0.5, 0.5, 0.0], [0.2, 0.5], [14.6, 1.0, 0.0], [math.nan, 0.0]])
def test_sigmas_that_do_not_fall_from_one_to_zero_are_refused(sigmas):
    with pytest.raises(ValueError, match="two or more sigmas that fall within 1 to 0"):
        sample(toy_velocity, torch.zeros(1), sigmas)


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match=r"at least 1 step and a shift above 0, got 0 and 5\.0"):
        reference_sigmas(0)

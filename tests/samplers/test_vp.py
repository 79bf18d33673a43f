import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXDPMScheduler
from torch import Tensor

from pipelines.samplers.vp import (
    HIGHEST,
    ddim,
    dpm,
    dynamic_guidance,
    is_highest,
    reference_sigmas,
    reference_timesteps,
)

LOOP = json.loads(
    (Path(__file__).parents[1] / "data" / "transpixeler" / "cogvideox_loop_dev.json").read_text(encoding="utf-8")
)
COUNTS = [1, 2, 4, 5, 10, 50]
"""Those that divide 1000: elsewhere the reference's step does not end at its next timestep."""


def scheduler_of(kind: type, steps: int):
    scheduler = kind(**LOOP["scheduler"])
    scheduler.set_timesteps(steps)
    return scheduler


def noise(seed: int = 0) -> Tensor:
    return torch.randn(1, 3, 5, 7, generator=torch.Generator().manual_seed(seed))


def toy_velocity(x: Tensor, t: int) -> Tensor:
    return 0.8 * torch.tanh(x) - 0.3 + 0.4 * (t / 1000) * torch.sin(2 * x)


def asked_at(timesteps: list[int]):
    return lambda x, step: toy_velocity(x, timesteps[step])


@pytest.mark.parametrize("steps", [*COUNTS, 3, 25, 30, 64, 1000])
def test_the_timesteps_are_those_of_diffusers(steps):
    scheduler = scheduler_of(CogVideoXDDIMScheduler, steps)
    assert reference_timesteps(steps) == scheduler.timesteps.tolist()


@pytest.mark.parametrize("steps", COUNTS)
def test_the_noise_levels_are_those_of_diffusers(steps):
    scheduler = scheduler_of(CogVideoXDDIMScheduler, steps)
    signal = scheduler.alphas_cumprod[scheduler.timesteps].double()
    sigmas = reference_sigmas(steps).double()
    assert signal[0] == 0 and is_highest(float(sigmas[0])) and sigmas[-1] == 0
    torch.testing.assert_close(1 / (1 + sigmas[1:-1] ** 2), signal[1:], atol=2e-6, rtol=0)


def test_only_the_first_of_all_noise_levels_stands_for_infinity():
    sigmas = reference_sigmas(1000)
    assert [is_highest(float(sigma)) for sigma in sigmas] == [True] + [False] * 1000
    assert all(before > after for before, after in pairwise(sigmas.tolist()))
    assert float(sigmas[0]) == pytest.approx(HIGHEST) and float(sigmas[1]) == pytest.approx(2254, abs=0.5)


@pytest.mark.parametrize("steps", COUNTS)
def test_ddim_matches_the_scheduler_of_diffusers(steps):
    scheduler = scheduler_of(CogVideoXDDIMScheduler, steps)
    theirs = noise()
    for t in scheduler.timesteps:
        theirs = scheduler.step(toy_velocity(theirs, int(t)), int(t), theirs, return_dict=False)[0]
    ours = ddim(asked_at(scheduler.timesteps.tolist()), noise(), reference_sigmas(steps))
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=0)


@pytest.mark.parametrize("steps", COUNTS)
def test_dpm_matches_the_scheduler_of_diffusers(steps):
    """Which draws twice in every step but the first and the last, and takes the second draw."""
    scheduler = scheduler_of(CogVideoXDPMScheduler, steps)
    timesteps = scheduler.timesteps.tolist()
    theirs, earlier, generator = noise(), None, torch.Generator().manual_seed(1)
    for step, t in enumerate(timesteps):
        back = timesteps[step - 1] if step else None
        velocity = toy_velocity(theirs, t)
        theirs, earlier = scheduler.step(velocity, earlier, t, back, theirs, generator=generator, return_dict=False)
    generator = torch.Generator().manual_seed(1)
    draws = [torch.randn(1, 3, 5, 7, generator=generator) for _ in range(2 * steps)]
    counted = iter(draws[0::2])
    ours = dpm(asked_at(timesteps), noise(), reference_sigmas(steps), lambda: next(counted))
    torch.testing.assert_close(ours, theirs, atol=5e-5, rtol=0)


@pytest.mark.parametrize("sample", [ddim, lambda *args: dpm(*args, draw=lambda: torch.randn(5, 7).double())])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_model_that_knows_the_answer_is_followed_to_it(sample, steps):
    answer = torch.randn(5, 7, dtype=torch.float64)
    levels = [math.inf, *reference_sigmas(steps)[1:].tolist()]

    def velocity(x: Tensor, step: int) -> Tensor:
        keep = 1 / math.hypot(1, levels[step])
        return (keep * x - answer) / math.sqrt(1 - keep**2)

    result = sample(velocity, torch.randn_like(answer), reference_sigmas(steps))
    torch.testing.assert_close(result, answer, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("sigma", "following"), [(math.inf, 5.0), (8.0, 5.0), (5.0, 0.1)])
def test_a_dpm_step_leaves_as_much_noise_as_its_noise_level_has(sigma, following):
    """With x0 = 0 the old noise and the fresh one are left, independent: their variances add up to 1 - a."""
    sigmas = [HIGHEST if sigma == math.inf else sigma, following]
    keep = 1 / math.hypot(1, sigma)
    rest = math.sqrt(1 - keep**2)
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    of_old = dpm(lambda x, _: keep / rest * x, rest * one, sigmas, lambda: zero)
    of_fresh = dpm(lambda x, _: keep / rest * x, rest * zero, sigmas, lambda: one)
    assert float(of_old**2 + of_fresh**2) == pytest.approx(1 - 1 / (1 + following**2), rel=1e-12)


@pytest.mark.parametrize("middle", [1, 2, 4])
def test_two_halves_of_a_ddim_run_are_the_whole(middle):
    sigmas, timesteps = reference_sigmas(5), reference_timesteps(5)
    whole = ddim(asked_at(timesteps), noise(), sigmas)
    half = ddim(asked_at(timesteps), noise(), sigmas[: middle + 1])
    assert torch.equal(ddim(asked_at(timesteps[middle:]), half, sigmas[middle:]), whole)


def test_every_step_is_told_with_its_x0():
    told: list[tuple[int, Tensor, Tensor]] = []
    start = noise()
    result = ddim(asked_at([999, 499]), start, reference_sigmas(2), lambda *step: told.append(step))
    assert [step for step, _, _ in told] == [0, 1]
    assert torch.equal(told[0][2], -toy_velocity(start, 999)) and torch.equal(told[1][1], result)


def test_the_input_is_left_as_it_was():
    start = noise()
    ddim(asked_at([999, 499]), start, reference_sigmas(2))
    dpm(asked_at([999, 499]), start, reference_sigmas(2), noise)
    assert torch.equal(start, noise())


@pytest.mark.parametrize("run", ["dpm_additive", "dpm_blocked"])
def test_the_dynamic_guidance_is_the_references(run):
    told = LOOP["runs"][run]
    ours = [dynamic_guidance(LOOP["guidance_scale"], t, 4) for t in told["timesteps"]]
    assert ours == pytest.approx(told["guidance_per_step"], rel=1e-12)


@pytest.mark.parametrize("sigmas", [[1.0], [1.0, 1.0], [1.0, 2.0], [1.0, -0.5], []])
def test_levels_that_do_not_fall_are_refused(sigmas):
    with pytest.raises(ValueError, match="two or more sigmas that fall"):
        ddim(asked_at([999] * 3), noise(), sigmas)
    with pytest.raises(ValueError, match="two or more sigmas that fall"):
        dpm(asked_at([999] * 3), noise(), sigmas, noise)


@pytest.mark.parametrize("steps", [0, 1001])
def test_more_steps_than_timesteps_are_refused(steps):
    with pytest.raises(ValueError, match=f"1 to that, got {steps}"):
        reference_sigmas(steps)

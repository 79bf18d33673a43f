"""CogVideoX's own samplers: DDIM and DPM on the variance-preserving scale, and the guidance they were released with.

Layout   x and velocity of any one shape; noise levels (sigmas) as a falling sequence of N + 1 for N steps.
Range    x = sqrt(a) * x0 + sqrt(1 - a) * noise and velocity = sqrt(a) * noise - sqrt(1 - a) * x0, with a in [0, 1] and
         sigma = sqrt((1 - a) / a). Sigmas from HIGHEST on stand for infinity, where a is 0 and x is noise alone.
Source   The CogVideoX schedulers that TransPixeler's release samples with: DDIM with eta 0, and SDE-DPM-Solver++ (2M),
         arXiv:2211.01095. Zero terminal SNR: arXiv:2305.08891.
Differs  A step goes to the next noise level; the reference's goes to the timestep 1000 // N below, which is another one
         when N does not divide 1000. The reference draws noise that it never uses; here every draw counts.
         Coefficients are double precision scalars, the reference's are float32 tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

DDIM, DPM = METHODS = ("ddim", "dpm")

TRAINING_TIMESTEPS = 1000
LOWEST_BETA, HIGHEST_BETA = 0.00085, 0.012

HIGHEST = 4518.7637
"""What ComfyUI has for the infinite sigma at timestep 999; the one below it is 2254."""

Velocity = Callable[[Tensor, int], Tensor]
"""(x, step) to the velocity at x, of the same shape."""

Draw = Callable[[], Tensor]
"""Fresh Gaussian noise of x's shape."""

OnStep = Callable[[int, Tensor, Tensor], None]
"""(step, x after it, x0 predicted in it); may raise to interrupt."""


def reference_timesteps(steps: int) -> list[int]:
    """The reference's timesteps, from 999 down with trailing spacing. Raises ValueError beyond 1 to 1000 steps."""
    if not 1 <= steps <= TRAINING_TIMESTEPS:
        raise ValueError(f"CogVideoX has {TRAINING_TIMESTEPS} timesteps: steps wants 1 to that, got {steps}.")
    return [round(TRAINING_TIMESTEPS - k * TRAINING_TIMESTEPS / steps) - 1 for k in range(steps)]


def reference_sigmas(steps: int) -> Tensor:
    """The sigmas of those timesteps: float32 (steps + 1), HIGHEST first, 0 last. Raises as reference_timesteps."""
    a = _training_signal()
    below = [math.sqrt((1 - a[t]) / a[t]) for t in reference_timesteps(steps)[1:]]
    return torch.tensor([HIGHEST, *below, 0.0])


def is_highest(sigma: float) -> bool:
    """Whether this sigma stands for infinity."""
    return sigma > 0.999 * HIGHEST


def dynamic_guidance(guidance: float, timestep: int, steps: int) -> float:
    """The released use_dynamic_cfg: 1 to 1 + guidance, all but random from step to step, for it feeds a timestep of up
    to 999 into a formula for 0 to N."""
    return 1 + guidance * (1 - math.cos(math.pi * ((steps - timestep) / steps) ** 5)) / 2


def ddim(velocity: Velocity, x: Tensor, sigmas: Sequence[float] | Tensor, on_step: OnStep | None = None) -> Tensor:
    """Integrate from x at sigmas[0] to the last sigma without drawing noise, one model call per step.

    Raises ValueError unless the sigmas are two or more, fall, and end at 0 or above.
    """
    for step, (sigma, following) in enumerate(pairwise(_levels(sigmas))):
        keep, noise = _shares(sigma)
        v = velocity(x, step)
        x0 = keep * x - noise * v
        predicted_noise = keep * v + noise * x
        keep, noise = _shares(following)
        x = keep * x0 + noise * predicted_noise
        if on_step is not None:
            on_step(step, x, x0)
    return x


def dpm(
    velocity: Velocity, x: Tensor, sigmas: Sequence[float] | Tensor, draw: Draw, on_step: OnStep | None = None
) -> Tensor:
    """The same with fresh noise in every step that does not end at sigma 0. Raises as ddim.

    From the second step on x0 is extrapolated by the one before it, except from an infinite sigma and to 0.
    """
    earlier: tuple[float, Tensor] | None = None  # sigma and x0 of the last step
    for step, (sigma, following) in enumerate(pairwise(_levels(sigmas))):
        keep, noise = _shares(sigma)
        x0 = target = keep * x - noise * velocity(x, step)
        if earlier is not None and earlier[0] < math.inf and following > 0:
            weight = math.log(sigma / following) / (2 * math.log(earlier[0] / sigma))
            target = (1 + weight) * x0 - weight * earlier[1]
        earlier = sigma, x0
        left = following / sigma  # of the noise: exp(-h), where h is the step in log SNR / 2
        keep, following_noise = _shares(following)
        x = following_noise / noise * left * x + (1 - left**2) * keep * target
        if following > 0:
            x = x + following_noise * math.sqrt(1 - left**2) * draw()
        if on_step is not None:
            on_step(step, x, x0)
    return x


def _levels(sigmas: Sequence[float] | Tensor) -> list[float]:
    levels = [float(sigma) for sigma in sigmas]
    if len(levels) < 2 or not all(before > after for before, after in pairwise(levels)) or levels[-1] < 0:
        raise ValueError(f"The sampler wants two or more sigmas that fall to 0 or above, got {levels}.")
    return [math.inf if is_highest(sigma) else sigma for sigma in levels]


def _shares(sigma: float) -> tuple[float, float]:
    """sqrt(a) and sqrt(1 - a): how much of x is x0, and how much noise."""
    return 1 / math.hypot(1, sigma), math.sqrt(1 - 1 / (1 + sigma**2))


def _training_signal() -> list[float]:
    """a at the timesteps 0 to 999: scaled-linear betas, stretched so that the last one is 0."""
    low, high, last = math.sqrt(LOWEST_BETA), math.sqrt(HIGHEST_BETA), TRAINING_TIMESTEPS - 1
    product, roots = 1.0, []
    for t in range(TRAINING_TIMESTEPS):
        product *= 1 - (low + (high - low) * t / last) ** 2
        roots.append(math.sqrt(product))
    stretch = roots[0] / (roots[0] - roots[-1])
    return [((root - roots[-1]) * stretch) ** 2 for root in roots]

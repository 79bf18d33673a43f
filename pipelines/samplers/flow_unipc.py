"""UniPC for flow matching, with the noise levels of Wan's reference.

Layout   noise and velocity of any one shape; noise levels (sigmas) as a falling sequence of N + 1 for N steps.
Range    sigma in [0, 1]: x = (1 - sigma) * x0 + sigma * noise, velocity = noise - x0, timestep = 1000 * sigma.
Source   W. Zhao et al., "UniPC", arXiv:2302.04867: order 2, B2(h), data prediction; `fm_solvers_unipc.py` of Wan 2.1.
Differs  Coefficients are double precision scalars; the reference's are float32 tensors. Noise levels are float32 in
         both, but here the timestep is cut from them and there from their doubles: the same for every count up to 500
         steps with shift 5; with shift 1 and a multiple of 37 steps some differ by one.
         The limit at sigma = 1 is taken, where the reference divides by zero: a host's schedule may start there.

The reference asks its model at the whole timestep below 1000 * sigma, but takes x0 = x - sigma * velocity at the true
sigma. So `sample` wants the velocity and not x0: a host whose model gives x0 at `asked = timestep / 1000` returns
(x - x0) / asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

TRAINING_TIMESTEPS = 1000

Velocity = Callable[[Tensor, int], Tensor]
"""(x, timestep) to the velocity at x, of the same shape."""

OnStep = Callable[[int, Tensor, Tensor], None]
"""(step, x after it, x0 predicted in it); may raise to interrupt."""

_Prediction = tuple[float, Tensor]  # a sigma and the x0 predicted there


def reference_sigmas(steps: int, shift: float = 5.0) -> Tensor:
    """The reference's noise levels: float32 (steps + 1), evenly spaced from 0.999 down, shifted, and then 0.

    Raises ValueError for less than one step or a shift that is not above 0.
    """
    if steps < 1 or shift <= 0:
        raise ValueError(f"The noise levels want at least 1 step and a shift above 0, got {steps} and {shift}.")
    highest = torch.tensor(0.999).item()  # a float32 in the reference
    even = [highest * (steps - k) / steps for k in range(steps)]
    return torch.tensor([shift * s / (1 + (shift - 1) * s) for s in even] + [0.0])


def timestep(sigma: float) -> int:
    """The timestep the reference asks its model at: cut off, not rounded."""
    return int(TRAINING_TIMESTEPS * sigma)


def sample(
    velocity: Velocity,
    noise: Tensor,
    sigmas: Sequence[float] | Tensor,
    on_step: OnStep | None = None,
) -> Tensor:
    """Integrate from noise at sigmas[0] to the last sigma, one model call per step.

    Every step predicts with order 2 (order 1 in the first and the last), and the next model call corrects it. Besides
    x it keeps the sample and the x0 of one step back, and the x0 of two steps back.
    Raises ValueError unless the sigmas are two or more, fall, and lie in [0, 1].
    """
    levels = _falling(sigmas)
    x = start = noise  # start: where the last prediction began
    history: list[_Prediction] = []  # of the last two steps at most
    for step, (sigma, following) in enumerate(pairwise(levels)):
        x0 = x - sigma * velocity(x, timestep(sigma))
        if history:
            x = _towards(start, history[-1][0], _corrected(history, sigma, x0), sigma)
        history = [*history[-1:], (sigma, x0)]
        start = x
        is_last = step == len(levels) - 2
        x = _towards(start, sigma, x0 if is_last else _extrapolated(history, following), following)
        if on_step is not None:
            on_step(step, x, x0)
    return x


def _towards(start: Tensor, sigma: float, x0: Tensor, end: float) -> Tensor:
    """From `start` at sigma to the level `end` on the straight line to x0.

    This is the exponential integrator of data prediction: with lambda = log((1 - sigma) / sigma) its weight
    (1 - end) * (1 - exp(-h)) is 1 - end / sigma, which stays finite at both ends.
    """
    ratio = end / sigma
    return ratio * start + (1 - ratio) * x0


def _extrapolated(history: list[_Prediction], end: float) -> Tensor:
    """UniP: the x0 that carries the last step's to `end`; order 2 from two predictions, order 1 from one."""
    sigma, x0 = history[-1]
    if len(history) == 1:
        return x0
    earlier_sigma, earlier_x0 = history[0]
    return x0 + 0.5 / _steps_back(earlier_sigma, sigma, end) * (earlier_x0 - x0)


def _corrected(history: list[_Prediction], end: float, x0_end: Tensor) -> Tensor:
    """UniC: the same with the prediction at `end` known."""
    sigma, x0 = history[-1]
    if len(history) == 1:
        return x0 + 0.5 * (x0_end - x0)
    earlier_sigma, earlier_x0 = history[0]
    back = _steps_back(earlier_sigma, sigma, end)
    h = _log_snr(end) - _log_snr(sigma)
    # rho solves [[1, 1], [back, 1]] rho = b, with b_k = k! phi_k+1(-h) * (-h) / B(h) and B(h) = exp(-h) - 1
    scale = math.expm1(-h)
    phi = -scale / h - 1
    b1, b2 = phi / scale, 2 * (-phi / h - 0.5) / scale
    rho_earlier = (b1 - b2) / (1 - back)
    return x0 + rho_earlier / back * (earlier_x0 - x0) + (b1 - rho_earlier) * (x0_end - x0)


def _steps_back(earlier: float, sigma: float, end: float) -> float:
    """Where the earlier level lies, in units of the step from sigma to end: a negative number, or -inf."""
    return (_log_snr(earlier) - _log_snr(sigma)) / (_log_snr(end) - _log_snr(sigma))


def _log_snr(sigma: float) -> float:
    return math.log((1 - sigma) / sigma) if sigma < 1 else -math.inf


def _falling(sigmas: Sequence[float] | Tensor) -> list[float]:
    levels = [float(sigma) for sigma in sigmas]
    falls = all(before > after for before, after in pairwise(levels))
    if len(levels) < 2 or not falls or levels[0] > 1 or levels[-1] < 0:
        raise ValueError(f"The sampler wants two or more sigmas that fall within 1 to 0, got {levels}.")
    return levels

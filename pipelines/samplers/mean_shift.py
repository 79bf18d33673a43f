"""Mean-shifted initial noise: tells the sampler where the frame is empty.

Layout   noise (B, C, t, h, w) and subject (t, h, w), both on the latent grid.
Range    subject in [0, 1], 1 = subject; shift in units of the noise's sigma.
Source   Wan-Alpha, arXiv:2509.24979, section "Transparency-Guided Mean Sampler"; `generate_mask` of the released v2.
Differs  The reference rounds subject and shift to bfloat16 and multiplies there (0.05 becomes 0.0500488): that is
         `rounding=torch.bfloat16`, exact when the subject was rounded before it was resized (`latent_grid.pooling`).
         The paper writes the mean as G * shift; its code, and so we, shift where the subject is not.
"""

from __future__ import annotations

import torch
from torch import Tensor


def shift_mean(
    noise: Tensor,
    subject: Tensor,
    shift: float = 0.05,
    rounding: torch.dtype = torch.float32,
) -> Tensor:
    """noise + shift * (1 - subject), the same in every channel: the mean rises off the subject, the variance stays.

    `rounding` is the dtype of shift * (1 - subject); the result has noise's dtype and device.
    Raises ValueError when the subject is not on the noise's latent grid.
    """
    if noise.ndim != 5 or subject.shape != noise.shape[-3:]:
        raise ValueError(
            f"The mean shift wants noise (B, C, t, h, w) and a subject (t, h, w) on the same latent grid, got noise "
            f"{tuple(noise.shape)} and a subject {tuple(subject.shape)}; bring the subject to the latent grid first."
        )
    empty = 1 - subject.to(device=noise.device, dtype=rounding)
    return (noise + empty * torch.tensor(shift, dtype=rounding, device=noise.device)).to(noise.dtype)

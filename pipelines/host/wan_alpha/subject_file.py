"""A released gauss_mask as a subject."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ...weights.kinds.wan_alpha import SUBJECT
from ..core.model_files import chosen_for, read_chosen

INPUT = "file"


def read(path: Path) -> Tensor:
    """(t, h, w) float32 in 0..1 on the latent grid. Raises ValueError for another kind of file, NaN or other ranges."""
    (subject,) = read_chosen(path, [SUBJECT], INPUT).values()
    subject = subject.to(torch.float32)
    low, high = (float(value) for value in subject.aminmax())
    with chosen_for(INPUT):
        if not (low >= 0 and high <= 1):
            raise ValueError(f"{path.name} wants values from 0 to 1, got {low:g} to {high:g}; it is no subject field.")
    return subject.clone()

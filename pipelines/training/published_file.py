"""Weights files as they are published, whole or not there."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from ..media.whole_file import write_whole

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def write_published(path: Path, weights: Mapping[str, Tensor], dtype: str = "float32") -> None:
    """safetensors, or a torch pickle for a name that ends in .bin or .pt, with its folder.

    Raises OSError when there is no room; what stood before is untouched then.
    """
    stored = {name: tensor.detach().to("cpu", DTYPES[dtype]).contiguous() for name, tensor in weights.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        write_whole(path, save(stored))
        return
    data = io.BytesIO()
    torch.save(stored, data)
    write_whole(path, data.getvalue())

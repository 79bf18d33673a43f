from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

GOLDENS = Path(__file__).parents[1] / "data" / "layerdiffuse"


class Goldens(dict[str, Tensor]):
    """Tensors of a golden file; `under("sd.")` gives the ones below a name, without that name."""

    def under(self, prefix: str) -> "Goldens":
        return Goldens({name.removeprefix(prefix): each for name, each in self.items() if name.startswith(prefix)})


@pytest.fixture(scope="session")
def golden():
    return lambda name: Goldens(load_file(GOLDENS / f"{name}_dev.safetensors"))


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield

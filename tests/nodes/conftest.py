from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

GOLDENS = Path(__file__).parents[1] / "data" / "wan_alpha"


class Goldens(dict[str, Tensor]):
    """Tensors of a golden file; `under("base/")` gives the ones below a name, without that name."""

    def under(self, prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in self.items() if name.startswith(prefix)}


@pytest.fixture(scope="session")
def dora_goldens() -> Goldens:
    return Goldens(load_file(GOLDENS / "dora_lightx2v_dev.safetensors"))


@pytest.fixture(scope="session")
def decoder_goldens() -> Goldens:
    return Goldens(load_file(GOLDENS / "vae_decode_lora_dev.safetensors"))


@pytest.fixture(scope="session")
def encoder_goldens() -> Goldens:
    return Goldens(load_file(GOLDENS / "vae_encode_merge_dev.safetensors"))

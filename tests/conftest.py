"""Wan-Alpha's golden tensors and programs of the system's, for every room that asks them.

Torch is imported on use: the host has to come first.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torch import Tensor

GOLDENS = Path(__file__).parent / "data" / "wan_alpha"


class Goldens(dict[str, "Tensor"]):
    """Tensors of a golden file; `under("base/")` gives the ones below a name, without that name."""

    def under(self, prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in self.items() if name.startswith(prefix)}


def read_goldens(name: str) -> Goldens:
    from safetensors.torch import load_file

    return Goldens(load_file(GOLDENS / name))


@pytest.fixture(scope="session")
def dora_goldens() -> Goldens:
    return read_goldens("dora_lightx2v_dev.safetensors")


@pytest.fixture(scope="session")
def decoder_goldens() -> Goldens:
    return read_goldens("vae_decode_lora_dev.safetensors")


@pytest.fixture(scope="session")
def encoder_goldens() -> Goldens:
    return read_goldens("vae_encode_merge_dev.safetensors")


def program(name: str, package: str) -> str:
    """The path of a program of the system's, which `make test` installs."""
    found = shutil.which(name)
    assert found, f"this test asks {name}, which is not there; type: apt-get install {package}"
    return found


@pytest.fixture(scope="session")
def ffprobe() -> str:
    return program("ffprobe", "ffmpeg")


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    return program("ffmpeg", "ffmpeg")


@pytest.fixture(scope="session")
def exrheader() -> str:
    return program("exrheader", "openexr")

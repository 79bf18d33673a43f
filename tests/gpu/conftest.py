"""Tiny models on a device against the same on the CPU: hosts with other arguments, each in a process of its own.

    cd tests/gpu && python -m pytest -o pythonpath= . --device cuda

Without CUDA, `--device cpu` compares a CPU with itself, which tests these tests. All processes start at once.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

HERE = Path(__file__).resolve().parent
if str(HERE.parents[1]) not in sys.path:
    sys.path.append(str(HERE.parents[1]))
if str(HERE) not in sys.path:
    sys.path.append(str(HERE))
from device_cases import COMPARED  # noqa: E402

from tools import cases_apart  # noqa: E402

CASE_LIMIT_S = 90.0
"""For one case; the slowest takes some seconds on two cores."""


@dataclass(frozen=True)
class Variant:
    """How a host is started, and how far from the CPU's float32 its results may be, as a share of their norm."""

    arguments: str
    tolerance: float
    lacks: str = ""
    """What this machine has not, if the variant cannot run here."""


def lacks(package: str) -> str:
    return "" if importlib.util.find_spec(package) else f"{package} is not installed"


FLOAT32, FLOAT16, BFLOAT16 = 5e-3, 2e-2, 6e-2
"""cuDNN computes float32 convolutions in TF32 by default; 16 bits round activations in every layer."""
FP8_PRODUCTS = 0.3
"""--fast rounds the activations of fp8 layers to 3 bits too."""
REFERENCE = Variant("--cpu", 0.0)
ON_CPU = {
    "float32": Variant("--cpu", 1e-6),
    "float16": Variant("", FLOAT16, "needs CUDA: a CPU takes ten times as long for it"),
    "bfloat16": Variant("--cpu --bf16-unet --bf16-vae", BFLOAT16),
}
NEEDS_CUDA = "needs CUDA"
ON_CUDA = {
    "float32": Variant("--disable-dynamic-vram --force-fp32 --fp32-vae --fp32-text-enc", FLOAT32),
    "float16": Variant("--disable-dynamic-vram --fp16-unet --fp16-vae", FLOAT16),
    "bfloat16": Variant("--disable-dynamic-vram --bf16-unet --bf16-vae", BFLOAT16),
    "DynamicVRAM": Variant("--enable-dynamic-vram", BFLOAT16, lacks("comfy_aimdo")),
    "lowvram": Variant("--disable-dynamic-vram --lowvram", BFLOAT16),
    "novram": Variant("--novram", BFLOAT16),
    "gpu-only": Variant("--gpu-only", BFLOAT16),
    "sage": Variant("--disable-dynamic-vram --use-sage-attention", BFLOAT16, lacks("sageattention")),
    "fast": Variant("--disable-dynamic-vram --fast", FP8_PRODUCTS),
}
MEMORY = ("float32", "DynamicVRAM", "novram")
"""The variants in which two graphs are run in a row."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", choices=("cuda", "cpu"), default="cuda", help="where the nodes compute")
    parser.addoption(
        "--limit", type=float, default=float("inf"), help="seconds after which no case is computed any more"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--device") == "cuda" and not torch.cuda.is_available():
        raise pytest.UsageError("there is no CUDA device here; --device cpu tests everything but CUDA")


def variants_of(config: pytest.Config) -> dict[str, Variant]:
    """Every variant by its name; those that this device cannot run say why in `lacks`."""
    if config.getoption("--device") == "cuda":
        return ON_CUDA
    return {name: ON_CPU.get(name, Variant("", 0.0, NEEDS_CUDA)) for name in ON_CUDA}


class Computed:
    """The cases of all variants, computed in the background from the first question on."""

    def __init__(self, variants: dict[str, Variant], folder: Path, on_cuda: bool, until: float) -> None:
        self.folder, self.on_cuda, self.until = folder, on_cuda, until
        jobs = {"reference": REFERENCE} | {name: each for name, each in variants.items() if not each.lacks}
        self.pool = ThreadPoolExecutor(max_workers=min(len(jobs), max(2, (os.cpu_count() or 2) // 3)))
        self.jobs: dict[str, Future[dict[str, cases_apart.Figures]]] = {
            name: self.pool.submit(self._run, name, each) for name, each in jobs.items()
        }

    def _run(self, name: str, variant: Variant) -> dict[str, cases_apart.Figures]:
        folder = self.folder / name
        folder.mkdir()
        command = [sys.executable, str(HERE / "run_cases.py"), variant.arguments]
        wanted = (*COMPARED, "two_graphs") if self.on_cuda and name in MEMORY else COMPARED
        return dict(cases_apart.run_apart(command, wanted, folder, CASE_LIMIT_S, self.until))

    def figures(self, variant: str, case: str) -> cases_apart.Figures:
        """Where the case has run, which nodes it has used; fails with the case's own error."""
        figures = self.jobs[variant].result()[case]
        if "error" in figures:
            error = figures["error"].strip()
            last = error.splitlines()[-1]
            pytest.fail(f"{last}\n{case} failed on a host started for {variant!r}:\n{error}", pytrace=False)
        return figures

    def tensors(self, variant: str, case: str) -> dict[str, Tensor]:
        self.figures(variant, case)
        return load_file(self.folder / variant / f"{case}.safetensors")


@pytest.fixture(scope="session")
def variants(pytestconfig: pytest.Config) -> dict[str, Variant]:
    return variants_of(pytestconfig)


@pytest.fixture(scope="session")
def computed(
    pytestconfig: pytest.Config, variants: dict[str, Variant], tmp_path_factory: pytest.TempPathFactory
) -> Computed:
    on_cuda = pytestconfig.getoption("--device") == "cuda"
    until = time.monotonic() + pytestconfig.getoption("--limit")
    return Computed(variants, tmp_path_factory.mktemp("computed"), on_cuda, until)

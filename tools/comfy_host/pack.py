"""This checkout: where it is, what the host calls it, what it and its tests need."""

from __future__ import annotations

from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
PACK_NAME = "ComfyUI-RGBA-Video"
LAYER_MODELS = "layer_model"
"""A folder of models that the pack adds to the host's own."""
TEST_NEEDS = (
    "pytest==9.2.0",
    "pytest-xdist==3.8.0",
    "ruff==0.17.5",
    "pyright[nodejs]==1.1.414",
    "import-linter>=2.3",
    "playwright==1.65.2",
    "opencv-python-headless>=4.10",
    "diffusers>=0.38",
    "peft>=0.17",
    "accelerate>=1.10",
    "tensorboard>=2.19",
    "OpenEXR>=3.5",
    "isal",
    "tifffile>=2024.8",
)


def read_pack_needs() -> list[str]:
    """The lines of requirements.txt."""
    lines = (PACK / "requirements.txt").read_text().splitlines()
    return [line for line in (raw.split("#")[0].strip() for raw in lines) if line]

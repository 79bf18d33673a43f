"""DoRA and speed LoRA files, read and checked once, with the name for messages and the identity for caches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..lora.dora import DoRALayer, read_dora
from ..lora.file_kinds import DORA, WAN_LORA, refuse_unless
from ..lora.speed_lora import SpeedLoRA, read_speed_lora
from ..lora.weights_file import named, read_weights, shapes_of
from .model_files import identity

NODE = "RGBAApplyDoRA"


@dataclass(frozen=True, eq=False)
class DoRAFile:
    name: str
    identity: str
    layers: Mapping[str, DoRALayer]


@dataclass(frozen=True, eq=False)
class SpeedLoRAFile:
    name: str
    weights: SpeedLoRA


def read_dora_file(path: Path) -> DoRAFile:
    """Raises ValueError, saying what the file is, for anything but a Wan-Alpha DoRA."""
    weights = read_weights(path)
    refuse_unless(shapes_of(weights), [DORA], path.name, f"{NODE} dora_name")
    with named(path):
        return DoRAFile(path.name, identity(path), read_dora(weights))


def read_speed_lora_file(path: Path) -> SpeedLoRAFile:
    """Raises ValueError, saying what the file is, for anything but a LoRA for Wan."""
    weights = read_weights(path)
    refuse_unless(shapes_of(weights), [WAN_LORA], path.name, f"{NODE} speed_lora_name")
    with named(path):
        return SpeedLoRAFile(path.name, read_speed_lora(weights))

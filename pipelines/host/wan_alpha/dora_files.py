"""DoRA and speed LoRA files, read and checked once, with the name for messages and the identity for caches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...lora.dora import DoRALayer, read_dora
from ...lora.speed_lora import SpeedLoRA, read_speed_lora
from ...weights.kinds.wan import WAN_LORA
from ...weights.kinds.wan_alpha import DORA
from ...weights.weights_file import named
from ..core.model_files import chosen_for, identity, read_chosen

DORA_INPUT, SPEED_INPUT = "dora_name", "speed_lora_name"


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
    weights = read_chosen(path, [DORA], DORA_INPUT)
    with chosen_for(DORA_INPUT), named(path):
        return DoRAFile(path.name, identity(path), read_dora(weights))


def read_speed_lora_file(path: Path) -> SpeedLoRAFile:
    """Raises ValueError, saying what the file is, for anything but a LoRA for Wan."""
    weights = read_chosen(path, [WAN_LORA], SPEED_INPUT)
    with chosen_for(SPEED_INPUT), named(path):
        return SpeedLoRAFile(path.name, read_speed_lora(weights))

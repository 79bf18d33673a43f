"""Where the clips of this pack lie: in memory, or in the host's temp folder where they are large.

Source   The settings panel of the host, read from its settings file (`RGBAVideo.clipMemory`): the share of free memory,
         in percent, up to which a clip lies in memory. The usual share is a quarter: a graph holds several clips.
"""

from __future__ import annotations

import json
from pathlib import Path

import folder_paths
import psutil
import torch
from torch import Tensor

from ...media.clip_memory import available_memory, in_memory, map_clip, size

SETTING = "RGBAVideo.clipMemory"
USUAL = 25
"""Percent of the memory that is free."""

SMALL = 64 << 20
"""Bytes up to which a clip always lies in memory: a file for it would only be slower."""


def new_clip(*shape: int, device: torch.device | None = None) -> Tensor:
    """Room for a clip (T, H, W, C), float32, not yet written. A large one lies in a file that goes with it.

    ValueError when there is not as much room, in memory or on the disk of the temp folder.
    """
    if device is not None and device.type != "cpu":
        return torch.empty(shape, device=device)
    if _fits_in_memory(size(shape)):
        return in_memory(*shape)
    return map_clip(Path(folder_paths.get_temp_directory()), *shape)


def _fits_in_memory(needed: int) -> bool:
    if needed <= SMALL:  # most pictures: the settings are not looked at
        return True
    share = memory_share()
    return share >= 100 or needed <= share / 100 * available_memory(psutil.virtual_memory().available)


def memory_share() -> float:
    """Percent of free memory that a clip may have, 0 to 100; the least of all users' where there are several."""
    shares = []
    for file in Path(folder_paths.get_user_directory()).glob("*/comfy.settings.json"):
        try:
            said = json.loads(file.read_bytes()).get(SETTING)
        except (OSError, ValueError, AttributeError):  # half written, or not the host's
            continue
        if isinstance(said, int | float) and 0 <= said <= 100:
            shares.append(float(said))
    return min(shares, default=USUAL)

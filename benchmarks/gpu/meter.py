"""Seconds and the most memory of a piece of work, on a CUDA device or on a CPU."""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path
from typing import Any

import torch

CLEAR_PEAK = "5"


class Meter:
    """`begin` and `end` around what is measured; on a CUDA device both wait until it is idle.

    Bytes are those that torch has allocated on the device at its peak, weights included; on a CPU, those of the whole
    process (on Linux alone, else 0).
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.began = 0.0

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def begin(self) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
        elif sys.platform == "linux":
            Path("/proc/self/clear_refs").write_text(CLEAR_PEAK)
        self.began = self.now()

    def end(self) -> dict[str, Any]:
        return {"seconds": round(self.now() - self.began, 4), "peak_bytes": self.peak()}

    def peak(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        if sys.platform != "linux":
            return 0
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

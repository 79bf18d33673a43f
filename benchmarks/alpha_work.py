"""Compositing over a plate against the host's Porter-Duff node: both inside a real host, in one run.

    make bench

81 frames of 832 x 480: a soft ellipse that moves over gradients, with seeded noise of sigma 0.01 in every channel, and
the same without noise. The plate is one frame. Porter-Duff is spared what it needs beside: colour and mask are apart
already, and the plate is repeated without a copy. Time is the best of a few rounds in which both take turns; memory is
what a process of its own grows by at its peak, the result included.

The absolute numbers are this machine's; the ratios are what to compare. Linux only, for the peak.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
FRAMES, HEIGHT, WIDTH = 81, 480, 832
SIGMA = 0.01
ROUNDS = 6
FASTER = 8.0
"""How many times as fast as Porter-Duff it has to be."""

OURS, THEIRS = "RGBACompositeOver", "Porter-Duff"
Run = Callable[..., object]


def loaded_host() -> Run:
    """The host in this process with its nodes for pictures and this pack; runs a node by its id."""
    sys.path.insert(0, str(ROOT))
    from tools.comfy_host import in_process, install

    in_process.enter(install().root, "--cpu")
    in_process.load_nodes("nodes_compositing", "nodes_images")
    in_process.load_pack()
    return in_process.run_node


def clip(sigma: float) -> Tensor:
    """(81, 480, 832, 4), straight."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.linspace(0, 1, WIDTH), torch.linspace(0, 1, HEIGHT)[:, None]
    made = torch.empty(FRAMES, HEIGHT, WIDTH, 4)
    for index, frame in enumerate(made):
        away = torch.hypot((x - 0.35 - 0.3 * index / FRAMES) / 0.2, (y - 0.5) / 0.35)
        colors = x.expand(HEIGHT, WIDTH), y.expand(HEIGHT, WIDTH), (x + y) / 2
        frame[:] = torch.stack((*colors, (1 - away) / 0.2 + 0.5), -1).clamp(0, 1)
        frame += sigma * torch.randn(frame.shape, generator=generator)
    return made.clamp_(0, 1)


def works(run: Run, sigma: float) -> dict[str, Callable[[], object]]:
    image = clip(sigma)
    plate = torch.rand(1, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(1))
    apart = {
        "source": image[..., :3].contiguous(),
        "source_alpha": 1 - image[..., 3],
        "destination": plate.expand(FRAMES, -1, -1, -1),
        "destination_alpha": torch.zeros(1, HEIGHT, WIDTH).expand(FRAMES, -1, -1),
    }
    ours = {"foreground": image, "background": plate, "space": "display", "mode": "soft", "x": 0, "y": 0, "scale": 1.0}
    return {
        OURS: lambda: run("RGBACompositeOver", **ours),
        THEIRS: lambda: run("PorterDuffImageComposite", **apart, mode="SRC_OVER"),
    }


def best_seconds(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The least time of a few rounds, after one that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - began)
    return {name: min(times[1:]) for name, times in seconds.items()}


@torch.inference_mode()
def peak_growth(name: str, sigma: float) -> float:
    """MB by which the first call raises what a new process holds, its result included."""
    return growth(works(loaded_host(), sigma)[name])


def growth(work: Callable[[], object]) -> float:
    """MB by which this process grows at its peak; what it has freed is given back before, or it would not count."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    work()
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    """A number of /proc/self/status, in kB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@torch.inference_mode()
def measure(run: Run, title: str, sigma: float) -> bool:
    """Whether compositing is as fast and as small as it has to be."""
    seconds = best_seconds(works(run, sigma))
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        memory = {name: pool.apply(peak_growth, (name, sigma)) for name in seconds}
    for name in seconds:
        milliseconds = 1000 * seconds[name] / FRAMES
        say(f"over a plate, {title:<6} {name:<18} {milliseconds:7.2f} ms a frame {memory[name]:6.0f} MB")
    faster, smaller = seconds[THEIRS] / seconds[OURS], memory[OURS] / memory[THEIRS]
    say(f"over a plate, {title:<6} {faster:.1f} times as fast, at least {FASTER:g} wanted; {smaller:.2f} of the memory")
    return faster >= FASTER and smaller < 1


def main() -> int:
    run = loaded_host()
    held = [measure(run, title, sigma) for title, sigma in (("noisy", SIGMA), ("smooth", 0.0))]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())

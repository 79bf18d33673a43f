"""Saving 81 RGBA frames of 832 x 480 against the host's own savers: through the queue of a real host, in one run.

    make bench

A soft ellipse that moves over gradients, with seeded noise of sigma 0.01 in every channel, and the same without noise:
the ratio depends on the clip. Every file of ours is read back and compared before it gets its name; the host's are not.
Both take turns, the best of a few rounds counts, and the clip is in the host's cache by then. Memory is what a process
of its own grows by at its peak.

The absolute numbers are this machine's; the ratios are what to compare. Linux only, for the peak.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from alpha_work import FRAMES, HEIGHT, ROOT, SIGMA, WIDTH, clip, growth, loaded_host, say

sys.path.insert(0, str(ROOT))

from pipelines.media.stills.formats import STILLS
from pipelines.media.takes.names import Take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.sequence import write_sequence
from tools.comfy_host import Finished, Server, install

ROUNDS = 3
CLIPS = {"noisy": SIGMA, "smooth": 0.0}
Graph = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """Our format, the host's node for it, and what is wanted: so many times as fast, files at most so large."""

    ours: str
    theirs: Callable[[str], dict[str, Any]]
    faster: dict[str, float]
    larger: dict[str, float]


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def advanced(**format: str) -> Callable[[str], dict[str, Any]]:
    options = {"format" if key == "format" else f"format.{key}": value for key, value in format.items()}
    return lambda prefix: node("SaveImageAdvanced", images=["clip", 0], filename_prefix=prefix, **options)


NO_LIMIT = {"noisy": float("inf"), "smooth": float("inf")}
ROWS = {
    "PNG 8 bit / Save Image": Row(
        "png 8-bit",
        lambda prefix: node("SaveImage", images=["clip", 0], filename_prefix=prefix),
        {"noisy": 6.0, "smooth": 3.0},
        {"noisy": 1.3, "smooth": 1.5},
    ),
    "PNG 16 bit / Save Image (Advanced)": Row(
        "png 16-bit",
        advanced(format="png", bit_depth="16-bit", input_color_space="sRGB"),
        {"noisy": 2.5, "smooth": 2.5},
        NO_LIMIT,
    ),
    "EXR half ZIP / Save Image (Advanced), float": Row(
        "exr half",
        advanced(format="exr", bit_depth="32-bit float", input_color_space="sRGB"),
        {"noisy": 1.2, "smooth": 1.2},
        NO_LIMIT,
    ),
}


def ours(format: str, prefix: str) -> dict[str, Any]:
    return node(
        "RGBASaveSequence", image=["clip", 0], filename_prefix=prefix, format=format, passes="rgba", start_frame=1001,
        padding=4, fps=16.0, existing="new version", compression=1,
    )  # fmt: skip


def load(name: str) -> Graph:
    return {"clip": node("RGBALoadSequence", file=name, start_frame=0, frame_count=0, every_nth=1)}


@torch.inference_mode()
def peak_growth(saver: dict[str, Any]) -> float:
    """MB by which a new process grows at its peak while it saves a clip that it holds already."""
    run, image = loaded_host(), clip(SIGMA)
    inputs = {name: value for name, value in saver["inputs"].items() if "." not in name}
    picture = next(name for name in ("image", "images") if name in inputs)
    if options := {key.partition(".")[2]: value for key, value in saver["inputs"].items() if "." in key}:
        inputs["format"] = {"format": inputs["format"]} | options
    with tempfile.TemporaryDirectory() as folder:
        sys.modules["folder_paths"].set_output_directory(folder)
        run(saver["class_type"], **inputs | {picture: image[:1]})  # so that the libraries are loaded
        return growth(lambda: run(saver["class_type"], **inputs | {picture: image}))


def size_of(finished: Finished) -> int:
    return sum(path.stat().st_size for path in finished.files if path.suffix != ".json")


def measure(server: Server, title: str, row: Row, clip_name: str) -> bool:
    """Whether saving is as fast, and files as small, as they have to be."""
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    sizes: dict[str, int] = {}
    for turn in range(ROUNDS + 1):
        for who in seconds:
            prefix = f"{who}{turn}_{clip_name}_{row.ours.replace(' ', '_')}"
            saver = ours(row.ours, prefix) if who == "ours" else row.theirs(prefix)
            finished = server.run(load(clip_name) | {"save": saver})
            seconds[who].append(finished.seconds)
            sizes[who] = size_of(finished)
            for path in finished.files:
                path.unlink()
    best = {who: min(times[1:]) for who, times in seconds.items()}
    for who, time in best.items():
        megabytes = sizes[who] / 2**20
        say(f"{title:<44} {clip_name:<7} {who:<7} {1000 * time / FRAMES:7.2f} ms a frame {megabytes:7.1f} MB of files")
    faster, larger = best["theirs"] / best["ours"], sizes["ours"] / sizes["theirs"]
    say(
        f"{title:<44} {clip_name:<7} {faster:.1f} times as fast, {row.faster[clip_name]:g} wanted; {larger:.2f} times "
        f"as large, {row.larger[clip_name]:g} allowed"
    )
    return faster >= row.faster[clip_name] and larger <= row.larger[clip_name]


def measure_memory(title: str, row: Row) -> bool:
    """Whether saving takes less memory than theirs."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        mine, other = (pool.apply(peak_growth, (each,)) for each in (ours(row.ours, "ours"), row.theirs("theirs")))
    say(f"{title:<44} peak {mine:.0f} MB against {other:.0f} MB, less wanted")
    return mine < other


def main() -> int:
    held = []
    with tempfile.TemporaryDirectory() as folder:
        for name, sigma in CLIPS.items():
            take = Path(folder) / name
            take.mkdir()
            write_sequence(clip(sigma), Plan(Take(take, name), STILLS["png 16-bit"](1), Fraction(16)))
        with Server(install(), input=Path(folder)) as server:
            say(f"{FRAMES} frames of {WIDTH} x {HEIGHT}")
            held = [measure(server, title, row, name) for name in CLIPS for title, row in ROWS.items()]
    held += [measure_memory(title, row) for title, row in ROWS.items()]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())

"""300 frames of 1920 x 1080 with alpha through a graph that holds four clips, each larger than memory allows.

    python benchmarks/long_clips.py

Load RGBA sequence, Refine matte, Edge bleed, Composite over a plate and Save RGBA sequence, in the queue of a real
host, with its temp folder on the disk. Wanted: at most 3 GB of memory that is no file's (RssAnon), at least 0.7 of the
speed of 40 frames with every clip in memory, and nothing left after Cancel and /free. 40 GB of disk are needed.
Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from alpha_work import ROOT, say
from delivery import Graph, node

sys.path.insert(0, str(ROOT))

from pipelines.media.stills import png
from tools.comfy_host import GraphError, Server, install

GB = 1 << 30
MEMORY, SPEED, SHORT = 3.0, 0.7, 40
SETTING = "RGBAVideo.clipMemory"


@dataclass
class Watched:
    """A process while something runs: the most memory that belongs to no file, every 0.1 s."""

    process: int
    most: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Watched:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            self.most = max(self.most, measure_anonymous(self.process))


def measure_anonymous(process: int) -> int:
    """Bytes of a process that belong to no file."""
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))


def count_clips(server: Server) -> int:
    """How many files of its temp folder a host has mapped."""
    maps = Path(f"/proc/{server.pid}/maps").read_text().splitlines()
    return sum(str(server.base / "temp") in line for line in maps)


def write_frames(folder: Path, count: int, width: int, height: int) -> None:
    """A soft disc that moves over a gradient, as numbered PNG."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    picture = np.empty((height, width, 4), dtype=np.uint8)
    picture[..., 0], picture[..., 1], picture[..., 2] = x * 255 / width, y * 255 / height, 128
    for index in range(count):
        distance = np.hypot(x - width * (0.3 + 0.4 * index / count), y - height / 2)
        picture[..., 3] = np.clip((height / 3 - distance) * 8 + 128, 0, 255)
        (folder / f"disc.{index + 1:04d}.png").write_bytes(png.encode(picture, compression=1))


def graph(count: int, prefix: str, choke: int = 1) -> Graph:
    return {
        "clip": node("RGBALoadSequence", file="disc", start_frame=0, frame_count=count, every_nth=1),
        "matte": node("RGBAMatte", image=["clip", 0], choke=choke),
        "bleed": node("RGBAEdgeBleed", image=["matte", 0]),
        "plate": node("RGBALoadSequence", file="plate", start_frame=0, frame_count=0, every_nth=1),
        "over": node("RGBACompositeOver", foreground=["bleed", 0], background=["plate", 0]),
        "save": node("RGBASaveSequence", image=["over", 0], filename_prefix=prefix),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--short", type=int, default=SHORT)
    parser.add_argument("--size", type=int, nargs=2, default=(1920, 1080), metavar=("WIDTH", "HEIGHT"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), given.frames, given.short, *given.size)


def measure(folder: Path, frames: int, short: int, width: int, height: int) -> int:
    write_frames(folder / "input" / "disc", frames, width, height)
    write_frames(folder / "input" / "plate", 1, width, height)
    in_memory, _, _ = run(folder, short, share=100)
    on_disk, memory, left = run(folder, frames, share=0)
    speed = in_memory / on_disk
    say(f"speed {speed:.2f} of that in memory (wanted {SPEED}), RssAnon {memory:.2f} GB (wanted {MEMORY}), {left} left")
    return 0 if speed >= SPEED and memory <= MEMORY and not left else 1


def run(folder: Path, frames: int, share: int) -> tuple[float, float, int]:
    """Seconds a frame, the most GB that belong to no file, and what stays of the clips after Cancel and /free."""
    with Server(install(), input=folder / "input", output=folder / "output") as server:
        server.post("/settings", {SETTING: share})
        with Watched(server.pid) as watched:
            began = time.perf_counter()
            server.run(fill_defaults(server, graph(frames, f"share_{share}")))
            seconds = (time.perf_counter() - began) / frames
        clips = count_clips(server)
        cancel = threading.Timer(2, server.interrupt)
        cancel.start()
        with suppress(GraphError):
            server.run(fill_defaults(server, graph(frames, f"cancelled_{share}", choke=2)))
        cancel.cancel()  # a short clip is done before
        server.post("/free", {"unload_models": True, "free_memory": True})
        deadline = time.monotonic() + 10
        while count_clips(server) and time.monotonic() < deadline:
            time.sleep(0.1)
        left = count_clips(server) + sum(1 for each in (server.base / "temp").rglob("*") if each.is_file())
    memory = watched.most / GB
    say(f"{frames} frames, {share} %: {1000 * seconds:.0f} ms a frame, RssAnon {memory:.2f} GB, {clips} clips mapped")
    return seconds, memory, left


def fill_defaults(server: Server, graph: Graph) -> Graph:
    """The graph with the default of every input that it leaves out."""
    for each in graph.values():
        kind = each["class_type"]
        for name, (type_, *options) in server.get(f"/object_info/{kind}")[kind]["input"]["required"].items():
            first = type_[0] if isinstance(type_, list) else None
            default = options[0].get("default", options[0].get("options", [first])[0]) if options else first
            each["inputs"].setdefault(name, default)
    return graph


if __name__ == "__main__":
    sys.exit(main())

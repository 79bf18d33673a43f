"""Cancel: finished frames stay whole, the sidecar says how many, and the host goes on as if nothing had been."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from queue_graphs import Graph, advanced, base, file_name, keep, kept, ksampler, node, pictures, queue_of, save, sidecar

from tools import comfy_host
from tools import tiny_checkpoints as tiny

FRAMES = 2000
"""More than are written before a test has looked."""

STEPS = 9999
"""More than are sampled before a test has looked; the host's log shows it."""


def long_clip(prefix: str) -> Graph:
    clip = node("QueueTestClip", frames=FRAMES, width=160, height=96, channels=4, draw=1, still=True)
    return {"clip": clip} | save(prefix, "clip", compression=9)


class Running:
    """A graph that runs in a thread of its own until it is cancelled."""

    def __init__(self, server: comfy_host.Server, *parts: Graph) -> None:
        self.server = server
        self.error: comfy_host.GraphError | None = None
        self.thread = threading.Thread(target=self._run, args=parts)
        self.thread.start()

    def _run(self, *parts: Graph) -> None:
        try:
            queue_of(self.server)(*parts)
        except comfy_host.GraphError as error:
            self.error = error

    def cancel(self) -> str:
        self.server.interrupt()
        self.thread.join(60)
        assert not self.thread.is_alive()
        return str(self.error)


def wait_until(happened: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def frames_of(take: Path) -> list[Path]:
    return sorted(take.glob("*.png"))


def test_cancel_while_saving_leaves_whole_frames_and_a_true_sidecar(server):
    take = server.output / "cancelled_v001"
    running = Running(server, long_clip("cancelled"))
    wait_until(lambda: len(frames_of(take)) >= 5)
    while_writing = json.loads((take / "cancelled_v001.json").read_text())
    assert running.cancel() == "RGBASaveSequence (node save): interrupted"

    written = frames_of(take)
    assert 5 <= len(written) < FRAMES
    assert while_writing["complete"] is False and while_writing["frames"]["count"] is None
    told = json.loads((take / "cancelled_v001.json").read_text())
    assert told["complete"] is False
    assert told["frames"] == {"first": 1001, "last": 1000 + len(written), "count": len(written)}
    assert [path.name for path in written] == [f"cancelled_v001.{1001 + k}.png" for k in range(len(written))]
    assert {path.name for path in take.iterdir()} == {*(path.name for path in written), "cancelled_v001.json"}
    first = np.asarray(Image.open(written[0]))
    assert first.shape == (96, 160, 4)
    assert all(np.array_equal(np.asarray(Image.open(path)), first) for path in written)


def test_frames_appear_while_later_ones_are_prepared(server):
    take = server.output / "appearing_v001"
    running = Running(server, long_clip("appearing"))
    wait_until(lambda: frames_of(take))
    early = len(frames_of(take))
    wait_until(lambda: len(frames_of(take)) >= early + 20)
    assert running.thread.is_alive()
    running.cancel()
    assert early < FRAMES / 2


def test_the_run_after_a_cancel_is_complete_and_of_a_new_version(server, run):
    running = Running(server, long_clip("again"))
    wait_until(lambda: frames_of(server.output / "again_v001"))
    running.cancel()
    short = long_clip("again")
    short["clip"]["inputs"]["frames"] = 4
    files = run(short).files
    assert files[0].parent == server.output / "again_v002"
    assert len(pictures(files)) == 4
    assert sidecar(files)["complete"] is True


@pytest.mark.parametrize("apply", ["merged", "unmerged"])
def test_cancel_while_sampling_leaves_the_model_as_it_was(server, run, apply):
    dora = node(
        "RGBAApplyDoRA",
        model=["model", 0],
        dora_name=file_name(tiny.DORA),
        strength=1.0,
        speed_lora_name=file_name(tiny.SPEED),
        speed_strength=1.0,
        apply=apply,
    )
    scene = base(length=81) | {"dora": dora}
    before = kept(run(scene, ksampler("dora"), keep("sample", f"before_{apply}")).files, f"before_{apply}")
    seen = server.log.count(f"/{STEPS} [")
    running = Running(server, scene, ksampler("dora", steps=STEPS), keep("sample", f"cut_{apply}"))
    wait_until(lambda: server.log.count(f"/{STEPS} [") > seen + 2)
    assert running.cancel() == "KSampler (node sample): interrupted"
    assert not (server.output / f"cut_{apply}.safetensors").exists()
    # SamplerCustomAdvanced, which gives the same: KSampler's latent would come from the host's cache
    after = kept(run(scene, advanced("dora"), keep("sample", f"after_{apply}")).files, f"after_{apply}")
    assert after.equal(before)

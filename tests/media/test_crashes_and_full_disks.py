"""What is left when a program is killed, a disk is full or cannot be written, and when a clip is very long."""

from __future__ import annotations

import errno
import itertools
import json
import multiprocessing
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.media.stills.formats import STILLS, png
from pipelines.media.stills.quantise import quantise
from pipelines.media.takes.names import new_files, new_take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.read_sequence import chosen, find_footage, read_footage
from pipelines.media.takes.sequence import write_sequence
from pipelines.media.video.animation import Animation, write_animation
from pipelines.media.video.formats import VIDEO_FORMATS
from pipelines.media.video.read_video import described
from pipelines.media.video.sprite_sheet import SheetPlan, write_sheet
from pipelines.media.video.write_video import VideoPlan, write_video

RATE = Fraction(16)


def clip(frames: int = 40, height: int = 48, width: int = 64) -> torch.Tensor:
    return torch.rand(frames, height, width, 4, generator=torch.Generator().manual_seed(0))


def killed(work: Callable[[], object], folder: Path, pattern: str, count: int) -> None:
    """Work in a process of its own that has no end, killed when so many files of the pattern are there."""

    def in_one_thread() -> None:  # a forked process has none of its parent's threads, and would wait for them
        torch.set_num_threads(1)
        work()

    process = multiprocessing.get_context("fork").Process(target=in_one_thread)
    process.start()
    deadline = time.monotonic() + 120
    while len(list(folder.rglob(pattern))) < count:
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_kill_9_leaves_whole_frames_and_a_sidecar_that_does_not_say_complete(tmp_path):
    frame = clip(1, 96, 128)[0]
    plan = Plan(new_take(tmp_path, "clip"), STILLS["png 16-bit"](9), RATE)
    killed(lambda: write_sequence(itertools.repeat(frame), plan), tmp_path, "clip_v001.*.png", 5)
    frames = sorted((tmp_path / "clip_v001").glob("*.png"))
    assert len(frames) >= 5
    assert all(np.array_equal(png.decode(each.read_bytes()), quantise(frame, 16, 0)) for each in frames)
    told = json.loads((tmp_path / "clip_v001" / "clip_v001.json").read_text())
    assert told["complete"] is False and told["frames"]["count"] is None
    assert new_take(tmp_path, "clip").stem == "clip_v002"


def test_kill_9_while_a_video_is_written_leaves_nothing_under_its_name(tmp_path):
    path, plan = tmp_path / "clip.mkv", VideoPlan(VIDEO_FORMATS["ffv1"], RATE)
    endless = clip(1, 96, 128).expand(10**6, -1, -1, -1)
    killed(lambda: write_video(endless, path, plan), tmp_path, ".*.part", 1)
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    write_video(clip(3), path, plan)
    assert described(path).count == 3


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system of its own with 64 kB, as a disk that is nearly full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a file system of its own wants root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_the_finished_frames_whole_and_says_how_many(disk):
    plan = Plan(new_take(disk, "clip"), STILLS["png 8-bit"](1), RATE)
    with pytest.raises(OSError, match=r"could not be written; \d+ frames are finished and whole in") as caught:
        write_sequence(clip(), plan)
    assert caught.value.errno == errno.ENOSPC
    frames = sorted(plan.take.folder.glob("*.png"))
    assert f"; {len(frames)} frames are finished" in str(caught.value) and len(frames) > 2
    for index, path in enumerate(frames):
        assert np.array_equal(png.decode(path.read_bytes()), quantise(clip()[index], 8, 0))
    assert not list(plan.take.folder.glob(".*"))
    assert json.loads((plan.take.folder / "clip_v001.json").read_text())["complete"] is False


def single_files(folder: Path):
    """Every writer of single files, as it is called."""
    for name in ("prores 4444", "webm vp9", "ffv1", "stacked mp4"):
        path = folder / f"clip_{name.replace(' ', '_')}.{VIDEO_FORMATS[name].suffix}"
        yield name, lambda frames, path=path, name=name: write_video(frames, path, VideoPlan(VIDEO_FORMATS[name], RATE))
    for name in ("webp", "apng", "gif"):
        yield name, lambda frames, name=name: write_animation(frames, folder / f"clip.{name}", Animation(name, RATE))
    yield "sheet", lambda frames: write_sheet(frames, folder / "clip.png", SheetPlan(RATE))


def test_a_full_disk_leaves_no_single_file(disk):
    for name, write in single_files(disk):
        with pytest.raises(OSError):
            write(clip())
        assert not list(disk.iterdir()), name


def test_a_disk_that_cannot_be_written_is_said_and_nothing_is_tried_elsewhere(disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(OSError, match="Read-only file system"):
        new_take(disk, "shots/clip")
    with pytest.raises(OSError, match="Read-only file system"):
        new_files(disk, "shots/clip", "mov")
    for name, write in single_files(disk):
        with pytest.raises(OSError, match="Read-only file system"):
            write(clip(2))
        assert not list(disk.iterdir()), name


def test_frames_of_two_sizes_are_no_single_file(tmp_path):
    for name, write in single_files(tmp_path):
        if name != "sheet":  # which takes one tensor
            with pytest.raises((ValueError, RuntimeError)):
                write([*clip(2), *clip(1, 32, 32)])
            assert not list(tmp_path.iterdir()), name


def test_20000_frames_are_written_and_read_in_bounded_time(tmp_path):
    frames = torch.linspace(0, 1, 20_000)[:, None, None, None].expand(-1, 1, 2, 4)
    plan = Plan(new_take(tmp_path, "long"), STILLS["tga"](0), RATE)
    assert write_sequence(frames, plan) == 20_000
    footage = find_footage(plan.take.folder)
    assert (footage.numbers[0], footage.numbers[-1], len(footage.files)) == (1001, 21000, 20_000)
    some = chosen(footage, start=20_990)
    assert float((read_footage(some) - frames[-11:]).abs().max()) <= 0.5001 / 255
    assert json.loads((plan.take.folder / "long_v001.json").read_text())["frames"]["count"] == 20_000

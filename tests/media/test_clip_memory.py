"""Room for clips: a mapped file is an ordinary tensor, leaves nothing behind, and too little disk is our own error."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipelines.media.clip_memory import GB, available_memory, in_memory, map_clip

PACK = Path(__file__).parents[2]
SHAPE = (3, 64, 48, 4)
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def mappings(folder: Path) -> list[str]:
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if str(folder) in line]


@pytest.mark.parametrize("room", [in_memory, None], ids=["in memory", "mapped"])
def test_a_clip_is_an_ordinary_tensor(room, tmp_path):
    clip = in_memory(*SHAPE) if room else map_clip(tmp_path, *SHAPE)
    values = torch.rand(SHAPE)
    clip.copy_(values)
    assert clip.dtype == torch.float32
    assert clip.is_contiguous()
    assert torch.equal(clip, values)
    assert torch.equal(clip[1:, ..., :3] * 2, values[1:, ..., :3] * 2)
    clip.numpy()[0] = 0.5
    assert bool((clip[0] == 0.5).all())
    assert torch.equal(torch.cat((clip, clip)), torch.cat((clip.clone(), clip.clone())))


@linux
@pytest.mark.parametrize("name", ["temp", "Zwischenablage für Größen", "临时 文件"])
def test_nothing_of_a_mapped_clip_stays_when_its_last_view_goes(name, tmp_path):
    folder = tmp_path / name
    clip = map_clip(folder, *SHAPE)
    clip[:] = 1
    view = clip[2, ..., 3]
    del clip
    gc.collect()
    assert list(folder.iterdir()) == []  # it has no name at all
    assert len(mappings(folder)) == 1
    assert bool((view == 1).all())
    del view
    gc.collect()
    assert mappings(folder) == []


@linux
def test_a_killed_process_leaves_nothing_in_the_folder(tmp_path):
    script = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from pipelines.media.clip_memory import map_clip\n"
        "clip = map_clip(Path(sys.argv[2]), 4, 64, 64, 4); clip[:] = 1\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, PACK, tmp_path], check=False)
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []


@linux
def test_a_disk_that_is_too_small_is_an_error_that_names_folder_and_sizes(tmp_path):
    free = os.statvfs(tmp_path)
    frames = free.f_bavail * free.f_frsize // (1080 * 1920 * 16) + 100
    with pytest.raises(ValueError, match=r"frames of 1920 x 1080 need .* GB on the disk of .*GB are free") as caught:
        map_clip(tmp_path, frames, 1080, 1920, 4)
    assert str(tmp_path) in str(caught.value)
    assert "--temp-directory" in str(caught.value)
    assert os.statvfs(tmp_path).f_bavail * free.f_frsize > 0.9 * free.f_bavail * free.f_frsize  # nothing is kept


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file"):
        map_clip(tmp_path / "file" / "temp", *SHAPE)


@pytest.mark.parametrize(
    ("limit", "usage", "stat", "available"),
    [
        ("max", 5 * GB, "inactive_file 0", 8 * GB),
        (4 * GB, 3 * GB, "inactive_file 0", 1 * GB),
        (4 * GB, 3 * GB, f"anon 7\ninactive_file {GB // 2}", GB + GB // 2),
        (64 * GB, 3 * GB, "inactive_file 0", 8 * GB),
        (4 * GB, 5 * GB, "inactive_file 0", 0),
    ],
)
def test_the_limit_of_a_container_counts(limit, usage, stat, available, tmp_path):
    for name, text in (("memory.max", limit), ("memory.current", usage), ("memory.stat", stat)):
        (tmp_path / name).write_text(f"{text}\n")
    assert available_memory(8 * GB, tmp_path) == available


def test_without_a_container_it_is_what_the_machine_has(tmp_path):
    assert available_memory(8 * GB, tmp_path) == 8 * GB

"""Clips above a share of the free memory lie in files of the temp folder, for every node the same pictures."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import folder_paths
import pytest
import torch

SHAPE = (6, 48, 64)


@pytest.fixture
def temp(tmp_path, monkeypatch, ours):
    """The host's temp folder and user folder, of this test alone. Clips of any size may be put into files."""
    monkeypatch.setattr(ours("pipelines.host.core.clip_room"), "SMALL", 0)
    monkeypatch.setattr(folder_paths, "get_temp_directory", lambda: str(tmp_path / "temp"))
    monkeypatch.setattr(folder_paths, "get_user_directory", lambda: str(tmp_path / "user"))
    return tmp_path / "temp"


def choose(temp: Path, text: str, user: str = "default") -> None:
    folder = temp.parent / "user" / user
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "comfy.settings.json").write_text(text)


def share(temp: Path, percent: object, user: str = "default") -> None:
    choose(temp, json.dumps({"RGBAVideo.clipMemory": percent}), user)


def in_files(temp: Path) -> int:
    return sum(str(temp) in line for line in Path("/proc/self/maps").read_text().splitlines())


def clip() -> torch.Tensor:
    width = SHAPE[-1]
    alpha = torch.linspace(0, 1, width).expand(*SHAPE)
    red = torch.linspace(0, 1, SHAPE[0])[:, None, None].expand(*SHAPE)
    return torch.stack((red, 1 - red, torch.full(SHAPE, 0.25), alpha), dim=-1)


def test_every_step_gives_the_same_pictures_from_files(temp, host_nodes):
    steps = {
        "RGBAMatte": {"black": 0.1, "white": 0.9, "gamma": 1.0, "choke": 1, "grow": 0, "feather": 0.0,
                      "fill_holes": 0, "despeckle": 0},
        "RGBAEdgeBleed": {"below": 0.05},
        "RGBAPremultiply": {},
    }  # fmt: skip
    results = {}
    for percent in (100, 0):
        share(temp, percent)
        image = clip()
        for name, inputs in steps.items():
            image = getattr(host_nodes, name)(image=image, **inputs)[0]
        mask = host_nodes.RGBASplit(image=image)[1]
        results[percent] = image, mask
        assert in_files(temp) == (0 if percent == 100 else 2)  # image and mask
    assert all(torch.equal(one, other) for one, other in zip(*results.values()))
    del image, mask, results
    gc.collect()
    assert in_files(temp) == 0 and not list(temp.iterdir())


def test_the_share_is_the_least_of_all_users_and_what_cannot_be_read_is_passed_over(temp, ours):
    room = ours("pipelines.host.core.clip_room")
    assert room.memory_share() == 25
    for text in ("{", "[1]", "null", '{"RGBAVideo.clipMemory": "much"}', '{"RGBAVideo.clipMemory": 400}', "{}"):
        choose(temp, text)
        assert room.memory_share() == 25
    share(temp, 60)
    share(temp, 40, user="another")
    assert room.memory_share() == 40


def test_too_small_a_disk_is_the_node_s_error_and_the_next_clip_goes_on(temp, host_nodes, ours, monkeypatch):
    share(temp, 0)
    memory = ours("pipelines.media.clip_memory")
    usage = memory.shutil.disk_usage(Path(__file__).parent)
    with monkeypatch.context() as patch:
        patch.setattr(memory.shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(
            ValueError, match=r"6 frames of 64 x 48 need .* GB on the disk of .*, where 0\.0 GB are free"
        ):
            host_nodes.RGBAPremultiply(image=clip())
    assert not list(temp.iterdir())
    assert host_nodes.RGBAPremultiply(image=clip())[0].shape == (*SHAPE, 4)

"""What the loaders offer, and when they load again."""

import time

import folder_paths
import pytest
import torch


@pytest.fixture
def takes(host_nodes, tmp_path, monkeypatch):
    """Two takes in the input folder, one of a single pass and one of several."""
    monkeypatch.setattr(folder_paths, "get_input_directory", lambda: str(tmp_path))
    monkeypatch.setattr(folder_paths, "get_output_directory", lambda: str(tmp_path))
    for name, passes in (("plain", "rgba"), ("passes", "fg + matte + processed + comp")):
        host_nodes.RGBASaveSequence(
            image=torch.rand(1, 4, 6, 4), filename_prefix=f"shots/{name}", format="png 8-bit", passes=passes,
            start_frame=1, padding=4, fps=16.0, existing="refuse", compression=1,
        )  # fmt: skip
    return tmp_path


def test_a_take_of_several_passes_is_offered_as_a_whole_and_by_pass(ours, takes):
    inner = ("comp", "fg", "matte", "processed")
    whole = ["shots/passes_v001", *(f"shots/passes_v001/{name}" for name in inner), "shots/plain_v001"]
    assert ours("pipelines.host.files.input_folder").sequences() == whole


@pytest.mark.parametrize("name", ["shots/plain_v001", "shots/passes_v001/fg"])
def test_a_changed_sidecar_is_a_changed_sequence(ours, takes, name):
    fingerprint = ours("pipelines.host.files.input_folder").fingerprint
    before = fingerprint(name)
    (sidecar,) = takes.joinpath("shots", name.split("/")[1]).glob("*.json")
    assert fingerprint(name) == before
    sidecar.write_text(sidecar.read_text() + " ")
    assert fingerprint(name) != before


def test_what_the_host_keeps_of_a_sequence_does_not_say_where_it_lies(ours, takes):
    kept = ours("pipelines.host.files.input_folder").fingerprint("shots/plain_v001")
    assert len(kept) == 64 and "plain" not in kept and str(takes) not in kept


def test_other_json_beside_a_sequence_is_none_of_its_business(ours, takes):
    fingerprint = ours("pipelines.host.files.input_folder").fingerprint
    before = fingerprint("shots/plain_v001")
    (takes / "shots" / "notes.json").write_text('{"notes": []}')
    (takes / "shots" / "broken.json").write_text("{")
    (takes / "shots" / "folder.json").mkdir()
    assert fingerprint("shots/plain_v001") == before


def test_links_back_into_the_input_folder_and_a_full_one_are_listed_in_under_a_second(ours, tmp_path, monkeypatch):
    """The host asks for its lists on the thread that answers every request."""
    root = tmp_path / "comfy" / "input"
    many = root / "many"
    many.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "linked.webm").touch()
    for number in range(30_000):
        (many / f"frame_{number:05}.webm").touch()
    for name, target in (
        ("itself", root),
        ("parent", root.parent),
        ("twice", many),
        ("elsewhere", tmp_path / "elsewhere"),
    ):
        (root / name).symlink_to(target, target_is_directory=True)
    (many / "up").symlink_to(root, target_is_directory=True)
    monkeypatch.setattr(folder_paths, "get_input_directory", lambda: str(root))
    files, began = ours("pipelines.host.files.input_folder"), time.process_time()
    videos, sequences = files.videos(), files.sequences()
    assert time.process_time() - began < 1  # whatever else the machine does
    frames = [f"{name}/frame_{number:05}.webm" for name in ("many", "twice") for number in range(30_000)]
    assert videos == ["elsewhere/linked.webm", *frames]
    assert sequences == []


def test_a_walk_that_is_cut_says_so(ours, tmp_path, monkeypatch, caplog):
    walk = ours("pipelines.host.core.folder_walk")
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    monkeypatch.setattr(walk, "DEEPEST", 2)
    assert [name for name, _, _ in walk.walk_folder(tmp_path)] == [".", "a", "a/b"]
    assert "more than 2 folders deep at a/b: what lies beyond is not listed" in caplog.text
    monkeypatch.setattr(walk, "MOST_ENTRIES", 1)
    assert [name for name, _, _ in walk.walk_folder(tmp_path)] == [".", "a"]
    assert "more than 1 files and folders" in caplog.text

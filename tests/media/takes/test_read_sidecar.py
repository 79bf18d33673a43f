import json
import time
import tracemalloc
from fractions import Fraction

import pytest
import torch

from pipelines.media.passes import PASS_SETS
from pipelines.media.stills.formats import STILLS
from pipelines.media.takes.names import new_take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.read_sequence import find_footage
from pipelines.media.takes.read_sidecar import read_sidecar, sidecars_of
from pipelines.media.takes.sequence import write_sequence

RATE = Fraction(24000, 1001)


@pytest.fixture
def take(tmp_path):
    plan = Plan(new_take(tmp_path / "input", "parrot"), STILLS["png 8-bit"](1, None), RATE, PASS_SETS["rgba + matte"])
    write_sequence(torch.rand(2, 4, 5, 4), plan)
    return plan.take.folder


def said_of(take):
    return read_sidecar(take / "rgba" / "parrot_v001_rgba.1001.png")


def change(take, **changes):
    path = take / "parrot_v001.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_rate_and_the_association_of_a_pass_are_read(take):
    assert said_of(take) == (RATE, "straight")
    assert read_sidecar(take / "matte" / "parrot_v001_matte.1002.png") == (RATE, None)


def test_a_take_that_was_renamed_or_whose_json_was_written_anew_keeps_them(take):
    change(take)
    assert said_of(take) == (RATE, "straight")
    assert said_of(take.rename(take.with_name("renamed"))) == (RATE, "straight")


def test_a_graph_of_any_size_is_not_read(take):
    path = take / "parrot_v001.json"
    text = path.read_text()
    path.write_text(text.replace('"graph": {', '"graph": {"notes": "' + "x" * 20_000_000 + '", ', 1))
    tracemalloc.start()
    assert said_of(take) == (RATE, "straight")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "fps",
    [
        {"num": -16},
        {"num": -16, "den": 1},
        {"num": 16, "den": 0},
        {"num": 0, "den": 1},
        {"num": 10**400, "den": 1},
        {"num": 1, "den": 10**400},
        {"num": 1e999, "den": 1},
        {"num": True, "den": True},
        {"num": "16", "den": "1"},
        {"num": [16], "den": {}},
        16,
        None,
        [],
    ],
)
def test_an_absurd_rate_changes_nothing(take, fps):
    change(take, fps=fps)
    assert said_of(take) == (None, None)


@pytest.mark.parametrize("passes", [None, 5, {}, [], [None], ["rgba"], [{}], [{"pattern": ["a"]}], [{"pattern": "#"}]])
def test_passes_of_another_shape_change_nothing(take, passes):
    change(take, passes=passes)
    assert said_of(take) == (None, None)


def test_an_unknown_association_is_none(take):
    sidecar = json.loads((take / "parrot_v001.json").read_text())
    for association in ("perhaps", 3, ["straight"], None):
        change(take, passes=[{**each, "association": association} for each in sidecar["passes"]])
        assert said_of(take) == (RATE, None)


HOSTILE = {
    "list": b"[1, 2]",
    "no JSON": b"\xff\xfe{",
    "cut": b'{"fps": {"num": 16,',
    "nothing": b"",
    "number": b"9" * 5000,
    "deep": b"[" * 2_000_000,
    "deep objects": b'{"a":' * 500_000,
    "wide": b"[" + b"[]," * 600_000 + b"[]]",
    "100 MB": b'{"fps": "' + bytes(100_000_000) + b'"}',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_json_raises_nothing_changes_nothing_and_costs_little(take, kind):
    (take / "parrot_v001.json").rename(take / "parrot_v00.json")
    (take / "parrot_v001.json").write_bytes(HOSTILE[kind])
    (take / "rgba" / "parrot.json").write_bytes(HOSTILE[kind])
    began = time.process_time()
    assert said_of(take) == (RATE, "straight")
    assert time.process_time() - began < 2
    tracemalloc.start()  # makes it several times as slow
    said_of(take)
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
    assert find_footage(take).fps == RATE


def test_json_above_a_folder_that_is_not_a_pass_is_not_looked_at(take):
    (take.parent / "parrot_v001.json").write_text("{}")
    (take / "folder.json").mkdir()
    assert sidecars_of(take) == [take / "parrot_v001.json"]
    assert sidecars_of(take / "rgba") == [take / "parrot_v001.json"]


def test_json_of_another_name_beside_a_still_is_not_looked_at(take):
    (take / "rgba" / "notes.json").write_text("{}")
    (take / "rgba" / "parrot_v001_rgba.1001.json").write_text("{}")
    still = take / "rgba" / "parrot_v001_rgba.1001.png"
    assert sidecars_of(still) == [take / "rgba" / "parrot_v001_rgba.1001.json", take / "parrot_v001.json"]

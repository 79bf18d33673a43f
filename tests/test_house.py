"""The size of the rooms: a folder and a module stay small enough to be read as one thing."""

from __future__ import annotations

from pathlib import Path

import pytest

PACK = Path(__file__).parents[1]
MODULES = 20
LINES = 400
MEASURED = ("nodes", "pipelines", "tools", "demo/recipe")


def _crowded(folder):
    """Folders with more modules beside each other than a reader keeps in mind."""
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    return {place: count for place in places if (count := len(list(place.glob("*.py")))) > MODULES}


def _long(folder):
    """Modules with more lines than one thing needs."""
    counts = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py")}
    return {path: count for path, count in counts.items() if count > LINES}


@pytest.mark.parametrize("name", MEASURED)
def test_no_folder_holds_more_than_20_modules(name):
    assert _crowded(PACK / name) == {}


@pytest.mark.parametrize("name", [name for name in MEASURED if name != "nodes"])  # a node's schema is as long as it is
def test_no_module_has_more_than_400_lines(name):
    assert _long(PACK / name) == {}


def test_a_crowded_folder_and_a_long_module_are_seen(tmp_path):
    room = tmp_path / "pipelines" / "alpha"
    room.mkdir(parents=True)
    for number in range(MODULES):
        (room / f"m{number}.py").touch()
    module = room / "m0.py"
    module.write_text("pass\n" * LINES)
    assert (_crowded(tmp_path), _long(tmp_path)) == ({}, {})
    (room / "one_more.py").touch()
    module.write_text("pass\n" * (LINES + 1))
    assert (_crowded(tmp_path), _long(tmp_path)) == ({room: MODULES + 1}, {module: LINES + 1})

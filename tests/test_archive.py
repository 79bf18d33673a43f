"""The registry archive: what git tracks without what .comfyignore names, by git's own matching."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PACK = Path(__file__).parents[1]
FOLDERS = ("nodes", "pipelines", "web", "locales", "example_workflows", "subgraphs")
FILES = {
    ".comfyignore",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "THIRD_PARTY.md",
    "__init__.py",
    "pyproject.toml",
    "requirements.txt",
}


def _list(folder, *options):
    run = subprocess.run(["git", "ls-files", "-z", *options], cwd=folder, capture_output=True, text=True, check=True)
    return set(run.stdout.split("\0")) - {""}


def _archive(folder):
    return _list(folder) - _list(folder, "-ci", "--exclude-from=.comfyignore")


def _wanted(folder):
    return {path for path in _list(folder) if path in FILES or path.startswith(tuple(f"{name}/" for name in FOLDERS))}


def test_the_archive_holds_the_pack_and_nothing_for_its_developers():
    assert _archive(PACK) == _wanted(PACK)


def test_an_unanchored_pattern_that_takes_a_room_is_seen(tmp_path):
    room = tmp_path / "pipelines" / "demo"
    room.mkdir(parents=True)
    (room / "clips.py").touch()
    shutil.copy(PACK / ".comfyignore", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    assert _archive(tmp_path) == _wanted(tmp_path)
    (tmp_path / ".comfyignore").write_text("demo/\n")
    assert _wanted(tmp_path) - _archive(tmp_path) == {"pipelines/demo/clips.py"}

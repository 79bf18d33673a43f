"""The host's input folder: what can be loaded from it, and where a chosen name lies."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import folder_paths

from ...media.passes import BEST_FIRST
from ...media.signatures import READABLE
from ...media.takes.read_sidecar import sidecars_of
from ...media.video.containers import SUFFIXES
from ...media.video.delays import is_animated_png
from ..core.folder_walk import walk_folder

FEW = 64
"""PNGs in a folder; a clip as a sequence has more."""


def listed(suffixes: Collection[str], folders: bool) -> list[str]:
    """Files of these kinds below the input folder, hidden ones left out.

    With `folders`, folders instead that hold some, and takes that hold a folder for each pass.
    """
    found = []
    for name, inner, files in walk_folder(folder_paths.get_input_directory()):
        ours = [each for each in files if os.path.splitext(each)[1].lower() in suffixes]
        if folders and name != ".":
            is_take = not {*inner}.isdisjoint(BEST_FIRST) and any(each.endswith(".json") for each in files)
            found += [name] if ours or is_take else []
        elif not folders:
            found += [each if name == "." else f"{name}/{each}" for each in ours]
    return found


def chosen_path(name: str) -> Path:
    """Where a name lies: below the input folder, or below another of the host's that it names, as `take [output]` does.

    ValueError when it would leave that folder, FileNotFoundError when nothing is there.
    """
    plain, root = folder_paths.annotated_filepath(name.strip())
    base = Path(root or folder_paths.get_input_directory())
    path = Path(os.path.normpath(base / plain.strip()))
    if not path.is_relative_to(os.path.normpath(base)) or not plain.strip():
        raise ValueError(f"A name below the host's input folder was expected, got {name!r}.")
    if not path.exists():
        saved = Path(folder_paths.get_output_directory()) / plain.strip()
        hint = f" It is among what was saved: choose '{plain.strip()} [output]'." if saved.exists() else ""
        raise FileNotFoundError(
            f"{name!r} was expected in {base}, nothing is there; copy or upload it, then refresh.{hint}"
        )
    return path


def input_problem(name: str | None) -> str | None:
    """Why a name cannot be loaded, known before anything runs; None when it can, or when a link will tell."""
    if name is None:
        return None
    try:
        chosen_path(name)
    except (ValueError, FileNotFoundError) as problem:
        return str(problem)
    return None


def fingerprint(name: str) -> str:
    """Changes when a file does: a digest of names, sizes and times of all that the name stands for, and its sidecars.

    The host writes it into the prompt, and so into what is saved: it tells nobody where the files lie.
    """
    path = chosen_path(name)
    files = [path]
    if path.is_dir():
        files = [path / folder / each for folder, _, inside in walk_folder(path) for each in inside]
    files += sidecars_of(path)
    now = [(str(each), stat.st_size, stat.st_mtime_ns) for each in files for stat in (each.stat(),)]
    return sha256(repr(now).encode()).hexdigest()


def sequences() -> list[str]:
    """What the sequence loader offers."""
    return listed(READABLE, folders=True)


def videos() -> list[str]:
    """What the video loader offers: videos, and PNGs that are animated. Folders of more than `FEW` PNGs are sequences,
    which are not looked into; a name typed by hand is read all the same.
    """
    found = listed(SUFFIXES | {".png"}, folders=False)
    root = Path(folder_paths.get_input_directory())
    is_png = {name: name.lower().endswith(".png") for name in found}
    pictures = Counter(os.path.dirname(name) for name in found if is_png[name])
    return [
        name for name in found if not is_png[name] or (pictures[os.path.dirname(name)] <= FEW and _moves(root / name))
    ]


def _moves(path: Path) -> bool:
    try:
        stat = path.stat()
    except OSError:  # gone meanwhile
        return False
    return _is_animated(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1 << 16)
def _is_animated(path: Path, changed: int, size: int) -> bool:
    """Remembered until the file changes: the host asks for the list with every page."""
    return is_animated_png(path)

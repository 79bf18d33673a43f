"""Model files in the host's own folders: what a combo lists, and the path behind a choice."""

from __future__ import annotations

import os
from pathlib import Path

import folder_paths

SUBJECT_SUFFIXES = ("", ".pt", ".pth", ".safetensors")


def names(*folders: str) -> list[str]:
    """Every file that the host finds in these model folders, in their order, each name once."""
    return list(dict.fromkeys(name for folder in folders for name in folder_paths.get_filename_list(folder)))


def path_of(name: str, *folders: str) -> Path:
    """The file behind a name. Raises ValueError, saying where it was looked for."""
    for folder in folders:
        if found := folder_paths.get_full_path(folder, name):
            return Path(found)
    raise ValueError(f"{name} is in none of the model folders {', '.join(folders)}; choose a file that is listed.")


def identity(path: Path) -> str:
    """A file as it is now: another string as soon as it is written again."""
    stat = path.stat()
    return f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}"


def subject_names() -> list[str]:
    """Files of the host's input folder that can hold a released gauss_mask."""
    root = folder_paths.get_input_directory()
    found: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        fit = (name for name in files if not name.startswith(".") and Path(name).suffix in SUBJECT_SUFFIXES)
        found += (Path(folder, name).relative_to(root).as_posix() for name in fit)
    return sorted(found)


def subject_path(name: str) -> Path:
    """A file of the host's input folder. Raises ValueError for a path that leaves it, or for no file."""
    folder = Path(folder_paths.get_input_directory()).resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise ValueError(f"{name} is no file of the input folder; put the gauss_mask there and choose it.")
    return path

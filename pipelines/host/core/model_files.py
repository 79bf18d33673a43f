"""Model files in the host's own folders: what a combo lists, the path behind a choice, and the weights in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import folder_paths
from torch import Tensor

from ...weights.kinds.kind import Kind
from ...weights.kinds.table import refuse_unless
from ...weights.weights_file import read_weights, shapes_of
from .folder_walk import walk_folder

LAYERDIFFUSE = ("layer_model", "vae", "loras", "model_patches")
"""Where LayerDiffuse's files are looked for; users of older ports have the first, which the host does not know."""
folder_paths.add_model_folder_path(LAYERDIFFUSE[0], str(Path(folder_paths.models_dir, LAYERDIFFUSE[0])))
folder_paths.folder_names_and_paths[LAYERDIFFUSE[0]][1].update(folder_paths.supported_pt_extensions)

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


@contextmanager
def chosen_for(name: str) -> Iterator[None]:
    """Puts the name of a node's input in front of what is wrong with the file that was chosen there."""
    try:
        yield
    except ValueError as problem:
        raise ValueError(f"{name} {problem}") from problem


def read_chosen(path: Path, wanted: Sequence[Kind], name: str) -> dict[str, Tensor]:
    """The weights of the file that was chosen for the node's input `name`.

    Raises ValueError, naming the input and the file, when it cannot be read or is of none of the wanted kinds.
    """
    with chosen_for(name):
        weights = read_weights(path)
    refuse_unless(shapes_of(weights), wanted, path.name, name)
    return weights


def identity(path: Path) -> str:
    """A file as it is now: another string as soon as it is written again."""
    stat = path.stat()
    return f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}"


def subject_names() -> list[str]:
    """Files of the host's input folder that can hold a released gauss_mask."""
    found: list[str] = []
    for folder, _, files in walk_folder(folder_paths.get_input_directory()):
        fit = (name for name in files if Path(name).suffix in SUBJECT_SUFFIXES)
        found += (name if folder == "." else f"{folder}/{name}" for name in fit)
    return sorted(found)


def subject_path(name: str) -> Path:
    """A file of the host's input folder. Raises ValueError for a path that leaves it, or for no file."""
    folder = Path(folder_paths.get_input_directory()).resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise ValueError(f"{name} is no file of the input folder; put the gauss_mask there and choose it.")
    return path

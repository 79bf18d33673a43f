"""Checkpoints of a run: one file for each, whole or not there, the last few kept.

Layout   FOLDER/step-00001200.pt: a dict of plain numbers, strings and tensors, read with `weights_only`.
Source   Our own.
Differs  accelerate's `save_state` writes a folder file by file, and a stopped one is a broken one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from ..media.whole_file import write_whole

NAME = re.compile(r"step-(\d+)\.pt")

_DELETE = "delete it, and training goes on from the one before"


def write_checkpoint(folder: Path, step: int, state: Mapping[str, Any], keep: int) -> Path:
    """Write the state after `step` steps, then delete all but the newest `keep` files.

    Raises OSError when there is no room; what stood before is untouched then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    torch.save(dict(state), data)
    path = folder / f"step-{step:08d}.pt"
    write_whole(path, data.getvalue())
    for _, older in checkpoints(folder)[: -max(keep, 1)]:
        older.unlink(missing_ok=True)
    return path


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """(step, file) of every checkpoint, the oldest first; none when the folder does not exist."""
    found = [(match, path) for path in folder.glob("step-*.pt") if (match := NAME.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in found)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Raises ValueError, naming the file, when it is no checkpoint."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, OSError, KeyError, UnpicklingError) as error:  # of a broken file
        raise ValueError(f"{path} wants to be a checkpoint, got a file that does not read; {_DELETE}.") from error
    if not isinstance(state, dict) or "step" not in state:
        raise ValueError(f"{path} wants to be a checkpoint, got no step in it; {_DELETE}.")
    return state

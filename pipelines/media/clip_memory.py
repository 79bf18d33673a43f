"""Room for the frames of a clip: in memory, or in a file that is mapped into it, where the clip is large.

Layout   any shape, float32; a frame at a time is written into it.
Source   POSIX: posix_fallocate, mmap. The file has no name where the system allows that (O_TMPFILE, or unlinked at
         once), and is removed by the system with its last handle elsewhere (FILE_FLAG_DELETE_ON_CLOSE): nothing of it
         stays when its last view goes, or the process ends, however it ends.
Differs  The space on the disk is reserved before the file is mapped. A disk that fills up under a mapping ends the
         process (SIGBUS); here it is an error before anything is written.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

Room = Callable[..., Tensor]
"""Sizes (T, H, W, C) to a float32 tensor of that shape, not yet written."""

BYTES = 4
"""Of a value."""

GB = 1 << 30
ZEROS = 1 << 24
"""Bytes that are written at a time where a system cannot reserve space."""

CGROUP = Path("/sys/fs/cgroup")


def in_memory(*shape: int) -> Tensor:
    """Room for a clip in memory. ValueError when there is not as much memory."""
    try:
        return torch.empty(shape)
    except (RuntimeError, MemoryError):
        raise ValueError(
            f"{describe(shape)} need {size(shape) / GB:.1f} GB of memory, which is more than there is; choose fewer "
            "frames, or a smaller size."
        ) from None


def map_clip(folder: Path, *shape: int) -> Tensor:
    """Room for a clip in a file of `folder`, which goes with the last view of the tensor.

    ValueError naming the folder and both sizes when there is not as much room in it, or it cannot be written.
    """
    needed = size(shape)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            _reserve(file, folder, needed)
            memory = mmap.mmap(file.fileno(), needed)
    except OSError as problem:
        raise ValueError(
            f"{describe(shape)} need {needed / GB:.1f} GB on the disk of {folder}, where {_free(folder)}"
            f"({problem.strerror or problem}). Make room, start ComfyUI with --temp-directory on a larger disk, load "
            "fewer frames, or let larger clips lie in memory (settings, RGBA Video)."
        ) from None
    return torch.frombuffer(memory, dtype=torch.float32).reshape(shape)


def size(shape: tuple[int, ...]) -> int:
    """Bytes of a clip."""
    return BYTES * math.prod(shape)


def describe(shape: tuple[int, ...]) -> str:
    """The clip in the words of a message."""
    count, height, width = shape[:3]
    return f"{count} frames of {width} x {height}"


def available_memory(free: int, cgroup: Path = CGROUP) -> int:
    """Bytes that a new clip can have: `free` of the machine, or what the process's group may still take, if less."""
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        if limit == "max":
            return free
        usage = int((cgroup / "memory.current").read_text())
        lines = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return min(free, max(0, int(limit) - usage + int(lines.get("inactive_file", 0))))
    except (OSError, ValueError):  # another system, or version 1
        return free


def _reserve(file: IO[bytes], folder: Path, needed: int) -> None:
    """Give the file its size, and the disk's promise for all of it. OSError when there is not as much."""
    if needed > shutil.disk_usage(folder).free:  # without filling the disk up on the way to the same answer
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, needed)
    elif sys.platform == "win32":
        file.truncate(needed)  # takes the space at once
    else:
        zeros = bytes(min(ZEROS, needed))
        for written in range(0, needed, len(zeros)):
            file.write(zeros[: needed - written])
        file.flush()


def _free(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / GB:.1f} GB are free "
    except OSError:
        return "nothing can be written "

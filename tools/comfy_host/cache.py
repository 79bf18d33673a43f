"""The user's cache folder: what stands where, and how one process at a time fills a part of it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .terminal import say


def cache_folder() -> Path:
    """The user's cache folder by the platform's custom."""
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "rgba-video"


def bytecode_folder() -> Path:
    """Where every interpreter that is started here keeps what it compiles."""
    return cache_folder() / "bytecode"


def stamp_of(folder: Path) -> Path:
    """The file that stands in `folder` once everything is installed there."""
    return folder / "installed.json"


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """One process at a time; it is let go when the file is closed, or when the process ends in whatever way."""
    with open(path, "w") as file:
        if not _lock(file.fileno()):
            say(f"another process is installing into {path.parent}; waiting for it")
            while not _lock(file.fileno()):
                time.sleep(0.5)
        yield


def _lock(file: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

"""Files below a folder of the host, links followed, no folder inside itself.

Artists link their footage into the input folder, and such links can lead back to where they are: the host asks for its
lists on the thread that answers every request, so a walk without an end would stop all of it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

MOST_ENTRIES = 100_000
"""Files and folders that one walk looks at; whoever has more of them chooses from the first."""
DEEPEST = 40


def walk_folder(root: str | Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """(folder relative to root with slashes, "." for root; its folders; its files), sorted, hidden ones left out.

    A link to a folder that it lies in is not followed, nor is one to a folder that root lies in; another link, such as
    `latest`, is a second name of its folder. A walk that is cut at MOST_ENTRIES or DEEPEST says so in the log.
    """
    top = os.path.abspath(root)
    above = {"": frozenset(_identity(str(parent)) for parent in Path(top).resolve().parents)}
    count = 0
    for folder, inner, files in os.walk(top, followlinks=True):
        name = os.path.relpath(folder, top).replace(os.sep, "/")
        identity, outside = _identity(folder), above[name.rpartition("/")[0] if name != "." else ""]
        if identity in outside:
            inner.clear()
            continue
        above["" if name == "." else name] = outside | {identity}
        inner[:] = sorted(each for each in inner if not each.startswith("."))
        count += len(inner) + len(files)
        yield name, list(inner), sorted(each for each in files if not each.startswith("."))
        if count > MOST_ENTRIES:
            _log_cut(top, f"has more than {MOST_ENTRIES:,} files and folders")
            return
        if name.count("/") + 1 >= DEEPEST and inner:
            _log_cut(top, f"is more than {DEEPEST} folders deep at {name}")
            inner.clear()


def _identity(folder: str) -> tuple[int, int] | str:
    """What is the same for two names of one folder."""
    try:
        stat = os.stat(folder)
    except OSError:  # gone meanwhile
        return folder
    return (stat.st_dev, stat.st_ino) if stat.st_ino else os.path.realpath(folder)


def _log_cut(root: str, why: str) -> None:
    logging.getLogger(__name__).warning("%s %s: what lies beyond is not listed.", root, why)

"""Files that are whole or not there."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` beside `path` under a hidden name, then give it its name: a reader never sees half a file.

    An older file of that name is replaced in the same instant. Whatever happens on the way (a full disk, a cancelled
    queue), the hidden file is removed, the older file stays as it was, and the exception goes on. Guards against
    stopped programs, not against a power cut: nothing is forced onto the platter.
    """
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with partial.open("xb") as file:
            file.write(data)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def named_when_whole(path: Path) -> Iterator[Path]:
    """A hidden path beside `path` to write to; at the end of the block the file there gets its name.

    Nothing is overwritten: FileExistsError when the name is taken by then. Whatever the block raises goes on, and no
    file is left.
    """
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield partial
        if path.exists():
            raise FileExistsError(f"{path.name} exists in {path.parent}; choose another filename_prefix.")
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise

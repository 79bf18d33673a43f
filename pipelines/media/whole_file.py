"""Files that are whole or not there."""

import os
import secrets
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

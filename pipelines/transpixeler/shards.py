"""A checkpoint in several files, as diffusers saves large ones: NAME-00001-of-00002.safetensors and its siblings."""

from __future__ import annotations

import re
from pathlib import Path

_SHARD = re.compile(r"(.+)-\d{5}-of-(\d{5})(\.safetensors)")


def shards_of(path: Path) -> list[Path]:
    """Every file of the checkpoint that this file belongs to, in order; the file alone where it is the whole.

    Raises ValueError, naming them, when siblings are missing.
    """
    match = _SHARD.fullmatch(path.name)
    if match is None:
        return [path]
    name, count, suffix = match.groups()
    files = [path.with_name(f"{name}-{number:05}-of-{count}{suffix}") for number in range(1, int(count) + 1)]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ValueError(f"{path.name} is one of {int(count)} files; put {', '.join(missing)} beside it.")
    return files

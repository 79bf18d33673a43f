"""What a kind of weights file is: a name, how to recognise it by keys and shapes alone, how to describe one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..weights_file import TensorInfo

Shapes = Mapping[str, TensorInfo]


@dataclass(frozen=True)
class Kind:
    """A sort of file. `describe` is for files that match."""

    name: str
    matches: Callable[[Shapes], bool]
    describe: Callable[[Shapes], str]


@dataclass(frozen=True)
class FileKind:
    """A file's kind, and its rank, layers and widths in words."""

    kind: Kind
    detail: str

    def __str__(self) -> str:
        return f"{self.kind.name} ({self.detail})"


def has_key(shapes: Shapes, key: re.Pattern[str]) -> bool:
    return any(key.fullmatch(name) for name in shapes)


def list_numbers(numbers: Iterable[int]) -> str:
    """Numbers in order, for a description."""
    return ", ".join(str(number) for number in sorted(numbers)) or "unknown"


def count_blocks(names: Iterable[str]) -> str:
    """How many different blocks.N the names speak of, in words."""
    numbers = {match[1] for name in names if (match := re.search(r"(?:^|\.)blocks\.(\d+)(?:\.|$)", name))}
    return f"{len(numbers)} {'block' if len(numbers) == 1 else 'blocks'}"

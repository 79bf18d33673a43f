"""What a node adds to a refused file: where such a file belongs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..pipelines.weights.kinds.table import refused_kind
from .names import TAKEN_BY


@contextmanager
def says_what_takes_it() -> Iterator[None]:
    """Adds which node and input take a file that was refused for its kind; for `execute`, as a decorator."""
    try:
        yield
    except ValueError as problem:
        kind = refused_kind(problem)
        if kind is None:
            raise
        raise ValueError(f"{problem} {_sentence(TAKEN_BY[kind.name])}") from problem


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}."

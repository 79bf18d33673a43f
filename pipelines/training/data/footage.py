"""The clips that a training comes back to, each opened once.

Differs  The reference reads 8 bits and drops alpha; here stills keep their bits, and videos their alpha.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ...media.footage import Clip, open_footage

REMEMBERED = 1024


@lru_cache(REMEMBERED)
def opened(path: Path) -> Clip:
    """The clip of a file or folder, which must not change any more. Raises ValueError naming it if it is none."""
    try:
        return open_footage(path)
    except FileNotFoundError as problem:
        raise ValueError(str(problem)) from problem

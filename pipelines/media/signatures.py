"""What kind of picture a file is: by its suffix, and by its first bytes, since names are wrong more often than these.

Differs  TGA has no signature: a file with none of these is what its suffix says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

READABLE = frozenset(
    {
        ".exr", ".png", ".tga", ".webp", ".avif", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".psd", ".psb", ".dpx",
        ".hdr",
    }
)  # fmt: skip
"""Suffixes of the stills that can be read, in small letters."""

PNG = b"\x89PNG\r\n\x1a\n"

ALIKE: Mapping[str, str] = {".jpeg": ".jpg", ".tiff": ".tif", ".psb": ".psd"}
"""Suffixes that mean the same as another."""

SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, PNG, ".png"),
    (0, b"\xff\xd8\xff", ".jpg"),
    (8, b"WEBP", ".webp"),
    (4, b"ftypavi", ".avif"),
    (0, b"II*\0", ".tif"),
    (0, b"MM\0*", ".tif"),
    (0, b"II+\0", ".tif"),
    (0, b"MM\0+", ".tif"),
    (0, b"8BPS", ".psd"),
    (0, b"v/1\1", ".exr"),
    (0, b"SDPX", ".dpx"),
    (0, b"XPDS", ".dpx"),
    (0, b"#?", ".hdr"),
)
"""Where the bytes stand, the bytes, and the suffix of that kind. BMP's two letters are too few to go by."""


def find_kind(path: Path) -> str:
    """The suffix of what the file is, its own where that fits or nothing is known."""
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(16)
    found = next((kind for start, said, kind in SIGNATURES if head[start : start + len(said)] == said), suffix)
    return suffix if ALIKE.get(suffix, suffix) == found else found


def misnamed_note(suffix: str, kind: str) -> str:
    """That the suffix is another kind's, or ""."""
    return "" if suffix == kind else f"The file is in {kind[1:].upper()}, whatever its name says, and was read as that."

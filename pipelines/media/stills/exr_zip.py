"""ZIP of an EXR by ISA-L: OpenEXR writes the file with its lines stored, and here they are deflated 16 at a time.

Layout   an EXR is a header, a table of offsets (uint64), and chunks: first line and size (int32), then the lines, one
         of them where nothing is compressed.
Source   OpenEXR, file layout, and its ZIP compressor: bytes of even place before those of odd, then each as its
         difference from the one before, plus 128; a chunk that would not shrink is stored as it was.
Differs  OpenEXR deflates by itself, and usually to less: a noisy picture takes it twice the time. Its Python binding
         has no level. ISA-L need not be there: without it, OpenEXR does it all.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np

Deflate = Callable[[np.ndarray], bytes]

LINES = 16
"""Of a chunk."""

STORED = b"compression\0compression\0\1\0\0\0\0"
ZIP = STORED[:-1] + b"\3"
"""What the header says of compression."""

OFFSET = 8
CHUNK_HEADER = 8

LEVEL = 1
"""Of ISA-L's three: the others take longer, and hardly shrink more."""


def isa_l() -> Deflate | None:
    """What deflates, or None where ISA-L is not installed."""
    try:
        from isal import isal_zlib
    except ImportError:
        return None
    return lambda values: isal_zlib.compress(values, LEVEL)


def zipped(stored: bytes, height: int, line: int, deflate: Deflate) -> bytes:
    """The same EXR as ZIP, of one that holds `height` lines of `line` bytes, each stored in a chunk of its own."""
    start = len(stored) - height * (OFFSET + CHUNK_HEADER + line)
    chunks = np.frombuffer(stored, np.uint8, offset=start + height * OFFSET).reshape(height, -1)
    lines, tops = chunks[:, CHUNK_HEADER:], range(0, height, LINES)
    file, offsets = io.BytesIO(), []
    file.write(stored[:start].replace(STORED, ZIP, 1) + bytes(OFFSET * len(tops)))
    for top in tops:
        offsets.append(file.tell())
        file.write(_chunk(top, lines[top : top + LINES], deflate))
    file.seek(start)
    file.write(struct.pack(f"<{len(offsets)}Q", *offsets))
    return file.getvalue()


def _chunk(top: int, lines: np.ndarray, deflate: Deflate) -> bytes:
    values = lines.reshape(-1)
    held = min(values.tobytes(), deflate(_predicted(values)), key=len)
    return struct.pack("<2i", top, len(held)) + held


def _predicted(values: np.ndarray) -> np.ndarray:
    pairs = values.view("<u2")  # a line of half or float has no odd byte
    apart = np.concatenate((pairs.astype(np.uint8), (pairs >> 8).astype(np.uint8)))
    apart[1:] = apart[1:] - apart[:-1] + np.uint8(128)
    return apart

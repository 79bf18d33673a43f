"""Against OpenEXR's own ZIP: the same header, the same chunks, and the same bytes in them once inflated."""

from __future__ import annotations

import struct
import sys
import zlib
from fractions import Fraction

import numpy as np
import pytest

from pipelines.media.stills.exr_zip import LINES
from pipelines.media.stills.formats import exr

SIZES = [(1, 65), (15, 64), (16, 67), (17, 65), (50, 64)]
CHANNELS = [(np.float16, "RGBA"), (np.float32, "BGR"), (np.float16, "Y")]


def steps(height=50, width=64, dtype=np.float16, names="RGBA"):
    rising = np.arange(height)[:, None] // 3 + np.arange(width) // 5
    return {name: (rising * (1 + index) / 64).astype(dtype) for index, name in enumerate(names)}


def noise(height=40, width=64):
    finite = np.random.default_rng(0).integers(0, 1 << 16, (height, width), np.uint16) & 0xBFFF
    return {"Y": finite.view(np.float16)}


def taken_apart(file, of):
    """The header, and of every chunk its first line, whether it is deflated, and its bytes once inflated."""
    height = len(next(iter(of.values())))
    line = sum(plane[0].nbytes for plane in of.values())
    count = -(-height // LINES)
    table = next(at for at in range(len(file)) if struct.unpack_from("<Q", file, at)[0] == at + 8 * count)
    chunks = []
    for offset in struct.unpack_from(f"<{count}Q", file, table):
        top, size = struct.unpack_from("<2i", file, offset)
        data, whole = file[offset + 8 : offset + 8 + size], line * min(LINES, height - top)
        chunks.append((top, size < whole, zlib.decompress(data) if size < whole else data))
    return file[:table], chunks


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "names"), CHANNELS)
def test_it_is_what_openexr_deflates(size, dtype, names):
    given = steps(*size, dtype, names)
    said = {"fps": Fraction(24000, 1001), "text": {"prompt": "{}"}}
    ours, theirs = (taken_apart(exr.encode(given, compression=level, **said), given) for level in (1, 4))
    assert ours == theirs
    assert all(deflated for _, deflated, _ in ours[1])


def test_what_would_not_shrink_is_stored_as_openexr_stores_it():
    given = noise()
    assert exr.encode(given, compression=1) == exr.encode(given, compression=4)


@pytest.mark.parametrize("given", [steps(), steps(17, 3, np.float32, "Y"), steps(1, 1), noise()])
def test_openexr_reads_it(given):
    read = exr.decode(exr.encode(given, compression=1))
    assert read.keys() == given.keys()
    for name, values in given.items():
        assert read[name].tobytes() == values.tobytes() and read[name].dtype == values.dtype


def test_without_isa_l_openexr_deflates(monkeypatch):
    ours = exr.encode(steps(), compression=1)
    monkeypatch.setitem(sys.modules, "isal", None)
    assert exr.encode(steps(), compression=1) == exr.encode(steps(), compression=4) != ours


@pytest.mark.parametrize("kind", ["zips", "piz", "dwaa", "none"])
def test_the_other_kinds_are_openexrs(kind):
    assert exr.encode(steps(), kind=kind, compression=1) == exr.encode(steps(), kind=kind, compression=4)

"""Against OpenEXR's own ZIP: the same header, the same groups of lines, and the same bytes in them once inflated."""

from __future__ import annotations

import struct
import sys
import zlib
from fractions import Fraction

import numpy as np
import pytest

from pipelines.media import exr, exr_zip

KINDS = ["zip", "zips"]
SIZES = [(1, 65), (15, 64), (16, 67), (17, 65), (50, 64)]


def channels(height=50, width=33, dtype=np.float16, names="RGBA"):
    steps = np.arange(height)[:, None] // 3 + np.arange(width) // 5
    return {name: (steps * (1 + index) / 64).astype(dtype) for index, name in enumerate(names)}


def noise(height=40, width=64):
    bits = np.random.default_rng(0).integers(0, 1 << 16, (height, width), np.uint16) & 0xBFFF
    return {"Y": bits.view(np.float16)}


def groups(file, of, lines):
    """The header, and of every group its first line, whether it is deflated, and its bytes once inflated."""
    height = len(next(iter(of.values())))
    line = sum(plane[0].nbytes for plane in of.values())
    count = -(-height // lines)
    table = next(at for at in range(len(file)) if struct.unpack_from("<Q", file, at)[0] == at + 8 * count)
    held = []
    for place in struct.unpack_from(f"<{count}Q", file, table):
        top, size = struct.unpack_from("<2i", file, place)
        data, whole = file[place + 8 : place + 8 + size], line * min(lines, height - top)
        held.append((top, size < whole, zlib.decompress(data) if size < whole else data))
    return file[:table], held


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "names"), [(np.float16, "RGBA"), (np.float32, "BGR"), (np.float16, "Y")])
def test_it_is_what_openexr_deflates(kind, size, dtype, names, level):
    given = channels(*size, dtype, names)
    said = {"kind": kind, "fps": Fraction(24000, 1001), "text": {"prompt": "{}"}}
    ours, theirs = (
        groups(exr.encode(given, compression=each, **said), given, exr_zip.LINES[kind]) for each in (level, 4)
    )
    assert ours == theirs
    assert all(deflated for _, deflated, _ in ours[1])


@pytest.mark.parametrize("kind", KINDS)
def test_what_would_not_shrink_is_stored_as_openexr_stores_it(kind):
    given = noise()
    ours, theirs = (exr.encode(given, kind=kind, compression=level) for level in (1, 4))
    assert ours == theirs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0, 1, 2, 3, 4, 9])
@pytest.mark.parametrize(
    "given", [channels(), channels(17, 3, np.float32, "Y"), noise()], ids=["half", "float", "noise"]
)
def test_openexr_reads_what_was_written(kind, level, given):
    read = exr.decode(exr.encode(given, kind=kind, compression=level)).channels
    assert read.keys() == given.keys()
    for name, values in given.items():
        assert read[name].tobytes() == values.tobytes() and read[name].dtype == values.dtype


@pytest.mark.parametrize("kind", KINDS)
def test_without_isa_l_openexr_deflates(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "isal", None)
    assert exr.encode(channels(), kind=kind, compression=1) == exr.encode(channels(), kind=kind, compression=4)


@pytest.mark.parametrize("kind", ["piz", "dwaa", "none"])
def test_the_other_kinds_are_left_to_openexr(kind):
    assert exr_zip.deflater(kind, 1) is None

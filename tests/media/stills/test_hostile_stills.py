"""Files of a few bytes that claim to be huge, cut and altered files: each costs little and is refused by its name."""

import io
import json
import random
import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.media import limits
from pipelines.media.limits import check_size
from pipelines.media.passes import RGBA
from pipelines.media.stills.formats import STILLS, Frame
from pipelines.media.stills.read_still import read_still

HUGE = 2**31 - 2
CHECKOUT = Path(__file__).resolve().parents[3]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(side, kind, depth, before=b""):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, kind, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + header + before + data + chunk(b"IEND", b"")


def exr(data, display, compression):
    def said(name, kind, value):
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value

    channels = b"".join(
        name + b"\0" + struct.pack("<iBBBBii", 1, 0, 0, 0, 0, 1, 1) for name in (b"A", b"B", b"G", b"R")
    )
    header = said("channels", "chlist", channels + b"\0") + said("compression", "compression", bytes([compression]))
    header += said("dataWindow", "box2i", struct.pack("<4i", *data))
    header += said("displayWindow", "box2i", struct.pack("<4i", *display)) + said("lineOrder", "lineOrder", b"\0")
    header += said("pixelAspectRatio", "float", struct.pack("<f", 1)) + said("screenWindowCenter", "v2f", bytes(8))
    header += said("screenWindowWidth", "float", struct.pack("<f", 1)) + b"\0"
    return b"\x76\x2f\x31\x01" + struct.pack("<i", 2) + header + bytes(64)


def tiff(side, compression, rows):
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 2)]
    tags += [(273, 4, 1, 8), (277, 3, 1, 4), (278, 4, 1, rows), (279, 4, 1, 100)]
    entries = b"".join(struct.pack("<HHII", *each) for each in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(54)


def bombs():
    """Name, and the bytes of a small file that claims to be large."""
    yield from ((f"kind{kind}.png", png(60000, kind, 8)) for kind in (0, 2, 3, 4, 6))
    yield from ((f"fits{kind}.png", png(16000, kind, 8)) for kind in (0, 2, 3, 4, 6))
    text = zlib.compress(bytes(150 << 20), 6)
    for kind in (4, 6):
        yield f"text{kind}.png", png(4, kind, 8, chunk(b"zTXt", b"a\0\0" + text))
        yield f"profile{kind}.png", png(4, kind, 8, chunk(b"iCCP", b"a\0\0" + text))
    for compression in (0, 3, 4, 9):
        for name, side in (("max", HUGE), ("fits", 15999)):
            yield f"{name}{compression}.exr", exr((0, 0, side, side), (0, 0, side, side), compression)
        yield f"high{compression}.exr", exr((0, 0, 9, 999999), (0, 0, 9, 999999), compression)
    yield "frame.exr", exr((0, 0, 3, 3), (0, 0, 10**8, 10**8), 0)
    yield "far.exr", exr((-(2**31) + 1, -(2**31) + 1, HUGE, HUGE), (0, 0, 9, 9), 0)
    for compression in (1, 5, 8):
        yield f"max{compression}.tif", tiff(2**31 - 1, compression, 2**31 - 1)
        yield f"fits{compression}.tif", tiff(16000, compression, 16000)
        yield f"rows{compression}.tif", tiff(16000, compression, 1)
    for side in (65535, 16000):
        head = struct.pack("<BBBHHBHHHHBB", 0, 0, 10, 0, 0, 0, 0, 0, side, side, 32, 8)
        yield f"{side}.tga", head + bytes(100)
        yield f"{side}.psd", b"8BPS" + struct.pack(">H6xHIIHH", 1, 4, side, side, 8, 3) + bytes(114)
        yield f"{side}.hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (side, side) + bytes(99)
        yield (
            f"{side}.webp",
            b"RIFF\x64\0\0\0WEBPVP8L\x58\0\0\0\x2f" + struct.pack("<I", (side - 1) & 0x3FFF) + bytes(90),
        )


MEASURE = """
import resource, sys, time
from pathlib import Path
from pipelines.media.stills import exr, image_file
from pipelines.media.stills.read_still import read_still
image_file.library(), exr.library()
worst = 0.0
for path in sorted(Path(sys.argv[1]).iterdir()):
    before = time.process_time()
    try:
        read_still(path)
        refused = False
    except ValueError as error:
        assert str(error).startswith(path.name), error
        refused = True
    assert refused or path.stem[:-1] in ("text", "profile"), path.name
    used = time.process_time() - before
    assert used < 2, (path.name, used)
    print(path.name, round(used, 2), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_small_files_that_claim_to_be_large_cost_little(tmp_path):
    """All of them in one process: its peak grows by less than 100 MB from the first to the last."""
    for name, file in bombs():
        (tmp_path / name).write_bytes(file)
    run = subprocess.run([sys.executable, "-c", MEASURE, str(tmp_path)], cwd=CHECKOUT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    peaks = [int(line.split()[-1]) for line in run.stdout.splitlines() if line.split()[0].rpartition(".")[2].isalpha()]
    assert len(peaks) > 40 and peaks[-1] - peaks[0] < 100_000


def seeds(folder):
    """A small file of each kind."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (24, 20, 4)).astype(np.uint8)
    picture = Image.fromarray(pixels)
    for suffix in ("png", "tga", "webp", "avif", "bmp"):
        picture.save(folder / f"a.{suffix}")
    picture.convert("RGB").save(folder / "a.jpg")
    picture.convert("P").save(folder / "palette.png")
    tifffile.imwrite(folder / "tiles.tif", pixels, photometric="rgb", extrasamples=["UNASSALPHA"], tile=(16, 16))
    tifffile.imwrite(folder / "deflate.tif", pixels[..., :3].astype(np.float32), compression="zlib", photometric="rgb")
    import torch

    rgba = torch.from_numpy(pixels).float() / 255
    for kind in ("exr half", "exr float", "png 16-bit", "tiff 16-bit"):
        still = STILLS[kind](1)
        (folder / f"ours {kind}.{still.suffix}").write_bytes(still.encode(Frame(rgba, 1, 24, {}), [RGBA]))
    return sorted(folder.iterdir())


def test_cut_and_altered_files_are_read_or_refused_by_name(tmp_path, capfd):
    files, made = seeds(tmp_path), random.Random(7)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for index in range(800):
        file = files[index % len(files)]
        data = bytearray(file.read_bytes())
        if made.random() < 0.2:
            data = data[: made.randrange(len(data))]
        else:
            for _ in range(made.choice((1, 2, 8))):
                data[made.randrange(min(len(data), made.choice((60, 400, 10**6))))] = made.randrange(256)
        path = tmp_path / f"altered{file.suffix}"
        path.write_bytes(data)
        try:
            read_still(path)
        except ValueError as error:
            refused += 1
            assert str(error).startswith(path.name)
    capfd.readouterr()  # the libraries complain on their own
    assert refused > 150
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000


def test_a_file_that_is_cut_is_never_a_picture(tmp_path):
    for file in seeds(tmp_path):
        data = file.read_bytes()
        path = tmp_path / f"cut{file.suffix}"
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(ValueError, match=rf"^cut\{file.suffix}: "):
            read_still(path)


def test_tiles_larger_than_any_picture_needs_are_refused(tmp_path):
    """A library makes room for a whole tile; 64 x 32 pixels can name one of 16 x 16,777,216."""
    import OpenEXR

    pixels = np.zeros((32, 64, 4), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["UNASSALPHA"], tile=(16, 16))
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        tag = file.pages[0].tags["TileLength"]
        file.filehandle.seek(tag.valueoffset)
        file.filehandle.write(struct.pack(file.byteorder + {3: "H", 4: "I"}[int(tag.dtype)], 0xFFF0))
        tag = file.pages[0].tags["TileWidth"]
        file.filehandle.seek(tag.valueoffset)
        file.filehandle.write(struct.pack(file.byteorder + {3: "H", 4: "I"}[int(tag.dtype)], 0xFFF0))
    tiles = OpenEXR.TileDescription()
    tiles.xSize = tiles.ySize = 16
    header = {"type": OpenEXR.tiledimage, "compression": OpenEXR.ZIP_COMPRESSION, "tiles": tiles}
    OpenEXR.File(header, {"Y": np.zeros((16, 16), np.float16)}).write(str(tmp_path / "a.exr"))
    file = (tmp_path / "a.exr").read_bytes()
    said = file.index(b"tiledesc\0") + len(b"tiledesc\0") + 4
    (tmp_path / "a.exr").write_bytes(file[:said] + struct.pack("<2I", 8192, 8192) + file[said + 8 :])
    for name in ("a.tif", "a.exr"):
        with pytest.raises(ValueError, match=rf"{name}: its tiles are .* the file is broken"):
            read_still(tmp_path / name)


def test_many_channels_of_a_large_frame_are_above_the_limit():
    check_size(8192, 8192)
    with pytest.raises(ValueError, match=r"or 64\.0 GB in memory"):
        check_size(8192, 8192, 1024)


def test_the_limits_are_said_with_what_to_write_and_can_be_raised(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "RAISED", tmp_path / "limits.json")
    check_size(16384, 16384)
    with pytest.raises(ValueError, match=r"20000 x 10, .*at most 16384 pixels a side and 4 GB are read") as told:
        check_size(20000, 10)
    written = str(told.value).partition("write ")[2].partition(" into")[0]
    assert json.loads(written) == {"largest_side": 20000, "largest_frame_gb": 4}
    (tmp_path / "limits.json").write_text(written)
    check_size(20000, 10)
    with pytest.raises(ValueError, match="at most 20000 pixels a side"):
        check_size(20001, 10)
    with pytest.raises(ValueError, match="holds no pixels"):
        check_size(0, 10)
    for broken in ("no JSON", "[]", '{"largest_side": "wide"}'):
        (tmp_path / "limits.json").write_text(broken)
        with pytest.raises(ValueError, match=r"limits\.json .* cannot be read"):
            check_size(20000, 10)


def test_a_picture_under_another_suffix_is_read_or_named(tmp_path):
    stream = io.BytesIO()
    Image.new("RGB", (3, 2), (255, 0, 0)).save(stream, "jpeg")
    (tmp_path / "a.png").write_bytes(stream.getvalue())
    assert read_still(tmp_path / "a.png").rgba.shape == (2, 3, 4)
    (tmp_path / "a.tif").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.tif: a picture was expected, this file is none"):
        read_still(tmp_path / "a.tif")

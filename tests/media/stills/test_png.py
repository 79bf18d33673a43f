import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.media.stills.formats import png

SIZES = [(1, 1), (5, 7), (1, 9), (33, 2), (64, 48)]


def noise(height, width, channels, dtype):
    return np.random.default_rng(7).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


def chunks(file):
    """Every chunk of a PNG as (kind, data), lengths and CRCs checked by hand."""
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(file):
        (length,) = struct.unpack(">I", file[at : at + 4])
        body = file[at + 4 : at + 8 + length]
        assert struct.unpack(">I", file[at + 8 + length : at + 12 + length]) == (zlib.crc32(body),)
        found.append((body[:4].decode("ascii"), body[4:]))
        at += 12 + length
    assert at == len(file)
    return found


def read_by_opencv(file):
    """Any depth; OpenCV orders colour BGR."""
    pixels = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels.ndim == 2:
        return pixels[..., None]
    return pixels[..., [2, 1, 0, 3][: pixels.shape[-1]]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_opencv_reads_the_same_pixels(size, channels, dtype):
    pixels = noise(*size, channels, dtype)
    read = read_by_opencv(png.encode(pixels))
    assert read.dtype == dtype
    assert np.array_equal(read, pixels)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_pillow_reads_the_same_8_bit_pixels(size, channels, mode):
    pixels = noise(*size, channels, np.uint8)
    with Image.open(io.BytesIO(png.encode(pixels))) as image:
        assert image.mode == mode
        assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_under_alpha_0_is_kept(dtype):
    pixels = noise(5, 7, 4, dtype)
    pixels[..., 3] = 0
    assert np.array_equal(read_by_opencv(png.encode(pixels)), pixels)


@pytest.mark.parametrize("compression", range(10))
def test_every_compression_level_keeps_the_pixels(compression):
    pixels = noise(5, 7, 4, np.uint16)
    assert np.array_equal(read_by_opencv(png.encode(pixels, compression=compression)), pixels)


def test_level_1_stores_16_bits_that_would_hardly_shrink_and_no_others():
    flat = np.full((100, 40, 4), 1000, np.uint16)
    dithered = flat + noise(100, 40, 4, np.uint16) // 1000
    noisy = noise(100, 40, 4, np.uint16)
    assert len(png.encode(noisy, compression=1)) > noisy.nbytes
    assert len(png.encode(dithered, compression=1)) < 0.8 * dithered.nbytes
    assert len(png.encode(flat, compression=1)) < 0.1 * flat.nbytes
    assert np.array_equal(png.decode(png.encode(noisy, compression=1)), noisy)


def test_more_compression_makes_smaller_files():
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (64, 64, 4))
    sizes = [len(png.encode(ramp, compression=level)) for level in (0, 1, 9)]
    assert sizes[0] > sizes[1] >= sizes[2]


def test_views_and_pixels_of_any_stride_are_stored_as_they_look():
    pixels = noise(10, 14, 4, np.uint16)[::2, ::-2]
    assert np.array_equal(read_by_opencv(png.encode(pixels)), pixels)


def test_a_picture_says_srgb_and_square_pixels_once_and_before_its_pixels():
    found = chunks(png.encode(noise(5, 7, 4, np.uint8), text={"prompt": "{}"}))
    kinds = [kind for kind, _ in found]
    assert kinds[0] == "IHDR"
    assert kinds[-1] == "IEND"
    assert len(set(kinds)) == len(kinds)
    assert set(kinds[1 : kinds.index("IDAT")]) == {"sRGB", "gAMA", "cHRM", "tEXt", "pHYs"}
    said = dict(found)
    assert said["sRGB"] == bytes([0])
    assert struct.unpack(">I", said["gAMA"]) == (45455,)
    assert struct.unpack(">8I", said["cHRM"]) == (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    assert struct.unpack(">IIB", said["pHYs"]) == (1, 1, 0)


def test_coverage_carries_no_colour_tag():
    kinds = {kind for kind, _ in chunks(png.encode(noise(5, 7, 1, np.uint16), srgb=False))}
    assert kinds == {"IHDR", "pHYs", "IDAT", "IEND"}


def test_the_header_says_size_depth_and_kind():
    header = dict(chunks(png.encode(noise(5, 7, 4, np.uint16))))["IHDR"]
    assert struct.unpack(">IIBBBBB", header) == (7, 5, 16, 6, 0, 0, 0)


def test_text_is_read_back_by_pillow():
    text = {"workflow": '{"nodes": []}', "prompt": '{"1": "sm\\u00f8rrebr\\u00f8d"}', "Title": "Papagei, schön 鹦鹉 🦜"}
    with Image.open(io.BytesIO(png.encode(noise(5, 7, 4, np.uint8), text=text))) as image:
        image.load()
        assert image.text == text


def test_ascii_is_text_and_the_rest_is_international_text():
    kinds = [kind for kind, _ in chunks(png.encode(noise(1, 1, 4, np.uint8), text={"a": "plain", "b": "schön"}))]
    assert (kinds.count("tEXt"), kinds.count("iTXt")) == (1, 1)


@pytest.mark.parametrize("keyword", ["", " a", "a ", "a  b", "x" * 80, "schön", "a\0b", "a\nb"])
def test_keywords_that_png_cannot_carry_are_refused(keyword):
    with pytest.raises(ValueError, match="PNG keyword"):
        png.encode(noise(1, 1, 4, np.uint8), text={keyword: "x"})


def test_text_with_nul_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        png.encode(noise(1, 1, 4, np.uint8), text={"a": "x\0y"})


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((5, 7, 4), np.float32),
        np.zeros((5, 7, 2), np.uint8),
        np.zeros((5, 7), np.uint8),
        np.zeros((0, 7, 4), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(pixels):
    with pytest.raises(ValueError, match=r"A PNG wants \(H, W, 1, 3 or 4\)"):
        png.encode(pixels)


@pytest.mark.parametrize("compression", [-1, 10])
def test_levels_outside_0_to_9_are_refused(compression):
    with pytest.raises(ValueError, match="from 0 to 9"):
        png.encode(noise(1, 1, 4, np.uint8), compression=compression)

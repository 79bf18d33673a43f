"""Kinds that the test pictures of Pillow, libtiff, libpng and OpenEXR showed to be read wrong, each made here anew."""

import struct
import zlib

import numpy as np
import OpenEXR
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from pipelines.alpha.transfer import srgb_from_linear
from pipelines.media.stills.profiles import from_profile
from pipelines.media.stills.read_still import layers_of, read_still

HEIGHT, WIDTH = 40, 12


def noise(channels, dtype=np.uint8):
    return np.random.default_rng(channels).integers(
        0, np.iinfo(dtype).max, (HEIGHT, WIDTH, channels), dtype, endpoint=True
    )


def shown(path):
    """Of 8 bits, and the notes."""
    still = read_still(path)
    return (still.rgba.numpy() * 255).round(), still.notes


# ---- PNG that is cut or damaged where its quick reader does not look


def chunk(kind, data):
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows):
    header = struct.pack(">IIBBBBB", 8, 8, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


ROWS = b"".join(b"\0" + bytes(range(y, y + 32)) for y in range(8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file[:29] + bytes([file[29] ^ 1]) + file[30:], "the checksum of its header is wrong"),
        (lambda file: file[:60] + bytes([file[60] ^ 1]) + file[61:], "the checksum of its pixels is wrong"),
        (lambda file: file[:-30], "its pixels end too early"),
        (lambda file: file[:33] + file[-12:], "it has no pixels"),
        (lambda _: png(ROWS[: 4 * 33]), "some of its rows are missing"),
        (lambda _: png(ROWS[:-1]), "some of its rows are missing"),
    ],
)
def test_a_damaged_png_is_refused_and_never_half_black(tmp_path, change, message):
    path = tmp_path / "a.png"
    path.write_bytes(png(ROWS))
    assert shown(path)[0][-1, -1].tolist() == [35, 36, 37, 38]
    path.write_bytes(change(png(ROWS)))
    with pytest.raises(ValueError, match=rf"a\.png: {message}"):
        read_still(path)


def test_a_png_whose_last_row_is_empty_is_whole(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(ROWS[: 4 * 33] + bytes(4 * 33)))
    assert shown(path)[0][3:5, 0].tolist() == [[3, 4, 5, 6], [0, 0, 0, 0]]


# ---- BMP, whose fourth byte is alpha only where that is said or written


def bmp(pixels, bits, masks=(), size=40, down=False):
    """Of whole numbers (H, W), their colours by the header or by masks."""
    kind = {8: "<u1", 16: "<u2", 32: "<u4"}[bits]
    rows = [row.astype(kind).tobytes() for row in pixels]
    data = b"".join(row + bytes(-len(row) % 4) for row in (rows if down else rows[::-1]))
    height = -len(pixels) if down else len(pixels)
    header = struct.pack("<IiiHHIIiiII", size, pixels.shape[1], height, 1, bits, 3 if masks else 0, len(data), *[0] * 4)
    header += struct.pack(f"<{len(masks)}I", *masks)
    header += bytes(max(size - len(header), 0))
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + data


def packed(rgba, shifts):
    return sum(rgba[..., index].astype(np.uint32) << shift for index, shift in enumerate(shifts))


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("shifts", [(16, 8, 0, 24), (24, 16, 8, 0), (0, 8, 16, 24)])
def test_a_bmp_says_which_bits_are_which_colour_and_alpha(tmp_path, shifts, down):
    rgba = noise(4)
    path = tmp_path / "a.bmp"
    masks = [255 << shift for shift in shifts]
    path.write_bytes(bmp(packed(rgba, shifts), 32, masks, size=108, down=down))
    assert np.array_equal(shown(path)[0], rgba)
    path.write_bytes(bmp(packed(rgba, shifts), 32, [*masks[:3], 0], size=108, down=down))
    assert np.array_equal(shown(path)[0][..., :3], rgba[..., :3]) and shown(path)[0][..., 3].min() == 255


def test_colours_of_few_bits_in_a_bmp_reach_from_black_to_white(tmp_path):
    path = tmp_path / "a.bmp"
    path.write_bytes(bmp(np.array([[0xFFFF, 0x0000, 0xF800]]), 16, [0xF800, 0x07E0, 0x001F]))
    assert shown(path)[0][0].tolist() == [[255] * 4, [0, 0, 0, 255], [255, 0, 0, 255]]


def test_the_fourth_byte_of_a_bmp_is_alpha_where_it_is_not_empty_and_that_is_said(tmp_path):
    rgba = noise(4)
    path = tmp_path / "a.bmp"
    path.write_bytes(bmp(packed(rgba, (16, 8, 0, 24)), 32))
    assert np.array_equal(shown(path)[0], rgba) and "fourth byte" in shown(path)[1][0]
    path.write_bytes(bmp(packed(rgba[..., :3], (16, 8, 0)), 32))
    pixels, notes = shown(path)
    assert np.array_equal(pixels[..., :3], rgba[..., :3]) and pixels[..., 3].min() == 255 and notes == ()


# ---- JPEG with more in it than a picture, and names that are wrong


def test_bytes_between_the_parts_of_a_jpeg_do_not_matter_and_a_cut_one_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(3)).save(path, quality=95)
    whole, file = read_still(path).rgba, path.read_bytes()
    at = file.index(b"\xff\xdb")
    path.write_bytes(file[:at] + b"\0\1\2\3" + file[at:])
    assert read_still(path).rgba.equal(whole)
    path.write_bytes(file[: len(file) * 2 // 3])
    with pytest.raises(ValueError, match=r"a\.jpg: a picture in JPEG or MPO was expected, .*truncated"):
        read_still(path)


def test_further_pictures_of_a_jpeg_are_left_out_and_said(tmp_path):
    """A depth or gain map, or the other eye; OpenImageIO 3.0 made another picture of it, or ended the process."""
    first, second = (Image.fromarray(np.full((16, 16, 3), level, np.uint8)) for level in (200, 20))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second], quality=100)
    pixels, notes = shown(tmp_path / "a.jpg")
    assert pixels[0, 0].tolist() == [200, 200, 200, 255] and notes == ("The file has 2 pictures; the first was read.",)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "EXR"])
@pytest.mark.parametrize("suffix", ["png", "tga", "exr", "webp"])
def test_a_picture_is_read_by_what_it_is_and_a_wrong_name_is_said(tmp_path, form, suffix):
    path = tmp_path / f"a.{suffix}"
    if form == "EXR":
        header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
        light = np.full((4, 4), 0.5, np.float16)
        OpenEXR.File(header, {"beauty.R": light, "beauty.G": light, "beauty.B": light}).write(str(tmp_path / "b.exr"))
        (tmp_path / "b.exr").rename(path)
        assert layers_of(path) == ["beauty"]
    else:
        Image.new("RGB", (4, 4), (188, 188, 188)).save(path, format=form)
    still = read_still(path)
    assert still.rgba[0, 0].tolist() == pytest.approx([188 / 255] * 3 + [1], abs=0.005)
    suffixes = {"JPEG": "jpg", "TIFF": "tif"}
    right = suffixes.get(form, form.lower()) == suffix
    assert still.notes == (() if right else (f"The file is in {suffixes.get(form, form).upper()}, whatever its name "
                                             "says, and was read as that.",))  # fmt: skip


# ---- TIFF of the kinds that one program reads right and another wrong


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("rows", [3, 7, HEIGHT])
def test_planes_in_strips_of_any_height_are_put_together(tmp_path, rows, compression):
    pixels = noise(4)
    tifffile.imwrite(
        tmp_path / "a.tif", np.moveaxis(pixels, -1, 0), photometric="rgb", planarconfig="separate",
        extrasamples=["UNASSALPHA"], rowsperstrip=rows, compression=compression,
    )  # fmt: skip
    assert np.array_equal(shown(tmp_path / "a.tif")[0], pixels)


def test_floats_of_64_bits_in_planes_are_read(tmp_path):
    pixels = np.random.default_rng(0).random((3, HEIGHT, WIDTH))
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", planarconfig="separate", rowsperstrip=3)
    assert np.allclose(read_still(tmp_path / "a.tif").rgba[..., :3].numpy(), np.moveaxis(pixels, 0, -1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_in_tiles_is_the_cmyk_in_strips(tmp_path, dtype):
    """OpenImageIO 3.0 ends the process over the tiles."""
    ink = noise(4, dtype)
    tifffile.imwrite(tmp_path / "tiles.tif", ink, photometric="separated", tile=(16, 16))
    tifffile.imwrite(tmp_path / "strips.tif", ink, photometric="separated")
    tiles, notes = shown(tmp_path / "tiles.tif")
    assert np.abs(tiles - shown(tmp_path / "strips.tif")[0]).max() <= 2 and "CMYK" in notes[0]
    with_alpha = np.dstack((ink, ink[..., :1]))
    tifffile.imwrite(tmp_path / "a.tif", with_alpha, photometric="separated", extrasamples=["UNASSALPHA"])
    with pytest.raises(ValueError, match=r"a\.tif: it is a TIFF that holds CMYK with more than four channels"):
        read_still(tmp_path / "a.tif")


def test_lab_is_converted_as_littlecms_does_and_said(tmp_path):
    picture = Image.fromarray(noise(3) // 4 + 96)
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    stored = ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB", renderingIntent=1)
    stored.save(tmp_path / "a.tif")
    pixels, notes = shown(tmp_path / "a.tif")
    right = ImageCms.profileToProfile(stored, lab, srgb, outputMode="RGB", renderingIntent=1)
    assert np.abs(pixels[..., :3] - np.array(right)).max() <= 1 and notes == (
        "The file is in Lab; its colours were converted to sRGB.",
    )


def test_a_palette_of_16_bit_indices_and_signed_numbers_are_read(tmp_path):
    indices = noise(1, np.uint16)[..., 0]
    entries = np.stack([np.arange(65536), np.arange(65535, -1, -1), np.full(65536, 32896)]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=entries)
    assert np.abs(shown(tmp_path / "a.tif")[0][..., :3] - np.moveaxis(entries[:, indices], 0, -1) / 257).max() <= 1.5
    signed = noise(1).astype(np.int8)[..., 0]
    tifffile.imwrite(tmp_path / "b.tif", signed, photometric="minisblack")
    still = read_still(tmp_path / "b.tif")
    assert np.allclose(still.rgba[..., 0], signed / 127) and "signed whole numbers" in still.notes[0]


def test_floats_of_24_bits_are_refused_by_name(tmp_path):
    """OpenImageIO 3.0 reads noise from them."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4, 3), np.float32), photometric="rgb")
    file = bytearray((tmp_path / "a.tif").read_bytes())
    bits = struct.pack("<3H", 32, 32, 32)
    assert bits in file
    (tmp_path / "a.tif").write_bytes(bytes(file).replace(bits, struct.pack("<3H", 24, 24, 24)))
    with pytest.raises(ValueError, match=r"a\.tif: it is a TIFF that holds floats of 24 bits"):
        read_still(tmp_path / "a.tif")


# ---- light: what lies above white, and the six faces of a cube


def test_light_above_white_goes_on_through_a_profile(tmp_path):
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    linear = b"curv" + bytes(8)  # no entry: light itself
    entries = [struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(profile[131])]
    for name, start, _ in entries:
        if name[1:] == b"TRC":
            profile[start : start + 12] = linear
    convert, _ = from_profile(bytes(profile))
    light = torch.tensor([[[0.2, 1.0, 4.0]]])
    assert convert is not None and convert(light).allclose(srgb_from_linear(light), atol=2e-3)


def test_floats_of_a_psd_are_light(tmp_path):
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 4, 4, 32, 3)
    light = np.full((3, 4, 4), 2.0, ">f4").tobytes()
    (tmp_path / "a.psd").write_bytes(header + bytes(12) + struct.pack(">H", 0) + light)
    assert float(read_still(tmp_path / "a.psd").rgba[0, 0, 0]) == pytest.approx(
        float(srgb_from_linear(torch.tensor(2.0)))
    )


def test_all_six_faces_of_a_cube_are_read(tmp_path):
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION, "envmap": OpenEXR.ENVMAP_CUBE}
    light = np.repeat(np.arange(48, dtype=np.float32)[:, None] / 48, 8, axis=1)
    OpenEXR.File(header, {"R": light, "G": light, "B": light}).write(str(tmp_path / "a.exr"))
    still = read_still(tmp_path / "a.exr")
    assert still.rgba.shape == (48, 8, 4) and still.notes == () and float(still.rgba[47, 0, 0]) > 0.98

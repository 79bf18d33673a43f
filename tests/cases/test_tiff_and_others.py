"""TIFF, TGA, PSD, DPX and everyday pictures of other programs, and profiles of colour against LittleCMS."""

import io
import struct

import numpy as np
import OpenImageIO
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from pipelines.alpha.transfer import srgb_from_linear
from pipelines.media.stills.colour_tags import from_code_points
from pipelines.media.stills.profiles import from_profile
from pipelines.media.stills.read_still import read_still, rgba_from

SIZE = (37, 50)


def values(channels, dtype=np.uint8, seed=0):
    made = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return made.random((*SIZE, channels)).astype(dtype)
    return made.integers(0, np.iinfo(dtype).max, (*SIZE, channels), dtype, endpoint=True)


TIFFS = {
    "tiles": {"tile": (16, 16)},
    "tiles, deflate": {"tile": (16, 32), "compression": "zlib"},
    "strips": {"rowsperstrip": 5},
    "deflate, differences": {"compression": "zlib", "predictor": True},
    "BigTIFF": {"bigtiff": True},
    "big end first": {"byteorder": ">"},
}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", TIFFS)
def test_every_layout_and_type_of_tiff_is_read(tmp_path, kind, channels, dtype):
    if "differences" in kind and np.dtype(dtype).kind == "f":
        kind = "deflate, differences of floats"
    more = {"compression": "zlib"} if "floats" in kind else TIFFS[kind]
    pixels = values(channels, dtype)
    extra = ["UNASSALPHA"] if channels in (2, 4) else []
    photometric = "minisblack" if channels < 3 else "rgb"
    stored = pixels[..., 0] if channels == 1 else pixels
    refused = "tiles" in kind and dtype == np.float64
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric=photometric, planarconfig="contig" if channels > 1 else None,
        extrasamples=extra, **more,
    )  # fmt: skip
    if refused:
        with pytest.raises(ValueError, match=r"a\.tif: it is a TIFF that holds floats of 64 bits in tiles"):
            read_still(tmp_path / "a.tif")
        return
    still = read_still(tmp_path / "a.tif")
    assert still.rgba.allclose(rgba_from(pixels), atol=1e-6)
    assert all("floats" in note for note in still.notes) and bool(still.notes) is (np.dtype(dtype).kind == "f")


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("alpha", ["UNASSALPHA", "ASSOCALPHA"])
def test_separate_planes_are_put_together_and_association_is_read(tmp_path, tile, alpha):
    pixels = values(4, np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", np.moveaxis(pixels, -1, 0), photometric="rgb", planarconfig="separate",
        extrasamples=[alpha], tile=tile,
    )  # fmt: skip
    assert read_still(tmp_path / "a.tif").rgba.allclose(rgba_from(pixels, alpha == "ASSOCALPHA"), atol=1e-6)
    assert read_still(tmp_path / "a.tif", "straight").rgba.allclose(rgba_from(pixels), atol=1e-6)


def test_further_channels_are_left_out_and_one_without_a_meaning_is_alpha(tmp_path):
    pixels = values(5)
    kinds = ["UNASSALPHA", "UNSPECIFIED"]
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=kinds)
    assert read_still(tmp_path / "a.tif").rgba.allclose(rgba_from(pixels[..., :4]))
    tifffile.imwrite(tmp_path / "a.tif", pixels[..., :4], photometric="rgb", extrasamples=["UNSPECIFIED"])
    still = read_still(tmp_path / "a.tif")
    assert still.rgba.allclose(rgba_from(pixels[..., :4])) and "read as alpha" in still.notes[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_can_be_zero(tmp_path, dtype):
    pixels = values(1, dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels[..., 0], photometric="miniswhite")
    assert read_still(tmp_path / "a.tif").rgba.allclose(rgba_from(np.iinfo(dtype).max - pixels), atol=1e-6)


def test_pages_are_counted(tmp_path):
    pixels = np.stack([values(4, seed=index) for index in range(3)])
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["UNASSALPHA"])
    still = read_still(tmp_path / "a.tif")
    assert still.rgba.allclose(rgba_from(pixels[0])) and still.notes == ("The file has 3 pages; the first was read.",)


@pytest.mark.parametrize(
    "compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd", "lzma", "jpeg", "group4"]
)
def test_compressions_of_tiff_are_read(tmp_path, compression):
    picture = Image.fromarray(values(3)).resize((64, 48), Image.Resampling.BICUBIC)
    picture = picture.convert("1") if compression == "group4" else picture
    picture.save(tmp_path / "a.tif", compression=compression, **({"quality": 100} if compression == "jpeg" else {}))
    right = rgba_from(np.array(picture.convert("RGB")))
    assert read_still(tmp_path / "a.tif").rgba.allclose(right, atol=0.03 if compression == "jpeg" else 1e-6)


@pytest.mark.parametrize("suffix", ["tif", "tga", "bmp"])
def test_palettes_are_their_colours(tmp_path, suffix):
    picture = Image.fromarray(values(1)[..., 0], "P")
    picture.putpalette([each for index in range(256) for each in (index, 255 - index, (index * 7) % 256)])
    picture.save(tmp_path / f"a.{suffix}")
    assert read_still(tmp_path / f"a.{suffix}").rgba.allclose(rgba_from(np.array(picture.convert("RGB"))))


def tga(pixels, depth, descriptor, kind=2, behind=b""):
    height, width = SIZE
    return struct.pack("<BBBHHBHHHHBB", 0, 0, kind, 0, 0, 0, 0, 0, width, height, depth, descriptor) + pixels + behind


def test_every_depth_and_direction_of_tga_is_read(tmp_path):
    path, pixels = tmp_path / "a.tga", values(4)
    stored = pixels[..., [2, 1, 0, 3]]
    for descriptor, order in (
        (0x28, stored),
        (0x08, stored[::-1]),
        (0x38, stored[:, ::-1]),
        (0x18, stored[::-1, ::-1]),
    ):
        path.write_bytes(tga(order.tobytes(), 32, descriptor))
        assert read_still(path).rgba.allclose(rgba_from(pixels))
    path.write_bytes(tga(stored[..., :3].tobytes(), 24, 0x20))
    assert read_still(path).rgba.allclose(rgba_from(pixels[..., :3]))
    path.write_bytes(tga(pixels[..., 0].tobytes(), 8, 0x20, kind=3))
    assert read_still(path).rgba.allclose(rgba_from(pixels[..., :1]))
    path.write_bytes(tga(pixels[..., [0, 3]].tobytes(), 16, 0x28, kind=3))
    assert read_still(path).rgba.allclose(rgba_from(pixels[..., [0, 3]]))
    five = pixels.astype(np.uint16) >> 3
    packed = five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]
    for bits in (0, 1):
        path.write_bytes(tga(packed.astype("<u2").tobytes(), 16, 0x20 | bits))
        still = read_still(path)
        assert still.rgba[..., :3].allclose(torch.from_numpy(five[..., :3] / 31).float(), atol=1.01 / 255)
        assert bool((still.rgba[..., 3] == 1).all()) and bool(still.notes) is bool(bits)


def test_a_tga_can_say_that_it_is_premultiplied(tmp_path):
    path, pixels = tmp_path / "a.tga", values(4)
    for attributes in (3, 4):
        extension = struct.pack("<H", 495) + bytes(492) + bytes([attributes])
        footer = struct.pack("<II", 18 + pixels.size, 0) + b"TRUEVISION-XFILE.\0"
        path.write_bytes(tga(pixels[..., [2, 1, 0, 3]].tobytes(), 32, 0x28, behind=extension + footer))
        assert read_still(path).rgba.allclose(rgba_from(pixels, attributes == 4))


@pytest.mark.parametrize("suffix", ["png", "webp", "tga", "tif", "bmp"])
def test_colour_stays_in_eight_bits_of_straight_formats(tmp_path, suffix):
    pixels = np.full((4, 6, 4), (200, 100, 50, 10), np.uint8)
    more = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", **more)
    assert (read_still(tmp_path / f"a.{suffix}").rgba[0, 0] * 255).round().tolist() == [200, 100, 50, 10]


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
def test_everyday_pictures_are_what_pillow_reads(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    for mode in ("RGB", "L"):
        Image.fromarray(values(3)).resize((48, 32)).convert(mode).save(path, quality=90)
        right = rgba_from(np.array(Image.open(path).convert("RGB")))
        assert read_still(path).rgba.allclose(right, atol=1.01 / 255)


@pytest.mark.parametrize(
    ("primaries", "transfer", "said"),
    [
        (9, 16, "PQ and BT.2020"),
        (9, 18, "HLG and BT.2020"),
        (12, 13, "Display P3"),
        (1, 13, ""),
        (1, 77, "transfer 77"),
    ],
)
def test_an_avif_is_converted_by_its_code_points(tmp_path, primaries, transfer, said):
    path = tmp_path / "a.avif"
    Image.fromarray(values(3)).resize((48, 32)).save(path, quality=90)
    plain = read_still(path).rgba
    head, box, after = path.read_bytes().partition(b"colrnclx")
    path.write_bytes(head + box + struct.pack(">HH", primaries, transfer) + after[4:])
    convert, note = from_code_points(primaries, transfer)
    still = read_still(path)
    assert still.notes == ((note,) if said else ()) and said in note
    right = plain[..., :3] if convert is None else convert(plain[..., :3])
    assert still.rgba[..., :3].allclose(right, atol=1e-6)


def test_a_moving_webp_says_that_its_first_frame_was_read(tmp_path):
    frames = [Image.new("RGBA", (6, 4), (40 * index, 0, 0, 255)) for index in range(1, 4)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert "an animation of 3 frames" in read_still(tmp_path / "a.webp").notes[0]


def psd(depth, mode, channels, layer=False):
    """A PSD of merged channels (C, H, W); with a layer, the first further channel is transparency."""
    count, height, width = channels.shape
    layers = b""
    if layer:
        record = struct.pack(">4iH", 0, 0, 1, 1, 1) + struct.pack(">hI", 0, 3) + b"8BIMnorm" + bytes([255, 0, 0, 0])
        record += struct.pack(">III", 12, 0, 0) + b"\1a\0\0"
        info = struct.pack(">h", -1) + record + b"\0\0\x07"
        info += b"\0" * (len(info) % 2)
        layers = struct.pack(">I", len(info)) + info + struct.pack(">I", 0)
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, count, height, width, depth, mode)
    stored = channels.astype(">u2" if depth == 16 else np.uint8).tobytes()
    return header + struct.pack(">III", 0, 0, len(layers)) + layers + struct.pack(">H", 0) + stored


@pytest.mark.parametrize(("depth", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_the_merged_picture_of_a_psd_is_read(tmp_path, depth, dtype):
    path = tmp_path / "a.psd"
    for mode, channels in ((3, 3), (1, 1)):
        pixels = values(channels, dtype)
        path.write_bytes(psd(depth, mode, np.moveaxis(pixels, -1, 0)))
        assert read_still(path).rgba.allclose(rgba_from(pixels), atol=1e-6) and not read_still(path).notes
    path.write_bytes(psd(depth, 3, np.moveaxis(values(4, dtype), -1, 0)))
    assert "1 saved selection" in read_still(path).notes[0]


def test_film_density_and_light_become_display_values(tmp_path):
    """Cineon: code 95 is black, 685 is white, 470 is 18 % grey to within rounding."""
    code = np.broadcast_to(np.array([95, 470, 685], np.float32)[None, :, None] / 1023, (4, 3, 3))
    write_by_openimageio(tmp_path / "a.dpx", code, "uint16", {"oiio:BitsPerSample": 10, "dpx:Transfer": "Logarithmic"})
    still = read_still(tmp_path / "a.dpx")
    grey = float(srgb_from_linear(torch.tensor(0.18)))
    assert still.rgba[0, :, 0].tolist() == pytest.approx([0, grey, 1], abs=0.02) and "density" in still.notes[0]
    light = np.full((4, 3, 3), 2.5, np.float32)
    write_by_openimageio(tmp_path / "a.hdr", light, "float", {})
    assert float(read_still(tmp_path / "a.hdr").rgba[0, 0, 0]) == pytest.approx(
        float(srgb_from_linear(torch.tensor(2.5)))
    )


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_every_depth_of_dpx_is_read(tmp_path, bits):
    pixels = values(3, np.float32)
    write_by_openimageio(tmp_path / "a.dpx", pixels, "uint16" if bits > 8 else "uint8", {"oiio:BitsPerSample": bits})
    assert read_still(tmp_path / "a.dpx").rgba.allclose(rgba_from(pixels), atol=1.1 / (2**bits - 1))


def write_by_openimageio(path, pixels, kind, said):
    height, width, channels = pixels.shape
    spec = OpenImageIO.ImageSpec(width, height, channels, kind)
    for name, value in said.items():
        spec[name] = value
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_image(np.ascontiguousarray(pixels)) and output.close()


def curve_tag(gamma):
    return b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"


def profile(primaries, gamma, space=b"RGB "):
    """A profile of primaries in XYZ of D50 and a gamma, or of grey."""
    xyz = [b"XYZ " + bytes(4) + struct.pack(">3i", *(round(each * 65536) for each in row)) for row in primaries]
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), xyz)) if space == b"RGB " else {}
    names = (b"rTRC", b"gTRC", b"bTRC") if space == b"RGB " else (b"kTRC",)
    text = b"Made here"
    tags |= {b"desc": b"desc" + struct.pack(">II", 0, len(text) + 1) + text + bytes(79 + 4)}
    tags |= {name: curve_tag(gamma) for name in names}
    tags |= {b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", *(round(e * 65536) for e in (0.9642, 1, 0.8249)))}
    tags |= {b"cprt": b"text" + bytes(4) + b"none\0"}
    table, data, place = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        tag += b"\0" * (-len(tag) % 4)
        table += name + struct.pack(">II", place + len(data), len(tag))
        data += tag
    head = struct.pack(">I", place + len(data)) + b"none" + struct.pack(">I", 0x02400000) + b"mntr" + space + b"XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head[:128] + table + data


ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))


def test_a_profile_of_primaries_is_converted_as_littlecms_does(tmp_path):
    made = profile(ADOBE, 2.19921875)
    picture = Image.fromarray(values(3) // 2 + 64)
    srgb = ImageCms.createProfile("sRGB")
    right = ImageCms.profileToProfile(picture, ImageCms.ImageCmsProfile(io.BytesIO(made)), srgb, renderingIntent=1)
    for suffix, more in (("png", {}), ("tif", {}), ("webp", {"lossless": True})):
        picture.save(tmp_path / f"a.{suffix}", icc_profile=made, **more)
        still = read_still(tmp_path / f"a.{suffix}")
        shown = still.rgba[..., :3].clamp(0, 1) * 255
        assert float((shown - torch.from_numpy(np.array(right)).float()).abs().max()) < 1.6
        assert still.notes == ('The file\'s colours were converted from "Made here" to sRGB.',)


def test_a_profile_of_srgb_leaves_every_value(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.fromarray(values(4))
    for suffix, more in (("png", {}), ("tif", {}), ("webp", {"lossless": True, "exact": True})):
        picture.save(tmp_path / f"a.{suffix}", icc_profile=srgb, **more)
        still = read_still(tmp_path / f"a.{suffix}")
        assert still.rgba.equal(rgba_from(np.array(picture))) and still.notes == ()


def test_a_profile_of_grey_a_table_and_a_broken_one():
    convert, said = from_profile(profile((), 1.8, b"GRAY"))
    level = torch.full((1, 1, 3), 0.5)
    assert convert(level).allclose(srgb_from_linear(level**1.8), atol=2e-3) and "Made here" in said
    table = profile(ADOBE, 2.2).replace(b"RGB XYZ ", b"CMYKLab ")
    assert from_profile(table) == (
        None,
        'The file is in CMYK; its colours are an approximation, without its profile "Made here".',
    )
    for broken in (b"", bytes(200), profile(ADOBE, 2.2)[:150], profile(ADOBE, 2.2)[:-60]):
        convert, said = from_profile(broken)
        assert convert is None and said

"""PNG of every colour type, depth and interlacing, made here byte by byte, with what its chunks say."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.alpha.transfer import srgb_from_linear
from pipelines.media.stills import read_still as reader
from pipelines.media.stills.read_still import read_still

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
KINDS = [(kind, depth) for kind, depths in DEPTHS.items() for depth in depths]
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rows(values, depth):
    """Filter 0 before each row; samples of less than 8 bits packed from the left."""
    lines = []
    for row in values.reshape(len(values), -1):
        if depth == 16:
            line = row.astype(">u2").tobytes()
        elif depth == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            bits = ((row[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
            line = np.packbits(bits.reshape(-1)).tobytes()
        lines.append(b"\0" + line)
    return b"".join(lines)


def png(values, kind, depth, interlaced=False, before=()):
    """A file of samples (H, W, C); `before` are chunks that stand before the pixels."""
    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    parts = [values[y::down, x::across] for x, y, across, down in ADAM7] if interlaced else [values]
    data = b"".join(rows(part, depth) for part in parts if part.size)
    pixels = chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(before) + pixels + chunk(b"IEND", b"")


def samples(kind, depth, size=(9, 11)):
    made = np.random.default_rng(kind * 17 + depth)
    return made.integers(0, 2**depth, (*size, CHANNELS[kind]))


PALETTE = np.random.default_rng(5).integers(0, 256, (256, 3)).astype(np.uint8)


def read(tmp_path, file):
    path = tmp_path / "a.png"
    path.write_bytes(file)
    return read_still(path)


def expected(values, kind, depth, opacity=None):
    """(H, W, 4) by the specification."""
    if kind == 3:
        rgb = PALETTE[values[..., 0]] / 255
        alpha = np.ones(values.shape[:2]) if opacity is None else opacity[values[..., 0]] / 255
        return torch.from_numpy(np.concatenate((rgb, alpha[..., None]), -1)).float()
    unit = values / (2**depth - 1)
    rgb = unit[..., :1].repeat(3, -1) if kind in (0, 4) else unit[..., :3]
    alpha = unit[..., -1:] if kind in (4, 6) else np.ones((*values.shape[:2], 1))
    if opacity is not None:
        alpha = (values != opacity).any(-1, keepdims=True).astype(float)
    return torch.from_numpy(np.concatenate((rgb, alpha), -1)).float()


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("kind", "depth"), KINDS)
def test_every_colour_type_and_depth_is_read(tmp_path, kind, depth, interlaced):
    for size in ((9, 11), (1, 1), (3, 2)):
        values = samples(kind, depth, size)
        palette = [chunk(b"PLTE", PALETTE[: 2**depth].tobytes())] if kind == 3 else []
        still = read(tmp_path, png(values, kind, depth, interlaced, palette))
        assert still.rgba.allclose(expected(values, kind, depth), atol=1e-6) and still.notes == ()


@pytest.mark.parametrize(("kind", "depth"), [each for each in KINDS if each[0] < 4])
def test_a_colour_or_an_entry_that_is_declared_transparent_is(tmp_path, kind, depth):
    values = samples(kind, depth)
    if kind == 3:
        opacity = np.random.default_rng(6).integers(0, 256, 2**depth).astype(np.uint8)
        before = [chunk(b"PLTE", PALETTE[: 2**depth].tobytes()), chunk(b"tRNS", opacity.tobytes())]
    else:
        opacity = values[4, 4]
        before = [chunk(b"tRNS", opacity.astype(">u2").tobytes())]
    still = read(tmp_path, png(values, kind, depth, False, before))
    assert still.rgba.allclose(expected(values, kind, depth, opacity), atol=1e-6)


def test_a_short_list_of_opacities_leaves_the_others_opaque(tmp_path):
    values = np.array([[[0], [1], [2]]])
    before = [chunk(b"PLTE", PALETTE[:4].tobytes()), chunk(b"tRNS", bytes([0, 64]))]
    assert read(tmp_path, png(values, 3, 8, False, before)).rgba[0, :, 3].tolist() == pytest.approx([0, 64 / 255, 1])


def test_colour_stays_where_alpha_is_nearly_nothing(tmp_path):
    for depth, top in ((8, 255), (16, 65535)):
        values = np.full((2, 3, 4), (200, 100, 50, 10))
        assert (read(tmp_path, png(values, 6, depth)).rgba * top).round().int().equal(torch.from_numpy(values).int())


@pytest.mark.parametrize(("gamma", "exponent"), [(45455, None), (45000, None), (100000, 1.0), (55556, 1.8)])
def test_a_gamma_of_its_own_is_converted_and_said(tmp_path, gamma, exponent):
    values = samples(2, 16)
    still = read(tmp_path, png(values, 2, 16, False, [chunk(b"gAMA", struct.pack(">I", gamma))]))
    stored = torch.from_numpy(values / 65535)
    right = stored if exponent is None else srgb_from_linear(stored**exponent)
    assert still.rgba[..., :3].allclose(right.float(), atol=1e-5)
    assert bool(still.notes) is (exponent is not None)


def test_a_tag_of_srgb_goes_before_gamma(tmp_path):
    values = samples(2, 8)
    before = [chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100000))]
    assert read(tmp_path, png(values, 2, 8, False, before)).rgba.allclose(expected(values, 2, 8), atol=1e-6)


def test_primaries_of_display_p3_are_converted(tmp_path):
    """P3's red in sRGB, by CSS Color 4: 1.0930, -0.2267, -0.1501."""
    values = np.array([[[255, 0, 0], [255, 255, 255]]])
    p3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
    by_primaries = chunk(b"cHRM", struct.pack(">8I", *(round(each * 100000) for each in p3)))
    by_code_points = chunk(b"cICP", bytes([12, 13, 0, 1]))
    for tag in (by_primaries, by_code_points):
        still = read(tmp_path, png(values, 2, 8, False, [tag]))
        assert still.rgba[0, 0, :3].tolist() == pytest.approx([1.0930, -0.2267, -0.1501], abs=5e-4)
        assert still.rgba[0, 1, :3].tolist() == pytest.approx([1, 1, 1], abs=1e-4)
        assert len(still.notes) == 1 and "converted to sRGB" in still.notes[0]


def test_pq_and_hlg_are_converted_around_the_white_of_graphics(tmp_path):
    """BT.2408: white of graphics, 203 cd/m2, is 58 % of PQ and 75 % of HLG."""
    for transfer, level in ((16, 0.5806), (18, 0.75)):
        values = np.full((1, 1, 3), round(level * 65535))
        still = read(tmp_path, png(values, 2, 16, False, [chunk(b"cICP", bytes([9, transfer, 0, 1]))]))
        assert still.rgba[0, 0].tolist() == pytest.approx([1, 1, 1, 1], abs=5e-3)
        assert "203 cd/m2" in still.notes[0]


def test_code_points_that_are_not_known_are_named(tmp_path):
    for said, word in (((12, 200), "transfer 200"), ((77, 13), "primaries 77")):
        still = read(tmp_path, png(samples(2, 8), 2, 8, False, [chunk(b"cICP", bytes([*said, 0, 1]))]))
        assert still.rgba.allclose(expected(samples(2, 8), 2, 8), atol=1e-6) and word in still.notes[0]


def test_broken_tags_of_colour_are_said_and_left(tmp_path):
    for tag in (chunk(b"iCCP", b"x\0\0no deflate"), chunk(b"cICP", b"\1"), chunk(b"cHRM", bytes(32))):
        still = read(tmp_path, png(samples(2, 8), 2, 8, False, [tag]))
        assert still.rgba.allclose(expected(samples(2, 8), 2, 8), atol=1e-6) and "broken" in still.notes[0]


def test_the_first_frame_of_an_animation_is_said_to_be_one(tmp_path):
    frames = [Image.new("RGBA", (6, 4), (255, 60 * index, 0, 63)) for index in range(4)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], duration=100)
    still = read_still(tmp_path / "a.png")
    assert (still.rgba[0, 0] * 255).round().tolist() == [255, 0, 0, 63]
    assert still.notes == ("The file is an animation of 4 frames; the first was read. Load it as a video.",)


def test_a_picture_that_lies_on_its_side_is_turned(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    picture = Image.fromarray(samples(2, 8, (2, 3)).astype(np.uint8))
    for suffix, more in (("png", {}), ("webp", {"lossless": True}), ("tif", {"tiffinfo": {274: 6}})):
        path = tmp_path / f"a.{suffix}"
        picture.save(path, **({"exif": exif} if suffix != "tif" else {}), **more)
        right = torch.from_numpy(np.array(picture)).rot90(-1)
        assert (read_still(path).rgba[..., :3] * 255).round().byte().equal(right)


def test_without_openimageio_the_message_names_the_command(tmp_path, monkeypatch):
    def missing(path):
        raise ImportError("OpenImageIO is not installed; type: pip install -r requirements.txt")

    monkeypatch.setattr(reader, "open_image", missing)
    assert read(tmp_path, png(samples(6, 8), 6, 8)).rgba.shape == (9, 11, 4)
    with pytest.raises(ValueError, match=r"a\.png: OpenImageIO .* type: pip install -r requirements\.txt"):
        read(tmp_path, png(samples(4, 8), 4, 8))

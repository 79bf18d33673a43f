"""EXR as renderers and compositors write it: windows, parts, layers, spellings, colour spaces."""

import numpy as np
import OpenEXR
import pytest
import torch

from pipelines.alpha.transfer import srgb_from_linear
from pipelines.media.passes import FG, MATTE, PASS_SETS, RGBA
from pipelines.media.stills.formats import STILLS, Frame, Light
from pipelines.media.stills.image_file import Window
from pipelines.media.stills.read_still import layers_of, read_still

COLOR = {"R": 0.5, "G": 0.25, "B": 0.125, "A": 0.5}
"""Premultiplied light, and what it is shown as."""
SHOWN = [1.0, 0.73536, 0.53710, 0.5]


def box(x, y, width, height):
    return np.array([x, y], np.int32), np.array([x + width - 1, y + height - 1], np.int32)


def planes(values=COLOR, size=(8, 16), names=None, dtype=np.float16):
    return {(names or {}).get(name, name): np.full(size, value, dtype) for name, value in values.items()}


def write(path, channels, **header):
    given = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION, **header}
    OpenEXR.File(given, channels).write(str(path))
    return path


def write_parts(path, parts):
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIPS_COMPRESSION}
    made = [OpenEXR.Part({"name": name, **header}, channels, name) for name, channels in parts]
    OpenEXR.File(made).write(str(path))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.exr"


@pytest.fixture(params=["OpenEXR", "OpenImageIO alone"])
def either_library(request, monkeypatch):
    if request.param != "OpenEXR":
        monkeypatch.setattr("pipelines.media.stills.exr.is_installed", lambda: False)


@pytest.mark.usefixtures("either_library")
@pytest.mark.parametrize("at", [(20, 30, 10, 8), (0, 0, 64, 48), (-3, -4, 20, 20), (60, 44, 30, 30), (-9, -9, 90, 90)])
@pytest.mark.parametrize("origin", [(0, 0), (5, -7)])
def test_the_data_window_lies_at_its_place_in_the_display_window(path, at, origin):
    at = (at[0] + origin[0], at[1] + origin[1], *at[2:])
    ramp = np.random.default_rng(0).random((at[3], at[2])).astype(np.float16)
    channels = {"R": ramp, "G": ramp, "B": ramp, "A": np.ones_like(ramp)}
    still = read_still(write(path, channels, displayWindow=box(*origin, 64, 48), dataWindow=box(*at)))
    right = np.zeros((300, 300, 4), np.float32)
    shown = srgb_from_linear(torch.from_numpy(ramp.astype(np.float32))).numpy()
    top, left = at[1] - origin[1] + 100, at[0] - origin[0] + 100
    right[top : top + at[3], left : left + at[2]] = np.stack((shown, shown, shown, np.ones_like(shown)), -1)
    assert still.rgba.shape == (48, 64, 4)
    assert still.rgba.allclose(torch.from_numpy(right[100:148, 100:164]), atol=1e-6)
    assert still.data == Window(*at) and still.display == Window(*origin, 64, 48)
    cut = at[0] < origin[0] or at[1] < origin[1] or at[0] + at[2] > origin[0] + 64 or at[1] + at[3] > origin[1] + 48
    assert any("overscan" in note for note in still.notes) is cut
    whole = read_still(path, window="data")
    assert whole.rgba.shape == (at[3], at[2], 4) and not whole.notes
    assert whole.rgba[..., 0].allclose(torch.from_numpy(shown), atol=1e-6)


def test_outside_of_a_picture_without_alpha_nothing_is_opaque(path):
    channels = planes({"R": 1, "G": 1, "B": 1}, (2, 3))
    still = read_still(write(path, channels, displayWindow=box(0, 0, 8, 6), dataWindow=box(2, 1, 3, 2)))
    assert int(still.rgba[..., 3].count_nonzero()) == 6 and still.rgba[1:3, 2:5].allclose(torch.ones(4))


@pytest.mark.usefixtures("either_library")
@pytest.mark.parametrize(
    "names",
    [
        {},
        {name: name.lower() for name in "RGBA"},
        {"R": "red", "G": "green", "B": "blue", "A": "alpha"},
        {"R": "Red", "G": "Green", "B": "Blue", "A": "Alpha"},
        {name: f"rgba.{name}" for name in "RGBA"},
        {name: f"ViewLayer.Combined.{name}" for name in "RGBA"},
        {name: f"Beauty.{name.lower()}" for name in "RGBA"},
    ],
)
def test_the_picture_is_found_by_any_spelling(path, names):
    still = read_still(write(path, planes(names=names) | {"ViewLayer.Depth.Z": np.full((8, 16), 3, np.float32)}))
    assert still.rgba[4, 4].tolist() == pytest.approx(SHOWN, abs=1e-4)


def test_the_layer_that_was_chosen_is_said_and_others_are_offered(path):
    names = {name: f"ViewLayer.Combined.{name}" for name in "RGBA"}
    extra = {"ViewLayer.Depth.Z": np.full((8, 16), 3, np.float32), "N.X": np.full((8, 16), -1, np.float32)}
    extra |= {"N.Y": np.full((8, 16), 0.5, np.float32), "N.Z": np.full((8, 16), 2, np.float32)}
    write(path, planes(names=names) | extra)
    assert sorted(layers_of(path)) == ["N", "ViewLayer.Combined", "ViewLayer.Depth"]
    assert "The layer ViewLayer.Combined was read" in read_still(path).notes[0]
    depth = read_still(path, layer="ViewLayer.Depth")
    assert depth.rgba[0, 0].tolist() == [3, 3, 3, 1] and "amounts, not colours" in depth.notes[0]
    assert read_still(path, layer="N").rgba[0, 0].tolist() == [-1, 0.5, 2, 1]
    assert read_still(path, layer="viewlayer.combined").rgba[0, 0].tolist() == pytest.approx(SHOWN, abs=1e-4)
    raw = read_still(path, layer="values:ViewLayer.Combined")
    assert raw.rgba[0, 0].tolist() == [0.5, 0.25, 0.125, 0.5]
    with pytest.raises(ValueError, match=r"a\.exr: a layer 'fog' was expected, it has .*'N'.*'ViewLayer.Depth'"):
        read_still(path, layer="fog")


def test_colour_and_alpha_in_parts_of_their_own_are_put_together(path):
    color = {name: COLOR[name] for name in "RGB"}
    for alpha in ("alpha", "A", "rgb.alpha"):
        write_parts(path, [("rgb", planes(color)), (alpha, planes({"A": 0.5}))])
        assert read_still(path).rgba[0, 0].tolist() == pytest.approx(SHOWN, abs=1e-4)


def test_a_depth_part_before_the_picture_is_passed_over(path):
    write_parts(path, [("depth", planes({"Z": 12.5}, dtype=np.float32)), ("rgba", planes())])
    assert read_still(path).rgba[0, 0].tolist() == pytest.approx(SHOWN, abs=1e-4)
    assert sorted(layers_of(path)) == ["depth", "rgba"]
    assert read_still(path, layer="depth").rgba[0, 0].tolist() == [12.5, 12.5, 12.5, 1]


def test_a_part_for_each_channel_is_one_picture(path):
    words = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
    parts = [(f"rgba.{word}", planes({name: COLOR[name]})) for name, word in words.items()]
    write_parts(path, parts[::-1])
    still = read_still(path)
    assert still.rgba[0, 0].tolist() == pytest.approx(SHOWN, abs=1e-4) and still.notes == ()


def test_two_views_are_two_layers(path):
    write_parts(path, [("left", planes()), ("right", planes({**COLOR, "R": 0.25}))])
    assert "The layer left was read; the file also has right." in read_still(path).notes
    assert read_still(path, layer="right").rgba[0, 0, 0] < 0.8


def test_grey_is_light_with_alpha_or_without(path):
    alpha = np.tile(np.linspace(0, 1, 16, dtype=np.float16), (8, 1))
    still = read_still(write(path, {"Y": (0.5 * alpha).astype(np.float16), "A": alpha}))
    assert still.rgba[0, 8].tolist() == pytest.approx([0.7354] * 3 + [0.5333], abs=5e-4)
    assert still.rgba[0, -1].tolist() == pytest.approx([0.7354] * 3 + [1], abs=5e-4)
    still = read_still(write(path, planes({"Y": 0.2140})))
    assert still.rgba[0, 0].tolist() == pytest.approx([0.5, 0.5, 0.5, 1], abs=2e-4)
    assert read_still(path, layer="values:").rgba[0, 0].tolist() == pytest.approx([0.214] * 3 + [1], abs=2e-4)


def test_our_own_matte_in_y_keeps_its_values(path):
    rgba = torch.rand(5, 7, 4, generator=torch.Generator().manual_seed(0))
    path.write_bytes(STILLS["exr float"](1, Light()).encode(Frame(rgba, 1, 24, {}), [MATTE]))
    still = read_still(path)
    assert still.rgba[..., 0].equal(rgba[..., 3]) and still.notes == ()
    assert read_still(path, layer="light:").rgba[..., 0].allclose(srgb_from_linear(rgba[..., 3]))


@pytest.mark.parametrize("name", ["R", "A", "r", "mask.A"])
def test_one_channel_alone_is_a_mask_and_keeps_its_values(path, name):
    still = read_still(write(path, planes({name: 0.25})))
    assert still.rgba[0, 0].tolist() == [0.25, 0.25, 0.25, 1] and "as stored" in still.notes[0]


@pytest.mark.parametrize("alpha", [{}, {"A": OpenEXR.Channel("A", np.full((16, 16), 1, np.float16))}])
def test_luminance_and_chroma_are_a_picture(path, alpha):
    """Y = 0.2126 R + 0.7152 G + 0.0722 B; RY = (R - Y) / Y, BY = (B - Y) / Y, of every second pixel."""
    red, green, blue = 0.6, 0.3, 0.2
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    values = {"Y": luma, "RY": (red - luma) / luma, "BY": (blue - luma) / luma}
    step = {"Y": 1, "RY": 2, "BY": 2}
    channels = {
        name: OpenEXR.Channel(name, np.full((16, 16), value, np.float16), step[name], step[name])
        for name, value in values.items()
    }
    still = read_still(write(path, channels | alpha))
    right = srgb_from_linear(torch.tensor([red, green, blue]))
    assert still.rgba[8, 8].tolist() == pytest.approx([*right.tolist(), 1], abs=2e-3)


def test_light_in_xyz_and_in_rec709_is_the_same(path):
    x, y = 0.3127, 0.3290
    xyz = {"R": 0.5 * x / y, "G": 0.5, "B": 0.5 * (1 - x - y) / y}
    write(path, planes(xyz, dtype=np.float32), chromaticities=(1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3))
    assert read_still(path).rgba[0, 0].tolist() == pytest.approx([0.7354, 0.7354, 0.7354, 1], abs=1e-4)


def test_white_is_adapted_where_the_header_asks(path):
    white = planes({"R": 0.5, "G": 0.5, "B": 0.5}, dtype=np.float32)
    d50 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3457, 0.3585)
    kept = read_still(write(path, white, chromaticities=d50)).rgba[0, 0]
    asked = read_still(write(path, white, chromaticities=d50, adoptedNeutral=np.array(d50[6:], np.float32))).rgba[0, 0]
    assert float(kept[0] - kept[2]) > 0.05 and asked.tolist() == pytest.approx([0.7354] * 3 + [1], abs=1e-4)
    aces = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
    assert read_still(write(path, white, chromaticities=aces)).rgba[0, 0, 2] == pytest.approx(0.7354, abs=1e-4)


def test_chromaticities_of_no_space_are_refused(path):
    write(path, planes(), chromaticities=(0.3,) * 8)
    with pytest.raises(ValueError, match=r"a\.exr: its chromaticities"):
        read_still(path)


def test_deep_pixels_are_refused_by_name(path):
    deep = {}
    for name in "RGBA":
        deep[name] = np.empty((4, 6), object)
        for row in range(4):
            for column in range(6):
                deep[name][row, column] = np.array([0.5], np.float32)
    OpenEXR.File({"type": OpenEXR.deepscanline, "compression": OpenEXR.ZIPS_COMPRESSION}, deep).write(str(path))
    with pytest.raises(ValueError, match=r"a\.exr: it holds deep pixels only, which are not read; flatten it first"):
        read_still(path)


@pytest.mark.parametrize("kind", ["ZIP", "ZIPS", "PIZ", "RLE", "PXR24", "B44", "DWAB", "NO", "HTJ2K32", "ZSTD"])
def test_every_compression_is_read(path, kind):
    given = getattr(OpenEXR, f"{kind}_COMPRESSION", None)
    if given is None:
        pytest.skip(f"this OpenEXR has no {kind}")
    still = read_still(write(path, planes(size=(70, 33)), compression=given))
    assert still.rgba[69, 32].tolist() == pytest.approx(SHOWN, abs=2e-3)


@pytest.mark.usefixtures("either_library")
def test_tiles_whole_numbers_and_wide_pixels_are_read(path):
    tiles = OpenEXR.TileDescription()
    tiles.xSize = tiles.ySize = 16
    ramp = np.random.default_rng(1).random((40, 50)).astype(np.float32)
    ids = np.arange(2000, dtype=np.uint32).reshape(40, 50)
    channels = planes(size=(40, 50)) | {"R": ramp.astype(np.float16), "A": np.ones((40, 50), np.float16), "id": ids}
    write(path, channels, type=OpenEXR.tiledimage, tiles=tiles, pixelAspectRatio=2.0)
    still = read_still(path)
    right = srgb_from_linear(torch.from_numpy(ramp.astype(np.float16).astype(np.float32)))
    assert still.rgba[..., 0].allclose(right, atol=1e-6) and "2 times as wide" in still.notes[0]


@pytest.mark.usefixtures("either_library")
def test_identifiers_of_a_layer_are_whole_numbers(path):
    ids = np.arange(128, dtype=np.uint32).reshape(8, 16)
    write(path, planes() | {"mask.id": ids})
    assert read_still(path, layer="mask").rgba[..., 0].equal(torch.from_numpy(ids.astype(np.float32)))


@pytest.mark.usefixtures("either_library")
def test_a_pixel_that_is_no_number_and_light_under_no_alpha_are_said(path):
    channels = planes(size=(80, 16), dtype=np.float32)
    channels["R"][70, 4], channels["G"][71, 3] = np.nan, np.inf
    assert "2 pixels are NaN or infinite, the first at x = 4, y = 70" in read_still(write(path, channels)).notes[0]
    channels = planes(size=(8, 16))
    channels["A"][2:4, 5] = 0
    assert read_still(write(path, channels)).notes[0].startswith("2 pixels have light where alpha is 0 (a glow).")


@pytest.mark.parametrize("passes", [(RGBA,), (FG,), PASS_SETS["fg + matte + processed + comp"]])
def test_what_we_write_is_read_without_a_word(path, passes):
    rgba = torch.rand(5, 7, 4, generator=torch.Generator().manual_seed(0)).clamp(min=0.01)
    path.write_bytes(STILLS["exr float"](1, Light("ACEScg")).encode(Frame(rgba, 1, 24, {}), passes))
    still = read_still(path)
    assert still.rgba[..., :3].allclose(rgba[..., :3], atol=3e-5) and still.notes == ()


def test_other_kinds_have_no_layers_and_other_windows_are_refused(tmp_path, path):
    from PIL import Image

    Image.new("RGB", (3, 2)).save(tmp_path / "a.png")
    assert layers_of(tmp_path / "a.png") == []
    with pytest.raises(ValueError, match=r"a\.png: only EXR has layers"):
        read_still(tmp_path / "a.png", layer="fog")
    with pytest.raises(ValueError, match="window is one of display, data"):
        read_still(path, window="all")

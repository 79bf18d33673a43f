import io
import sys
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from pipelines.alpha.transfer import linear_from_srgb
from pipelines.media.passes import FG, MATTE, PASS_SETS, PROCESSED, RGBA
from pipelines.media.read_back import ReadBackError, refuse_difference
from pipelines.media.stills.codec import decoded
from pipelines.media.stills.formats import STILLS, Frame, Light, exr, tga, tiff
from pipelines.media.stills.gamut import REC709, SPACES, adapted, matrix
from pipelines.media.stills.light import light_channels
from pipelines.media.stills.quantise import quantise
from pipelines.media.stills.read_still import read_still, rgba_from

SIZES = [(1, 1), (5, 7), (1, 9), (33, 2)]


def frame(height=5, width=7, seed=0):
    return torch.rand(height, width, 4, generator=torch.Generator().manual_seed(seed))


def encoded(name, rgba, passes=(RGBA,), light=None, text=None, compression=4):
    still = STILLS[name](compression, light)
    return still.encode(Frame(rgba, 1001, Fraction(24000, 1001), text or {}), passes)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("compression", [0, 4])
@pytest.mark.parametrize("of", [RGBA, FG, MATTE])
def test_tifffile_reads_the_16_bits_of_a_tiff(size, compression, of):
    rgba = frame(*size)
    read = tifffile.imread(io.BytesIO(encoded("tiff 16-bit", rgba, (of,), compression=compression)))
    assert read.dtype == np.uint16
    assert np.array_equal(read.reshape(*size, -1), quantise(of.picture(rgba), 16, 0))


def test_a_tiff_says_that_its_alpha_is_straight():
    file = encoded("tiff 16-bit", frame())
    assert tifffile.TiffFile(io.BytesIO(file)).pages[0].tags["ExtraSamples"].value == (2,)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("alpha", "premultiplied"), [("unassalpha", False), ("assocalpha", True)])
def test_the_association_in_the_tiff_of_another_program_is_read(tmp_path, alpha, premultiplied, order):
    pixels = quantise(frame(), 16, 0)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=[alpha], byteorder=order)
    assert read_still(tmp_path / "a.tif").rgba.equal(rgba_from(pixels, premultiplied))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("compression", [0, 4])
@pytest.mark.parametrize(("of", "mode"), [(RGBA, "RGBA"), (FG, "RGB"), (MATTE, "L")])
def test_pillow_reads_the_8_bits_of_a_tga(size, compression, of, mode):
    rgba = frame(*size)
    with Image.open(io.BytesIO(encoded("tga", rgba, (of,), compression=compression))) as image:
        assert image.mode == mode
        assert np.array_equal(np.asarray(image).reshape(*size, -1), quantise(of.picture(rgba), 8, 0))


def test_colour_under_alpha_0_is_kept_by_tiff_and_tga():
    rgba = frame()
    rgba[..., 3] = 0
    assert np.array_equal(tiff.decode(encoded("tiff 16-bit", rgba)), quantise(rgba, 16, 0))
    assert np.array_equal(tga.decode(encoded("tga", rgba)), quantise(rgba, 8, 0))


@pytest.mark.parametrize("encode", [tiff.encode, tga.encode])
def test_tiff_and_tga_refuse_what_is_no_picture(encode):
    for pixels in (np.zeros((5, 7, 4), np.float32), np.zeros((5, 7, 2), np.uint8), np.zeros((5, 7), np.uint16)):
        with pytest.raises(ValueError, match=r"wants \(H, W, 1, 3 or 4\)"):
            encode(pixels)


def test_half_red_in_an_exr_is_the_product_of_light_and_alpha():
    rgba = torch.tensor([0.5, 0.0, 1.0, 0.25]).expand(2, 3, 4)
    read = exr.decode(encoded("exr float", rgba))
    assert sorted(read) == ["A", "B", "G", "R"]
    assert read["R"] == pytest.approx(0.21404114 * 0.25, abs=1e-7)  # ((0.5 + 0.055) / 1.055)^2.4
    assert read["B"] == pytest.approx(0.25)
    assert read["A"] == pytest.approx(0.25) and not read["G"].any()


def test_colour_where_alpha_is_0_goes_unless_it_is_emissive():
    rgba = torch.tensor([0.5, 0.25, 1.0, 0.0]).expand(2, 3, 4)
    dark = exr.decode(encoded("exr half", rgba, light=Light()))
    glow = exr.decode(encoded("exr half", rgba, light=Light(emissive=True)))
    assert not any(dark[name].any() for name in "RGB")
    assert glow["R"] == pytest.approx(0.21404114, abs=2e-4) and glow["B"] == pytest.approx(1.0)
    assert not glow["A"].any()


@pytest.mark.parametrize("kind", ["zip", "zips", "piz", "none"])
@pytest.mark.parametrize(("name", "dtype"), [("exr half", np.float16), ("exr float", np.float32)])
def test_every_lossless_exr_holds_the_light_to_the_last_bit(kind, name, dtype):
    rgba = frame(33, 17)
    read = exr.decode(encoded(name, rgba, light=Light(kind=kind)))
    for channel, values in light_channels(rgba, (RGBA,), "linear Rec.709").items():
        assert read[channel].dtype == dtype
        assert np.array_equal(read[channel], values.numpy().astype(dtype))


def test_the_level_of_an_exr_changes_its_size_alone():
    grainy = (frame(64, 96) * 0.01 + 0.5).round(decimals=3)
    files = [encoded("exr half", grainy, compression=level) for level in (0, 1, 2)]
    stored, quick, small = map(len, files)
    assert stored > quick > small
    first, *others = (exr.decode(file) for file in files)
    assert all(np.array_equal(first[name], each[name]) for each in others for name in "RGBA")


@pytest.mark.parametrize("kind", ["zip", "zips"])
def test_level_0_of_an_exr_stores(kind):
    rgba = frame()
    assert encoded("exr half", rgba, light=Light(kind=kind), compression=0) == encoded(
        "exr half", rgba, light=Light(kind="none")
    )


@pytest.mark.parametrize("level", [-1, 10])
def test_a_level_that_an_exr_has_not_is_refused(level):
    with pytest.raises(ValueError, match=f"from 0 to 9, got {level}"):
        encoded("exr half", frame(), compression=level)


def test_dwaa_is_smaller_and_close():
    y, x = torch.meshgrid(torch.linspace(0, 1, 96), torch.linspace(0, 1, 128), indexing="ij")
    rgba = torch.stack((x, y, x * y, (x * 2).clamp(0, 1)), -1)
    small, whole = (encoded("exr half", rgba, light=Light(kind=kind)) for kind in ("dwaa", "zip"))
    assert len(small) < len(whole)
    light = light_channels(rgba, (RGBA,), "linear Rec.709")
    for name, values in exr.decode(small).items():
        assert np.abs(values - light[name].numpy()).max() < 0.01


@pytest.mark.parametrize("compression", [1, 4])
@pytest.mark.parametrize("alike", [1, 11])
def test_ffmpeg_reads_the_same_light(compression, alike):
    rgba = frame(33 // alike, 17).repeat_interleave(alike, 0)
    file = encoded("exr float", rgba, compression=compression)
    assert (len(file) < rgba.nbytes / 2) is (alike > 1)
    read = decoded("exr", file)
    assert read.format.name == "gbrapf32le"
    planes = [np.frombuffer(plane, np.float32).reshape(33, -1)[:, :17] for plane in read.planes]
    light = light_channels(rgba, (RGBA,), "linear Rec.709")
    for plane, name in zip(planes, "GBRA", strict=True):
        assert np.array_equal(plane, light[name].numpy())


def test_passes_are_layers_of_one_exr():
    rgba = frame()
    read = exr.decode(encoded("exr half", rgba, PASS_SETS["fg + matte + processed + comp"]))
    assert sorted(read) == sorted([*"RGBA", *(f"{each}.{c}" for each in ("fg", "comp") for c in "RGB"), "matte.A"])
    assert np.array_equal(read["fg.R"], linear_from_srgb(rgba[..., 0]).numpy().astype(np.float16))
    assert np.array_equal(read["matte.A"], read["A"])


def test_passes_of_an_exr_have_the_channels_that_they_are_read_by():
    rgba = frame()
    assert sorted(exr.decode(encoded("exr half", rgba, (MATTE,)))) == ["Y"]
    assert sorted(exr.decode(encoded("exr half", rgba, (FG,)))) == ["B", "G", "R"]
    processed, whole = (exr.decode(encoded("exr half", rgba, (each,))) for each in (PROCESSED, RGBA))
    assert all(np.array_equal(processed[name], whole[name]) for name in "RGBA")


def test_the_header_of_an_exr_says_colour_rate_and_graph():
    file = encoded("exr half", frame(), light=Light(space="ACEScg"), text={"prompt": '{"1": {}}'})
    header = exr.library().File(io.BytesIO(file)).header()
    assert header["chromaticities"] == pytest.approx(SPACES["ACEScg"])
    assert header["framesPerSecond"] == Fraction(24000, 1001)
    assert header["prompt"] == '{"1": {}}'


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("emissive", [False, True])
def test_light_comes_back_as_the_straight_picture(tmp_path, space, emissive):
    rgba = frame(9, 8)
    rgba[0, :, 3] = 0
    (tmp_path / "a.exr").write_bytes(encoded("exr float", rgba, light=Light(space=space, emissive=emissive)))
    back = read_still(tmp_path / "a.exr").rgba
    assert back[1:].allclose(rgba[1:], atol=2e-5)
    assert back[0].allclose(rgba[0] if emissive else torch.zeros(8, 4), atol=2e-5)


def test_the_matrix_from_rec709_to_acescg_is_the_published_one():
    published = [[0.61310, 0.33952, 0.04738], [0.07019, 0.91635, 0.01345], [0.02062, 0.10957, 0.86981]]
    assert matrix(REC709, SPACES["ACEScg"], REC709[6:]) == pytest.approx(np.array(published), abs=6e-5)


@pytest.mark.parametrize("space", SPACES)
def test_white_stays_white_and_the_way_back_is_the_inverse(space):
    assert adapted(torch.ones(1, 3), REC709, SPACES[space]).allclose(torch.ones(1, 3), atol=1e-6)
    light = torch.rand(5, 3, dtype=torch.float64)
    assert adapted(adapted(light, REC709, SPACES[space]), SPACES[space], REC709).allclose(light, atol=1e-12)


def test_light_that_half_cannot_hold_is_refused_by_name():
    with pytest.raises(
        ValueError,
        match=r"1001: Channel R: amounts up to 65504 .* x = 0, y = 0; choose exr float",
    ):
        encoded("exr half", torch.full((2, 2, 4), 200.0))
    broken = torch.full((2, 2, 4), 0.5)
    broken[0, 0, 2] = float("nan")
    with pytest.raises(
        ValueError,
        match=r"Frame 1001: Channel B: .* NaN or infinite, the first at x = 0, y = 0; look at the node before",
    ):
        encoded("exr float", broken)


def test_bytes_that_are_no_picture_are_refused():
    for decode, name in ((tiff.decode, "tiff"), (tga.decode, "targa"), (exr.decode, "EXR")):
        with pytest.raises(ValueError, match=name):
            decode(b"this is no picture at all")


def test_without_openexr_the_error_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(ImportError, match=r'pip install "OpenEXR>=3.5"'):
        encoded("exr half", frame())


@pytest.mark.parametrize(("version", "found"), [(None, "an old one"), ("3.4.0", "3.4.0")])
def test_an_older_openexr_is_refused_with_the_command(monkeypatch, version, found):
    older = ModuleType("OpenEXR")
    if version:
        older.__version__ = version
    monkeypatch.setitem(sys.modules, "OpenEXR", older)
    with pytest.raises(ImportError, match=rf'found {found}; type: pip install --upgrade "OpenEXR>=3.5"'):
        encoded("exr half", frame())


def test_one_wrong_pixel_is_found_by_reading_back():
    written = np.zeros((5, 7, 4), np.uint8)
    read = written.copy()
    refuse_difference("Frame 1", written, read)
    read[4, 6, 3] = 2
    refuse_difference("Frame 1", written, read, limit=2)
    with pytest.raises(ReadBackError, match=r"Frame 1: at most 0 between .* was expected, got 2"):
        refuse_difference("Frame 1", written, read)
    with pytest.raises(ReadBackError, match="read back"):
        refuse_difference("Frame 1", written, read[:4])


def test_an_encoder_that_loses_alpha_is_caught(monkeypatch):
    tiff_encode = tiff.encode

    def opaque(pixels, **more):
        return tiff_encode(np.concatenate((pixels[..., :3], np.full_like(pixels[..., :1], 65535)), -1), **more)

    monkeypatch.setattr(tiff, "encode", opaque)
    with pytest.raises(ReadBackError, match="Frame 1001"):
        encoded("tiff 16-bit", frame())

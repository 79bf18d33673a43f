"""The one door: what each kind of file is to nodes, training and metrics alike."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.media.footage import Moving, Stills, is_animation, is_footage, open_footage
from pipelines.media.stills.formats import STILLS
from pipelines.media.takes.names import new_take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.sequence import write_sequence
from pipelines.media.video.animation import SUFFIXES, Animation, write_animation
from pipelines.media.video.formats import VIDEO_FORMATS, video_problem
from pipelines.media.video.sound import Sound
from pipelines.media.video.write_video import VideoPlan, write_video
from pipelines.metrics.clips import pair, read_clip
from pipelines.training.data.footage import opened

RATE = Fraction(24000, 1001)
HERE = [name for name in VIDEO_FORMATS if video_problem(name) is None]


def clip(frames=4, height=16, width=24):
    """Colour that changes from frame to frame, alpha from 0 to 1 across."""
    x = torch.linspace(0, 1, width).expand(frames, height, width)
    level = torch.linspace(0.2, 0.8, frames)[:, None, None].expand_as(x)
    return torch.stack((level, 1 - level, x, x), dim=-1)


def video(folder, name, association="straight", sound=None):
    path = folder / f"clip.{VIDEO_FORMATS[name].suffix}"
    write_video(clip(), path, VideoPlan(VIDEO_FORMATS[name], RATE, association, sound=sound))
    return path


def animation(folder, name, suffix=None):
    path = folder / f"clip.{suffix or SUFFIXES[name]}"
    write_animation(clip(), path, Animation(name, RATE))
    return path


def take(folder, still="png 16-bit"):
    plan = Plan(new_take(folder, "parrot"), STILLS[still](1, None), RATE)
    write_sequence(clip(), plan)
    return plan.take.folder


def alike(path):
    """What a node reads, which training and metrics read too."""
    read = open_footage(path).read()
    assert torch.equal(opened(path).read(), read)
    assert torch.equal(read_clip(pair([path])[0].clips[0]), read)
    return read


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("association", ["straight", "premultiplied"])
def test_a_video_keeps_alpha_association_and_rate_for_all(tmp_path, name, association):
    path = video(tmp_path, name, association)
    found = open_footage(path)
    assert isinstance(found, Moving) and (found.count, found.fps) == (4, RATE)
    assert found.lossless is (name == "ffv1")
    read = alike(path)
    assert float((read - clip())[..., 3].abs().mean()) < 0.02
    assert float((read - clip())[clip()[..., 3] > 0.3].abs().mean()) < 0.03


@pytest.mark.parametrize("name", ["apng", "webp", "gif"])
def test_an_animation_moves_for_all(tmp_path, name):
    path = animation(tmp_path, name)
    assert open_footage(path).count == 4
    assert float((alike(path)[..., 0] - clip()[..., 0])[clip()[..., 3] > 0.6].abs().max()) < 0.03


def test_a_take_is_read_with_its_rate_and_lossless(tmp_path):
    folder = take(tmp_path)
    found = open_footage(folder)
    assert isinstance(found, Stills) and found.lossless
    assert (found.count, found.fps, found.size, found.notes) == (4, RATE, (24, 16), ())
    assert float((alike(folder) - clip()).abs().max()) <= 0.5001 / 65535


def test_frames_are_counted_from_0_whatever_their_numbers(tmp_path):
    for path in (take(tmp_path), video(tmp_path, "ffv1")):
        found, whole = open_footage(path), open_footage(path).read()
        assert torch.equal(found.read(1, 2), whole[1:3])
        assert torch.equal(found.read(1, every=2), whole[1::2])
        assert torch.equal(found.read(3), whole[3:])
        for start, count, every in ((4, 0, 1), (-1, 0, 1), (2, 3, 1), (0, 3, 2)):
            with pytest.raises(ValueError, match=rf"{path.name}: .*frame {start} on.* there are 4 in all"):
                found.read(start, count, every)


def test_progress_and_notes_are_heard(tmp_path):
    for number in (1, 2, 4):
        Image.new("L", (3, 2)).save(tmp_path / f"a.{number}.png")
    Image.new("L", (3, 2)).save(tmp_path / "thumb.tif")
    frames, notes = [], []
    found = open_footage(tmp_path)
    assert found.read(on_frame=frames.append, on_note=notes.append).shape == (3, 2, 3, 4)
    assert frames == [1, 2, 3] and notes == list(found.notes)
    assert notes[0].startswith("thumb.tif is not of the sequence")
    assert notes[1] == "1 numbers between 1 and 4 are not there; the gaps are closed."


def test_an_animated_png_under_any_name_moves_and_a_still_one_does_not(tmp_path):
    moving = animation(tmp_path, "apng", "png")
    assert is_animation(moving) and open_footage(moving).count == 4
    assert isinstance(open_footage(tmp_path), Moving)  # it is alone in its folder
    Image.new("RGBA", (4, 3)).save(tmp_path / "still.png")
    assert not is_animation(tmp_path / "still.png") and isinstance(open_footage(tmp_path / "still.png"), Stills)
    for content in (b"", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffacTL", b"no picture"):
        (tmp_path / "still.png").write_bytes(content)
        assert not is_animation(tmp_path / "still.png")


def test_a_webp_that_does_not_move_is_no_animation(tmp_path):
    for size in ((4, 3), (40, 30)):
        Image.new("RGBA", size, (9, 8, 7, 60)).save(tmp_path / "still.webp", lossless=True)
        assert not is_animation(tmp_path / "still.webp")
        levels = (open_footage(tmp_path / "still.webp").read()[0, 0, 0] * 255).round().tolist()
        assert levels == [9, 8, 7, 60]
    assert is_animation(animation(tmp_path, "webp"))


def test_sound_goes_with_its_frames(tmp_path):
    waveform = torch.from_numpy(np.repeat(np.linspace(-0.5, 0.5, 8000, dtype=np.float32)[None], 2, axis=0))
    path = video(tmp_path, "ffv1", sound=Sound(waveform, 48000))
    found = open_footage(path)
    whole, part = found.read_sound(), found.read_sound(2, 1)
    assert whole is not None and part is not None
    assert abs(part.waveform.shape[-1] - 48000 / float(RATE)) < 2
    assert open_footage(take(tmp_path)).read_sound() is None


def test_what_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.mov: .* nothing is there"):
        open_footage(tmp_path / "gone.mov")
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(ValueError, match=r"notes\.txt: one of .*\.mov.* was expected"):
        open_footage(tmp_path / "notes.txt")
    with pytest.raises(ValueError, match="none is in this folder"):
        open_footage(tmp_path)


def test_what_is_footage_is_known_by_its_name(tmp_path):
    folder = take(tmp_path)
    assert is_footage(folder) and is_footage(folder / "parrot_v001.1001.png") and is_footage(tmp_path / "a.MOV")
    assert not is_footage(tmp_path) and not is_footage(folder / "parrot_v001.json")
    passes = tmp_path / "passes"
    passes.mkdir()
    folder.rename(passes / "rgba")
    assert is_footage(passes)


def test_a_tiff_of_one_bit_cmyk_is_refused_before_its_pixels_are_read(tmp_path):
    """OpenImageIO 3.0 writes beyond its memory at such pixels, which ends the process."""
    path = tmp_path / "a.tif"
    Image.new("CMYK", (12, 10)).save(path)
    data = path.read_bytes()
    bits = b"\x02\x01\x03\x00\x04\x00\x00\x00"  # tag 258, four of 16 bits
    assert bits in data
    path.write_bytes(data.replace(bits, b"\x00\xf0" + bits[2:]))  # the file says no bits: one is meant
    with pytest.raises(ValueError, match=r"a\.tif: it is a TIFF that holds CMYK with"):
        open_footage(path).read()

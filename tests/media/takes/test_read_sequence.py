import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.media.passes import PASS_SETS
from pipelines.media.stills.formats import STILLS, Light
from pipelines.media.stills.read_still import read_still
from pipelines.media.takes.names import new_take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.read_sequence import Notes, chosen, find_footage, read_footage
from pipelines.media.takes.sequence import write_sequence

FOUR_PASSES = PASS_SETS["fg + matte + processed + comp"]


def clip(frames=4, height=5, width=7, seed=0):
    return torch.rand(frames, height, width, 4, generator=torch.Generator().manual_seed(seed))


def written(folder, frames, still="png 16-bit", light=None, **more):
    plan = Plan(new_take(folder, "parrot"), STILLS[still](1, light), Fraction(24000, 1001), **more)
    write_sequence(frames, plan)
    return plan.take.folder


@pytest.mark.parametrize(
    ("still", "light", "limit"),
    [
        ("png 8-bit", None, 0.5 / 255),
        ("png 16-bit", None, 0.5 / 65535),
        ("tiff 16-bit", None, 0.5 / 65535),
        ("tga", None, 0.5 / 255),
        ("exr float", Light(emissive=True), 2e-5),
        ("exr half", Light("ACEScg", emissive=True, kind="piz"), 2e-3),
    ],
)
def test_what_a_take_holds_is_loaded_again(tmp_path, still, light, limit):
    frames = clip()
    frames[..., 3].clamp_(min=0.02)
    frames[1, 2, :, 3] = 0
    footage = find_footage(written(tmp_path, frames, still, light))
    assert footage.fps == Fraction(24000, 1001) and list(footage.numbers) == [1001, 1002, 1003, 1004]
    read = read_footage(footage)
    assert read.dtype == torch.float32 and read.shape == frames.shape
    assert float((read - frames).abs().max()) <= limit * 1.001


def test_the_sidecar_tells_that_a_pass_is_premultiplied(tmp_path):
    frames = clip()
    frames[..., 3].clamp_(min=0.25)
    folder = written(tmp_path, frames, passes=FOUR_PASSES)
    for path in (folder, folder / "processed"):
        footage = find_footage(path)
        assert footage.association == "premultiplied" and footage.fps == Fraction(24000, 1001)
        assert float((read_footage(footage) - frames).abs().max()) < 1e-4
    assert float((read_footage(find_footage(folder / "fg"))[..., :3] - frames[..., :3]).abs().max()) < 1e-4
    matte = read_footage(find_footage(folder / "matte"))
    assert matte[..., 0].allclose(frames[..., 3], atol=1e-4) and bool((matte[..., 3] == 1).all())


def test_the_layers_of_an_exr_give_its_picture(tmp_path):
    frames = clip()
    folder = written(tmp_path, frames, "exr float", passes=FOUR_PASSES, layers=True)
    assert sorted(path.name for path in folder.iterdir()) == [
        *(f"parrot_v001.{number}.exr" for number in range(1001, 1005)),
        "parrot_v001.json",
    ]
    assert float((read_footage(find_footage(folder)) - frames).abs().max()) < 2e-5


def test_the_artist_knows_better_than_the_file(tmp_path):
    path = tmp_path / "one.png"
    Image.fromarray(np.full((2, 3, 4), 51, np.uint8), "RGBA").save(path)
    assert read_still(path).rgba[0, 0].tolist() == pytest.approx([0.2, 0.2, 0.2, 0.2])
    assert read_still(path, "premultiplied").rgba[0, 0].tolist() == pytest.approx([1, 1, 1, 0.2])


def test_frames_are_chosen_by_number_count_and_step(tmp_path):
    footage = find_footage(written(tmp_path, clip(9)))
    some = chosen(footage, 1003, 2, 3)
    assert list(some.numbers) == [1003, 1006] and some.fps == Fraction(8000, 1001)
    assert list(chosen(footage).numbers) == list(range(1001, 1010))
    with pytest.raises(ValueError, match="Frame 1001 to 1009 can be the first, got 7"):
        chosen(footage, 7)
    with pytest.raises(ValueError, match="3 frames are there from frame 1007 on, got a frame_count of 4"):
        chosen(footage, 1007, 4)


@pytest.mark.parametrize("pattern", ["a_{:05d}_.png", "a.{}.png", "a{:04d}.png", "{:03d}.png"])
def test_sequences_of_other_programs_are_found_in_the_order_of_their_numbers(tmp_path, pattern):
    for number in (8, 9, 10):
        Image.new("L", (3, 2), number).save(tmp_path / pattern.format(number))
    read = read_footage(find_footage(tmp_path))
    assert (read[:, 0, 0, 0] * 255).round().tolist() == [8, 9, 10]
    assert find_footage(tmp_path).fps is None


def test_a_single_still_is_a_clip_of_one_frame(tmp_path):
    Image.new("RGB", (3, 2), (255, 0, 0)).save(tmp_path / "only.png")
    read = read_footage(find_footage(tmp_path / "only.png"))
    assert read.shape == (1, 2, 3, 4) and read[0, 0, 0].tolist() == [1, 0, 0, 1]


def test_a_gap_two_sequences_mixed_sizes_and_nothing_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"stills .* were expected, none is in this folder"):
        find_footage(tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing is there"):
        find_footage(tmp_path / "lost")
    for number in (1, 2, 4):
        Image.new("L", (3, 2)).save(tmp_path / f"a.{number}.png")
    with pytest.raises(ValueError, match="frames 1 to 4 were expected, without 1 of them, the first is 3"):
        chosen(find_footage(tmp_path))
    with pytest.raises(ValueError, match="frames 2 to 3 were expected, without 1 of them, the first is 3"):
        chosen(find_footage(tmp_path), start=2, count=2)
    assert chosen(find_footage(tmp_path), count=2).numbers == range(1, 3)
    Image.new("L", (3, 3)).save(tmp_path / "a.3.png")
    with pytest.raises(ValueError, match=r"a\.3\.png is 3 x 3, a\.1\.png 3 x 2"):
        read_footage(find_footage(tmp_path))
    Image.new("L", (3, 2)).save(tmp_path / "b.1.png")
    with pytest.raises(ValueError, match=r"one sequence was expected, got a\.#\.png, b\.#\.png"):
        find_footage(tmp_path)


def still(path, level=0, size=(3, 2), mode="L", **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, level).save(path, **how)


@pytest.mark.parametrize("last", [300_000_000, 18_446_744_073_709_551_615])
def test_two_files_far_apart_cost_nothing(tmp_path, last):
    for number in (1000, last):
        still(tmp_path / f"gen_{number}.png")
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(ValueError, match=f"1000 to {last} were expected, without {last - 1001} .* rename the files"):
        chosen(find_footage(tmp_path))
    assert list(chosen(find_footage(tmp_path), count=1).numbers) == [1000]
    assert list(chosen(find_footage(tmp_path), every=last - 1000).numbers) == [1000, last]
    assert time.process_time() - began < 1 and tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_gaps_between_frames_that_are_not_asked_for_are_none(tmp_path):
    for number in (1, 3, 5, 8):
        still(tmp_path / f"a.{number}.png")
    footage = find_footage(tmp_path)
    assert list(chosen(footage, count=3, every=2).numbers) == [1, 3, 5]
    with pytest.raises(ValueError, match="frames 1 to 7 were expected, without 1 of them, the first is 7"):
        chosen(footage, every=2)
    with pytest.raises(ValueError, match="frames 3 to 6 were expected, without 2 of them, the first is 4"):
        chosen(footage, 3, 4)


def test_negative_frames_are_chosen_by_their_numbers(tmp_path):
    for number in range(-2, 3):
        still(tmp_path / f"a.{'-' * (number < 0)}{abs(number):04d}.png", number + 10)
    footage = find_footage(tmp_path)
    assert (read_footage(footage)[:, 0, 0, 0] * 255).round().tolist() == [8, 9, 10, 11, 12]
    assert list(chosen(footage, -1, 2).numbers) == [-1, 0] and chosen(footage, -1, 2).notes == ()
    (note,) = chosen(footage).notes
    assert note == "start_frame 0 begins with the first frame there is, which is -2; frame 0 comes later."


def test_stray_files_are_left_out_and_said(tmp_path):
    for number in (1, 2, 3):
        still(tmp_path / f"shot.{number:04d}.png", number)
    still(tmp_path / "thumb.tif")
    footage = find_footage(tmp_path)
    assert footage.numbers == [1, 2, 3]
    assert footage.notes == ("thumb.tif is not of the sequence and was left out: shot.#.png was read.",)
    still(tmp_path / "contact sheet.png")
    (tmp_path / "shot.0004.png").mkdir()
    (tmp_path / "shot.0005.png").symlink_to(tmp_path / "lost.png")
    assert find_footage(tmp_path).notes[0].startswith("contact sheet.png, thumb.tif are not of the sequence")
    heard = []
    read_footage(find_footage(tmp_path), on_note=heard.append)
    assert heard == list(find_footage(tmp_path).notes)
    still(tmp_path / "thumb 2.tif")
    with pytest.raises(ValueError, match="one sequence was expected"):
        still(tmp_path / "shot_b.0001.png")
        find_footage(tmp_path)


def test_many_sequences_are_not_all_listed(tmp_path):
    for letter in "abcdefghij":
        still(tmp_path / f"{letter}.1.png")
    with pytest.raises(ValueError, match=r"got a\.#\.png, .* f\.#\.png and 4 more; part them"):
        find_footage(tmp_path)


def test_pixel_modes_may_differ_from_frame_to_frame(tmp_path):
    still(tmp_path / "a.1.png", 51, mode="L")
    still(tmp_path / "a.2.png", (51, 102, 153), mode="RGB")
    still(tmp_path / "a.3.png", (51, 102, 153, 204), mode="RGBA")
    levels = (read_footage(find_footage(tmp_path))[:, 0, 0] * 255).round().tolist()
    assert levels == [[51, 51, 51, 255], [51, 102, 153, 255], [51, 102, 153, 204]]


def test_notes_of_frames_are_said_once_for_each_kind():
    notes = Notes([1001, 1002, 1003])
    notes.add(0, ())
    notes.add(1, ["2 pixels are not finite.", "It is grey."])
    notes.add(2, ["1.5 pixels are not finite."])
    assert notes.sentences() == ["frame 1002 and 1 more: 2 pixels are not finite.", "frame 1002: It is grey."]
    notes = Notes([0])
    notes.add(0, ["It is grey."])
    assert notes.sentences() == ["It is grey."]


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "a.1.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"a\.1\.png: a PNG was expected, this file is none"):
        read_footage(find_footage(tmp_path))


def test_a_stop_ends_the_reading(tmp_path):
    class Interrupt(BaseException):
        pass

    def stop(count):
        if count == 2:
            raise Interrupt

    with pytest.raises(Interrupt):
        read_footage(find_footage(written(tmp_path, clip(8))), on_frame=stop)

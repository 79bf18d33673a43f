import json
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
from pipelines.media.takes.read_sequence import chosen, find_footage, read_footage
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
    with pytest.raises(ValueError, match=r"a\.3\.png is 3 x 3, the first frame 3 x 2"):
        read_footage(find_footage(tmp_path))
    Image.new("L", (3, 2)).save(tmp_path / "b.1.png")
    with pytest.raises(ValueError, match=r"one sequence was expected, got a\.#\.png, b\.#\.png"):
        find_footage(tmp_path)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "a.1.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"a\.1\.png: a picture was expected, this file is none"):
        read_footage(find_footage(tmp_path))


def test_a_stop_ends_the_reading(tmp_path):
    class Interrupt(BaseException):
        pass

    def stop(count):
        if count == 2:
            raise Interrupt

    with pytest.raises(Interrupt):
        read_footage(find_footage(written(tmp_path, clip(8))), on_frame=stop)


def test_the_json_of_something_else_is_no_sidecar(tmp_path):
    folder = written(tmp_path, clip(1))
    (folder / "notes.json").write_text(json.dumps(["not", "ours"]))
    (folder / "a.json").write_text("no JSON at all")
    assert find_footage(folder).fps == Fraction(24000, 1001)

import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.media.video.sprite_sheet import Box, SheetPlan, places, visible_box, write_sheet


def clip(frames=7, height=12, width=20):
    """A block of colour of 6 x 4 that moves right; all of it lies in a box of 12 x 4 at (3, 5)."""
    made = torch.zeros(frames, height, width, 4)
    for index in range(frames):
        made[index, 5:9, 3 + index : 9 + index] = torch.tensor([0.2, 0.4, 0.6, 1.0]) * (1 - index / 20)
    return made


def written(folder, frames=None, **more):
    path = folder / "run_v001.png"
    told = write_sheet(clip() if frames is None else frames, path, SheetPlan(**({"fps": Fraction(24)} | more)))
    return np.asarray(Image.open(path)), json.loads(told.read_bytes())


def test_every_frame_is_where_the_json_says(tmp_path):
    pixels, told = written(tmp_path)
    assert told["meta"]["size"] == {"w": pixels.shape[1], "h": pixels.shape[0]} and pixels.shape[2] == 4
    assert len(told["frames"]) == 7
    for frame, entry in zip(clip(), told["frames"].values(), strict=True):
        cell, offset = entry["frame"], entry["spriteSourceSize"]
        whole = np.zeros((12, 20, 4), np.uint8)
        part = pixels[cell["y"] : cell["y"] + cell["h"], cell["x"] : cell["x"] + cell["w"]]
        whole[offset["y"] : offset["y"] + offset["h"], offset["x"] : offset["x"] + offset["w"]] = part
        wanted = np.floor(frame.double().numpy() * 255 + 0.5).astype(np.uint8)
        seen = wanted[..., 3] > 0
        assert np.array_equal(whole[..., 3], wanted[..., 3]) and np.array_equal(whole[seen], wanted[seen])
        assert entry["sourceSize"] == {"w": 20, "h": 12} and entry["trimmed"] is True


def test_one_box_holds_all_frames():
    assert visible_box(clip()) == Box(3, 5, 12, 4)
    assert visible_box(torch.zeros(2, 4, 4, 4)) == Box(0, 0, 1, 1)


def test_colour_runs_on_under_alpha_0(tmp_path):
    pixels, _ = written(tmp_path)
    hidden = pixels[..., 3] == 0
    assert hidden.any() and int(pixels[hidden][:, 2].min()) > 80


def test_without_trim_a_cell_is_the_frame(tmp_path):
    _, told = written(tmp_path, trim=False, gap=0, columns=3)
    assert told["meta"]["size"] == {"w": 60, "h": 36}
    assert all(not entry["trimmed"] and entry["frame"]["w"] == 20 for entry in told["frames"].values())


@pytest.mark.parametrize("count", [1, 2, 5, 16, 81])
@pytest.mark.parametrize("columns", [0, 1, 4, 100])
def test_cells_do_not_touch_and_fill_the_sheet_row_by_row(count, columns):
    cells, width, height = places(count, Box(0, 0, 8, 6), SheetPlan(Fraction(16), columns=columns, gap=3))
    covered = np.zeros((height, width), int)
    for cell in cells:
        covered[cell.y : cell.y + cell.height, cell.x : cell.x + cell.width] += 1
    assert covered.max() == 1 and covered.sum() == count * 48
    assert [(cell.y, cell.x) for cell in cells] == sorted((cell.y, cell.x) for cell in cells)
    assert covered[:, -1].any() and covered[-1].any()


def test_what_does_not_fit_is_refused_with_what_fits():
    plan = SheetPlan(Fraction(16), max_size=100, gap=0)
    with pytest.raises(
        ValueError, match=r"81 frames of 20 x 10 in .* columns take .*; 50 such frames fit \(5 columns\)"
    ):
        places(81, Box(0, 0, 20, 10), plan)
    assert places(50, Box(0, 0, 20, 10), SheetPlan(Fraction(16), 5, 100, gap=0))[1:] == (100, 100)


@pytest.mark.parametrize(
    ("playback", "direction", "repeat"),
    [("loop", "forward", None), ("once", "forward", "1"), ("ping-pong", "pingpong", None)],
)
def test_the_json_says_how_it_plays_and_how_long(tmp_path, playback, direction, repeat):
    _, told = written(tmp_path, playback=playback, fps=Fraction(24000, 1001))
    (tag,) = told["meta"]["frameTags"]
    assert (tag["from"], tag["to"], tag["direction"], tag.get("repeat")) == (0, 6, direction, repeat)
    assert sum(entry["duration"] for entry in told["frames"].values()) == round(7 * 1001 / 24)
    assert told["meta"]["fps"]["num"] == 24000 and told["meta"]["image"] == "run_v001.png"


def test_a_taken_name_leaves_both_files_as_they_were(tmp_path):
    (tmp_path / "run_v001.png").write_bytes(b"older")
    with pytest.raises(FileExistsError):
        written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run_v001.png"]
    with pytest.raises(ValueError, match="at least one frame"):
        write_sheet(torch.zeros(0, 4, 4, 4), tmp_path / "none.png", SheetPlan(Fraction(16)))
    with pytest.raises(ValueError, match="playback is one of loop, once, ping-pong"):
        SheetPlan(Fraction(16), playback="back")


def test_progress_is_told_of_each_frame_and_a_stop_leaves_nothing(tmp_path):
    class Interrupt(BaseException):
        pass

    heard = []

    def stop():
        heard.append(1)
        if len(heard) == 10:
            raise Interrupt

    write_sheet(clip(), tmp_path / "whole.png", SheetPlan(Fraction(16)), stop)
    assert len(heard) == 7
    with pytest.raises(Interrupt):
        write_sheet(clip(), tmp_path / "stopped.png", SheetPlan(Fraction(16)), stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.json", "whole.png"]

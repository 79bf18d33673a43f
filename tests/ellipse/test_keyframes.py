import json
from dataclasses import asdict
from pathlib import Path

import pytest

from pipelines.ellipse.drawing import Ellipse, Keyframe, parse_drawing
from pipelines.ellipse.keyframes import at

CASES = json.loads((Path(__file__).parents[1] / "data" / "ellipse_cases.json").read_text(encoding="utf-8"))["valid"]


def moving(*frames: int, ease: str = "linear") -> Ellipse:
    """cx counts the keyframes: 0, 1, 2, ..."""
    return Ellipse("a", "", tuple(Keyframe(f, float(k), 0.5, 0.2, 0.2, ease=ease) for k, f in enumerate(frames)))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_poses_are_those_of_the_shared_cases(case):
    drawing = parse_drawing(json.dumps(case["drawing"]))
    for expected in case["poses"]:
        pose = at(drawing.ellipses[expected["ellipse"]], expected["frame"], case["length"], drawing.loop)
        expected = {key: value for key, value in expected.items() if key not in ("ellipse", "frame")}
        assert asdict(pose) == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.parametrize("ease", ["linear", "ease", "hold"])
@pytest.mark.parametrize("loop", [False, True])
def test_every_keyframe_is_met_exactly(ease, loop):
    ellipse = moving(1, 4, 6, ease=ease)
    assert [at(ellipse, frame, 9, loop).cx for frame in (1, 4, 6)] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("ease", ["linear", "ease", "hold"])
def test_a_loop_repeats_after_its_length(ease):
    ellipse = moving(2, 5, 7, ease=ease)
    for quarter in range(-40, 80):
        frame = quarter / 4
        assert at(ellipse, frame, 10, True) == at(ellipse, frame + 10, 10, True) == at(ellipse, frame - 10, 10, True)


def test_a_loop_has_no_seam():
    ellipse = moving(2, 5, 7)
    assert at(ellipse, 12 - 1e-9, 10, True).cx == pytest.approx(at(ellipse, 12, 10, True).cx, abs=1e-8)


def test_ease_starts_and_ends_at_rest_and_is_odd_about_its_middle():
    ellipse = moving(0, 8, ease="ease")
    values = [at(ellipse, frame, 9, False).cx for frame in range(9)]
    assert values[4] == 0.5
    assert all(a + b == pytest.approx(1) for a, b in zip(values, reversed(values), strict=True))
    assert at(ellipse, 0.008, 9, False).cx < 1e-5


def test_a_clip_of_no_frames_is_refused():
    with pytest.raises(ValueError, match="at least 1 frame, got 0"):
        at(moving(0), 0, 0, True)

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines.ellipse.drawing import Drawing, Ellipse, Keyframe, parse_drawing
from pipelines.ellipse.field import field, subject
from pipelines.ellipse.keyframes import Pose

CASES = json.loads((Path(__file__).parents[1] / "data" / "ellipse_cases.json").read_text(encoding="utf-8"))["valid"]
POSE = Pose(cx=0.45, cy=0.6, rx=0.3, ry=0.15, angle=25.0, softness=0.8, weight=1.0)


def drawing(*poses: Pose) -> Drawing:
    keyframes = [Keyframe(0, p.cx, p.cy, p.rx, p.ry, p.angle, p.softness, p.weight) for p in poses]
    return Drawing(tuple(Ellipse(str(k), "", (keyframe,)) for k, keyframe in enumerate(keyframes)))


def written_out(pose: Pose, height: int, width: int) -> torch.Tensor:
    """The formula pixel by pixel."""
    turn = math.radians(pose.angle)
    bell = torch.zeros(height, width, dtype=torch.float64)
    for j in range(height):
        for i in range(width):
            x, y = (i + 0.5) - pose.cx * width, (j + 0.5) - pose.cy * height
            u, v = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
            sx, sy = pose.rx * width * pose.softness, pose.ry * height * pose.softness
            bell[j, i] = math.exp(-((u / sx) ** 2 + (v / sy) ** 2) / 2)
    return (bell - bell.min()) / (1 - bell.min()) * pose.weight


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_fields_are_those_of_the_shared_cases(case):
    for expected in case["fields"]:
        drawn = parse_drawing(json.dumps(case["drawing"]))
        made = subject(drawn, case["length"], expected["height"], expected["width"])
        for row, column, value in expected["samples"]:
            assert made[expected["frame"], row, column].item() == pytest.approx(value, rel=0, abs=1e-6)


def test_the_field_is_its_formula():
    for pose in (POSE, replace(POSE, cx=-0.4), replace(POSE, angle=-130.0, weight=0.3), replace(POSE, rx=3.0, ry=5.0)):
        expected = written_out(pose, 9, 14)
        torch.testing.assert_close(field(pose, 9, 14, torch.float64), expected, atol=1e-13, rtol=0)
        torch.testing.assert_close(field(pose, 9, 14), expected.float(), atol=5e-7, rtol=0)


def test_float32_is_exact_to_a_millionth_on_a_large_frame():
    for pose in (POSE, replace(POSE, rx=0.01, ry=0.02), replace(POSE, rx=90.0, ry=70.0, cx=0.1)):
        difference = field(pose, 480, 832).double() - field(pose, 480, 832, torch.float64)
        assert difference.abs().max() < 1e-6


def test_the_floor_is_zero_and_lies_in_a_corner():
    for angle in range(0, 360, 15):
        made = field(replace(POSE, angle=float(angle)), 9, 14)
        corners = made[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert made.min() == 0 == corners.min()
        assert made.max() <= 1


def test_a_centre_on_a_pixel_is_one_there():
    assert field(replace(POSE, cx=0.5, cy=0.5), 7, 9)[3, 4] == 1


def test_half_a_turn_and_a_quarter_turn_with_swapped_axes_change_nothing():
    square = replace(POSE, rx=0.3, ry=0.15)
    made = field(square, 12, 12, torch.float64)
    torch.testing.assert_close(field(replace(square, angle=205.0), 12, 12, torch.float64), made)
    torch.testing.assert_close(field(replace(square, rx=0.15, ry=0.3, angle=115.0), 12, 12, torch.float64), made)


def test_softness_scales_sigma_like_the_semi_axes_do():
    softer = field(replace(POSE, softness=1.6), 9, 14, torch.float64)
    torch.testing.assert_close(field(replace(POSE, rx=0.6, ry=0.3), 9, 14, torch.float64), softer)


def test_a_growing_sigma_tends_to_a_paraboloid_and_stays_in_range():
    flat = field(replace(POSE, rx=100.0, ry=100.0, softness=10.0, angle=0.0), 9, 14)
    y = (torch.arange(9).double() + 0.5) / 9 - 0.6
    x = (torch.arange(14).double() + 0.5) / 14 - 0.45
    q = x.square() + y.square()[:, None]
    torch.testing.assert_close(flat, (1 - q / q.max()).float(), atol=1e-6, rtol=0)


def test_an_ellipse_far_off_the_frame_leaves_it_empty():
    assert not field(replace(POSE, cx=9.0), 9, 14).any()


def test_ellipses_combine_by_maximum_after_their_weights():
    one, other = replace(POSE, weight=0.7), replace(POSE, cx=0.8, angle=-10.0)
    expected = torch.maximum(field(one, 9, 14), field(other, 9, 14))
    assert torch.equal(subject(drawing(one, other), 1, 9, 14)[0], expected)


def test_a_still_drawing_is_computed_once(monkeypatch):
    calls: list[Pose] = []

    def counted(pose: Pose, *args: object, **named: object) -> torch.Tensor:
        calls.append(pose)
        return field(pose, 9, 14)

    monkeypatch.setattr("pipelines.ellipse.field.field", counted)
    made = subject(drawing(POSE, replace(POSE, cx=0.1)), 50, 9, 14)
    assert len(calls) == 2
    assert torch.equal(made, made[:1].expand_as(made))


def test_a_moving_drawing_is_its_poses_frame_by_frame():
    keyframes = (Keyframe(0, 0.2, 0.5, 0.2, 0.2), Keyframe(4, 0.6, 0.5, 0.2, 0.2))
    made = subject(Drawing((Ellipse("a", "", keyframes),)), 7, 9, 14)
    for frame, cx in enumerate((0.2, 0.3, 0.4, 0.5, 0.6, 0.6, 0.6)):
        expected = field(Pose(cx, 0.5, 0.2, 0.2, 0.0, 1.0, 1.0), 9, 14)
        torch.testing.assert_close(made[frame], expected, atol=1e-6, rtol=0)


def test_every_frame_is_announced_and_can_interrupt():
    frames: list[int] = []
    subject(drawing(POSE), 5, 9, 14, on_frame=lambda: frames.append(1))
    assert len(frames) == 5

    def interrupt() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        subject(drawing(POSE), 5, 9, 14, on_frame=interrupt)


def test_a_frame_of_no_pixels_is_refused():
    with pytest.raises(ValueError, match="at least 1 frame of 1 x 1, got 5 frames of 0 x 14"):
        subject(drawing(POSE), 5, 0, 14)

import json
from pathlib import Path

import pytest

from pipelines.ellipse.drawing import MAX_CHARACTERS, Drawing, Ellipse, Keyframe, parse_drawing

CASES = json.loads((Path(__file__).parents[1] / "data" / "ellipse_cases.json").read_text(encoding="utf-8"))


def one(**values: object) -> str:
    keyframe = {"frame": 0, "cx": 0.5, "cy": 0.5, "rx": 0.25, "ry": 0.4, **values}
    return json.dumps({"version": 1, "ellipses": [{"id": "a", "keyframes": [keyframe]}]})


def test_the_example_of_the_format_reads_as_written():
    text = """
    {"version": 1, "loop": false,
     "ellipses": [{"id": "a", "name": "parrot",
                   "keyframes": [{"frame": 0, "cx": 0.5, "cy": 0.5, "rx": 0.25, "ry": 0.4, "angle": 0.0,
                                  "softness": 1.0, "weight": 1.0, "ease": "linear"}]}]}
    """
    assert parse_drawing(text) == Drawing((Ellipse("a", "parrot", (Keyframe(0, 0.5, 0.5, 0.25, 0.4),)),), loop=False)


@pytest.mark.parametrize("case", CASES["valid"], ids=lambda case: case["name"])
def test_a_drawing_survives_its_own_json(case):
    drawing = parse_drawing(json.dumps(case["drawing"]))
    assert parse_drawing(drawing.to_json()) == drawing
    assert drawing.loop is case["drawing"].get("loop", False)


@pytest.mark.parametrize("case", CASES["invalid"], ids=lambda case: case["name"])
def test_what_is_no_drawing_is_refused_with_its_place(case):
    with pytest.raises(ValueError) as refusal:
        parse_drawing(case["text"])
    assert case["error"] in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_the_smallest_keyframe_has_the_defaults():
    keyframe = parse_drawing(one()).ellipses[0].keyframes[0]
    assert keyframe == Keyframe(0, 0.5, 0.5, 0.25, 0.4, angle=0.0, softness=1.0, weight=1.0, ease="linear")
    assert parse_drawing(one()).ellipses[0].name == ""


def test_whole_numbers_may_be_written_with_a_point_as_in_javascript():
    text = one(frame=3.0).replace('"version": 1', '"version": 1.0')
    frame = parse_drawing(text).ellipses[0].keyframes[0].frame
    assert frame == 3 and isinstance(frame, int)


def test_keyframes_are_put_in_the_order_of_their_frames():
    keyframes = [json.loads(one(frame=frame))["ellipses"][0]["keyframes"][0] for frame in (8, 0, 4)]
    text = json.dumps({"version": 1, "ellipses": [{"id": "a", "keyframes": keyframes}]})
    assert [keyframe.frame for keyframe in parse_drawing(text).ellipses[0].keyframes] == [0, 4, 8]


def test_ten_thousand_ellipses_are_refused_before_they_are_read():
    with pytest.raises(ValueError, match=r"^ellipses: expected 1 to 64 ellipses, got 10000\.$"):
        parse_drawing(json.dumps({"version": 1, "ellipses": [None] * 10_000}))


def test_oversized_text_is_refused_before_it_is_decoded():
    with pytest.raises(ValueError, match="expected at most 1000000 characters, got 1000001"):
        parse_drawing(" " * (MAX_CHARACTERS + 1))


@pytest.mark.parametrize(
    "text",
    ["[" * 400_000, '{"a":' * 100_000, "9" * 10_000, '{"version": ' + "9" * 10_000 + "}", "\ufeff{}", "\ud800"],
    ids=["deep lists", "deep objects", "a long number", "a long number inside", "byte order mark", "half a character"],
)
def test_text_that_attacks_the_decoder_is_refused_like_any_other(text):
    with pytest.raises(ValueError, match=r"^(drawing|version): expected") as refusal:
        parse_drawing(text)
    str(refusal.value).encode("utf-8")


def test_a_number_of_hundreds_of_digits_is_refused_in_a_short_sentence():
    with pytest.raises(ValueError, match=r"\.cx: expected a number from -10 to 10, got 1000") as refusal:
        parse_drawing(one(cx=10**400))
    assert len(str(refusal.value)) < 150

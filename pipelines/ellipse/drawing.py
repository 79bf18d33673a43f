"""Keyframed ellipses as values, and the JSON that the editor and the nodes exchange.

Layout   {"version": 1, "loop": false, "ellipses": [{"id", "name", "keyframes": [{"frame", "cx", "cy", "rx", "ry",
         "angle", "softness", "weight", "ease"}]}]}; `loop`, `name`, `angle`, `softness`, `weight` and `ease` may be
         left out.
Range    cx, rx as fractions of the width, cy, ry of the height; rx, ry are semi-axes; angle in degrees, clockwise on
         screen; weight 0..1; frame counts pixel frames from 0. The limits stand in the constants below.
Source   Our own format; the editor's JavaScript reads the same cases (`tests/data/ellipse_cases.json`).
Differs  Wan-Alpha stores its ellipses only as rendered fields.

The text comes from a workflow file or from the queue, so it is read as hostile: a limit on everything, no key ignored,
no value repaired. An error names the place:

    ellipses[1].keyframes[0].rx: expected a number from 0.0001 to 100, got "x".
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal, NoReturn, cast, get_args

Ease = Literal["linear", "ease", "hold"]

VERSION = 1
MAX_CHARACTERS = 1_000_000
MAX_ELLIPSES = 64
MAX_KEYFRAMES = 1_000
MAX_FRAME = 1_000_000
MAX_ID_CHARACTERS = 64
MAX_NAME_CHARACTERS = 200
CENTRE_RANGE = (-10.0, 10.0)
SEMI_AXIS_RANGE = (0.0001, 100.0)
ANGLE_RANGE = (-360_000.0, 360_000.0)
SOFTNESS_RANGE = (0.01, 10.0)
WEIGHT_RANGE = (0.0, 1.0)


@dataclass(frozen=True)
class Keyframe:
    """An ellipse at one frame; `ease` rules the way to the next keyframe."""

    frame: int
    cx: float
    cy: float
    rx: float
    ry: float
    angle: float = 0.0
    softness: float = 1.0
    weight: float = 1.0
    ease: Ease = "linear"


@dataclass(frozen=True)
class Ellipse:
    """At least one keyframe, in the order of their frames, each frame once."""

    id: str
    name: str
    keyframes: tuple[Keyframe, ...]


@dataclass(frozen=True)
class Drawing:
    """At least one ellipse; with `loop` the last keyframe leads back to the first."""

    ellipses: tuple[Ellipse, ...]
    loop: bool = False

    def to_json(self) -> str:
        """The drawing as JSON, version 1, every key written; `parse_drawing` gives the same drawing back."""
        document = {"version": VERSION, "loop": self.loop, "ellipses": [asdict(ellipse) for ellipse in self.ellipses]}
        return json.dumps(document, allow_nan=False)


def parse_drawing(text: str) -> Drawing:
    """Read the JSON of a drawing; keyframes may come unsorted.

    Raises ValueError, naming the place, for anything but a drawing: broken or oversized text, an unknown version or
    key, a wrong type (a bool is no number), a number out of its range or not finite, no ellipse, an ellipse without
    keyframes, an id or a frame given twice.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"drawing: expected at most {MAX_CHARACTERS} characters, got {len(text)}; delete keyframes.")
    fields = _fields(_decode(text), "drawing", required=("version", "ellipses"), optional=("loop",))
    if _whole(fields["version"], "version", MAX_FRAME) != VERSION:
        _refuse("version", f"version {VERSION}", fields["version"], "update the pack to read a newer drawing")
    ellipses = _list(fields["ellipses"], "ellipses", MAX_ELLIPSES, "ellipses")
    drawing = Drawing(
        tuple(_ellipse(item, f"ellipses[{k}]") for k, item in enumerate(ellipses)),
        loop=_boolean(fields.get("loop", False), "loop"),
    )
    _unique([ellipse.id for ellipse in drawing.ellipses], "ellipses[{}].id", "each id once")
    return drawing


def _decode(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:  # RecursionError: thousands of nested brackets
        raise ValueError(f"drawing: expected JSON, got {_shown(text)} ({error}).") from error


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _ellipse(value: object, path: str) -> Ellipse:
    fields = _fields(value, path, required=("id", "keyframes"), optional=("name",))
    keyframes_path = f"{path}.keyframes"
    items = _list(fields["keyframes"], keyframes_path, MAX_KEYFRAMES, "keyframes")
    keyframes = [_keyframe(item, f"{keyframes_path}[{k}]") for k, item in enumerate(items)]
    _unique([keyframe.frame for keyframe in keyframes], keyframes_path + "[{}].frame", "each frame once")
    return Ellipse(
        id=_text(fields["id"], f"{path}.id", 1, MAX_ID_CHARACTERS),
        name=_text(fields.get("name", ""), f"{path}.name", 0, MAX_NAME_CHARACTERS),
        keyframes=tuple(sorted(keyframes, key=lambda keyframe: keyframe.frame)),
    )


def _keyframe(value: object, path: str) -> Keyframe:
    fields = _fields(
        value,
        path,
        required=("frame", "cx", "cy", "rx", "ry"),
        optional=("angle", "softness", "weight", "ease"),
    )
    return Keyframe(
        frame=_whole(fields["frame"], f"{path}.frame", MAX_FRAME),
        cx=_number(fields["cx"], f"{path}.cx", CENTRE_RANGE),
        cy=_number(fields["cy"], f"{path}.cy", CENTRE_RANGE),
        rx=_number(fields["rx"], f"{path}.rx", SEMI_AXIS_RANGE),
        ry=_number(fields["ry"], f"{path}.ry", SEMI_AXIS_RANGE),
        angle=_number(fields.get("angle", 0.0), f"{path}.angle", ANGLE_RANGE),
        softness=_number(fields.get("softness", 1.0), f"{path}.softness", SOFTNESS_RANGE),
        weight=_number(fields.get("weight", 1.0), f"{path}.weight", WEIGHT_RANGE),
        ease=_ease(fields.get("ease", "linear"), f"{path}.ease"),
    )


def _fields(value: object, path: str, required: Collection[str], optional: Collection[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(path, "an object", value)
    known = (*required, *optional)
    for key in value:
        if key not in known:
            raise ValueError(f"{path}: expected no keys but {', '.join(known)}, got {_shown(key)}; remove it.")
    for key in required:
        if key not in value:
            raise ValueError(f"{path}: expected the key {key}, got none; add it.")
    return value


def _list(value: object, path: str, longest: int, what: str) -> list[object]:
    if not isinstance(value, list):
        _refuse(path, f"a list of {what}", value)
    if not 1 <= len(value) <= longest:
        raise ValueError(f"{path}: expected 1 to {longest} {what}, got {len(value)}.")
    return value


def _number(value: object, path: str, limits: tuple[float, float]) -> float:
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        _refuse(path, f"a number from {low:.10g} to {high:.10g}", value)
    return float(value)


def _whole(value: object, path: str, high: int) -> int:
    """JavaScript writes 4 for 4.0 and reads both as one number, so both are whole here too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high or int(value) != value:
        _refuse(path, f"a whole number from 0 to {high}", value)
    return int(value)


def _boolean(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        _refuse(path, "true or false", value)
    return value


def _text(value: object, path: str, shortest: int, longest: int) -> str:
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        _refuse(path, f"a text of {shortest} to {longest} characters", value)
    return value


def _ease(value: object, path: str) -> Ease:
    if value not in get_args(Ease):
        _refuse(path, f"one of {', '.join(get_args(Ease))}", value)
    return cast(Ease, value)


def _unique(values: list[Any], path: str, expected: str) -> None:
    seen: set[Any] = set()
    for k, value in enumerate(values):
        if value in seen:
            _refuse(path.format(k), expected, value, "it was given before")
        seen.add(value)


def _refuse(path: str, expected: str, value: object, advice: str = "") -> NoReturn:
    raise ValueError(f"{path}: expected {expected}, got {_shown(value)}{'; ' if advice else ''}{advice}.")


def _shown(value: object) -> str:
    """A value as JSON, short enough to be read in an error."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    shown = json.dumps(value[:41] if isinstance(value, str) else value)
    return shown if len(shown) <= 40 else f"{shown[:40]}..."

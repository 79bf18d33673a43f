"""The sidecar: what a compositor must know about a take and cannot read off its pixels, as JSON beside them.

Version 1. `complete` is false from the first frame on and true only when the last one stands; `frames.count` is null
while the take is being written, then the number of frames of which every pass is whole, counted from `frames.first`.
"""

import json
from pathlib import PurePath

from ..passes import Pass
from ..stills.gamut import PRIMARIES
from .plan import Plan, graph_text, pass_folder, pass_stem

VERSION = 1


def sidecar(plan: Plan, *, width: int, height: int, count: int | None, complete: bool) -> bytes:
    """The sidecar of `count` finished frames (None while writing), strict JSON in ASCII."""
    described = {
        "version": VERSION,
        "name": plan.take.stem,
        "complete": complete,
        "frames": {"first": plan.start, "last": plan.start + count - 1 if count else None, "count": count},
        "padding": plan.padding,
        "width": width,
        "height": height,
        "fps": {"num": plan.fps.numerator, "den": plan.fps.denominator, "value": float(plan.fps)},
        "format": plan.still.suffix,
        "bit_depth": plan.still.bits,
        "color": _described_color(plan),
        "alpha": "1 = opaque",
        "passes": [_described_pass(plan, each) for each in plan.passes],
        "seed": list(plan.seeds),
        "graph": {key: json.loads(text) for key, text in graph_text(plan).items()},
    }
    return json.dumps(described, indent=2, allow_nan=False).encode()


def _described_color(plan: Plan) -> dict[str, object]:
    light = plan.still.light
    space, primaries = (light.space, PRIMARIES[light.space]) if light else ("sRGB", "Rec.709")
    return {"space": space, "primaries": primaries, "referred": "display", "emissive": bool(light and light.emissive)}


def _described_pass(plan: Plan, of: Pass) -> dict[str, object]:
    folder = PurePath(pass_folder(plan, of)).relative_to(plan.take.folder)
    stem, suffix = pass_stem(plan, of), plan.still.suffix
    return {
        "name": of.name,
        "pattern": (folder / f"{stem}.{'#' * plan.padding}.{suffix}").as_posix(),
        "printf": (folder / f"{stem}.%0{plan.padding}d.{suffix}").as_posix(),
        "channels": of.channels,
        "association": plan.still.association(of),
        "transfer": "sRGB" if of.is_color and plan.still.light is None else "linear",
    }

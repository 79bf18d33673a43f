"""The layers of an EXR: which channels, of which parts, belong together, and which of them is the picture.

Source   OpenEXR, technical introduction: `layer.sublayer.channel`, R, G, B, A, Y, RY, BY; in files of several parts the
         part is a layer too. Names of Blender (ViewLayer.Combined), Nuke (a part for each channel), Houdini, Gaffer.
Differs  A channel is known by its last word in any case, red as R. Alpha that stands in a layer of its own called alpha
         goes with the picture that has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .image_file import Part

COMPONENTS: Mapping[str, str] = {
    **{name: name.upper() for name in ("r", "g", "b", "a", "y", "ry", "by", "x", "z", "u", "v")},
    "red": "R",
    "green": "G",
    "blue": "B",
    "alpha": "A",
    "luma": "Y",
    "luminance": "Y",
}
"""Words for a component, in small letters."""

PICTURES = ("rgba", "rgb", "combined", "beauty", "color", "colour", "image", "main", "default", "composite", "c")
"""Last words of the layers that hold the picture, the most likely first."""

ALPHAS = frozenset({"alpha", "a", "opacity"})
DATA = re.compile(
    r"(.*[._ -])?(n|normals?|nn|p|pos|position|pworld|pref|nref|z|depth|zdepth|mist|motion(vectors?)?|mv|velocity|"
    r"vectors?|uvs?|st|index|(object|material|asset)?_?ids?|index(ob|ma)|crypto.*|matte|mask)",
    re.IGNORECASE,
)
"""Layers that hold amounts, not colours."""


@dataclass(frozen=True)
class Place:
    """Where a channel is: its part, and which of the part's channels."""

    part: int
    channel: int


@dataclass(frozen=True)
class Layer:
    """A layer and its channels by component; other channels by their last word."""

    name: str
    channels: Mapping[str, Place]

    @property
    def possible_color(self) -> str:
        """The components that can be its colour: RGB, Y, or ""; X, Y and Z are places or directions."""
        grey = "Y" if "Y" in self.channels and "X" not in self.channels else ""
        return "RGB" if {*"RGB"} <= self.channels.keys() else grey

    @property
    def color(self) -> str:
        """The components that are its colour; "" where its name says that it holds amounts."""
        return "" if DATA.fullmatch(self.name) else self.possible_color


def layers_in(parts: Sequence[Part]) -> list[Layer]:
    """Every layer of a file, in the file's order. Deep parts hold none."""
    found: dict[str, dict[str, Place]] = {}
    for part in parts:
        if not part.deep:
            for index, channel in enumerate(part.channels):
                name, component = _split(part, channel, len(parts) > 1)
                found.setdefault(name, {}).setdefault(component, Place(part.index, index))
    return [Layer(name, channels) for name, channels in found.items()]


def named_layer(layers: Sequence[Layer], name: str) -> Layer:
    """The layer of that name, in any case where only one is. ValueError listing those that there are."""
    same = [each for each in layers if each.name == name]
    same = same or [each for each in layers if each.name.lower() == name.lower()]
    if len(same) != 1:
        names = ", ".join(repr(each.name) for each in layers if each.name)
        raise ValueError(
            f"a layer {name!r} was expected, it has {names or 'none but the picture'}; "
            "choose one of these, or leave layer empty for the picture."
        )
    return same[0]


def picture_layer(layers: Sequence[Layer]) -> tuple[Layer, str]:
    """The layer that is the picture, with the alpha that belongs to it, and a sentence about what was chosen."""
    layer = min(layers, key=lambda each: _rank(each, layers))
    others = [each.name for each in layers if each is not layer and each.name]
    notes: list[str] = []
    if layer.color and "A" not in layer.channels and (apart := next(_alphas(layers), None)):
        layer = Layer(layer.name, {**layer.channels, "A": apart.channels["A"]})
        others = [each for each in others if each != apart.name]
        notes += [f"Alpha was taken from the layer {apart.name}."] if apart.name else []
    if layer.name and others:
        notes.insert(0, f"The layer {layer.name} was read; the file also has {_listed(others)}.")
    return layer, " ".join(notes)


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _alphas(layers: Sequence[Layer]) -> Iterator[Layer]:
    for each in layers:
        alone = each.channels.keys() == {"A"}
        if alone and (not each.name or each.name.lower().rpartition(".")[2] in ALPHAS):
            yield each


def _rank(layer: Layer, layers: Sequence[Layer]) -> tuple[int, int, int]:
    """The least is the picture: colour before grey before amounts; no name before a usual one before others."""
    kind = ("RGB", "Y", "").index(layer.color)
    if not layer.color and "R" in layer.channels:
        kind = 2
    elif not layer.color:
        kind = 3 if "A" in layer.channels else 4
    last = re.split(r"[._ -]", layer.name.lower())[-1]
    named = 0 if not layer.name else 1 + PICTURES.index(last) if last in PICTURES else len(PICTURES) + 1
    return kind, named, layers.index(layer)


def _split(part: Part, channel: str, several: bool) -> tuple[str, str]:
    """Layer and component of a channel; a part's name is a layer's unless the channel says it already."""
    prefix, _, last = channel.rpartition(".")
    component = COMPONENTS.get(last.lower(), last)
    if several and part.name and not f"{prefix}.".startswith(f"{part.name}."):
        name, _, word = part.name.rpartition(".")
        own = len(part.channels) == 1 and COMPONENTS.get(word.lower()) == component  # Nuke: a part for each channel
        stem = name if own else part.name
        prefix = f"{stem}.{prefix}" if prefix and stem else prefix or stem
    return prefix, component

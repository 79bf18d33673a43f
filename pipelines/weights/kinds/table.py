"""Every kind of file, and the way from a file to its kind.

KINDS is read from the top and the first match counts, so a kind stands above those that it would also match. A new kind
is one more entry: a name, a condition, and a description for people.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..key_dialects import list_names
from . import layerdiffuse, transpixeler, umt5, wan, wan_alpha
from .kind import FileKind, Kind, Shapes

UNKNOWN = Kind(
    "file of a kind that this pack does not know",
    lambda shapes: True,
    lambda shapes: f"keys {list_names(shapes.keys(), most=3)}",
)

KINDS: tuple[Kind, ...] = (
    wan_alpha.WAN_ALPHA_VAE,
    wan_alpha.DECODER_LORAS,
    wan_alpha.MERGE_BLOCK,
    wan.WAN22_VAE,
    wan.WAN21_VAE,
    transpixeler.TRANSPIXELER,
    layerdiffuse.LAYER_CONDITION,
    layerdiffuse.LAYER_WEIGHTS,
    layerdiffuse.LAYER_SINGLE,
    layerdiffuse.LAYER_JOINT,
    layerdiffuse.LAYER_VAE,
    layerdiffuse.LAYER_DECODER_FILE,
    layerdiffuse.LAYER_ENCODER_FILE,
    layerdiffuse.FLUX_LORA,
    wan_alpha.DORA,
    wan.WAN_LORA,
    wan.WAN_DIT,
    transpixeler.COGVIDEOX,
    umt5.TEXT_ENCODER,
    wan_alpha.SUBJECT,
    UNKNOWN,
)


class OtherKind(ValueError):
    """A file of another kind than was expected; `kind` is what it is, so that a node can say where it belongs."""

    def __init__(self, message: str, kind: Kind) -> None:
        super().__init__(message)
        self.kind = kind


def identify(shapes: Shapes) -> FileKind:
    """The first of KINDS that matches, UNKNOWN if none does."""
    kind = next(kind for kind in KINDS if kind.matches(shapes))
    return FileKind(kind, kind.describe(shapes))


def refuse_unless(shapes: Shapes, expected: Sequence[Kind], file: str, input_name: str) -> FileKind:
    """What the file is, if it is one of the expected kinds.

    input_name is where it was chosen, such as "dora_name". Raises OtherKind that says what was expected and what the
    file is.
    """
    found = identify(shapes)
    if found.kind in expected:
        return found
    names = " or ".join(kind.name for kind in expected)
    raise OtherKind(
        f"{input_name} wants {_article(names)} {names}, but {file} is {_article(found.kind.name)} {found}.", found.kind
    )


def refused_kind(problem: BaseException) -> Kind | None:
    """The kind of the file that this error, or one that it was raised from, refused."""
    step: BaseException | None = problem
    while step is not None and not isinstance(step, OtherKind):
        step = step.__cause__
    return None if step is None else step.kind


def _article(noun: str) -> str:
    return "an" if noun[0].lower() in "aeiou" else "a"

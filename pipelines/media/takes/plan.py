"""A sequence's plan: everything about it but the pixels, and the name of each of its files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..passes import RGBA, Pass
from ..stills.formats import Still
from .names import Take, frame_name


@dataclass(frozen=True)
class Plan:
    """What a sequence is made of; ValueError for a negative start, no padding, no pass or a pass twice.

    take     where it goes
    still    the format of its files
    fps      exact frames per second, see `rates.exact_rate`
    passes   one stands in the take's folder itself, several have a folder each
    layers   several passes are layers of one file instead, in the take's folder; EXR alone can do that
    start    the number of the first frame
    padding  digits of a frame number, at least
    seeds    of the noise the clip was made from
    graph    "prompt" and "workflow" as JSON values, kept in the sidecar and, as text, in the first frame
    """

    take: Take
    still: Still
    fps: Fraction
    passes: Sequence[Pass] = (RGBA,)
    start: int = 1001
    padding: int = 4
    seeds: Sequence[int] = ()
    graph: Mapping[str, object] = field(default_factory=dict)
    layers: bool = False

    def __post_init__(self) -> None:
        if self.start < 0:
            raise ValueError(f"Frame numbers start at 0 or above, got {self.start}; 1001 is common.")
        if self.padding < 1:
            raise ValueError(f"A frame number has at least one digit, got a padding of {self.padding}.")
        names = [each.name for each in self.passes]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"At least one pass was expected and none twice, got {names}.")
        if self.layers and self.still.light is None:
            raise ValueError(
                f"Only an EXR holds passes as layers, got {self.still.suffix}; choose exr half or folders."
            )

    @property
    def files(self) -> Sequence[Sequence[Pass]]:
        """The passes of each file that one frame becomes."""
        return [self.passes] if self.layers else [[each] for each in self.passes]


def pass_folder(plan: Plan, of: Pass) -> Path:
    return plan.take.folder if len(plan.files) == 1 else plan.take.folder / of.name


def pass_stem(plan: Plan, of: Pass) -> str:
    return plan.take.stem if len(plan.files) == 1 else f"{plan.take.stem}_{of.name}"


def frame_path(plan: Plan, of: Pass, number: int) -> Path:
    return pass_folder(plan, of) / frame_name(pass_stem(plan, of), number, plan.padding, plan.still.suffix)


def sidecar_path(plan: Plan) -> Path:
    return plan.take.folder / f"{plan.take.stem}.json"


def graph_text(plan: Plan) -> dict[str, str]:
    """The plan's graph as text, see `json_texts`."""
    return json_texts(plan.graph)


def json_texts(graph: Mapping[str, object]) -> dict[str, str]:
    """Each value of a graph as strict JSON in ASCII.

    The host's prompts can hold NaN (a node that always runs says so), which JSON does not know: it becomes null.
    """
    python_json = {key: json.dumps(value) for key, value in graph.items()}
    return {key: json.dumps(json.loads(text, parse_constant=lambda _: None)) for key, text in python_json.items()}

"""Captions of the drawn clips, in the words that a prompt may use.

Source   The clips' own scenes; labels and the sentence on transparency are those of `transparent_prompt`.
Differs  The papers' captions were written by a language model; these are sentences out of one mould.
"""

from __future__ import annotations

import torch

from pipelines.prompts.transparent import MOTIONS, PLACES, QUALITIES, SHOTS, STYLES, Words, transparent_prompt
from pipelines.training.draws import mix

from .clips import Scene

MOVING = {
    "still": "hangs still",
    "left": "drifts to the left",
    "right": "drifts to the right",
    "up": "rises",
    "down": "sinks",
    "turning": "turns",
    "growing": "grows",
}
LABELLED = 0.6
"""Share of the captions that carry labels."""

_SALT = 2


def description(scene: Scene) -> str:
    """One sentence on the subject: A glowing red star drifts to the left."""
    return f"A {scene.material} {scene.color} {scene.shape} {MOVING[scene.motion]}."


def opaque_caption(scene: Scene, seed: int, number: int) -> str:
    """What is seen and the wall behind it, with labels before or after, or none."""
    before, after = _labels(seed, number)
    body = f"{description(scene)[:-1]} in front of a {scene.wall} wall."
    return " ".join([*before, body, *after])


def transparent_caption(scene: Scene, seed: int, number: int) -> str:
    """What is seen, and that the background is transparent, with labels before or after, or none."""
    before, after = _labels(seed, number)
    body = transparent_prompt(description(scene), shot="none", style="none")
    return " ".join([*before, body, *after])


def _labels(seed: int, number: int) -> tuple[list[str], list[str]]:
    generator = torch.Generator().manual_seed(mix(seed, number, _SALT))

    def one_of(words: Words) -> str:
        return list(words.values())[int(torch.randint(len(words), (), generator=generator))][0]

    labels = [word for words in (SHOTS, STYLES, MOTIONS, QUALITIES) if (word := one_of(words))]
    if float(torch.rand((), generator=generator)) >= LABELLED:
        labels = []
    is_before = PLACES[int(torch.randint(2, (), generator=generator))] == "before"
    return (labels, []) if is_before else ([], labels)

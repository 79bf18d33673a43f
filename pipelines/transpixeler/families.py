"""What differs between the three models that TransPixeler has been built on.

Source   TransPixeler, arXiv:2501.03006; its release, branches main (CogVideoX, Mochi) and wan.
Differs  The sizes are read from the files and the models: toy models are families too.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..latent_grid.size_rule import COGVIDEOX_DIT, MOCHI_DIT, WAN_DIT, SizeRule
from .split_attention import ALL, LESS, NOTHING, See, Sight

AS_RELEASED, BLOCKED, OPEN = TEXT_TO_ALPHA = ("as released", "blocked (paper)", "open")


@dataclass(frozen=True)
class Family:
    """One of the models."""

    name: str
    title: str
    """For messages."""
    channels: int
    """Of its latents."""
    text_first: bool
    """Whether the text's rows come before the video's, if the attention has them at all."""
    same_noise: bool
    """Whether the published code starts both domains from one noise."""
    released: See
    """What text sees of alpha in the published code."""
    embedded: bool
    """Whether its files have a domain embedding."""
    sizes: SizeRule
    """Of the clips that it samples."""


COGVIDEOX = Family("cogvideox", "CogVideoX-5B", 16, True, True, LESS, True, COGVIDEOX_DIT)
WAN = Family("wan", "Wan 2.1 T2V", 16, True, False, ALL, True, WAN_DIT)
MOCHI = Family("mochi", "Mochi 1", 12, False, True, NOTHING, False, MOCHI_DIT)


def sight(family: Family, text_to_alpha: str, rgb_to_alpha: bool = True) -> Sight:
    """What text and RGB see of alpha, by the names of the node's options."""
    text: dict[str, See] = {AS_RELEASED: family.released, BLOCKED: NOTHING, OPEN: ALL}
    return Sight(text[text_to_alpha], ALL if rgb_to_alpha else NOTHING)

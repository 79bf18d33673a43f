"""Patches that the host merges into the weights of a MODEL: every one has to be taken, and used where it was put."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...weights.key_dialects import list_names
from .first_step import watch_first_step
from .marks import Mark


def merge(model: Any, key: str, patches: Mapping[Any, Any], feature: str, strength: float = 1.0) -> list[str]:
    """Puts the host's `patches` on a cloned ModelPatcher and gives the weights that have them.

    A run ends after its first step with an error that says `feature` is lost where a patch has never been applied, on
    whatever device. Raises ValueError for weights that this model does not let the host patch.
    """
    if not patches:
        return []
    marks = [Mark(each if isinstance(each, str) else each[0]) for each in patches]
    noting = {_noted(each, mark): patch for (each, patch), mark in zip(patches.items(), marks)}
    taken = {each[0] for each in model.add_patches(noting, strength)}
    if refused := {mark.path for mark in marks} - taken:
        raise ValueError(
            f"{feature} changes {len(refused)} weights that cannot be patched with this loader "
            f"({list_names(refused)}); load the model with a node of the host, such as Load Diffusion Model."
        )
    remedy = "Load the model with a node of the host, such as Load Diffusion Model, or take the other node out."
    if strength:  # else the host leaves them out
        watch_first_step(model, key, feature, remedy, lambda _: marks, needs_eager=False)
    return [mark.path for mark in marks]


def _noted(key: Any, mark: Mark) -> tuple[Any, ...]:
    """The key, a weight or (weight, which part of it, what becomes of the change), with a function that also notes."""
    if isinstance(key, str):
        return key, None, mark.note
    weight, part, *function = key
    if not function:
        return weight, part, mark.note
    return weight, part, lambda change: mark.note(function[0](change))

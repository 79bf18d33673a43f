"""Layers that stand in a row and are called one after the other while our hooks are on them.

Newer hosts compute some layers of a row without calling their modules: Wan's feed-forward hands its second linear layer
to an INT8 kernel. A forward hook on that layer never runs then, and what it adds is lost without an error. While our
hooks are in place such a row runs its modules in order, which is the same function without the fused kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MethodType

from torch import nn


class CalledInOrder:
    """A row that runs its modules in order until this is taken off."""

    def __init__(self, row: nn.Sequential) -> None:
        self.row = row
        row.forward = MethodType(nn.Sequential.forward, row)

    def remove(self) -> None:
        vars(self.row).pop("forward", None)


def call_in_order(network: nn.Module, targets: Iterable[str]) -> Iterator[CalledInOrder]:
    """Makes the rows (nn.Sequential) that hold these layers call them.

    A row that torch runs is left alone, and so is one whose forward another pack has replaced: that pack knows whether
    it calls its layers.
    """
    rows = {name: network.get_submodule(name) for name in dict.fromkeys(path.rpartition(".")[0] for path in targets)}
    for row in rows.values():
        if isinstance(row, nn.Sequential) and _is_fused(row) and "forward" not in vars(row):
            yield CalledInOrder(row)


def _is_fused(row: nn.Sequential) -> bool:
    return type(row).forward is not nn.Sequential.forward

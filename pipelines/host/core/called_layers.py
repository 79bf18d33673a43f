"""Layers that stand in a row and are called one after the other while our hooks are on them.

Newer hosts compute some layers of a row without calling their modules: Wan's feed-forward hands its second linear layer
to an INT8 kernel. A forward hook on that layer never runs then, and what it adds is lost without an error. While our
hooks are in place such a row runs its modules in order, which is the same function without the fused kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import MethodType
from typing import Any

from torch import nn


def call_in_order(network: nn.Module, targets: Iterable[str]) -> Iterator[Callable[[], Any]]:
    """Makes the rows (nn.Sequential) that hold these layers call them; yields what puts each row back as it was.

    A row that torch runs is left alone, and so is one whose forward another pack has replaced: that pack knows whether
    it calls its layers.
    """
    rows = {name: network.get_submodule(name) for name in dict.fromkeys(path.rpartition(".")[0] for path in targets)}
    for row in rows.values():
        is_fused = isinstance(row, nn.Sequential) and type(row).forward is not nn.Sequential.forward
        if is_fused and "forward" not in vars(row):
            row.forward = MethodType(nn.Sequential.forward, row)
            yield partial(vars(row).pop, "forward", None)

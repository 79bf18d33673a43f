"""Long work as the host wants it: a progress bar on the node, and a stop as soon as the artist asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import comfy.model_management
import comfy.utils
from torch import nn


def steps(total: int) -> Callable[..., None]:
    """A function to call after each of `total` steps. Raises the host's interrupt when Cancel was pressed."""
    bar = comfy.utils.ProgressBar(total)

    def step(*_: object) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update(1)

    return step


@contextmanager
def stoppable(network: nn.Module) -> Iterator[None]:
    """Inside, every layer of the network looks for a Cancel first, however the host goes through its parts."""
    stop = comfy.model_management.throw_exception_if_processing_interrupted
    layers = [module for module in network.modules() if next(module.children(), None) is None]
    handles = [layer.register_forward_pre_hook(lambda *_: stop()) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

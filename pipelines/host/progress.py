"""Long work as the host wants it: a progress bar on the node, and a stop as soon as the artist asks for one."""

from __future__ import annotations

from collections.abc import Callable

import comfy.model_management
import comfy.utils


def steps(total: int) -> Callable[..., None]:
    """A function to call after each of `total` steps. Raises the host's interrupt when Cancel was pressed."""
    bar = comfy.utils.ProgressBar(total)

    def step(*_: object) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update(1)

    return step

"""Row scales of a DoRA, m / n, remembered for as long as the base model lives.

They depend on the base weights, the file and the ratio alone, so a change of prompt, of seed or of a speed LoRA's
strength computes none of them again. A model of 14 billion parameters has 10 MB of them, kept in main memory; of each
file only those of the latest ratio are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from torch import Tensor

if TYPE_CHECKING:
    from comfy.model_base import BaseModel

_of_model: WeakKeyDictionary[BaseModel, dict[str, tuple[float, dict[str, Tensor]]]] = WeakKeyDictionary()


def row_scales(base: BaseModel, file: str, ratio: float) -> dict[str, Tensor]:
    """{target: (out,)}, filled by whoever computes one; `base` is the ModelPatcher's model, `file` an identity."""
    of_file = _of_model.setdefault(base, {})
    if file not in of_file or of_file[file][0] != ratio:
        of_file[file] = (ratio, {})
    return of_file[file][1]

"""CogVideoX-5B and CogVideoX-5B-I2V from a file of diffusers' or of ComfyUI's names, as a MODEL of the host.

The host knows its own names alone. What it computes otherwise than the reference is put right here: the noise that the
network is shown, the rotary table, and the learned positions of the I2V model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import comfy.sd
import comfy.utils

from ...transpixeler.cogvideox_keys import TABLE, native_keys
from ...weights.kinds.table import UNKNOWN, refuse_unless
from ...weights.kinds.transpixeler import COGVIDEOX
from ...weights.weights_file import named, read_shapes, shards_of
from ..core.model_files import chosen_for
from .cogvideox_positions import add_learned_positions, with_rotary_table
from .cogvideox_sampling import with_v_prediction

if TYPE_CHECKING:
    from ..core.sockets import ModelPatcher

FILE_INPUT = "model_name"


def load(path: Path, disable_dynamic: bool = False) -> ModelPatcher:
    """A ModelPatcher; of a checkpoint in several files any one will do.

    The host passes `disable_dynamic` when it loads a MODEL a second time, as one whose weights stay where they are put.
    Raises ValueError, naming the file and what it is, for other models and for files with unknown or missing keys.
    """
    with chosen_for(FILE_INPUT):
        files = shards_of(path)
        stored_as = {key: info for file in files for key, info in read_shapes(file).items()}
    refuse_unless(stored_as, [COGVIDEOX, UNKNOWN], path.name, FILE_INPUT)
    with chosen_for(FILE_INPUT), named(path):
        keys = native_keys({key: info.shape for key, info in stored_as.items()})
        weights, metadata = {}, None
        for file in files:
            stored, metadata = comfy.utils.load_torch_file(str(file), safe_load=True, return_metadata=True)
            weights |= {keys[key]: tensor for key, tensor in stored.items()}
        table = weights.pop(TABLE, None)  # with it the host would turn the rotary positions off
        loaded = comfy.sd.load_diffusion_model_state_dict(weights, metadata=metadata, disable_dynamic=disable_dynamic)
        patcher = cast("ModelPatcher", loaded)  # None is for keys that the host does not know
        if table is not None:
            add_learned_positions(patcher, table, metadata)
    patcher.cached_patcher_init = (load, (path,))  # so the host loads it again for another device
    return with_rotary_table(with_v_prediction(patcher))

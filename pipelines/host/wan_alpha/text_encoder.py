"""UMT5 text encoders of any size as a CLIP of the host.

The host knows UMT5-XXL alone. A file with other widths is built by the host's own classes with the numbers of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import comfy.sd
import comfy.text_encoders.wan
import comfy.utils
import folder_paths
from torch import Tensor

from ...weights.kinds.umt5 import QUERY, TOKENIZER, list_missing, read_sizes
from ...weights.weights_file import TensorInfo, read_shapes
from ..core.model_files import chosen_for

XXL = {"d_model": 4096, "num_layers": 24}


def load(path: Path) -> comfy.sd.CLIP:
    """A CLIP for Wan's prompts. UMT5-XXL comes as CLIPLoader (type wan) gives it. Raises ValueError for other files."""
    with chosen_for("text_encoder_name"):
        config = umt5_config(read_shapes(path), path.name)
    embeddings = folder_paths.get_folder_paths("embeddings")
    if all(config[name] == value for name, value in XXL.items()):
        return comfy.sd.load_clip([str(path)], embedding_directory=embeddings, clip_type=comfy.sd.CLIPType.WAN)
    weights = cast("dict[str, Tensor]", comfy.utils.load_torch_file(str(path), safe_load=True))
    target = SimpleNamespace(
        params={},
        clip=comfy.text_encoders.wan.te(dtype_t5=weights[QUERY].dtype),
        tokenizer=comfy.text_encoders.wan.WanT5Tokenizer,
    )
    return comfy.sd.CLIP(
        target,
        embedding_directory=embeddings,
        tokenizer_data={"spiece_model": weights[TOKENIZER]},
        parameters=comfy.utils.calculate_parameters(weights),
        state_dict=[weights],
        model_options={"umt5xxl_model_config": config},
    )


def umt5_config(shapes: Mapping[str, TensorInfo | Tensor], file: str) -> dict[str, int]:
    """Widths, heads and layers of a UMT5 encoder, from its shapes. Raises ValueError, naming what is missing."""
    if missing := list_missing(shapes):
        raise ValueError(
            f"{file} is not a UMT5 text encoder for Wan: it lacks {', '.join(missing)}. Choose "
            "umt5_xxl_fp8_e4m3fn_scaled.safetensors or another one with its tokenizer inside."
        )
    return asdict(read_sizes(shapes))

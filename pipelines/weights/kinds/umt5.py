"""UMT5 text encoders as ComfyUI keeps them: transformers' names, and the sentencepiece model as bytes among them.

Source   UMT5, arXiv:2304.09151; ComfyUI's repackaged umt5_xxl files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..weights_file import TensorInfo
from .kind import Kind, Shapes

TOKENIZER = "spiece_model"
EMBEDDING = "shared.weight"
FIRST_ATTENTION = "encoder.block.0.layer.0.SelfAttention."
QUERY = f"{FIRST_ATTENTION}q.weight"
POSITIONS = f"{FIRST_ATTENTION}relative_attention_bias.weight"
FEED_FORWARD = "encoder.block.0.layer.1.DenseReluDense.wi_0.weight"


@dataclass(frozen=True)
class UMT5Sizes:
    """Widths, heads and layers of a UMT5 encoder, by transformers' names for them."""

    vocab_size: int
    d_model: int
    num_heads: int
    d_kv: int
    d_ff: int
    num_layers: int


def list_missing(names: Mapping[str, object]) -> list[str]:
    """What a text encoder file for Wan needs and this one lacks."""
    return [name for name in (EMBEDDING, QUERY, POSITIONS, FEED_FORWARD, TOKENIZER) if name not in names]


def read_sizes(shapes: Mapping[str, TensorInfo | Tensor]) -> UMT5Sizes:
    """From the shapes of a file that lacks nothing but perhaps its tokenizer. Raises KeyError for another file."""
    vocabulary, width = shapes[EMBEDDING].shape
    heads = shapes[POSITIONS].shape[1]
    return UMT5Sizes(
        vocab_size=vocabulary,
        d_model=width,
        num_heads=heads,
        d_kv=shapes[QUERY].shape[0] // heads,
        d_ff=shapes[FEED_FORWARD].shape[0],
        num_layers=count_layers(shapes),
    )


def count_layers(names: Mapping[str, object]) -> int:
    return len({name.split(".")[2] for name in names if name.startswith("encoder.block.")})


def _describe(shapes: Shapes) -> str:
    vocabulary, width = shapes[EMBEDDING].shape
    tokenizer = "with" if TOKENIZER in shapes else "without"
    return f"width {width}, {count_layers(shapes)} layers, {vocabulary} tokens, {tokenizer} its tokenizer inside"


TEXT_ENCODER = Kind("T5 text encoder", lambda shapes: EMBEDDING in shapes and QUERY in shapes, _describe)

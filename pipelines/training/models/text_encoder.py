"""Prompts to what Wan's diffusion model reads, by transformers' UMT5 from the text encoder file that the nodes load.

Layout   context (N, 512, width): a row for each token, the end token last, zeros behind it.
Source   Wan 2.1, arXiv:2503.20314; UMT5, arXiv:2304.09151. The file is ComfyUI's: transformers' names, and the
         sentencepiece model as bytes under `spiece_model`.
Differs  Not from ComfyUI, nor from the reference, which cuts the zeros off here and its model puts them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...weights.kinds.umt5 import EMBEDDING, TOKENIZER, list_missing, read_sizes
from ...weights.weights_file import named, read_weights

ROWS = 512


class TextEncoder(nn.Module):
    """A frozen UMT5 with its tokenizer."""

    def __init__(self, umt5: nn.Module, pieces: Any) -> None:
        super().__init__()
        self.umt5 = umt5.requires_grad_(False).eval()
        self.pieces = pieces

    @torch.no_grad()
    def forward(self, texts: Sequence[str]) -> Tensor:
        """float32 (N, 512, width). Raises ValueError for a text of more than 512 tokens."""
        tokens = [self.pieces.encode(text) for text in texts]
        longest = max(len(row) for row in tokens)
        if longest > ROWS:
            raise ValueError(f"a prompt wants at most {ROWS} tokens, got {longest}; shorten it.")
        device = next(self.umt5.parameters()).device
        padded = torch.tensor([row + [0] * (ROWS - len(row)) for row in tokens], device=device)
        seen = torch.tensor([[1] * len(row) + [0] * (ROWS - len(row)) for row in tokens], device=device)
        return (self.umt5(padded, attention_mask=seen)[0] * seen[..., None]).float()


def load_text_encoder(path: Path) -> TextEncoder:
    """Raises ValueError, naming the file, unless it is a UMT5 with its tokenizer inside, and not scaled fp8."""
    with named(path):
        return text_encoder_of(read_weights(path))


def text_encoder_of(weights: dict[str, Tensor]) -> TextEncoder:
    """From the tensors of such a file; widths are read from the shapes."""
    import sentencepiece
    from transformers import UMT5Config, UMT5EncoderModel

    missing = list_missing(weights)
    if missing or weights[EMBEDDING].dtype.itemsize == 1:
        raise ValueError(
            f"expected a UMT5 text encoder in 16 or 32 bits with its tokenizer inside; {missing or 'this is fp8'}. "
            "Choose umt5_xxl_fp16."
        )
    config = UMT5Config(**asdict(read_sizes(weights)), feed_forward_proj="gated-gelu")
    umt5: nn.Module = UMT5EncoderModel(config)
    nn.Module.to(umt5, weights[EMBEDDING].dtype)
    state = {name: tensor for name, tensor in weights.items() if name != TOKENIZER}
    umt5.load_state_dict({**state, "encoder.embed_tokens.weight": weights[EMBEDDING]})
    pieces = sentencepiece.SentencePieceProcessor(
        model_proto=weights[TOKENIZER].numpy().tobytes(), add_bos=False, add_eos=True
    )
    return TextEncoder(umt5, pieces)

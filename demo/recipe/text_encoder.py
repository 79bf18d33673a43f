"""The tiny text encoder: a sentencepiece model of the captions' words and a UMT5 of two layers.

Layout   ids (B, WORDS), padded with 0; context (B, WORDS, TEXT_WIDTH), 0 where the ids are.
Source   UMT5, as Wan 2.1 uses it: ids end with 1, the padding's rows are zeroed.
Differs  Small, and trained together with the diffusion model, which Wan's is not.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.weights.fit import refuse_other_state
from pipelines.weights.kinds.umt5 import EMBEDDING, TOKENIZER

TEXT_WIDTH = 64
WORDS = 48
"""Longest text in training; a longer prompt is no error in the host, which pads all to 512."""
_END = 1


def train_tokenizer(captions: Iterable[str], size: int = 480) -> bytes:
    """A sentencepiece model; the same captions give the same bytes."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(captions), model_writer=model, vocab_size=size, pad_id=0, eos_id=_END, unk_id=2,
        bos_id=-1, model_type="bpe", num_threads=1, minloglevel=2, shuffle_input_sentence=False,
    )  # fmt: skip
    return model.getvalue()


class Tokenizer:
    """Texts to ids as the host has them."""

    def __init__(self, model: bytes) -> None:
        import sentencepiece

        self.model = model
        self._pieces: Any = sentencepiece.SentencePieceProcessor(model_proto=model)

    def __len__(self) -> int:
        return self._pieces.get_piece_size()

    def __call__(self, texts: Sequence[str], length: int = WORDS) -> Tensor:
        """(B, length). Raises ValueError for a text that is longer."""
        ids = torch.zeros(len(texts), length, dtype=torch.long)
        for row, text in enumerate(texts):
            pieces = [*self._pieces.encode(text), _END]
            if len(pieces) > length:
                raise ValueError(f"a caption wants at most {length} pieces, got {len(pieces)}: {text}")
            ids[row, : len(pieces)] = torch.tensor(pieces)
        return ids


class TextEncoder(nn.Module):
    """ids to context."""

    def __init__(self, vocabulary: int) -> None:
        from transformers import UMT5Config, UMT5EncoderModel

        super().__init__()
        config = UMT5Config(
            d_model=TEXT_WIDTH, d_ff=2 * TEXT_WIDTH, d_kv=16, num_heads=4, num_layers=2, vocab_size=vocabulary,
            feed_forward_proj="gated-gelu", dropout_rate=0.0,
        )  # fmt: skip
        self.umt5: Any = UMT5EncoderModel(config)

    def forward(self, ids: Tensor) -> Tensor:
        seen = ids != 0
        rows = self.umt5(input_ids=ids, attention_mask=seen.long()).last_hidden_state
        return rows * seen[..., None]


def text_encoder_file(encoder: TextEncoder, tokenizer: Tokenizer) -> Mapping[str, Tensor]:
    """The weights with the sentencepiece model among them, as ComfyUI's repackaged text encoders have it."""
    weights = {name: tensor for name, tensor in encoder.umt5.state_dict().items() if "embed_tokens" not in name}
    return weights | {TOKENIZER: torch.frombuffer(bytearray(tokenizer.model), dtype=torch.uint8)}


def read_text_encoder(weights: Mapping[str, Tensor]) -> tuple[TextEncoder, Tokenizer]:
    """Both out of such a file, the encoder in evaluation mode. Raises ValueError unless it is one."""
    if TOKENIZER not in weights or EMBEDDING not in weights:
        raise ValueError(f"expected the demo's text encoder, {TOKENIZER} or shared.weight is missing.")
    tokenizer = Tokenizer(bytes(weights[TOKENIZER].tolist()))
    encoder = TextEncoder(len(tokenizer)).eval()
    umt5 = {name: tensor.float() for name, tensor in weights.items() if name != TOKENIZER}
    umt5["encoder.embed_tokens.weight"] = umt5[EMBEDDING]
    refuse_other_state("the demo's text encoder", umt5, encoder.umt5.state_dict())
    encoder.umt5.load_state_dict(umt5)
    return encoder, tokenizer

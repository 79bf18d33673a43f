"""The models that TransPixeler is trained on, by family: transformer, VAE and text encoder.

CogVideoX and Mochi come from a folder in diffusers' layout, Wan from the three files that ComfyUI loads.

Layout   clips (B, 3, T, H, W), T as the family's `sizes` say; latents (B, C, F, h, w).
Range    clips -1..1; latents as the transformer has them.
Source   The families' pipelines in diffusers: scale and mean of the latents, length and padding of the text.
Differs  The mean of the latent's distribution is taken, not a draw from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...transpixeler.families import COGVIDEOX, MOCHI, WAN, Family
from ...wan_alpha.latent_stats import denormalise, normalise
from .text_encoder import load_text_encoder
from .wan_models import load_dit, load_vae
from .whole_clip import decode, encode

TEXT_ROWS = {COGVIDEOX.name: 226, MOCHI.name: 256}


@dataclass(frozen=True)
class JointFiles:
    """Where a family's models are. `folder` for CogVideoX and Mochi, the files for Wan."""

    family: Family
    folder: Path | None = None
    dit: Path | None = None
    vae: Path | None = None
    text_encoder: Path | None = None


def load_transformer(files: JointFiles, dtype: torch.dtype) -> Any:
    """Raises ValueError when its place was not said."""
    if files.family == WAN:
        return load_dit(_said(files.dit, "dit"), dtype)
    from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXTransformer3DModel
    from diffusers.models.transformers.transformer_mochi import MochiTransformer3DModel

    kind: Any = CogVideoXTransformer3DModel if files.family == COGVIDEOX else MochiTransformer3DModel
    return kind.from_pretrained(_said(files.folder, "model"), subfolder="transformer", torch_dtype=dtype)


class JointVAE(nn.Module):
    """Frozen; one domain at a time."""

    def __init__(self, files: JointFiles) -> None:
        super().__init__()
        self.family = files.family
        if files.family == WAN:
            self.vae: Any = load_vae(_said(files.vae, "vae"))
        else:
            from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
            from diffusers.models.autoencoders.autoencoder_kl_mochi import AutoencoderKLMochi

            kind: Any = AutoencoderKLCogVideoX if files.family == COGVIDEOX else AutoencoderKLMochi
            self.vae = kind.from_pretrained(_said(files.folder, "model"), subfolder="vae")
        self.requires_grad_(False)

    @torch.no_grad()
    def encode(self, clip: Tensor) -> Tensor:
        if self.family == WAN:
            return normalise(encode(self.vae, clip)[:, :16])
        raw = self.vae.encode(clip).latent_dist.mode()
        mean, scale = self._stats(raw)
        return (raw - mean) * scale

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Tensor:
        """(B, 3, T, H, W), clamped."""
        if self.family == WAN:
            return decode(self.vae, denormalise(latent)).clamp(-1, 1)
        mean, scale = self._stats(latent)
        return self.vae.decode(latent / scale + mean).sample.clamp(-1, 1)

    def _stats(self, latent: Tensor) -> tuple[Tensor | float, Tensor | float]:
        config = self.vae.config
        if self.family == COGVIDEOX:
            return 0.0, config.scaling_factor
        mean, std = (
            latent.new_tensor(table).reshape(1, -1, 1, 1, 1) for table in (config.latents_mean, config.latents_std)
        )
        return mean, config.scaling_factor / std


class JointText(nn.Module):
    """Frozen: a prompt to `context` (L, D), and for Mochi `seen` (L,), 1 where it is no padding."""

    def __init__(self, files: JointFiles) -> None:
        super().__init__()
        self.family = files.family
        if files.family == WAN:
            self.encoder: Any = load_text_encoder(_said(files.text_encoder, "text-encoder"))
            return
        from transformers import AutoTokenizer, T5EncoderModel

        folder = _said(files.folder, "model")
        self.encoder = T5EncoderModel.from_pretrained(folder, subfolder="text_encoder").requires_grad_(False)
        self.tokens: Any = AutoTokenizer.from_pretrained(folder, subfolder="tokenizer")

    @torch.no_grad()
    def forward(self, prompt: str) -> dict[str, Tensor]:
        if self.family == WAN:
            return {"context": self.encoder([prompt])[0]}
        rows = TEXT_ROWS[self.family.name]
        ids = self.tokens(prompt, padding="max_length", max_length=rows, truncation=True, return_tensors="pt")
        ids = ids.to(next(self.encoder.parameters()).device)
        if self.family == COGVIDEOX:
            return {"context": self.encoder(ids.input_ids)[0][0].float()}
        context = self.encoder(ids.input_ids, attention_mask=ids.attention_mask)[0][0].float()
        return {"context": context, "seen": ids.attention_mask[0].float()}


def _said(path: Path | None, setting: str) -> Path:
    if path is None:
        raise ValueError(f"this family also wants --{setting}.")
    return path

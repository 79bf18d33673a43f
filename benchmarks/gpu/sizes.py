"""How large the models and clips are: the published sizes, and small ones on which the same code runs in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WAN_14B = {"dim": 5120, "ffn_dim": 13824, "num_heads": 40, "num_layers": 40, "text_dim": 4096, "freq_dim": 256}
WAN_1_3B = {"dim": 1536, "ffn_dim": 8960, "num_heads": 12, "num_layers": 30, "text_dim": 4096, "freq_dim": 256}
WAN_SMALL = {"dim": 256, "ffn_dim": 512, "num_heads": 2, "num_layers": 2, "text_dim": 64, "freq_dim": 256}
COGVIDEOX_5B = {"num_attention_heads": 48, "num_layers": 42, "text_embed_dim": 4096, "time_embed_dim": 512}
COGVIDEOX_SMALL = {"num_attention_heads": 2, "num_layers": 2, "text_embed_dim": 64, "time_embed_dim": 32}
MOCHI_10B = {"num_attention_heads": 24, "num_layers": 48, "text_embed_dim": 4096, "pooled_projection_dim": 1536}
MOCHI_SMALL = {"num_attention_heads": 2, "num_layers": 2, "text_embed_dim": 64, "pooled_projection_dim": 64}
SDXL = {
    "model_channels": 320, "context_dim": 2048, "adm_in_channels": 2816, "num_res_blocks": [2, 2, 2],
    "transformer_depth": [0, 0, 2, 2, 10, 10], "transformer_depth_middle": 10,
    "transformer_depth_output": [0, 0, 0, 2, 2, 2, 10, 10, 10],
}  # fmt: skip
SDXL_SMALL = {
    "model_channels": 64, "context_dim": 64, "adm_in_channels": 64 + 1536, "num_res_blocks": [1, 1, 1],
    "transformer_depth": [0, 1, 2], "transformer_depth_middle": 2, "transformer_depth_output": [0, 0, 1, 1, 2, 2],
}  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """Frames (4n + 1) of height x width pixels."""

    frames: int
    height: int
    width: int

    @property
    def latent(self) -> tuple[int, int, int]:
        """Of a VAE that keeps 1 of 4 frames and 1 of 8 pixels."""
        return (self.frames - 1) // 4 + 1, self.height // 8, self.width // 8

    def __str__(self) -> str:
        return f"{self.frames} x {self.width} x {self.height}"


@dataclass(frozen=True)
class Sizes:
    wan: dict[str, Any]
    wan_clip: Clip
    decoded_clip: Clip
    vae_width: int
    cogvideox: dict[str, Any]
    cogvideox_clip: Clip
    sdxl: dict[str, Any]
    picture: int
    """Pixels of a side of LayerDiffuse's pictures."""
    decoder_widths: tuple[int, ...]
    dora_rank: int
    joint_rank: int
    wan_trained_jointly: dict[str, Any]
    mochi: dict[str, Any]
    trained_wan: Clip
    trained_jointly: dict[str, Clip]
    trained_vae: Clip
    recipe: tuple[str, ...] = ()
    """What differs from the recipes, as their command line has it."""


FULL = Sizes(
    wan=WAN_14B,
    wan_clip=Clip(81, 480, 832),
    decoded_clip=Clip(81, 480, 832),
    vae_width=96,
    cogvideox=COGVIDEOX_5B,
    cogvideox_clip=Clip(49, 480, 720),
    sdxl=SDXL,
    picture=1024,
    decoder_widths=(32, 32, 64, 128, 256, 512, 512),
    dora_rank=32,
    joint_rank=128,
    wan_trained_jointly=WAN_1_3B,
    mochi=MOCHI_10B,
    trained_wan=Clip(81, 480, 832),
    trained_jointly={"cogvideox": Clip(49, 480, 720), "mochi": Clip(37, 480, 848), "wan": Clip(33, 480, 832)},
    trained_vae=Clip(17, 272, 272),
)
TINY_CLIP = Clip(9, 48, 64)
SMALL = Sizes(
    wan=WAN_SMALL,
    wan_clip=TINY_CLIP,
    decoded_clip=TINY_CLIP,
    vae_width=8,
    cogvideox=COGVIDEOX_SMALL,
    cogvideox_clip=TINY_CLIP,
    sdxl=SDXL_SMALL,
    picture=64,
    decoder_widths=(4, 4, 8, 12, 16, 16, 16),
    dora_rank=4,
    joint_rank=4,
    wan_trained_jointly=WAN_SMALL,
    mochi=MOCHI_SMALL,
    trained_wan=TINY_CLIP,
    trained_jointly=dict.fromkeys(("cogvideox", "mochi", "wan"), TINY_CLIP),
    trained_vae=Clip(5, 32, 32),
    recipe=("--rank", "4"),
)
WARM_UP = Clip(5, 32, 32)
"""What the first training step, which is not counted, is taken on."""

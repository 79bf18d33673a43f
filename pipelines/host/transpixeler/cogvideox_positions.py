"""CogVideoX's positions on the host, put right: the rotary table, and the learned table of CogVideoX-5B-I2V.

The host turns the rotary table off where it finds a learned one, though that model has both, and leaves the learned
rows of the text out. Its rotary table is not the one that CogVideoX was trained with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from comfy.ldm.cogvideo.model import CogVideoXPatchEmbed
from torch import Tensor, nn

from ...latent_grid.size_rule import to_latent_frames, to_pixel_shape
from ...transpixeler.cogvideox_keys import TEXT_ROWS
from ...transpixeler.positions import Table, cogvideox_rotary
from ..core.marks import Hook, after_forward, before_forward
from ..core.object_patch import patch_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.sockets import ModelPatcher

ROTARY = "diffusion_model._get_rotary_emb"
EMBED = "diffusion_model.patch_embed.forward"
TRAINED_SIZE = ("sample_frames", "sample_height", "sample_width")


def with_rotary_table(patcher: ModelPatcher) -> ModelPatcher:
    """A clone whose runs have the rotary table of the reference, of however many frames.

    The same patcher where the host has that table itself, or another pack has put one of its own there.
    """
    network, current = patcher.model.diffusion_model, patcher.get_model_object(ROTARY)
    head_dim = network.attention_head_dim
    if getattr(current, "__func__", None) is not type(network)._get_rotary_emb or _is_trained(current, head_dim):
        return patcher

    def rotary(h: int, w: int, t: int, device: torch.device) -> Table:
        return cogvideox_rotary(t, h, w, head_dim, device)

    clone = patcher.clone()
    clone.add_object_patch(ROTARY, rotary)
    return clone


def add_learned_positions(patcher: ModelPatcher, table: Tensor, metadata: Mapping[str, str] | None) -> None:
    """Gives a freshly loaded model its learned table (1, text rows + video tokens, width), beside the rotary one.

    What the host's patch embedding does otherwise is an object patch of this ModelPatcher. The size that it was trained
    at is the host's 49 frames of 60 x 90 latent cells, unless the file's own `config` says otherwise. Raises ValueError
    for a table of another length.
    """
    embed = patcher.model.diffusion_model.patch_embed
    told = json.loads((metadata or {}).get("config", "{}")).get("transformer", {})
    for name in TRAINED_SIZE:
        setattr(embed, name, told.get(name, getattr(embed, name)))
    frames, height, width = _trained_grid(embed)
    tokens = frames * (height // embed.patch_size) * (width // embed.patch_size)
    if table.shape[1:] != (TEXT_ROWS + tokens, embed.dim):
        raise ValueError(
            f"expected learned positions for {TEXT_ROWS} text tokens and {tokens} video tokens of width {embed.dim}, "
            f"got {list(table.shape)}; choose a CogVideoX-5B-I2V file."
        )
    embed.max_text_seq_length = TEXT_ROWS
    embed.use_learned_positional_embeddings = True
    embed.register_buffer("pos_embedding", table)
    patch_object(patcher, EMBED, lambda model: partial(_embed, model.model.diffusion_model.patch_embed))


def embed_halves_apart(network: Any, path: str = "patch_embed") -> Iterator[Hook]:
    """Hooks by which a patch embedding takes RGB frames and alpha frames as two clips: learned positions of both are
    the same. One without learned positions gets none.
    """
    if network.get_submodule(path).use_learned_positional_embeddings:
        yield before_forward(network, path, _as_two_clips)
        yield after_forward(network, path, _as_one_sequence)


def _as_two_clips(
    embed: nn.Module, args: tuple[Tensor, Tensor], named: dict[str, Any]
) -> tuple[tuple[Tensor, Tensor], dict[str, Any]]:
    text, video = args
    return (text.repeat(2, 1, 1), torch.cat(video.chunk(2, dim=1))), named


def _as_one_sequence(embed: nn.Module, args: tuple[Tensor, Tensor], output: Tensor) -> Tensor:
    rgb, alpha = output.chunk(2)
    return torch.cat([rgb, alpha[:, args[0].shape[1] :]], dim=1)


def _embed(embed: Any, text: Tensor, video: Tensor) -> Tensor:
    """The host's patch embedding with the table's rows of the text too, for clips that the table covers."""
    rows, (frames, _, height, width) = text.shape[1], video.shape[1:]
    trained = _trained_grid(embed)
    if (height, width) != trained[1:] or frames > trained[0]:
        most, came = to_pixel_shape(*trained), to_pixel_shape(frames, height, width)
        raise ValueError(
            f"CogVideoX-5B-I2V has learned positions for {most[2]} x {most[1]} pixels and at most {most[0]} "
            f"frames, got {came[2]} x {came[1]} and {came[0]}; use its size."
        )
    if rows > TEXT_ROWS:
        raise ValueError(
            f"CogVideoX-5B-I2V has learned positions for {TEXT_ROWS} text tokens, got {rows}; load T5-XXL with "
            "CLIPLoader, type cogvideox, and shorten a prompt that is longer."
        )
    tokens = type(embed).forward(embed, text, video)
    of_text = embed.pos_embedding[:, :rows].to(tokens)
    return torch.cat([tokens[:, :rows] + of_text, tokens[:, rows:]], dim=1)


def _is_trained(rotary: Callable[..., Table], head_dim: int) -> bool:
    """Whether this gives the reference's table, told by a square clip, which is cropped out of the trained grid."""
    theirs, ours = rotary(4, 4, 2, device=torch.device("cpu")), cogvideox_rotary(2, 4, 4, head_dim)
    return all(a.shape == b.shape and torch.allclose(a, b, atol=1e-5) for a, b in zip(theirs, ours, strict=True))


def _trained_grid(embed: CogVideoXPatchEmbed) -> tuple[int, int, int]:
    """Latent frames, rows and columns."""
    frames = to_latent_frames(embed.sample_frames, embed.temporal_compression_ratio)
    return frames, embed.sample_height, embed.sample_width

"""What Wan-Alpha's VAE is asked for: pixels, features and edges of the colour over two walls, and of the alpha.

    sum over hard render, soft render and alpha of  mean |x - y|  +  perceptual(x, y)  +  mean |edges x - edges y|

Layout   rgb (B, 3, T, H, W); alpha (B, 1, T, H, W), or the three grey channels of a decoder; colours (3,) or (B, 3).
Range    -1..1, straight colour, alpha 1 = opaque; colours 0..1.
Source   Wan-Alpha, arXiv:2509.24979, "rendering reconstruction loss"; `training_step` and `loss_tools.py` of its VAE
         training.
Differs  Not in value. The reference calls the edges Sobel's; they are central differences, and we say so. A colour may
         be drawn for each clip of a batch; the reference draws one for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ...alpha.render import hard_render, soft_render

Perceptual = Callable[[Tensor, Tensor], Tensor]
"""Distance of two stacks of frames (N, 3, H, W) in -1..1 as a scalar."""

GREY = (65.738 / 256, 129.057 / 256, 25.064 / 256)
"""Shares of red, green and blue in the grey that edges are taken of (BT.601, studio range)."""

SMALLEST_EDGE = 1e-6
"""Under the root of an edge's length, so that its gradient is finite on flat ground."""


def reconstruction_losses(
    rgb: Tensor,
    alpha: Tensor,
    true_rgb: Tensor,
    true_alpha: Tensor,
    hard_color: Sequence[float] | Tensor,
    soft_color: Sequence[float] | Tensor,
    perceptual: Perceptual | None = None,
) -> dict[str, Tensor]:
    """The nine terms by name (`l1_hard`, `edge_alpha` ...), scalars, to be added with weight 1.

    Each clip is rendered with its own alpha; the hard render has no gradient to alpha. Without `perceptual` its three
    terms are left out.
    """
    pairs = {
        "hard": (hard_rendered(rgb, alpha, hard_color), hard_rendered(true_rgb, true_alpha, hard_color)),
        "soft": (soft_rendered(rgb, alpha, soft_color), soft_rendered(true_rgb, true_alpha, soft_color)),
        "alpha": (alpha, true_alpha),
    }
    return _terms(pairs, perceptual)


def plain_losses(
    rgb: Tensor, alpha: Tensor, true_rgb: Tensor, true_alpha: Tensor, perceptual: Perceptual | None = None
) -> dict[str, Tensor]:
    """The paper's ablation without rendering: the same terms on the colour as it is (`l1_rgb` ...) and on alpha."""
    return _terms({"rgb": (rgb, true_rgb), "alpha": (alpha, true_alpha)}, perceptual)


def _terms(pairs: Mapping[str, tuple[Tensor, Tensor]], perceptual: Perceptual | None) -> dict[str, Tensor]:
    terms: dict[str, Tensor] = {}
    for name, pair in pairs.items():
        clip, true = (three.expand(-1, 3, -1, -1, -1).transpose(1, 2).flatten(0, 1) for three in pair)
        terms[f"l1_{name}"] = functional.l1_loss(clip, true)
        terms[f"edge_{name}"] = functional.l1_loss(edges(clip), edges(true))
        if perceptual is not None:
            terms[f"perceptual_{name}"] = perceptual(clip, true)
    return terms


def edges(frames: Tensor) -> Tensor:
    """Length of the grey value's gradient, black beyond the border: (N, 3, H, W) to (N, H, W)."""
    red, green, blue = frames.unbind(1)
    grey = GREY[0] * red + GREY[1] * green + GREY[2] * blue
    padded = functional.pad(grey, (1, 1, 1, 1))
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    return (down.square() + across.square() + SMALLEST_EDGE).sqrt()


def hard_rendered(rgb: Tensor, alpha: Tensor, color: Sequence[float] | Tensor) -> Tensor:
    """The wall where alpha is 0, the whole colour elsewhere, as the encoder is shown it: (B, 3, T, H, W)."""
    pixels, opacity = rgb.movedim(1, -1), (alpha.movedim(1, -1) + 1) / 2
    return hard_render(pixels, opacity, _wall(color, rgb)).movedim(-1, 1)


def soft_rendered(rgb: Tensor, alpha: Tensor, color: Sequence[float] | Tensor) -> Tensor:
    """The colour over the wall by its alpha, as the eye sees it: (B, 3, T, H, W)."""
    pixels, opacity = rgb.movedim(1, -1), (alpha.movedim(1, -1) + 1) / 2
    return soft_render(pixels, opacity, _wall(color, rgb)).movedim(-1, 1)


def _wall(color: Sequence[float] | Tensor, rgb: Tensor) -> Tensor:
    """0..1 to -1..1, and (B, 3) to (B, 1, 1, 1, 3)."""
    wall = torch.as_tensor(color, dtype=rgb.dtype, device=rgb.device) * 2 - 1
    return wall.reshape(-1, 1, 1, 1, 3) if wall.ndim == 2 else wall

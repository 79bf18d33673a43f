"""Frechet video distance: how far apart two sets of clips are, in the eyes of a network that knows actions.

Layout   clips (T, H, W, 3), at least 10 frames; features (N, 400), one row for a clip.
Range    0..1.
Source   T. Unterthiner and others, "FVD: A new Metric for Video Generation", arXiv:1812.01717; the network is I3D,
         trained on Kinetics-400, in the TorchScript file that StyleGAN-V published.
Differs  The trace of the root of S1 S2 is taken as the nuclear norm of A B', the centred features: the same number,
         without a matrix root, and exact for fewer clips than features, where the root is singular. TransPixeler takes
         80 clips of 64 frames; with few clips the distance is too large, so compare equal numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

I3D = "i3d_torchscript.pt"
SIDE = 224
SHORTEST = 10

Features = Callable[[Tensor], Tensor]
"""A clip (T, H, W, 3) to its features (D,)."""


def load_i3d(path: Path) -> Features:
    """The features of the published TorchScript file. Raises ValueError naming a file that is none."""
    try:
        network = torch.jit.load(path, map_location="cpu").eval()
    except RuntimeError as problem:
        raise ValueError(f"{path.name}: expected the TorchScript file of I3D, got something else.") from problem

    def features(rgb: Tensor) -> Tensor:
        if rgb.shape[0] < SHORTEST:
            raise ValueError(f"FVD wants clips of at least {SHORTEST} frames, got {rgb.shape[0]}.")
        frames = F.interpolate(rearrange(rgb.cpu().float(), "t h w c -> t c h w"), size=(SIDE, SIDE), mode="bilinear")
        clip = rearrange(frames * 2 - 1, "t c h w -> 1 c t h w")
        with torch.no_grad():
            return network(clip, rescale=False, resize=False, return_features=True)[0]

    return features


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Squared Frechet distance of the Gaussians that two sets of features, (N, D) and (M, D), make.

    Covariances are divided by N - 1. Raises ValueError for a set of fewer than 2.
    """
    if min(len(one), len(other)) < 2:
        raise ValueError(f"A Frechet distance wants at least 2 clips on each side, got {len(one)} and {len(other)}.")
    a, b = _centred(one), _centred(other)
    means = (one.double().mean(0) - other.double().mean(0)).square().sum()
    shared = torch.linalg.matrix_norm(a @ b.T, ord="nuc")
    return (means + a.square().sum() + b.square().sum() - 2 * shared).item()


def _centred(features: Tensor) -> Tensor:
    """X with X'X = the covariance, float64."""
    exact = features.double()
    return (exact - exact.mean(0)) / (len(exact) - 1) ** 0.5

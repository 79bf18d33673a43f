"""The Wan VAE over a whole clip gives what diffusers gives in chunks."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKLWan

from pipelines.training.models.whole_clip import Norm, decode, encode


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return AutoencoderKLWan(base_dim=4, z_dim=16).double()


@pytest.mark.parametrize("frames", [1, 5, 13])
def test_the_latent_is_the_same_as_in_chunks(vae, frames):
    clip = torch.randn(2, 3, frames, 16, 24, dtype=torch.float64)
    with torch.no_grad():
        ours, theirs = encode(vae, clip), vae.encode(clip).latent_dist.parameters
    assert (ours - theirs).abs().max() < 1e-9


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_the_clip_is_the_same_as_in_chunks(vae, frames):
    latent = torch.randn(2, 16, frames, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        ours, theirs = decode(vae, latent), vae.decode(latent).sample
    assert ours.shape == (2, 3, 4 * frames - 3, 16, 24)
    assert (ours.clamp(-1, 1) - theirs).abs().max() < 1e-6  # diffusers doubles in float32


def test_flat_is_exact_where_the_early_taps_are_zero(vae):
    for weight in vae.parameters():
        if weight.ndim == 5 and weight.shape[2:] == (3, 3, 3):
            weight.data[:, :, :2] = 0
    clip = torch.randn(1, 3, 5, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        latent = encode(vae, clip)
        assert (encode(vae, clip, flat=True) - latent).abs().max() < 1e-12
        assert (decode(vae, latent[:, :16], flat=True) - decode(vae, latent[:, :16])).abs().max() < 1e-12


def test_the_gradient_of_the_norm_is_that_of_finite_differences():
    x = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    gain = torch.randn(5, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Norm.apply, (x, gain))


def test_a_clip_of_four_frames_is_refused(vae):
    with pytest.raises(ValueError, match=r"4n \+ 1"):
        encode(vae, torch.zeros(1, 3, 4, 16, 16))

"""The transparent encoder, from a picture to the latent, against what the official implementation computed."""

import pytest
import torch

from pipelines.alpha.render import soft_render
from pipelines.layerdiffuse.encoder import build_encoder, offset_feed, with_offset
from pipelines.layerdiffuse.padding import pad
from pipelines.layerdiffuse.variants import FLUX, STABLE_DIFFUSION, offset_scale, variant_of


@pytest.fixture(scope="module")
def goldens(golden):
    return golden("encoder")


@pytest.fixture(scope="module")
def straight(goldens):
    return (goldens["in.rgba_u8"].float() / 255).split((3, 1), dim=-1)


def test_the_padded_colour_and_the_feed_match_the_reference(goldens, straight):
    rgb, alpha = straight
    padded = torch.stack([pad(*each) for each in zip(rgb, alpha)])
    assert (padded.movedim(-1, 1) - goldens["mid.padded_rgb"]).abs().max() < 1e-5
    feed = offset_feed(padded, alpha, STABLE_DIFFUSION).movedim(-1, 1)
    assert (feed - goldens["mid.offset_feed"]).abs().max() < 1e-5


def test_what_the_vae_sees_is_the_picture_over_mid_grey(goldens, straight):
    shown = soft_render(*straight, (0.5, 0.5, 0.5)) * 2 - 1
    assert (shown.movedim(-1, 1) - goldens["mid.vae_feed"]).abs().max() < 1e-6


def test_the_offset_matches_the_reference(goldens):
    made = build_encoder(goldens.under("sd."))(goldens["mid.offset_feed"])
    assert (made - goldens["out.offset_raw"]).abs().max() < 1e-5


@pytest.mark.parametrize(("scale", "name"), [(1.0, "raw"), (300.0, "x300")])
def test_the_latent_matches_the_reference(goldens, scale, name):
    offset = build_encoder(goldens.under("sd."))(goldens["mid.offset_feed"])
    made = with_offset(goldens["in.posterior_moments"], scale * offset)
    wanted = goldens[f"out.latent_{name}"]
    assert ((made - wanted).abs() <= 1e-4 + 1e-4 * wanted.abs()).all()


def test_flux_has_alpha_behind_colour():
    rgb, alpha = torch.rand(2, 2, 3), torch.rand(2, 2, 1)
    assert offset_feed(rgb, alpha, FLUX).equal(torch.cat([rgb, alpha], dim=-1))


@pytest.mark.parametrize(
    ("file", "variant", "factor"),
    [
        ("vae_transparent_encoder.safetensors", STABLE_DIFFUSION, 1.0),
        ("layer_sd15_vae_transparent_encoder.safetensors", STABLE_DIFFUSION, 1.0),
        ("ld_diffusers_sdxl_vae_transparent_encoder.safetensors", STABLE_DIFFUSION, 300.0),
        ("TransparentVAE.pth", FLUX, 300.0),
    ],
)
def test_each_release_has_its_factor(file, variant, factor):
    assert offset_scale(file, variant) == factor


def test_a_latent_of_another_width_is_refused():
    with pytest.raises(ValueError, match="latents of 4 or 16 channels, got 8"):
        variant_of(8)

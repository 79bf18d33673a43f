from functools import partial

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel

from pipelines.training.draws import Draws
from pipelines.training.loop import Run, train
from pipelines.training.methods.psnr_loss import seen_psnr
from pipelines.training.methods.reconstruction import hard_rendered
from pipelines.training.methods.rgba_vae import RGBAVAE, FrozenVelocity, published
from pipelines.training.methods.tabd import FORMS
from pipelines.training.models.wan_models import vae_from_official
from pipelines.training.models.wan_names import vae_to_official
from pipelines.training.models.whole_clip import decode, encode, features
from pipelines.training.published_file import write_published
from pipelines.wan_alpha.checkpoint import split_vae_weights
from pipelines.wan_alpha.decoder_lora import merge_decoder
from pipelines.wan_alpha.latent_stats import normalise
from pipelines.wan_alpha.merge_block import build_merge_block
from pipelines.weights.kinds.table import identify
from pipelines.weights.kinds.wan_alpha import WAN_ALPHA_VAE
from pipelines.weights.weights_file import read_weights, shapes_of

WIDTH, RANK = 4, 3


@pytest.fixture(scope="module")
def base():
    torch.manual_seed(0)
    return AutoencoderKLWan(base_dim=WIDTH).eval().requires_grad_(False)


def clips(count=2, frames=5):
    torch.manual_seed(1)
    return {"rgb": torch.rand(count, 3, frames, 16, 32) * 2 - 1, "alpha": torch.rand(count, 1, frames, 16, 32) * 2 - 1}


def trained(model):
    return {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}


def shaken(model):
    """The model with every trained weight moved, so that no LoRA is zero."""
    torch.manual_seed(2)
    with torch.no_grad():
        for tensor in trained(model).values():
            tensor.add_(torch.randn_like(tensor) * 0.1)
    return model


@torch.no_grad()
def test_training_starts_from_the_stock_latent_and_the_stock_colours(base):
    model, batch = RGBAVAE(base, RANK), clips()
    latent = model.encode(batch["rgb"], batch["alpha"])
    torch.testing.assert_close(latent, encode(base, batch["rgb"])[:, :16], rtol=0, atol=1e-5)
    painted, opacity = model.decode(latent)
    pixels = base.decode(latent).sample
    torch.testing.assert_close(painted.clamp(-1, 1), pixels, rtol=0, atol=1e-5)
    torch.testing.assert_close(opacity.clamp(-1, 1), pixels, rtol=0, atol=1e-5)


def test_the_merge_block_and_every_convolution_of_both_decoders_are_trained(base):
    names = published(trained(RGBAVAE(base, RANK)))
    count = {prefix: sum(name.startswith(prefix) for name in names) for prefix in ("vae_fgr.", "vae_pha.", "middle.")}
    assert count == {"vae_fgr.": 76, "vae_pha.": 76, "middle.": 33}


def test_the_published_keys_are_those_of_the_reference():
    from pathlib import Path

    from safetensors.torch import load_file

    golden = load_file(Path(__file__).parents[2] / "data" / "wan_alpha" / "vae_decode_lora_dev.safetensors")
    reference = {name.removeprefix("lora/"): golden[name].shape for name in golden if name.startswith("lora/")}
    rank = reference["vae_fgr.decoder.conv1.conv3D.lora_A.default.weight"][0]
    ours = published(trained(RGBAVAE(AutoencoderKLWan(base_dim=4), rank)))
    assert {name: tensor.shape for name, tensor in ours.items() if name.startswith("vae_")} == reference


@torch.no_grad()
def test_what_was_trained_decodes_the_same_through_the_readers_of_published_files(base, tmp_path):
    model, batch = shaken(RGBAVAE(base, RANK)), clips()
    write_published(tmp_path / "Wan-Alpha-VAE.bin", published(trained(model)))
    weights = read_weights(tmp_path / "Wan-Alpha-VAE.bin")
    assert identify(shapes_of(weights)).kind is WAN_ALPHA_VAE
    parts = split_vae_weights(weights)
    stock = vae_to_official(base.state_dict())
    both = [features(base, clip) for clip in (batch["rgb"], batch["alpha"].expand(-1, 3, -1, -1, -1))]
    latent = build_merge_block(parts.merge_block)(torch.cat(both, dim=1))
    torch.testing.assert_close(latent, model.encode(**batch), rtol=0, atol=1e-5)
    for painted, loras in zip(model.decode(latent), (parts.decoders.rgb, parts.decoders.alpha)):
        vae = vae_from_official(merge_decoder(stock, loras))
        # processors sum in orders of their own
        torch.testing.assert_close(decode(vae, latent), painted, rtol=1e-4, atol=3e-5)


@torch.no_grad()
def test_flat_training_leaves_the_early_taps_of_the_finest_levels_at_zero():
    torch.manual_seed(0)
    base = AutoencoderKLWan(base_dim=WIDTH).requires_grad_(False)
    for weight in base.parameters():
        if weight.ndim == 5 and weight.shape[2:] == (3, 3, 3):
            weight[:, :, :-1] = 0
    model, batch = RGBAVAE(base, RANK, flat=True), clips()
    for name, tensor in trained(model).items():
        if name.endswith(".up"):
            tensor.normal_(std=0.1)
    latent = model.encode(**batch)
    loras = split_vae_weights(published(trained(model))).decoders
    for painted, changes in zip(model.decode(latent), (loras.rgb, loras.alpha)):
        vae = vae_from_official(merge_decoder(vae_to_official(base.state_dict()), changes))
        # processors sum in orders of their own
        torch.testing.assert_close(decode(vae, latent), painted, rtol=1e-4, atol=3e-5)


def test_the_loss_is_the_sum_of_its_terms_and_reaches_everything_that_is_trained(base):
    dit = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, text_dim=8, freq_dim=16, ffn_dim=24, num_layers=1
    )
    velocity = FrozenVelocity(dit, torch.zeros(1, 4, 8))
    model = shaken(RGBAVAE(base, RANK, tabd=FORMS["bounded"], velocity=velocity))
    terms = model(clips(), Draws(0, [0, 1]))
    loss = terms.pop("loss")
    assert terms.keys() == {f"{kind}_{of}" for kind in ("l1", "edge") for of in ("hard", "soft", "alpha")} | {"tabd"}
    torch.testing.assert_close(loss, sum(terms.values()))
    loss.backward()
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in trained(model).values())
    assert all(tensor.grad is None for tensor in dit.parameters())


def test_the_prior_is_the_latents_mean_square_as_the_diffusion_model_has_it(base):
    model, batch = shaken(RGBAVAE(base, RANK, rendering=False, noise=0.1, prior=0.5)), clips()
    terms = model(batch, Draws(0, [0, 1]))
    loss = terms.pop("loss")
    torch.testing.assert_close(terms["prior"], 0.5 * normalise(model.encode(**batch)).square().mean())
    torch.testing.assert_close(loss, sum(terms.values()))


def test_a_prior_without_noise_is_refused(base):
    with pytest.raises(ValueError, match="prior wants noise"):
        RGBAVAE(base, RANK, prior=0.01)


def test_decibels_are_taken_off_the_loss_by_their_weight(base):
    model, batch = shaken(RGBAVAE(base, RANK, psnr=0.06)), clips()
    terms = model(batch, Draws(0, [0, 1]))
    loss, gained = terms.pop("loss"), terms["psnr"]
    torch.testing.assert_close(loss, sum(terms.values()))
    walls = model.walls[Draws(0, [0, 1]).choice(len(model.walls), 3)]
    shown = hard_rendered(batch["rgb"], batch["alpha"], walls[:, 0])
    painted = model.decode(model.encode(shown, batch["alpha"]))
    torch.testing.assert_close(gained, -0.06 * seen_psnr(*painted, batch["rgb"], batch["alpha"]))


@torch.no_grad()
def test_noise_is_in_units_of_the_normalised_latent_and_reaches_the_decoders_alone(base):
    seen = []
    model = shaken(RGBAVAE(base, RANK, rendering=False, noise=0.3, prior=1.0))
    own = model.decode
    model.decode = lambda latent: seen.append(latent) or own(latent)
    terms, again = (model(clips(64), Draws(0, list(range(64)))) for _ in range(2))
    added = normalise(seen[0]) - normalise(model.encode(**clips(64)))
    assert added.std(dim=(0, 2, 3, 4)).tolist() == pytest.approx([0.3] * 16, rel=0.1)
    assert float(added.mean()) == pytest.approx(0, abs=0.01)
    torch.testing.assert_close(terms, again)
    torch.testing.assert_close(terms["prior"], normalise(model.encode(**clips(64))).square().mean())


def test_without_rendering_the_colour_is_compared_as_it_is(base):
    terms = RGBAVAE(base, RANK, rendering=False)(clips(), Draws(0, [0, 1]))
    assert terms.keys() == {"loss", "l1_rgb", "edge_rgb", "l1_alpha", "edge_alpha"}


def test_a_few_steps_lower_the_loss_on_one_clip(base, tmp_path):
    alpha = -torch.ones(1, 1, 16, 16)
    alpha[..., 4:12, 4:12] = 1
    clip = {"rgb": alpha.expand(3, -1, -1, -1) * 0.5, "alpha": alpha}
    losses = []
    train(
        RGBAVAE(base, RANK),
        lambda model, batch, draws: model(batch, draws),
        [clip] * 30,
        Run(tmp_path, steps=30, checkpoint_every=30),
        partial(torch.optim.AdamW, lr=1e-2),
        on_step=lambda _, step, loss: losses.append(loss),
    )
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_trains_with_losses_in_float32(base, tmp_path, precision):
    clip = {name: stack[0] for name, stack in clips(1).items()}
    seen = []

    def watched(model, batch, draws):
        terms = model(batch, draws)
        seen.extend(term.dtype for term in terms.values())
        return terms

    run = Run(tmp_path, steps=2, checkpoint_every=2, precision=precision)
    weights = train(RGBAVAE(base, RANK), watched, [clip] * 2, run, partial(torch.optim.AdamW, lr=1e-2))
    assert set(seen) == {torch.float32}
    assert all(tensor.dtype == torch.float32 and torch.isfinite(tensor).all() for tensor in weights.values())


def test_tabd_without_a_diffusion_model_is_refused(base):
    with pytest.raises(ValueError, match="wants a form and a frozen diffusion model"):
        RGBAVAE(base, RANK, tabd=FORMS["paper"])

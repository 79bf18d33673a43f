import json
from pathlib import Path

import pytest
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXTransformer3DModel, MochiTransformer3DModel
from safetensors.torch import load_file

from pipelines.training.draws import Draws
from pipelines.training.methods.alpha_tokens import Additions, AlphaTokens
from pipelines.training.methods.transpixeler import Joint, TransPixeler, noised, published, signal_levels
from pipelines.training.models.wan_models import dit_from_official
from pipelines.training.published_file import write_published
from pipelines.transpixeler.families import COGVIDEOX, MOCHI, WAN
from pipelines.transpixeler.rgba_lora import read_rgba_lora
from pipelines.transpixeler.split_attention import ALL, LESS, NOTHING, Sight
from pipelines.weights.weights_file import read_weights

DATA = Path(__file__).parents[2] / "data" / "transpixeler"
WAN_LAYERS = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "attn2.to_q", "ffn.net.0.proj", "ffn.net.2")


def golden(name):
    return load_file(DATA / f"{name}_dev.safetensors")


def config(name):
    return json.loads((DATA / f"{name}_dev.json").read_text())["config"]


def base(family):
    weights = {name: tensor.float() for name, tensor in golden(f"{family.name}_tiny_model").items()}
    if family == WAN:
        return dit_from_official(weights, heads=2)
    if family == COGVIDEOX:
        model = CogVideoXTransformer3DModel(**config("cogvideox_tiny_model"))
    else:
        sizes = {"num_attention_heads": 4, "attention_head_dim": 16, "num_layers": 2, "pooled_projection_dim": 32}
        model = MochiTransformer3DModel(**sizes, in_channels=12, text_embed_dim=16, max_sequence_length=12)
    model.load_state_dict(weights)
    return model.eval()


LORAS = {
    COGVIDEOX.name: "cogvideox_tiny_rgba_lora",
    MOCHI.name: "mochi_tiny_rgba_lora",
    WAN.name: "wan_tiny_joint_lora",
}


def released(family, additions):
    """A TransPixeler with the golden LoRA in it."""
    model = TransPixeler(base(family), family, additions)
    lora = golden(LORAS[family.name])
    ours = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
    for name, tensor in ours.items():
        tensor.data = lora[next(iter(published({name: tensor}, family)))].float().reshape(tensor.shape)
    return model.model


def run(model, data, latents="in.latents", text=slice(0, 1), **more):
    count = data[latents].shape[0]
    context = data["in.text"][text] if "in.text" in data else data["in.text_cond"]
    with torch.no_grad():
        return model(data[latents], data["in.timestep"].float().expand(count), context, **more)


@pytest.mark.parametrize(("variant", "see"), [("additive", LESS), ("blocked", NOTHING), ("nomask", ALL)])
def test_cogvideox_matches_the_reference(variant, see):
    data = golden("cogvideox_forward")
    for key in ("in.latents",):
        data[key] = data[key].transpose(1, 2)
    out = run(released(COGVIDEOX, Additions(rank=8, sight=Sight(text=see))), data).transpose(1, 2)
    torch.testing.assert_close(out, data[f"out.{variant}"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("variant", "see"), [("blocked", NOTHING), ("nomask", ALL)])
def test_mochi_matches_the_reference(variant, see):
    data = golden("mochi_forward")
    model = released(MOCHI, Additions(rank=8, embedding=False, sight=Sight(text=see)))
    out = run(model, data, seen=data["in.prompt_mask"][:1])
    torch.testing.assert_close(out, data[f"out.{variant}"], rtol=0, atol=1e-5)


def test_mochi_matches_the_reference_on_texts_of_two_lengths():
    data = golden("mochi_forward")
    model = released(MOCHI, Additions(rank=8, embedding=False))
    out = run(model, data, "in.latents_batch2", slice(0, 2), seen=data["in.prompt_mask"])
    torch.testing.assert_close(out, data["out.blocked_batch2"], rtol=0, atol=1e-5)


def wan_text(data):
    context = torch.zeros(1, 10, 32)
    context[:, : data["in.text_cond"].shape[1]] = data["in.text_cond"]
    return {**data, "in.text_cond": context}


def test_wan_matches_the_reference():
    data = wan_text(golden("wan_forward"))
    model = released(WAN, Additions(rank=8, layers=(*WAN_LAYERS, "attn2.to_out.0")))
    torch.testing.assert_close(run(model, data), data["out.alpha_only_everywhere"], rtol=0, atol=1e-4)


def test_rgb_that_does_not_see_alpha_is_the_base_models_rgb():
    data = wan_text(golden("wan_forward"))
    model = released(WAN, Additions(rank=8, sight=Sight(text=ALL, rgb=NOTHING)))
    rgb = run(model, data)[:, :, :3]
    torch.testing.assert_close(rgb, data["out.base_rgb_only"], rtol=0, atol=1e-4)


def batch(family, frames=2):
    channels, text = {"cogvideox": (16, 32), "mochi": (12, 16), "wan": (16, 32)}[family.name]
    torch.manual_seed(0)
    made = {name: torch.randn(2, channels, frames, 4, 6) for name in ("rgb", "alpha")}
    made["context"] = torch.randn(2, 10, text)
    return {**made, "seen": torch.ones(2, 10)} if family == MOCHI else made


@pytest.mark.parametrize("family", [COGVIDEOX, MOCHI, WAN], ids=lambda family: family.name)
def test_what_was_trained_reads_as_a_released_file(family, tmp_path):
    model = TransPixeler(base(family), family, Additions(rank=4))
    optimizer = torch.optim.AdamW([tensor for tensor in model.parameters() if tensor.requires_grad], lr=1e-2)
    for step in range(2):
        terms = model(batch(family), Draws(0, [2 * step, 2 * step + 1]))
        terms["loss"].backward()
        optimizer.step()
    torch.testing.assert_close(terms["loss"], (terms["rgb"] + terms["alpha"]) / 2)
    trained = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
    write_published(tmp_path / "rgba_lora.safetensors", published(trained, family))
    lora = read_rgba_lora(read_weights(tmp_path / "rgba_lora.safetensors"))
    assert (lora.family, lora.blocks) == (family, 2)
    assert lora.embedding is not None and lora.embedding.abs().sum() > 0
    assert all(layer.rank == 4 and layer.ups[0].abs().sum() > 0 for layer in lora.layers.values())
    assert not any(layer.everywhere for layer in lora.layers.values())


@pytest.mark.parametrize("family", [COGVIDEOX, MOCHI, WAN], ids=lambda family: family.name)
def test_training_reaches_every_added_weight_and_no_other(family):
    model = TransPixeler(base(family), family, Additions(rank=4))
    trained = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
    with torch.no_grad():
        for name, tensor in trained.items():
            if name.endswith(".up.weight"):
                tensor.normal_(std=0.1)
    model(batch(family), Draws(0, [0, 1]))["loss"].backward()
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in trained.values())
    assert len(trained) == 2 * 2 * (7 if family == WAN else 4) + 1


def test_gradients_are_the_same_when_activations_are_computed_again():
    def gradients(checkpointing):
        transformer = base(COGVIDEOX)
        torch.manual_seed(0)
        model = TransPixeler(transformer, COGVIDEOX, Additions(rank=4))
        if checkpointing:
            transformer.enable_gradient_checkpointing()
        model.train()
        model(batch(COGVIDEOX), Draws(0, [0, 1]))["loss"].backward()
        return {name: tensor.grad for name, tensor in model.named_parameters() if tensor.requires_grad}

    plain, again = gradients(False), gradients(True)
    assert all(torch.equal(plain[name], again[name]) for name in plain)


def test_cogvideox_is_noised_as_by_diffusers_scheduler():
    scheduler = CogVideoXDDIMScheduler(rescale_betas_zero_snr=True, snr_shift_scale=1.0, prediction_type="v_prediction")
    latent, noise = torch.randn(4, 16, 2, 4, 6), torch.randn(4, 16, 2, 4, 6)
    x, target, timesteps = noised(COGVIDEOX, latent, noise, Draws(1, range(4)))
    torch.testing.assert_close(x, scheduler.add_noise(latent, noise, timesteps), rtol=0, atol=1e-4)
    torch.testing.assert_close(target, scheduler.get_velocity(latent, noise, timesteps), rtol=0, atol=1e-4)
    assert signal_levels()[-1] == 0


@pytest.mark.parametrize("family", [MOCHI, WAN], ids=lambda family: family.name)
def test_the_target_leads_from_x_to_the_latent(family):
    latent, noise = torch.randn(4, 12, 2, 4, 6), torch.randn(4, 12, 2, 4, 6)
    x, target, timesteps = noised(family, latent, noise, Draws(1, range(4)))
    sigma = (1 - timesteps / 1000 if family == MOCHI else timesteps / 1000).reshape(-1, 1, 1, 1, 1)
    towards = sigma * target if family == MOCHI else -sigma * target
    torch.testing.assert_close(x + towards, latent, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("shift", "middle"), [(1.0, 500), (3.0, 750)])
def test_a_level_shift_trains_wan_on_noisier_levels(shift, middle):
    latent = torch.randn(512, 1, 1, 2, 2)
    x, target, timesteps = noised(WAN, latent, torch.randn_like(latent), Draws(1, range(512)), shift)
    assert float(timesteps.median()) == pytest.approx(middle, abs=40)
    sigma = (timesteps / 1000).reshape(-1, 1, 1, 1, 1)
    torch.testing.assert_close(x - sigma * target, latent, rtol=0, atol=1e-5)


def test_a_level_shift_is_refused_where_it_does_nothing():
    with pytest.raises(ValueError, match="for wan, got 3 for mochi"):
        Joint(torch.nn.Identity(), MOCHI, torch.float32, level_shift=3.0)


def test_positions_embedding_and_reach_can_be_taken_away():
    data = wan_text(golden("wan_forward"))
    whole = run(released(WAN, Additions(rank=8)), data)
    for other in (
        Additions(rank=8, shared_positions=False),
        Additions(rank=8, embedding=False),
        Additions(rank=8, everywhere=True),
        Additions(rank=8, layers=("attn1.to_q", "attn1.to_k", "attn1.to_v")),
    ):
        assert (run(released(WAN, other), data) - whole).abs().max() > 1e-3


def test_one_noise_for_both_domains_is_drawn_once():
    seen = {}

    class Spy(AlphaTokens):
        def forward(self, latents, timesteps, context, seen_=None):
            seen[len(seen)] = latents
            return super().forward(latents, timesteps, context, seen_)

    for same in (True, False):
        model = TransPixeler(base(WAN), WAN, Additions(rank=4), same_noise=same)
        model.model.__class__ = Spy
        data = batch(WAN)
        model({**data, "rgb": data["rgb"] * 0, "alpha": data["alpha"] * 0}, Draws(0, [0, 1]))
    rgb, alpha = seen[0].chunk(2, dim=2)
    assert torch.equal(rgb, alpha)
    rgb, alpha = seen[1].chunk(2, dim=2)
    assert not torch.equal(rgb, alpha)

from functools import partial
from pathlib import Path

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file

from pipelines.lora.dora import dora_weight, read_dora
from pipelines.training.draws import Draws
from pipelines.training.loop import Run, train
from pipelines.training.methods.dora import DoRA, published, shifted
from pipelines.training.methods.flow_levels import training_sigmas, training_weights
from pipelines.training.models.wan_models import dit_from_official
from pipelines.training.models.wan_names import dit_to_official
from pipelines.training.published_file import write_published
from pipelines.weights.kinds.table import identify
from pipelines.weights.kinds.wan_alpha import DORA
from pipelines.weights.weights_file import read_weights, shapes_of

SIZES = {"num_attention_heads": 2, "attention_head_dim": 12, "text_dim": 8, "freq_dim": 16, "ffn_dim": 40}


def tiny(layers=2):
    torch.manual_seed(0)
    return WanTransformer3DModel(**SIZES, num_layers=layers).eval()


def batch(count=2):
    torch.manual_seed(1)
    return {
        "latent": torch.randn(count, 16, 2, 4, 6),
        "subject": torch.rand(count, 2, 4, 6),
        "context": torch.randn(count, 4, 8),
    }


def trained(model):
    return {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}


def shaken(model):
    torch.manual_seed(2)
    with torch.no_grad():
        for tensor in trained(model).values():
            tensor.mul_(1 + 0.1 * torch.randn_like(tensor)).add_(0.05 * torch.randn_like(tensor))
    return model


def test_the_published_keys_are_those_of_the_reference():
    golden = load_file(Path(__file__).parents[2] / "data" / "wan_alpha" / "dora_lightx2v_dev.safetensors")
    reference = {name.removeprefix("dora/"): golden[name].shape for name in golden if name.startswith("dora/")}
    base = {name.removeprefix("base/"): golden[name] for name in golden if name.startswith("base/")}
    rank = reference["blocks.0.self_attn.q.lora_A.default.weight"][0]
    ours = published(trained(DoRA(dit_from_official(base, heads=2), rank)))
    assert {name: tensor.shape for name, tensor in ours.items()} == reference


@torch.no_grad()
def test_what_was_trained_computes_the_same_through_the_readers_of_published_files(tmp_path):
    model = shaken(DoRA(tiny(), rank=3))
    write_published(tmp_path / "t2v.safetensors", published(trained(model)))
    weights = read_weights(tmp_path / "t2v.safetensors")
    assert identify(shapes_of(weights)).kind is DORA
    layers = read_dora(weights)
    merged = dit_to_official(tiny().state_dict())
    merged |= {f"{name}.weight": dora_weight(merged[f"{name}.weight"], layer) for name, layer in layers.items()}
    x, t, context = batch()["latent"], torch.tensor([700.0, 30.0]), batch()["context"]
    expected = model.dit(x, t, context).sample
    torch.testing.assert_close(dit_from_official(merged, heads=2)(x, t, context).sample, expected, rtol=0, atol=1e-5)
    assert (tiny()(x, t, context).sample - expected).abs().max() > 1e-2


def test_training_starts_at_the_base_model():
    x, t, context = batch()["latent"], torch.tensor([700.0, 30.0]), batch()["context"]
    torch.testing.assert_close(DoRA(tiny(), rank=3).dit(x, t, context).sample, tiny()(x, t, context).sample)


def test_the_loss_is_the_weighted_error_of_the_shifted_noise():
    data, draws = batch(), Draws(5, [8, 9])
    model = DoRA(tiny(), rank=3, mean_shift=0.5)
    found = model(data, Draws(5, [8, 9]))
    index = draws.choice(1000)
    sigma, weight = training_sigmas()[index], training_weights(training_sigmas())[index]
    noise = draws.normal(16, 2, 4, 6) + 0.5 * (1 - data["subject"])[:, None]
    share = sigma.reshape(-1, 1, 1, 1, 1)
    x = (1 - share) * data["latent"] + share * noise
    error = (tiny()(x, 1000 * sigma, data["context"]).sample - (noise - data["latent"])).square()
    torch.testing.assert_close(found["loss"], (weight * error.mean((1, 2, 3, 4))).mean())
    torch.testing.assert_close(found["error"], error.mean())


def test_the_noise_rises_off_each_clips_own_subject():
    subjects = torch.stack([torch.ones(2, 4, 6), torch.zeros(2, 4, 6)])
    moved = shifted(torch.zeros(2, 16, 2, 4, 6), subjects, 0.05)
    assert moved[0].unique().tolist() == [0]
    assert moved[1].unique().tolist() == pytest.approx([0.05])


def test_only_the_dora_is_trained():
    names = trained(DoRA(tiny(layers=1), rank=3))
    assert len(names) == 10 * 3
    assert all("lora_" in name for name in names)


def test_training_lowers_the_loss_on_noise_that_it_has_not_seen(tmp_path):
    clip = {name: stack[0] for name, stack in batch(1).items()}
    model = DoRA(tiny(), rank=4)
    held_out = {name: stack.expand(64, *stack.shape).contiguous() for name, stack in clip.items()}, Draws(9, range(64))
    with torch.no_grad():
        before = float(model(*held_out)["loss"])
    train(
        model,
        lambda wrapped, data, draws: wrapped(data, draws),
        [clip] * 240,
        Run(tmp_path, steps=30, batch=8, checkpoint_every=30),
        partial(torch.optim.AdamW, lr=3e-2),
    )
    with torch.no_grad():
        assert float(model(held_out[0], Draws(9, range(64)))["loss"]) < 0.9 * before

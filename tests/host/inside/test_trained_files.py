"""What `pipelines.training` trains does the same on the host, through the nodes that load the published files."""

import importlib
import json
from pathlib import Path

import comfy.model_patcher
import comfy.sampler_helpers
import pytest
import torch
from safetensors.torch import load_file

JOINT = Path(__file__).resolve().parents[2] / "data" / "transpixeler"


@pytest.fixture(scope="module")
def room(loaded_pack):
    """`room("methods.dora")`: a module of the training, in the pack as the host has loaded it."""
    return lambda name: importlib.import_module(f"{loaded_pack.name}.pipelines.training.{name}")


@pytest.fixture
def normal_mode():
    """Training needs tensors that know of gradients."""
    with torch.inference_mode(False), torch.no_grad():
        yield


def shaken(model, scale=0.05):
    """The weights that are trained, moved, so that nothing is zero: as if training had been through."""
    generator = torch.Generator().manual_seed(1)
    trained = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
    for tensor in trained.values():
        tensor.data += scale * torch.randn(tensor.shape, generator=generator)
    return trained


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def test_a_trained_rgba_vae_encodes_and_decodes_on_the_host(room, normal_mode, tiny, models, host_nodes, close):
    base = room("models.wan_models").load_vae(models.folder / tiny.VAE)
    model = room("methods.rgba_vae").RGBAVAE(base, rank=3)
    trained = room("methods.rgba_vae").published(shaken(model))
    weights = models.save("vae", "trained_Wan-Alpha-VAE.bin", trained)
    image = torch.rand(5, 32, 48, 4, generator=torch.Generator().manual_seed(3))
    image[..., 3] = (image[..., 3] * 2 - 0.5).clamp(0, 1)
    rgb, alpha = ((image[..., part].movedim(-1, 0) * 2 - 1)[None] for part in (slice(0, 3), slice(3, 4)))
    expected = model.encode(room("methods.reconstruction").hard_rendered(rgb, alpha, (0.0, 1.0, 0.0)), alpha)
    painted, opacity = model.decode(expected)

    (vae,) = host_nodes.RGBALoadWanAlphaVAE(vae_name=tiny.VAE.split("/")[1], weights_name=weights)
    (latent,) = host_nodes.RGBAEncode(image=image, rgba_vae=vae, background="green")
    close("latent", latent["samples"], expected, 1e-4)
    decoded, _, _ = host_nodes.RGBADecode(samples={"samples": expected.clone()}, rgba_vae=vae, tile_size=0)
    unit = [(clip.clamp(-1, 1)[0].movedim(0, -1) + 1) / 2 for clip in (painted, opacity)]
    close("colour", decoded[..., :3], unit[0], 1e-4)
    close("alpha", decoded[..., 3], unit[1].mean(-1), 1e-4)


@pytest.mark.parametrize("way", ["merged", "unmerged"])
def test_a_trained_dora_answers_on_the_host_as_in_training(
    room, normal_mode, tiny, models, host_nodes, on_host, close, way
):
    x, t, context = noise(1, 16, 2, 4, 6), torch.tensor([700.0]), noise(1, 8, tiny.TEXT)
    dit = room("models.wan_models").load_dit(models.folder / tiny.DIT)
    plain = dit(x, t, context).sample
    model = room("methods.dora").DoRA(dit, rank=3)
    name = models.save("loras", "trained_t2v.safetensors", room("methods.dora").published(shaken(model)))
    expected = model.velocity(x, t, context)
    (base,) = host_nodes.UNETLoader(unet_name=tiny.DIT.split("/")[1], weight_dtype="default")
    settings = {"strength": 1.0, "speed_lora_name": "none", "speed_strength": 1.0, "apply": way}
    (patched,) = host_nodes.RGBAApplyDoRA(model=base, dora_name=name, **settings)
    with on_host(patched) as loaded:
        close("answer", loaded(x, t, context), expected, 1e-4)
    assert (expected - plain).abs().max() > 0.05


def joint(name):
    return {key: tensor.float() for key, tensor in load_file(JOINT / f"{name}_dev.safetensors").items()}


def answered(on_host, patched, x, t, context):
    with on_host(patched) as loaded:
        options = comfy.model_patcher.create_model_options_clone(patched.model_options)
        comfy.sampler_helpers.prepare_model_patcher(patched, {}, options)
        named = {"context": context, "transformer_options": options["transformer_options"]}
        return loaded.network(x, t, **named).clone()


APPLY = {"strength": 1.0, "text_to_alpha": "blocked (paper)", "rgb_to_alpha": True, "same_noise": "auto"}


def test_a_trained_transpixeler_answers_on_the_hosts_wan_as_in_training(
    room, normal_mode, models, host_nodes, on_host, close, loaded_pack
):
    families = importlib.import_module(f"{loaded_pack.name}.pipelines.transpixeler.families")
    weights = joint("wan_tiny_model")
    config = {"transformer": {"num_heads": 2, "freq_dim": 64, "text_dim": 32}}
    base = models.save("diffusion_models", "joint_training_wan.safetensors", weights, config)
    model = room("methods.transpixeler").TransPixeler(
        room("models.wan_models").dit_from_official(weights, 2),
        families.WAN,
        room("methods.alpha_tokens").Additions(rank=4),
    )
    published = room("methods.transpixeler").published(shaken(model), families.WAN)
    lora = models.save("loras", "trained_wan_rgba.safetensors", published)
    x, t, context = noise(1, 16, 4, 4, 6), torch.tensor([700.0]), noise(1, 8, 32)
    expected = model.model(x, t, context)
    (patched,) = host_nodes.RGBAApplyTransPixeler(
        model=host_nodes.UNETLoader(unet_name=base, weight_dtype="default")[0], weights_name=lora, **APPLY
    )
    close("answer", answered(on_host, patched, x, t, context), expected, 5e-5)


def test_a_trained_transpixeler_answers_on_the_hosts_cogvideox_as_in_training(
    room, normal_mode, models, host_nodes, on_host, close, loaded_pack
):
    from diffusers import CogVideoXTransformer3DModel

    families = importlib.import_module(f"{loaded_pack.name}.pipelines.transpixeler.families")
    weights = joint("cogvideox_tiny_model")
    transformer = CogVideoXTransformer3DModel(
        **json.loads((JOINT / "cogvideox_tiny_model_dev.json").read_text())["config"]
    )
    transformer.load_state_dict(weights)
    model = room("methods.transpixeler").TransPixeler(
        transformer.eval(), families.COGVIDEOX, room("methods.alpha_tokens").Additions(rank=4)
    )
    published = room("methods.transpixeler").published(shaken(model), families.COGVIDEOX)
    lora = models.save("loras", "trained_cogvideox_rgba.safetensors", published)
    base = models.save("diffusion_models", "joint_training_cogvideox.safetensors", weights)
    x, t, context = noise(1, 16, 4, 4, 6), torch.tensor([700]), noise(1, 10, 32)
    expected = model.model(x, t, context)
    (patched,) = host_nodes.RGBAApplyTransPixeler(
        model=host_nodes.RGBALoadCogVideoX(model_name=base)[0], weights_name=lora, **APPLY
    )
    close("answer", answered(on_host, patched, x, t.float(), context), expected, 2e-5)


def test_training_reads_prompts_as_the_host_does(room, normal_mode, tiny, models, host_nodes, close):
    texts = room("models.text_encoder").load_text_encoder(models.folder / tiny.TEXT_ENCODER)
    (clip,) = host_nodes.RGBALoadTextEncoder(text_encoder_name=tiny.TEXT_ENCODER.split("/")[1])
    for prompt in ("A parrot spreads its wings.", ""):
        (cond,) = host_nodes.CLIPTextEncode(clip=clip, text=prompt)
        close(prompt, texts([prompt]), cond[0][0], 1e-4)

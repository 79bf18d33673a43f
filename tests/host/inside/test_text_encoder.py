"""Small UMT5 encoders as a CLIP of the host."""

import comfy.sd
import comfy.utils
import pytest
import torch

PROMPTS = ("A parrot spreads its wings.", "Smoke rises from a glass.", "A (parrot:1.5) spreads its wings.")


@pytest.fixture(scope="module")
def clip(tiny, host_nodes):
    return host_nodes.RGBALoadTextEncoder(text_encoder_name=tiny.TEXT_ENCODER.split("/")[1])[0]


def told(clip, host_nodes) -> list[torch.Tensor]:
    return [host_nodes.CLIPTextEncode(clip=clip, text=prompt)[0][0][0] for prompt in PROMPTS]


def test_prompts_are_told_apart(tiny, clip, host_nodes):
    assert type(clip) is comfy.sd.CLIP
    first, again = told(clip, host_nodes), told(clip, host_nodes)
    for cond, same in zip(first, again, strict=True):
        assert cond.shape[0] == 1 and cond.shape[2] == tiny.TEXT
        assert bool(torch.isfinite(cond).all()) and torch.equal(cond, same)
    parrot, smoke, loud_parrot = first
    assert parrot.shape == loud_parrot.shape and not torch.equal(parrot, loud_parrot)
    assert parrot.shape != smoke.shape or not torch.equal(parrot, smoke)


def test_a_clip_is_what_the_hosts_loader_makes_of_the_same_encoder(tiny, models, clip, host_nodes, ours):
    """The host's loader knows UMT5 by a layer that only the large one has, and takes other widths as an option."""
    weights = comfy.utils.load_torch_file(str(models.folder / tiny.TEXT_ENCODER))
    config = ours("pipelines.host.wan_alpha.text_encoder").umt5_config(weights, "tiny")
    known_by = {"encoder.block.23.layer.1.DenseReluDense.wi_1.weight": torch.zeros(10240, 1)}
    name = models.save("text_encoders", "known_to_the_host.safetensors", weights | known_by)
    native = comfy.sd.load_clip(
        [str(models.path("text_encoders", name))],
        clip_type=comfy.sd.CLIPType.WAN,
        model_options={"umt5xxl_model_config": config},
    )
    for ours_, theirs in zip(told(clip, host_nodes), told(native, host_nodes), strict=True):
        assert torch.equal(ours_, theirs)


def test_the_tiny_network_follows_its_prompt(tiny, clip, host_nodes):
    (model,) = host_nodes.UNETLoader(unet_name=tiny.DIT.split("/")[1], weight_dtype="default")
    settings = {"seed": 1, "steps": 2, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
    negative = host_nodes.CLIPTextEncode(clip=clip, text="")[0]
    latents = [
        host_nodes.KSampler(
            model=model,
            positive=host_nodes.CLIPTextEncode(clip=clip, text=prompt)[0],
            negative=negative,
            latent_image={"samples": torch.zeros(1, 16, 2, 4, 4)},
            **settings,
        )[0]["samples"]
        for prompt in PROMPTS
    ]
    assert all(bool(torch.isfinite(latent).all()) for latent in latents)
    assert not torch.equal(latents[0], latents[1])

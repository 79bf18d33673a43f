"""LayerDiffuse on the real host: the official numbers, and every mode on tiny models beside what others put on them."""

import re
from functools import cache
from pathlib import Path

import comfy.controlnet
import comfy.model_management
import comfy.model_patcher
import comfy.sample
import comfy.utils
import pytest
import torch
from comfy.ldm.modules.attention import BasicTransformerBlock, optimized_attention
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from conftest import PACK, module_at
from safetensors.torch import load_file
from torch import nn

GOLDENS = PACK / "tests" / "data" / "layerdiffuse"
SIZE = 8
"""Latent cells of a side, in which the tiny models are run."""


@pytest.fixture(scope="module")
def ld_golden():
    def load(name):
        return load_file(GOLDENS / f"{name}_dev.safetensors")

    return load


def under(weights, prefix):
    return {name.removeprefix(prefix): each for name, each in weights.items() if name.startswith(prefix)}


@pytest.fixture(scope="module")
def pictures(tiny):
    """The names of the tiny picture models' files."""
    return tiny.tiny_picture_models


@pytest.fixture(scope="module")
def test_nodes():
    return module_at(PACK / "tests" / "host" / "queue" / "packs" / "queue_test_nodes" / "__init__.py", "test_nodes")


@pytest.fixture(scope="module")
def load(pictures, test_nodes, host_nodes):
    """`load("SDXL")`: MODEL and VAE of a tiny family."""

    @cache
    def loaded(family, weight_dtype="float32"):
        if family == "FLUX":
            (model,) = host_nodes.UNETLoader(unet_name=Path(pictures.FLUX).name, weight_dtype="default")
            return model, test_nodes.QueueTestVAE().run(Path(pictures.FLUX_VAE).name)[0]
        model, _, vae = test_nodes.QueueTestCheckpoint().run(Path(getattr(pictures, family)).name, weight_dtype)
        return model, vae

    return loaded


@pytest.fixture(scope="module")
def prompt(test_nodes, pictures):
    return lambda draw: test_nodes.QueueTestConditioning().run(draw, pictures.TEXT)[0]


def latent(draw, batch=1, channels=4, size=SIZE):
    return torch.randn(batch, channels, size, size, generator=torch.Generator().manual_seed(draw))


@pytest.fixture(scope="module")
def sample(prompt):
    """What a sampler of the host makes with a model, from one and the same noise."""

    def run(model, batch=1, channels=4, positive=None, negative=None, size=SIZE):
        return comfy.sample.sample(
            model, latent(1, batch, channels, size), 1, 4.0, "euler", "simple", positive or prompt(1),
            negative or prompt(2), torch.zeros(batch, channels, size, size), disable_pbar=True, seed=1,
        )  # fmt: skip

    return run


MODES = {
    "XL attention": ("SDXL", "XL_ATTN", 1),
    "XL convolution": ("SDXL", "XL_CONV", 1),
    "XL foreground to blended": ("SDXL", "XL_FG2BLE", 1),
    "XL background to blended": ("SDXL", "XL_BG2BLE", 1),
    "XL foreground and blended to background": ("SDXL", "XL_FGBLE2BG", 1),
    "XL background and blended to foreground": ("SDXL", "XL_BGBLE2FG", 1),
    "SD 1.5": ("SD15", "SD15_ATTN", 1),
    "SD 1.5 joint": ("SD15", "SD15_JOINT", 3),
    "SD 1.5 foreground to background": ("SD15", "SD15_FG2BG", 2),
    "SD 1.5 background to foreground": ("SD15", "SD15_BG2FG", 2),
    "Flux": ("FLUX", "FLUX_LORA", 1),
}
every_mode = pytest.mark.parametrize("mode", MODES)


@pytest.fixture(scope="module")
def plain(load, sample):
    """`plain(mode)`: what the mode's base model makes."""

    @cache
    def run(family, layers):
        return sample(load(family)[0], layers, 16 if family == "FLUX" else 4)

    return lambda mode: run(MODES[mode][0], MODES[mode][2])


@pytest.fixture(scope="module")
def apply(pictures, host_nodes, prompt):
    """`apply(mode, model)`: the model and both conditionings as the mode's own node gives them."""

    def run(mode, model, strength=1.0, positive=None, **more):
        _, file, layers = MODES[mode]
        named = {"model": model, "weights_name": Path(getattr(pictures, file)).name, "strength": strength}
        positive, negative = positive or prompt(1), prompt(2)
        if mode in list(MODES)[2:6]:
            named |= {"latent": {"samples": latent(3)}} | ({"blended": {"samples": latent(4)}} if "and" in mode else {})
            return host_nodes.RGBALayerDiffuseCondition(**named | more, positive=positive, negative=negative)
        if layers > 1:
            if layers == 2:
                named["image"] = torch.rand(1, 96, 64, 4, generator=torch.Generator().manual_seed(5))
            (model, made) = host_nodes.RGBALayerDiffuseJoint(**named | more)
            assert made == layers
        else:
            (model,) = host_nodes.RGBAApplyLayerDiffuse(**named)
        return model, positive, negative

    return run


@pytest.fixture(scope="module")
def made(apply, sample):
    """`made(mode, model)`: what is sampled with it; without any more, once for all tests."""

    def run(mode, model, strength=1.0, pictures=1, positive=None, **more):
        family, _, layers = MODES[mode]
        model, positive, negative = apply(mode, model, strength, positive, **more)
        return sample(model, pictures * layers, 16 if family == "FLUX" else 4, positive, negative)

    once = cache(run)
    return lambda mode, model, **more: run(mode, model, **more) if more else once(mode, model)


def away(a, b):
    """How far apart, as a share of the size."""
    return ((a - b).norm() / b.norm()).item()


# The official numbers


class Tree(nn.Module):
    """A network of nothing but these parameters."""

    def __init__(self, weights):
        super().__init__()
        for name, tensor in weights.items():
            *path, last = name.split(".")
            inner = self
            for step in path:
                if not hasattr(inner, step):
                    inner.add_module(step, nn.Module())
                inner = getattr(inner, step)
            inner.register_parameter(last, nn.Parameter(tensor.clone(), requires_grad=False))


@pytest.mark.parametrize("case", ["attn_lora", "conv_diff", "concat4_diff", "concat8_diff"])
def test_weight_files_are_merged_exactly_and_taken_out_again(ours, ld_golden, case):
    goldens = ld_golden("weight_files")
    base, merged = under(goldens, "base."), under(goldens, f"{case}.merged.")
    cpu = torch.device("cpu")
    model = comfy.model_patcher.ModelPatcher(Tree(base), load_device=cpu, offload_device=cpu)
    patches = ours("pipelines.layerdiffuse.weight_patches").read_weight_patches(under(goldens, f"{case}.file."))
    clone = ours("pipelines.host.layerdiffuse.weight_patches").with_weight_patches(model, patches, 1.0)
    clone.patch_model(cpu)
    patched = model.model.state_dict()
    assert all(patched[name].equal(merged.get(name, tensor)) for name, tensor in base.items())
    clone.unpatch_model(cpu)
    restored = model.model.state_dict()
    assert all(restored[name].equal(tensor) for name, tensor in base.items())


def test_the_hosts_block_with_two_units_matches_the_reference(ours, ld_golden, close):
    goldens = ld_golden("attention_block")
    sharing = ours("pipelines.layerdiffuse.attention_sharing")
    block = BasicTransformerBlock(16, 2, 8, context_dim=12)
    block.load_state_dict(under(goldens, "block."))
    close("without units", block(goldens["in.x"], goldens["in.context"]), goldens["out.block_without_patch"], 5e-5)
    hooks = []
    for norm, attention, name in ((block.norm1, block.attn1, "attn1"), (block.norm2, block.attn2, "attn2")):
        unit = sharing.build_unit(under(goldens, f"unit_{name}."))
        hooks += sharing.share(norm, attention, unit, 1.0, {})
    own = [goldens.get(f"in.cond_overwrite.{layer}") for layer in range(3)]
    positive = torch.arange(12) >= 6  # the golden's order: negative, positive
    context = ours("pipelines.layerdiffuse.layers").with_own_prompts(goldens["in.context"], own, positive)
    close("host block", block(goldens["in.x"], context), goldens["out.block"], 5e-5)
    for hook in hooks:
        hook.remove()
    assert block(goldens["in.x"], goldens["in.context"]).allclose(goldens["out.block_without_patch"], atol=5e-5)


def test_units_stand_in_the_order_of_the_published_files(ours):
    with torch.device("meta"):
        network = UNetModel(
            32, 4, 320, 4, [2] * 4, context_dim=768, channel_mult=(1, 2, 4, 4), num_heads=8, legacy=False,
            transformer_depth=[1, 1, 1, 1, 1, 1, 0, 0], transformer_depth_output=[1] * 9 + [0] * 3,
            transformer_depth_middle=1, use_spatial_transformer=True,
        )  # fmt: skip
    names = {id(module): name for name, module in network.named_modules()}
    found = [
        names[id(each)] for _, each in ours("pipelines.host.layerdiffuse.attention_sharing").attention_modules(network)
    ]
    blocks = [f"input_blocks.{n}.1" for n in (1, 2, 4, 5, 7, 8)] + [f"output_blocks.{n}.1" for n in range(3, 12)]
    assert found == [f"{block}.transformer_blocks.0.attn{n}" for block in [*blocks, "middle_block.1"] for n in (1, 2)]


def test_a_unet_without_a_middle_block_has_the_units_of_the_other_blocks(ours):
    with torch.device("meta"):
        network = UNetModel(
            32, 4, 320, 4, [1] * 2, context_dim=768, channel_mult=(1, 2), num_heads=8, legacy=False,
            transformer_depth=[1, 1], transformer_depth_output=[1] * 4, transformer_depth_middle=-2,
            use_spatial_transformer=True,
        )  # fmt: skip
    assert network.middle_block is None
    found = list(ours("pipelines.host.layerdiffuse.attention_sharing").attention_modules(network))
    assert len(found) == 2 * (2 + 4)


@pytest.fixture
def golden_decoder(ld_golden, models):
    goldens = ld_golden("decoder")
    models.save("layer_model", "golden_decoder.safetensors", under(goldens, "sd."))
    return goldens


@pytest.mark.parametrize(("ensemble", "wanted"), [(True, "out.augmented_median"), (False, "out.single_pass")])
def test_decoding_matches_the_reference(golden_decoder, host_nodes, close, ensemble, wanted):
    image, rgb, mask = host_nodes.RGBADecodeLayerDiffuse(
        samples={"samples": golden_decoder["in.latent"]},
        rgb=golden_decoder["in.pixel"].movedim(1, -1),
        weights_name="golden_decoder.safetensors",
        ensemble=ensemble,
    )
    reference = golden_decoder[wanted].clamp(0, 1).movedim(1, -1).roll(-1, -1)  # alpha comes first there
    close("RGBA", image, reference, 1e-4)
    assert rgb.equal(image[..., :3]) and mask.equal(1 - image[..., 3])


# Every mode


@every_mode
def test_every_mode_changes_what_is_made_by_its_strength_and_leaves_the_base_alone(load, sample, plain, made, mode):
    family, _, layers = MODES[mode]
    model, _ = load(family)
    before = {name: each.clone() for name, each in model.model.state_dict().items()}
    base = plain(mode)
    full, half = made(mode, model), made(mode, model, strength=0.5)
    assert away(full, base) > 1e-3 and torch.isfinite(full).all() and away(full, half) > 1e-4
    assert away(made(mode, model, strength=0.0), base) < 1e-5
    assert sample(model, layers, 16 if family == "FLUX" else 4).equal(base)
    comfy.model_management.unload_all_models()
    after = model.model.state_dict()
    assert all(after[name].equal(each) for name, each in before.items())


@pytest.fixture(scope="module")
def control_net(models, pictures):
    """`control_net("SDXL")`: a native ControlNet for a tiny family."""

    @cache
    def loaded(family):
        return comfy.controlnet.load_controlnet(str(models.folder / getattr(pictures, f"{family}_CONTROLNET")))

    return loaded


@every_mode
def test_a_native_controlnet_steers_every_mode(load, made, host_nodes, control_net, prompt, mode):
    family, _, _ = MODES[mode]
    model, vae = load(family)
    hint = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(9))
    positive, _ = host_nodes.ControlNetApplyAdvanced(
        positive=prompt(1), negative=prompt(2), control_net=control_net(family), image=hint, strength=1.0,
        start_percent=0.0, end_percent=1.0, vae=vae,
    )  # fmt: skip
    assert away(made(mode, model, positive=positive), made(mode, model)) > 1e-3


@pytest.mark.parametrize("mode", [*list(MODES)[:3], *list(MODES)[6:10]])
def test_a_users_lora_on_the_same_attention_keeps_its_effect(load, made, sample, plain, models, host_nodes, mode):
    family, _, layers = MODES[mode]
    model, _ = load(family)
    generator = torch.Generator().manual_seed(11)
    lora = {}
    for name, weight in model.model.state_dict().items():
        if name.endswith((".to_q.weight", ".to_v.weight")):
            up, down = (
                torch.randn(shape, generator=generator) for shape in ((weight.shape[0], 2), (2, weight.shape[1]))
            )
            size = (up @ down).norm()
            lora[name.replace(".weight", ".lora_up.weight")] = up * (weight.float().norm() / size)
            lora[name.replace(".weight", ".lora_down.weight")] = down
    file = models.save("loras", f"a_users_{family}.safetensors", lora)
    (with_lora,) = host_nodes.LoraLoaderModelOnly(model=model, lora_name=file, strength_model=1.0)
    alone = away(sample(with_lora, layers), plain(mode))
    beside = away(made(mode, with_lora), made(mode, model))
    assert beside > alone / 2, f"{beside:.4f} beside LayerDiffuse, {alone:.4f} alone"


@pytest.mark.parametrize("mode", ["XL attention", "SD 1.5", "SD 1.5 joint", "SD 1.5 background to foreground"])
def test_an_attention_that_another_pack_puts_in_place_acts_with_it_in_either_order(load, apply, made, sample, mode):
    family, _, layers = MODES[mode]
    model, _ = load(family)
    extra = torch.randn(1, 4, 64, generator=torch.Generator().manual_seed(12))
    called = []

    def replaced(q, k, v, options):
        """As an IP-Adapter does it: the picture's tokens attended to beside the text's."""
        called.append(len(q))
        heads, tokens = options["n_heads"], extra.expand(len(q), -1, -1)
        return optimized_attention(q, k, v, heads) + optimized_attention(q, tokens, tokens, heads)

    def with_replace(patcher):
        clone = patcher.clone()
        for block in (("input", 1), ("input", 3), ("input", 4), ("middle", 0)):
            clone.set_model_attn2_replace(replaced, *block)
        return clone

    before = made(mode, with_replace(model))
    patched, positive, negative = apply(mode, model)
    after = sample(with_replace(patched), layers, 4, positive, negative)
    assert called and away(before, after) < 1e-5
    assert away(before, made(mode, model)) > 1e-3
    assert away(before, sample(with_replace(model), layers)) > 1e-3


@pytest.mark.parametrize("mode", ["XL attention", "XL background to blended", "SD 1.5", "SD 1.5 joint"])
def test_modes_work_over_fp8(load, made, sample, mode):
    family, _, layers = MODES[mode]
    model, _ = load(family, "fp8")
    assert model.model.diffusion_model.middle_block[1].proj_in.weight.dtype == torch.float8_e4m3fn
    full = made(mode, model)
    assert torch.isfinite(full).all() and away(full, sample(model, layers)) > 1e-3


@pytest.mark.parametrize("mode", ["SD 1.5 joint", "SD 1.5 background to foreground", "XL background to blended"])
def test_a_small_card_computes_the_same(load, apply, on_host, prompt, mode):
    family, _, layers = MODES[mode]
    patched, _, _ = apply(mode, load(family)[0])
    x = latent(7, layers, 8 if family == "SDXL" else 4)
    given = {"y": torch.randn(1, 32 + 1536)} if family == "SDXL" else {}
    context = prompt(1)[0][0].expand(layers, -1, -1)
    results = []
    for room in (None, 0.0):
        with on_host(patched, room) as loaded:
            options = comfy.model_patcher.create_model_options_clone(patched.model_options)
            comfy.sampler_helpers.prepare_model_patcher(patched, {}, options)
            options["transformer_options"]["cond_or_uncond"] = [0]
            network = loaded.network
            results.append(
                network(x, torch.tensor([500.0]), context, transformer_options=options["transformer_options"], **given)
            )
    assert results[0].allclose(results[1], atol=1e-5)


# Layers


def test_two_pictures_in_a_batch_are_two_pictures(load, apply, on_host, prompt):
    patched, _, _ = apply("SD 1.5 joint", load("SD15")[0])
    x, t, context = latent(7, 6), torch.tensor([500.0]), prompt(1)[0][0]
    with on_host(patched) as loaded:
        both = loaded(x, t, context.expand(6, -1, -1))
        each = [loaded(part, t, context.expand(3, -1, -1)) for part in x.chunk(2)]
    assert both.allclose(torch.cat(each), atol=1e-5)
    assert away(both[:1], both[1:2]) > 1e-3


def test_layers_see_each_other(load, apply, on_host, prompt):
    patched, _, _ = apply("SD 1.5 joint", load("SD15")[0])
    x, t, context = latent(7, 3), torch.tensor([500.0]), prompt(1)[0][0].expand(3, -1, -1)
    other = torch.cat([x[:2], latent(8)])
    with on_host(patched) as loaded:
        first, second = loaded(x, t, context), loaded(other, t, context)
    assert away(first[:1], second[:1]) > 1e-5


def test_own_prompts_steer_their_layer_and_leave_the_negative_alone(load, made, prompt):
    model, _ = load("SD15")
    shared = made("SD 1.5 joint", model)
    of_background = made("SD 1.5 joint", model, background=prompt(20))
    moved = [away(a, b) for a, b in zip(of_background, shared)]
    assert moved[1] > 1e-3 and moved[1] > 2 * max(moved[0], moved[2])
    same = made("SD 1.5 joint", model, foreground=prompt(1), background=prompt(1), blended=prompt(1))
    assert away(same, shared) < 1e-5


@pytest.mark.parametrize("mode", ["SD 1.5 foreground to background", "SD 1.5 background to foreground"])
def test_the_given_layer_steers_and_its_alpha_counts(load, made, mode):
    model, _ = load("SD15")
    image = torch.rand(1, 64, 64, 4, generator=torch.Generator().manual_seed(13))
    seen = made(mode, model, image=image)
    assert away(made(mode, model, image=image.flip(1)), seen) > 1e-4
    hidden = made(mode, model, image=image, mask=torch.ones(1, 64, 64))
    grey = made(mode, model, image=torch.full((1, 64, 64, 3), 0.5))
    assert away(hidden, grey) < 1e-5 and away(hidden, seen) > 1e-4


def test_each_picture_may_have_its_own_given_layer(load, made):
    model, _ = load("SD15")
    images = torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(14))
    mode = "SD 1.5 background to foreground"
    both = made(mode, model, pictures=2, image=images)
    first = made(mode, model, pictures=2, image=images[:1])
    assert away(both[:2], first[:2]) < 1e-5 and away(both[2:], first[2:]) > 1e-4
    with pytest.raises(ValueError, match=r"image has 3 pictures, but latent_image has 2 of 2 layers each"):
        made(mode, model, pictures=2, image=torch.rand(3, 64, 64, 3))


def test_a_batch_that_is_not_whole_pictures_is_refused(load, apply, sample):
    patched, positive, negative = apply("SD 1.5 joint", load("SD15")[0])
    with pytest.raises(ValueError, match=r"latent_image has a batch of 4, .* makes 3 layers .* use a batch of 3 or 6"):
        sample(patched, 4, 4, positive, negative)


def test_layers_come_apart_by_their_number(host_nodes):
    samples = torch.arange(6.0).reshape(6, 1, 1, 1)
    apart = host_nodes.RGBASplitLayers(samples={"samples": samples}, layers=3)
    assert [each["samples"].flatten().tolist() for each in apart] == [[0, 3], [1, 4], [2, 5]]
    apart = host_nodes.RGBASplitLayers(samples={"samples": samples}, layers=2)
    assert [each["samples"].flatten().tolist() for each in apart] == [[0, 2, 4], [0, 2, 4], [1, 3, 5]]
    with pytest.raises(ValueError, match="samples has a batch of 5"):
        host_nodes.RGBASplitLayers(samples={"samples": samples[:5]}, layers=3)


def test_the_second_of_two_nodes_replaces_the_first(load, apply, made):
    model, _ = load("SD15")
    first, _, _ = apply("SD 1.5", model)
    assert made("SD 1.5 joint", first).equal(made("SD 1.5 joint", model))


@pytest.mark.parametrize(
    ("mode", "more", "message"),
    [
        ("SD 1.5 joint", {"image": torch.zeros(1, 64, 64, 3)}, r"makes all layers itself: take image out"),
        ("SD 1.5 background to foreground", {"image": None}, r"for a given one: connect it to image"),
        ("XL background to blended", {"blended": {"samples": latent(1)}}, r"the kept layer alone: take blended out"),
        ("XL background and blended to foreground", {"blended": None}, r"connect blended too"),
        ("XL background to blended", {"latent": {"samples": latent(1, channels=16)}}, r"latent wants an SDXL latent"),
    ],
)
def test_too_much_and_too_little_is_refused(load, apply, mode, more, message):
    with pytest.raises(ValueError, match=message):
        apply(mode, load(MODES[mode][0])[0], **more)


def test_two_prompts_for_one_layer_are_refused(load, apply, prompt):
    with pytest.raises(ValueError, match="connect foreground or background, not both"):
        apply("SD 1.5 background to foreground", load("SD15")[0], foreground=prompt(1), background=prompt(2))


# Condition latents


@pytest.mark.parametrize("mode", list(MODES)[2:6])
def test_the_kept_layer_steers_as_one_and_as_a_batch(load, apply, sample, mode):
    model, _ = load("SDXL")
    given = torch.cat([latent(3), latent(30)])
    patched, positive, negative = apply(mode, model, latent={"samples": given})
    both = sample(patched, 2, 4, positive, negative)
    patched, positive, negative = apply(mode, model, latent={"samples": given[:1]})
    first = sample(patched, 2, 4, positive, negative)
    assert away(both[:1], first[:1]) < 1e-5 and away(both[1:], first[1:]) > 1e-4


def test_a_conditioning_without_layers_and_another_size_are_refused(load, apply, sample, prompt):
    patched, positive, negative = apply("XL background to blended", load("SDXL")[0])
    with pytest.raises(ValueError, match="connect positive and negative of LayerDiffuse condition"):
        sample(patched, 1, 4, positive, prompt(2))
    with pytest.raises(ValueError, match=r"latent is for 64 x 64 pixels, but 128 x 128 are sampled"):
        sample(patched, 1, 4, positive, negative, size=16)


# Files


def test_a_wrong_file_says_which_node_wants_it(load, pictures, host_nodes):
    model, _ = load("SD15")
    named = {"model": model, "strength": 1.0}
    for file, node in {
        "SD15_JOINT": "LayerDiffuse layers (SD 1.5) takes it as weights_name",
        "XL_FG2BLE": "LayerDiffuse condition (SDXL) takes it as weights_name",
        "DECODER": "LayerDiffuse decode takes it as weights_name",
        "ENCODER": "LayerDiffuse encode takes it as weights_name",
        "FLUX_TRANSPARENT_VAE": "LayerDiffuse decode and LayerDiffuse encode take it",
    }.items():
        with pytest.raises(ValueError, match=rf"weights_name wants .*{re.escape(node)}"):
            host_nodes.RGBAApplyLayerDiffuse(weights_name=Path(getattr(pictures, file)).name, **named)


@pytest.mark.parametrize(
    ("family", "file", "message"),
    [
        ("SD15", "XL_ATTN", r"weights_name .*does not fit this model|was made for"),
        ("SDXL", "SD15_ATTN", r"was made for SD 1\.5, it has 20 attention units; this model has"),
        ("FLUX", "SD15_ATTN", r"was made for SD 1\.5, but model is Flux"),
        ("SDXL", "FLUX_LORA", r"was made for Flux, but model is SDXL"),
    ],
)
def test_a_file_for_another_model_is_refused(load, pictures, host_nodes, family, file, message):
    with pytest.raises(ValueError, match=message):
        host_nodes.RGBAApplyLayerDiffuse(
            model=load(family)[0], weights_name=Path(getattr(pictures, file)).name, strength=1.0
        )


# Decode and encode


@pytest.fixture
def decode(pictures, host_nodes):
    def run(samples, rgb, ensemble=False, file="DECODER"):
        name = Path(getattr(pictures, file)).name
        return host_nodes.RGBADecodeLayerDiffuse(
            samples={"samples": samples}, rgb=rgb, weights_name=name, ensemble=ensemble
        )[0]

    return run


def test_any_size_is_extended_and_cropped_back(decode):
    samples, rgb = latent(1, size=9)[..., :5], torch.rand(1, 72, 40, 3, generator=torch.Generator().manual_seed(2))
    image = decode(samples, rgb, ensemble=True)
    assert image.shape == (1, 72, 40, 4) and image[..., 3].std() > 1e-3
    wide = torch.nn.functional.pad(samples, (0, 3, 0, 7), mode="replicate")
    padded = torch.nn.functional.pad(rgb.movedim(-1, 1), (0, 24, 0, 56), mode="replicate").movedim(1, -1)
    assert decode(wide, padded, ensemble=True)[:, :72, :40].allclose(image, atol=1e-5)


def test_a_clip_goes_through_frame_by_frame(decode, monkeypatch, ours):
    seen = []
    network = ours("pipelines.layerdiffuse.decoder").TransparentDecoder
    forward = network.forward
    monkeypatch.setattr(network, "forward", lambda self, x, y: seen.append(len(x)) or forward(self, x, y))
    samples, rgb = latent(1, 5), torch.rand(5, 64, 64, 3, generator=torch.Generator().manual_seed(2))
    clip = decode(samples, rgb)
    assert seen == [1] * 5
    assert clip[3:4].allclose(decode(samples[3:4], rgb[3:4]), atol=1e-6)


@pytest.mark.parametrize("what", ["decode", "encode"])
def test_cancel_stops_between_two_layers(decode, encode, load, what):
    _, vae = load("SDXL")
    rgb = torch.rand(1, 64, 64, 3)
    comfy.model_management.interrupt_current_processing(True)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        decode(latent(1), rgb) if what == "decode" else encode(rgb, vae)


def test_a_picture_of_another_size_is_decoded_without_its_latent(decode, caplog):
    rgb = torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(2))
    image = decode(latent(1), rgb)
    assert "rgb is 128 x 128, the latent is for 64 x 64: it was left out" in caplog.text
    assert image.equal(decode(torch.zeros(1, 4, 16, 16), rgb))


def test_latents_of_another_model_and_another_number_of_pictures_are_refused(decode):
    with pytest.raises(ValueError, match=r"samples wants latents \(B, 4, h, w\) for this file"):
        decode(latent(1, channels=16), torch.rand(1, 64, 64, 3))
    with pytest.raises(ValueError, match=r"samples has 2 latents, rgb has 3 pictures"):
        decode(latent(1, 2), torch.rand(3, 64, 64, 3))


def test_fluxs_decoder_has_alpha_behind_colour(decode, ours, pictures, models):
    samples, rgb = latent(1, channels=16), torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(2))
    weights = torch.load(models.folder / pictures.FLUX_TRANSPARENT_VAE, weights_only=True)
    network = ours("pipelines.layerdiffuse.decoder").build_decoder(under(weights, "decoder."))
    wanted = network(rgb.movedim(-1, 1), samples).clamp(0, 1).movedim(1, -1)
    assert decode(samples, rgb, file="FLUX_TRANSPARENT_VAE").allclose(wanted, atol=1e-5)


@pytest.fixture
def encode(pictures, host_nodes):
    def run(image, vae, file="ENCODER", offset_scale=0.0, padding=True, **more):
        (made,) = host_nodes.RGBAEncodeLayerDiffuse(
            image=image, vae=vae, weights_name=Path(getattr(pictures, file)).name, offset_scale=offset_scale,
            padding=padding, **more,
        )  # fmt: skip
        return made["samples"]

    return run


@pytest.mark.parametrize(("family", "file", "factor"), [("SDXL", "ENCODER", 1), ("FLUX", "FLUX_TRANSPARENT_VAE", 300)])
def test_encoding_is_the_vaes_mean_and_its_deviation_times_the_offset(
    load, encode, ours, pictures, models, family, file, factor
):
    _, vae = load(family)
    image = torch.rand(2, 64, 96, 4, generator=torch.Generator().manual_seed(3))
    rgb, alpha = image.split((3, 1), dim=-1)
    plain = vae.encode(rgb)
    seen = (0.5 + (rgb - 0.5) * alpha).movedim(-1, 1) * 2 - 1
    inner = vae.first_stage_model
    mean, deviation = inner.quant_conv(inner.encoder(seen.to(vae.vae_dtype))).float().chunk(2, dim=1)
    weights = comfy.utils.load_torch_file(str(models.folder / getattr(pictures, file)))
    network = ours("pipelines.layerdiffuse.encoder").build_encoder(under(weights, "encoder.") or weights)
    pad = ours("pipelines.layerdiffuse.padding").pad
    padded = torch.stack([pad(*each) for each in zip(rgb, alpha)])
    feed = torch.cat([padded, alpha] if family == "FLUX" else [alpha, padded], dim=-1)
    wanted = mean + (deviation / 2).exp() * factor * network(feed.movedim(-1, 1))
    made = encode(image, vae, file)
    assert made.allclose(wanted, rtol=1e-4, atol=1e-3)
    assert vae.encode(rgb).equal(plain), "the VAE is as it was"
    assert away(encode(image, vae, file, offset_scale=2 * factor), made) > 1e-3
    assert away(encode(image, vae, file, padding=False), made) > 1e-4


def test_encoding_takes_any_size_and_a_mask(load, encode):
    _, vae = load("SD15")
    image = torch.rand(1, 50, 75, 3, generator=torch.Generator().manual_seed(3))
    assert encode(image, vae).shape == (1, 4, 7, 10)
    alpha = torch.rand(1, 50, 75)
    by_mask = encode(image, vae, mask=1 - alpha)
    assert by_mask.allclose(encode(torch.cat([image, alpha[..., None]], dim=-1), vae), atol=1e-5)


def test_the_vae_of_another_model_is_refused(load, encode, tiny, host_nodes):
    image = torch.rand(1, 64, 64, 4)
    with pytest.raises(ValueError, match=r"vae wants the ordinary VAE of the model, with 4 latent channels, got .* 16"):
        encode(image, load("FLUX")[1])
    (wan,) = host_nodes.VAELoader(vae_name=Path(tiny.VAE).name)
    with pytest.raises(ValueError, match=r"got a WanVAE of 16"):
        encode(image, wan, file="FLUX_TRANSPARENT_VAE")

"""TransPixeler on the host's own CogVideoX, Wan and Mochi against the official code: the goldens of transpixeler."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import comfy.ldm.cogvideo.model
import comfy.ldm.wan.model
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.sampler_helpers
import comfy.supported_models
import pytest
import torch
from comfy.context_windows import (
    ContextFuseMethods,
    ContextSchedules,
    IndexListContextHandler,
    get_matching_context_schedule,
    get_matching_fuse_method,
)
from comfy.ldm.modules.attention import attention_basic, attention_pytorch
from comfy.patcher_extension import WrappersMP
from packed_layers import packed_model
from safetensors.torch import load_file
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

GOLDENS = Path(__file__).resolve().parents[2] / "data" / "transpixeler"
RELEASED, BLOCKED, OPEN = "as released", "blocked (paper)", "open"
FAMILIES = ("cogvideox", "wan", "mochi")
TOLERANCE = {"cogvideox": 2e-5, "wan": 5e-5, "mochi": 2e-5}
MOCHI_FF = {"x": 8192, "y": 256}
"""Widths of the feed-forward layers that the host's Mochi insists on; the goldens' are padded with zeros."""


def golden(name: str) -> dict[str, Tensor]:
    return {key: tensor.float() for key, tensor in load_file(GOLDENS / f"{name}_dev.safetensors").items()}


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True, eq=False)
class Case:
    """A family on the host: its model, its LoRA file, its goldens, and what a forward pass is given besides x."""

    name: str
    model: Any
    weights_name: str
    golden: dict[str, Tensor]
    context: Tensor
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def x(self) -> Tensor:
        return self.layout(self.golden["in.latents"])

    @property
    def t(self) -> Tensor:
        t = self.golden["in.timestep"]
        return 1 - t / 1000 if self.name == "mochi" else t

    def layout(self, tensor: Tensor) -> Tensor:
        """CogVideoX's goldens have frames before channels."""
        return tensor.transpose(1, 2) if self.name == "cogvideox" else tensor

    def expected(self, name: str) -> Tensor:
        """The host's Mochi answers with the opposite sign."""
        return self.layout(self.golden[name]) * (-1 if self.name == "mochi" else 1)


def padded(tensor: Tensor, inner: int, rows: bool) -> Tensor:
    short = inner - tensor.shape[0 if rows else 1]
    return torch.nn.functional.pad(tensor, (0, 0, 0, short) if rows else (0, short))


def host_mochi(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The golden's Mochi, in the host's names and layout."""

    def swapped(tensor: Tensor) -> Tensor:
        return torch.cat(tensor.chunk(2)[::-1])

    made = {"pos_frequencies": weights["pos_frequencies"]}
    plain = {
        "patch_embed.proj": "x_embedder.proj",
        "time_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "time_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "time_embed.pooler.to_kv": "t5_y_embedder.to_kv",
        "time_embed.pooler.to_q": "t5_y_embedder.to_q",
        "time_embed.pooler.to_out": "t5_y_embedder.to_out",
        "time_embed.caption_proj": "t5_yproj",
        "proj_out": "final_layer.linear",
    }
    for part in ("weight", "bias"):
        made |= {f"{new}.{part}": weights[f"{old}.{part}"] for old, new in plain.items()}
        made[f"final_layer.mod.{part}"] = swapped(weights[f"norm_out.linear.{part}"])
    in_block = {
        "norm1.linear": "mod_x",
        "norm1_context.linear": "mod_y",
        "norm1_context.linear_1": "mod_y",
        "attn1.to_out.0": "attn.proj_x",
        "attn1.to_add_out": "attn.proj_y",
        "attn1.norm_q": "attn.q_norm_x",
        "attn1.norm_k": "attn.k_norm_x",
        "attn1.norm_added_q": "attn.q_norm_y",
        "attn1.norm_added_k": "attn.k_norm_y",
    }
    for index in range(2):
        old, new = f"transformer_blocks.{index}.", f"blocks.{index}."
        for name, target in in_block.items():
            made |= {
                f"{new}{target}.{part}": weights[f"{old}{name}.{part}"]
                for part in ("weight", "bias")
                if f"{old}{name}.{part}" in weights
            }
        for stream, names in (("x", "to_{}"), ("y", "add_{}_proj")):
            matrices = [weights[f"{old}attn1.{names.format(part)}.weight"] for part in "qkv"]
            made[f"{new}attn.qkv_{stream}.weight"] = torch.cat(matrices)
        for stream, name in (("x", "ff"), ("y", "ff_context")):
            if f"{old}{name}.net.2.weight" in weights:
                multiplier, gate = weights[f"{old}{name}.net.0.proj.weight"].chunk(2)
                inner = MOCHI_FF[stream]
                first = [padded(half, inner, rows=True) for half in (gate, multiplier)]
                made[f"{new}mlp_{stream}.w1.weight"] = torch.cat(first)
                made[f"{new}mlp_{stream}.w2.weight"] = padded(weights[f"{old}{name}.net.2.weight"], inner, rows=False)
    return made


def tiny_mochi() -> Any:
    """The host's Mochi, built tiny: its loader knows the published size alone."""
    sizes = {"depth": 2, "num_heads": 4, "hidden_size_x": 64, "hidden_size_y": 32, "t5_feat_dim": 16}
    ratios = {"mlp_ratio_x": 12288 / 64, "mlp_ratio_y": 4.0, "t5_token_length": 12, "timestep_scale": 1000.0}
    as_detected = {"learn_sigma": False, "in_channels": 12, "qk_norm": True, "qkv_bias": False, "use_t5": True}
    config = comfy.supported_models.GenmoMochi({"image_model": "mochi_preview", **sizes, **ratios, **as_detected})
    config.unet_config["dtype"] = torch.float32
    config.set_inference_dtype(torch.float32, None)
    model = config.get_model({}, "", device="cpu")
    model.diffusion_model.load_state_dict(host_mochi(golden("mochi_tiny_model")))
    device = comfy.model_management.get_torch_device()
    return comfy.model_patcher.CoreModelPatcher(model, load_device=device, offload_device=torch.device("cpu"))


@pytest.fixture(scope="module")
def cogvideox(models, host_nodes) -> Case:
    name = models.save("diffusion_models", "golden_cogvideox.safetensors", golden("cogvideox_tiny_model"))
    lora = models.save("loras", "golden_cogvideox_rgba.safetensors", golden("cogvideox_tiny_rgba_lora"))
    forward = golden("cogvideox_forward")
    (model,) = host_nodes.RGBALoadCogVideoX(model_name=name)
    return Case("cogvideox", model, lora, forward, forward["in.text"][:1])


@pytest.fixture(scope="module")
def wan(models, host_nodes) -> Case:
    config = {"transformer": {"num_heads": 2, "freq_dim": 64, "text_dim": 32}}
    name = models.save("diffusion_models", "golden_joint_wan.safetensors", golden("wan_tiny_model"), config)
    lora = models.save("loras", "golden_wan_rgba.safetensors", golden("wan_tiny_joint_lora"))
    forward = golden("wan_forward")
    (model,) = host_nodes.UNETLoader(unet_name=name, weight_dtype="default")
    return Case("wan", model, lora, forward, wan_text(forward["in.text_cond"]))


def wan_text(text: Tensor) -> Tensor:
    """The reference pads the text to 10 tokens before the model, the host does not."""
    return padded(text[0], 10, rows=True)[None]


@pytest.fixture(scope="module")
def mochi(models) -> Case:
    lora = models.save("loras", "golden_mochi_rgba.safetensors", golden("mochi_tiny_rgba_lora"))
    forward = golden("mochi_forward")
    return Case("mochi", tiny_mochi(), lora, forward, forward["in.text"][:1], mochi_mask(forward["in.prompt_mask"][:1]))


def mochi_mask(mask: Tensor) -> dict[str, Any]:
    return {"attention_mask": mask.long(), "num_tokens": int(mask.sum())}


@pytest.fixture
def case(request) -> Case:
    return request.getfixturevalue(request.param)


each_family = pytest.mark.parametrize("case", FAMILIES, indirect=True)


@pytest.fixture(scope="module")
def apply(host_nodes) -> Callable[..., Any]:
    def patch(case: Case, model=None, text_to_alpha=BLOCKED, strength=1.0, weights_name=None, **more) -> Any:
        inputs = {"strength": strength, "text_to_alpha": text_to_alpha, "rgb_to_alpha": True, "same_noise": "auto"}
        inputs |= {"model": model or case.model, "weights_name": weights_name or case.weights_name}
        return host_nodes.RGBAApplyTransPixeler(**(inputs | more))[0]

    return patch


@pytest.fixture(scope="module")
def answer(on_host) -> Callable[..., Tensor]:
    """What the network of a MODEL answers, as the host calls it while it samples."""

    def run(case: Case, patched, x=None, context=None, room_for=None, t=None, **given) -> Tensor:
        with on_host(patched, room_for) as loaded:
            options = comfy.model_patcher.create_model_options_clone(patched.model_options)
            comfy.sampler_helpers.prepare_model_patcher(patched, {}, options)
            x = case.x if x is None else x
            context = case.context if context is None else context
            t = (case.t if t is None else t).expand(len(x))
            named = {**case.given, **given, "transformer_options": options["transformer_options"]}
            return loaded.network(x, t, context=context, **named).clone()

    return run


# Forward passes


@pytest.mark.parametrize(
    ("case", "name", "settings"),
    [
        ("cogvideox", "out.blocked", {}),
        ("cogvideox", "out.additive", {"text_to_alpha": RELEASED}),
        ("cogvideox", "out.nomask", {"text_to_alpha": OPEN}),
        ("cogvideox", "out.blocked_scale0", {"strength": 0.0}),
        ("cogvideox", "out.additive_scale0", {"text_to_alpha": RELEASED, "strength": 0.0}),
        ("wan", "out.official", {}),
        ("wan", "out.official", {"text_to_alpha": RELEASED}),
        ("wan", "out.scale0", {"strength": 0.0}),
        ("mochi", "out.blocked", {}),
        ("mochi", "out.blocked", {"text_to_alpha": RELEASED}),
        ("mochi", "out.nomask", {"text_to_alpha": OPEN}),
        ("mochi", "out.blocked_scale0", {"strength": 0.0}),
    ],
    indirect=["case"],
)
def test_the_network_answers_as_the_official_code(case, apply, answer, close, name, settings):
    close(name, answer(case, apply(case, **settings)), case.expected(name), TOLERANCE[case.name])


def test_a_cogvideox_of_the_hosts_own_loader_answers_as_the_official_code(
    cogvideox, models, host_nodes, apply, answer, close
):
    """Its rotary table is not the one that the model was trained with, and is replaced."""
    native = cogvideox.model.model.diffusion_model.state_dict()
    name = models.save("diffusion_models", "golden_native_cogvideox.safetensors", native)
    (model,) = host_nodes.UNETLoader(unet_name=name, weight_dtype="default")
    close("native", answer(cogvideox, apply(cogvideox, model)), cogvideox.expected("out.blocked"), 2e-5)


def test_another_packs_rotary_table_stays_and_is_shared_by_both_domains(cogvideox, apply, answer, close):
    """The official one, which is not the host's, with another one for the frames of alpha."""
    other = cogvideox.model.clone()
    table = tuple(cogvideox.golden[f"in.rope_{part}"] for part in ("cos", "sin"))
    other.add_object_patch(
        "diffusion_model._get_rotary_emb", lambda h, w, t, device: tuple(torch.cat([part, -part]) for part in table)
    )
    close("answer", answer(cogvideox, apply(cogvideox, other)), cogvideox.expected("out.blocked"), 2e-5)
    turned = cogvideox.model.clone()
    turned.add_object_patch(
        "diffusion_model._get_rotary_emb",
        lambda h, w, t, device: tuple(torch.cat([part.flip(0)] * 2) for part in table),
    )
    assert (answer(cogvideox, apply(cogvideox, turned)) - cogvideox.expected("out.blocked")).abs().max() > 1e-3


@pytest.mark.parametrize(("way", "name"), [(BLOCKED, "blocked"), (RELEASED, "additive")])
def test_domains_of_one_noise_answer_as_the_official_code(cogvideox, apply, answer, close, way, name):
    x = cogvideox.layout(cogvideox.golden["in.latents_same_noise"])
    given = answer(cogvideox, apply(cogvideox, text_to_alpha=way), x)
    close(name, given, cogvideox.expected(f"out.{name}_same_noise"), TOLERANCE["cogvideox"])


def test_a_batch_of_two_prompts_answers_as_the_official_code(cogvideox, apply, answer, close):
    both = answer(cogvideox, apply(cogvideox), cogvideox.x.repeat(2, 1, 1, 1, 1), cogvideox.golden["in.text"])
    close("batch", both, cogvideox.expected("out.blocked_cfg_batch2"), TOLERANCE["cogvideox"])


def test_wans_other_prompt_answers_as_the_official_code(wan, apply, answer, close):
    given = answer(wan, apply(wan), context=wan_text(wan.golden["in.text_uncond"]))
    close("uncond", given, wan.expected("out.official_uncond"), TOLERANCE["wan"])


def test_mochis_prompts_of_other_lengths_answer_as_the_official_code(mochi, apply, answer, close):
    """One by one: the host never puts prompts of different lengths in one batch."""
    patched, expected = apply(mochi), mochi.expected("out.blocked_batch2")
    for index, x in enumerate(mochi.golden["in.latents_batch2"]):
        one = slice(index, index + 1)
        mask = mochi_mask(mochi.golden["in.prompt_mask"][one])
        given = answer(mochi, patched, x[None], mochi.golden["in.text"][one], **mask)
        close(f"sample {index}", given, expected[one], TOLERANCE["mochi"])


@each_family
def test_a_batch_is_its_clips_one_by_one(case, apply, answer, close):
    patched, x = apply(case), torch.cat([case.x, noise(*case.x.shape, seed=1)])
    both = answer(case, patched, x, case.context.repeat(2, 1, 1), **doubled(case.given))
    for index in range(2):
        close(f"clip {index}", both[index : index + 1], answer(case, patched, x[index : index + 1]), 2e-5)


def doubled(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value.repeat(2, 1) if isinstance(value, Tensor) else value for name, value in given.items()}


@pytest.mark.parametrize(("way", "name"), [(BLOCKED, "blocked"), (RELEASED, "additive")])
def test_one_attention_is_the_official_one(cogvideox, apply, answer, close, way, name):
    """Block 1 with the golden's input behind its norm: q, k and v with LoRA and positions, then what comes out."""
    given = golden("cogvideox_attention")
    calls, outputs = [], []

    def normed(hidden, text, temb):
        return given["in.hidden_states"], given["in.encoder_hidden_states"], torch.ones(1), torch.ones(1)

    def watch(func, q, k, v, heads, **named):
        calls.append((q, k, v))
        return func(q, k, v, heads, **named)

    model = cogvideox.model.clone()
    model.add_object_patch("diffusion_model.blocks.1.norm1.forward", normed)
    model.model_options["transformer_options"]["optimized_attention_override"] = watch
    patched = apply(cogvideox, model, way)
    attn_out = model.model.diffusion_model.blocks[1].attn_out
    handle = attn_out.register_forward_pre_hook(lambda module, args: outputs.append(args[0].clone()))
    seen = model.model.diffusion_model.blocks[1].register_forward_hook(lambda *call: outputs.append(call[-1]))
    try:
        answer(cogvideox, patched)
    finally:
        handle.remove()
        seen.remove()
    q, k, v = calls[-1]
    for label, got in (("q", q), ("k", k), ("v", v)):
        expected = given[f"mid.{label}"].transpose(1, 2).flatten(2)
        close(label, got, expected[:, -got.shape[1] :], TOLERANCE["cogvideox"])
    close("attention", outputs[0], given[f"mid.sdpa_out_{name}"].transpose(1, 2).flatten(2), TOLERANCE["cogvideox"])


def test_learned_positions_are_shared_by_both_domains(cogvideox, models, host_nodes, apply, answer, close):
    """The goldens' absolute positions, as a learned table: alpha has those of RGB (equation 5)."""
    name = models.save("diffusion_models", "golden_learned.safetensors", golden("cogvideox_tiny_model"))
    (model,) = host_nodes.RGBALoadCogVideoX(model_name=name)
    network = model.model.diffusion_model
    embed = network.patch_embed
    embed.max_text_seq_length, embed.use_learned_positional_embeddings = 0, True
    embed.register_buffer("pos_embedding", sincos(3, 4, 6, 128)[None])
    patched = apply(cogvideox, model)
    network.use_rotary_positional_embeddings = False  # the golden has no others
    given = golden("cogvideox_sincos")
    got = answer(cogvideox, patched, given["in.latents"].transpose(1, 2), given["in.text"], t=given["in.timestep"])
    close("positions", got, given["out.blocked_positions_shared_eq5"].transpose(1, 2), TOLERANCE["cogvideox"])


def sincos(t: int, h: int, w: int, width: int, scale: float = 1.875) -> Tensor:
    """diffusers' absolute positions (t * h * w, width): a quarter time, then columns and rows."""

    def axis(positions: Tensor, dim: int) -> Tensor:
        angles = torch.outer(positions, 10000.0 ** -(torch.arange(dim // 2) / (dim / 2)))
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    parts = (
        axis(torch.arange(t), width // 4)[:, None, None].expand(t, h, w, -1),
        axis(torch.arange(w) / scale, width // 8 * 3)[None, None].expand(t, h, w, -1),
        axis(torch.arange(h) / scale, width // 8 * 3)[None, :, None].expand(t, h, w, -1),
    )
    return torch.cat(parts, dim=-1).flatten(0, 2)


# Whole runs, through the host's samplers


class Given:
    """A NOISE of the host that is given."""

    seed = 0

    def __init__(self, noise: Tensor) -> None:
        self.noise = noise

    def generate_noise(self, latent: dict[str, Tensor]) -> Tensor:
        return self.noise.clone()


@pytest.fixture(scope="module")
def run(host_nodes) -> Callable[..., Tensor]:
    """SamplerCustomAdvanced from this noise; the result on the model's own scale."""

    def sample(model, start: Tensor, texts, cfg: float, sampler, sigmas) -> Tensor:
        positive, negative = ([[text, {**more}]] for text, more in texts)
        (guider,) = host_nodes.CFGGuider(model=model, positive=positive, negative=negative, cfg=cfg)
        inputs = {"noise": Given(start), "guider": guider, "sampler": sampler, "sigmas": sigmas}
        output, _ = host_nodes.SamplerCustomAdvanced(**inputs, latent_image={"samples": torch.zeros_like(start)})
        return model.model.process_latent_in(output["samples"])

    return sample


@pytest.fixture(scope="module")
def sampling(host_nodes) -> Callable[..., tuple[Any, Any]]:
    """A sampler of the host and its noise levels."""

    def settings(model, scheduler: str, steps: int, sampler_name: str = "euler") -> tuple[Any, Any]:
        (sampler,) = host_nodes.KSamplerSelect(sampler_name=sampler_name)
        return sampler, host_nodes.BasicScheduler(model=model, scheduler=scheduler, steps=steps, denoise=1.0)[0]

    return settings


def relative(got: Tensor, expected: Tensor) -> Tensor:
    return (got - expected).abs().max() / expected.abs().max()


@pytest.mark.parametrize("sampler_name", ["euler", "ddim"])
@pytest.mark.parametrize(("way", "name"), [(BLOCKED, "blocked"), (RELEASED, "additive")])
def test_a_run_of_cogvideox_ends_where_the_official_pipeline_ends(
    cogvideox, apply, run, sampling, close, way, name, sampler_name
):
    loop, patched = golden("cogvideox_loop"), apply(cogvideox, text_to_alpha=way)
    one = loop["in.initial_noise_one_domain"].transpose(1, 2)
    start = torch.cat([one, noise(*one.shape, seed=5)], dim=2)  # the second half is replaced by the first
    texts = [(loop[f"in.text_{kind}"], {}) for kind in ("cond", "uncond")]
    got = run(patched, start, texts, 6.0, *sampling(patched, "simple", 4, sampler_name))
    close("relative", relative(got, loop[f"ddim_{name}.final"].transpose(1, 2)), torch.tensor(0.0), 1e-3)


def test_a_run_of_mochi_ends_where_the_official_pipeline_ends(mochi, apply, run, sampling, close):
    loop, patched = golden("mochi_loop"), apply(mochi)
    one = loop["in.initial_noise_one_domain"]
    start = torch.cat([one, noise(*one.shape, seed=5)], dim=2)
    texts = [
        (loop[f"in.text_{kind}"], {"attention_mask": loop[f"in.prompt_mask_{kind}"].long()})
        for kind in ("cond", "uncond")
    ]
    sampler, sigmas = sampling(patched, "linear_quadratic", 4)
    close("sigmas", sigmas, 1 - loop["sigmas"], 1e-6)
    close(
        "relative", relative(run(patched, start, texts, 4.5, sampler, sigmas), loop["final"]), torch.tensor(0.0), 1e-3
    )


def test_a_run_of_wan_ends_where_the_official_pipeline_ends(wan, apply, run, host_nodes, close):
    loop, patched = golden("wan_loop"), apply(wan)
    texts = [(wan_text(loop[f"in.text_{kind}"]), {}) for kind in ("cond", "uncond")]
    got = run(patched, loop["in.initial_noise"], texts, 5.0, *host_nodes.RGBAFlowUniPC(steps=3, shift=5.0))
    expected = torch.cat([loop["final.rgb"], loop["final.alpha"]], dim=2)
    close("relative", relative(got, expected), torch.tensor(0.0), 1e-3)


def inputs_of(model: Any) -> tuple[Any, list[Tensor]]:
    """A clone that notes what its network is shown at every step."""
    seen: list[Tensor] = []

    def apply_model(executor, x, *args, **named):
        seen.append(x.clone())
        return executor(x, *args, **named)

    clone = model.clone()
    clone.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "a test", apply_model)
    return clone, seen


def texts_of(case: Case) -> list[tuple[Tensor, dict[str, Any]]]:
    more = {name: value for name, value in case.given.items() if name == "attention_mask"}
    return [(case.context, more), (noise(*case.context.shape, seed=8), more)]


@each_family
def test_without_rgb_to_alpha_the_colour_is_the_plain_models_at_every_step(
    case, models, apply, run, sampling, close, request
):
    weights = golden({"wan": "wan_tiny_joint_lora"}.get(case.name, f"{case.name}_tiny_rgba_lora"))
    alpha_alone = {key: tensor * 3 for key, tensor in weights.items() if "cross_attn.o" not in key}
    name = models.save("loras", f"alpha_alone_{case.name}.safetensors", alpha_alone)
    patched, shown = inputs_of(apply(case, weights_name=name, rgb_to_alpha=False, same_noise="off"))
    plain, shown_plain = inputs_of(case.model)
    start, frames = noise(*case.x.shape, seed=6), case.x.shape[2] // 2
    scheduler = "linear_quadratic" if case.name == "mochi" else "simple"
    both = run(patched, start, texts_of(case), 4.0, *sampling(patched, scheduler, 4))
    alone = run(plain, start[:, :, :frames], texts_of(case), 4.0, *sampling(plain, scheduler, 4))
    assert len(shown) == len(shown_plain) == 4
    for step, (x, x_plain) in enumerate(zip(shown, shown_plain, strict=True)):
        close(f"step {step}", relative(x[:, :, :frames], x_plain), torch.tensor(0.0), 2e-5)
    close("end", relative(both[:, :, :frames], alone), torch.tensor(0.0), 2e-5)
    seeing = run(apply(case, weights_name=name, same_noise="off"), start, texts_of(case), 4.0,
                 *sampling(patched, scheduler, 4))  # fmt: skip
    assert relative(seeing[:, :, :frames], alone) > 1e-2


@each_family
@pytest.mark.parametrize("same_noise", ["auto", "on", "off"])
def test_both_domains_start_from_one_noise_where_it_is_asked_for(case, apply, run, sampling, same_noise):
    patched, shown = inputs_of(apply(case, same_noise=same_noise))
    run(patched, noise(*case.x.shape, seed=6), texts_of(case), 1.0, *sampling(patched, "simple", 1))
    rgb, alpha = shown[0].chunk(2, dim=2)
    wanted = {"auto": case.name != "wan", "on": True, "off": False}[same_noise]
    assert torch.equal(rgb, alpha) is wanted


# What is changed, and what is not


@each_family
def test_text_and_rgb_rows_of_every_layer_keep_the_bits_of_the_base(case, apply, answer):
    network, patched = case.model.model.diffusion_model, apply(case)
    targets = [name for key, name in layers_of(case)]
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    with_hooks = patched.clone()

    def remember(target):
        return lambda module, args, output: seen.update({target: (args[0].clone(), output.clone())})

    def on_inject(patcher):
        for target in targets:
            handles.append(network.get_submodule(target).register_forward_hook(remember(target)))

    handles: list[Any] = []
    with_hooks.add_callback("on_inject_model", on_inject)
    try:
        answer(case, with_hooks)
    finally:
        for handle in handles:
            handle.remove()
    assert seen.keys() == set(targets) and not any(network.get_submodule(target)._forward_hooks for target in targets)
    tokens = 72
    for target, (x, output) in seen.items():
        base = network.get_submodule(target)(x)
        if target.endswith("cross_attn.o"):
            assert not torch.equal(output[:, :tokens], base[:, :tokens])
        else:
            assert torch.equal(output[:, :-tokens], base[:, :-tokens])
        assert not torch.equal(output[:, -tokens:], base[:, -tokens:])


def layers_of(case: Case) -> list[tuple[str, str]]:
    names = {
        "cogvideox": ("q", "k", "v", "attn_out"),
        "wan": ("self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "cross_attn.q", "cross_attn.o", "ffn.0",
                "ffn.2"),
        "mochi": ("attn.qkv_x", "attn.proj_x"),
    }  # fmt: skip
    return [(name, f"blocks.{block}.{name}") for block in range(2) for name in names[case.name]]


def without_lora(case: Case, models) -> str:
    """The golden's file with nothing in it: the LoRA and the embedding are zero."""
    weights = golden({"wan": "wan_tiny_joint_lora"}.get(case.name, f"{case.name}_tiny_rgba_lora"))
    return models.save("loras", f"zero_{case.name}.safetensors", {key: 0 * tensor for key, tensor in weights.items()})


@each_family
def test_with_nothing_in_the_file_the_answer_is_the_doubled_base_models(case, models, apply, answer, close):
    """The oracle is the plain network on both domains, with a mask and with positions that are handed to it."""
    got = answer(case, apply(case, weights_name=without_lora(case, models)))
    tokens, text = 72, {"cogvideox": 10, "wan": 0, "mochi": 9}[case.name]
    total = text + 2 * tokens
    mask = torch.zeros(total, total)
    if case.name == "cogvideox":
        mask[:text, -tokens:] = -torch.inf
    elif case.name == "mochi":
        mask[-text:, tokens : 2 * tokens] = -torch.inf

    def masked(func, q, k, v, heads, **named):
        own = {} if k.shape[2 if named.get("skip_reshape") else 1] != total else {"mask": mask}
        return attention_pytorch(q, k, v, heads, **named, **own)

    oracle = case.model.clone()
    oracle.model_options["transformer_options"]["optimized_attention_override"] = masked
    network = oracle.model.diffusion_model
    if case.name == "cogvideox":
        table = [torch.cat([case.golden[f"in.rope_{part}"]] * 2) for part in ("cos", "sin")]
        oracle.add_object_patch("diffusion_model._get_rotary_emb", lambda h, w, t, device: table)
    elif case.name == "wan":
        own = network.rope_encode
        oracle.add_object_patch(
            "diffusion_model.rope_encode", lambda t, h, w, **named: torch.cat([own(t // 2, h, w, **named)] * 2, dim=1)
        )
    else:
        prepare = network.prepare

        def prepare_twice(x, *args):
            _, _, _, *tables = prepare(x[:, :, : x.shape[2] // 2], *args)
            return (*prepare(x, *args)[:3], *(torch.cat([table] * 2) for table in tables))

        oracle.add_object_patch("diffusion_model.prepare", prepare_twice)
    close("doubled base", got, answer(case, oracle), 2e-5)


@each_family
@pytest.mark.parametrize("ending", ["end", "interrupt", "error"])
def test_the_model_that_was_patched_is_unchanged_afterwards(case, apply, answer, run, sampling, ending):
    x = case.x[:, :, : case.x.shape[2] // 2]
    network = case.model.model.diffusion_model
    before = answer(case, case.model, x)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    options = repr(case.model.model_options)
    patched, shown = inputs_of(apply(case))

    def stop(executor, *args, **named):
        if len(shown) == 2 and ending != "end":
            raise (
                comfy.model_management.InterruptProcessingException() if ending == "interrupt" else MemoryError("ours")
            )
        return executor(*args, **named)

    patched.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "after it", stop)
    start = noise(*case.x.shape)
    try:
        run(patched, start, texts_of(case), 1.0, *sampling(patched, "simple", 3))
    except (comfy.model_management.InterruptProcessingException, MemoryError):
        assert ending != "end" and len(shown) == 2
    else:
        assert ending == "end" and len(shown) == 3
    assert torch.equal(answer(case, case.model, x), before)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())
    assert repr(case.model.model_options) == options
    assert not case.model.injections and not case.model.wrappers.get(WrappersMP.OUTER_SAMPLE)
    comfy.model_management.unload_all_models()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


@each_family
@pytest.mark.parametrize("order", ["before", "after"])
def test_what_other_packs_put_on_the_model_stays(case, apply, answer, close, order):
    calls: list[str] = []

    def attention(func, q, k, v, heads, **named):
        calls.append("attention")
        return 0.5 * func(q, k, v, heads, **named)

    def wrapper(executor, *args, **named):
        calls.append("wrapper")
        return executor(*args, **named)

    def block(args, extra):
        calls.append("block")
        return extra["original_block"](args)

    def others(model):
        clone = model.clone()
        target = dict(layers_of(case))[next(iter(dict(layers_of(case))))]
        shape = clone.model.diffusion_model.get_submodule(target).weight.shape
        clone.add_patches({f"diffusion_model.{target}.weight": ("diff", (noise(*shape, seed=4) / 20,))})
        clone.model_options["transformer_options"]["optimized_attention_override"] = attention
        clone.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "another pack", wrapper)
        clone.set_model_patch_replace(block, "dit", "double_block", 0)
        return clone

    patched = others(apply(case)) if order == "after" else apply(case, others(case.model))
    got = answer(case, patched)
    wanted = {"cogvideox": {"attention", "wrapper"}, "wan": {"attention", "wrapper", "block"}}
    assert set(calls) == wanted.get(case.name, {"attention", "block"})
    other_order = apply(case, others(case.model)) if order == "after" else others(apply(case))
    assert torch.equal(got, answer(case, other_order))
    assert (got - answer(case, apply(case))).abs().max() > 1e-3


@each_family
def test_a_second_node_replaces_the_first(case, apply, answer):
    stacked = apply(case, apply(case, strength=0.3, text_to_alpha=OPEN), same_noise="off")
    alone = apply(case, same_noise="off")
    assert torch.equal(answer(case, stacked), answer(case, alone))
    assert stacked.injections.keys() == alone.injections.keys()
    assert stacked.additional_models.keys() == alone.additional_models.keys()
    counts = [
        {key: len(each) for key, each in one.wrappers[WrappersMP.OUTER_SAMPLE].items()} for one in (stacked, alone)
    ]
    assert counts[0] == counts[1] and set(counts[0].values()) == {1}


@each_family
def test_offloaded_weights_give_the_same_answer(case, apply, answer, close):
    close("offloaded", answer(case, apply(case), room_for=0.0), answer(case, apply(case)), 1e-6)


def test_over_an_fp8_base_the_lora_is_added_unrounded(wan, models, host_nodes, apply, answer):
    """A change of a hundredth of fp8's last place is all there."""
    config = {"transformer": {"num_heads": 2, "freq_dim": 64, "text_dim": 32}}
    name = models.save("diffusion_models", "golden_joint_fp8.safetensors", golden("wan_tiny_model"), config)
    (model,) = host_nodes.UNETLoader(unet_name=name, weight_dtype="fp8_e4m3fn")
    faint, none = (answer(wan, apply(wan, model, strength=strength)) for strength in (1e-3, 0.0))
    twice = answer(wan, apply(wan, model, strength=2e-3))
    change = (faint - none)[:, :, 3:].float()
    assert change.abs().max() > 1e-5
    assert torch.nn.functional.cosine_similarity((twice - none)[:, :, 3:].float().flatten(), change.flatten(), 0) > 0.9


def test_over_packed_weights_it_is_what_it_is_over_floats(wan, models, host_nodes, apply, answer, close):
    def is_packed(name: str) -> bool:
        return name.startswith("blocks.") and name.endswith(
            (".q.weight", ".o.weight", ".ffn.0.weight", ".ffn.2.weight")
        )

    config = {"transformer": {"num_heads": 2, "freq_dim": 64, "text_dim": 32}}
    weights = golden("wan_tiny_model")
    packed, floats = packed_model(weights, is_packed, config)
    name = models.save("diffusion_models", "golden_joint_unpacked.safetensors", weights | floats, config)
    (plain,) = host_nodes.UNETLoader(unet_name=name, weight_dtype="default")
    given = answer(wan, apply(wan, packed))
    close("packed", given, answer(wan, apply(wan, plain)), 1e-6)
    assert (given - answer(wan, apply(wan, packed, strength=0.0)))[:, :, 3:].abs().max() > 1e-3


class Squared(TorchDispatchMode):
    """Notes every tensor that has a row for each row of the sequence and a column for each key."""

    def __init__(self, tokens: int, text: int) -> None:
        super().__init__()
        self.keys = {text + 2 * tokens, text + tokens}
        self.rows = {*self.keys, 2 * tokens, tokens}
        self.found: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for one in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(one, Tensor) and one.ndim > 1 and one.shape[-2] in self.rows and one.shape[-1] in self.keys:
                self.found.append(tuple(one.shape))
        return result


@each_family
@pytest.mark.parametrize("way", [BLOCKED, RELEASED])
@pytest.mark.parametrize("rgb_to_alpha", [True, False])
def test_nothing_of_the_size_of_the_sequence_squared_is_ever_built(case, apply, answer, way, rgb_to_alpha):
    def by(attention):
        model = case.model.clone()
        model.model_options["transformer_options"]["optimized_attention_override"] = lambda func, *args, **named: (
            attention(*args, **named)
        )
        with Squared(72, {"cogvideox": 10, "wan": 0, "mochi": 9}[case.name]) as seen:
            answer(case, apply(case, model, way, rgb_to_alpha=rgb_to_alpha))
        return seen.found

    assert by(attention_pytorch) == []
    assert by(attention_basic)  # which builds the scores


@each_family
def test_nothing_of_a_dropped_model_is_left(case, apply, answer, ours, monkeypatch):
    made: list[Any] = []
    module = ours("pipelines.host.transpixeler.joint_model")
    branch = module.JointBranch
    monkeypatch.setattr(module, "JointBranch", lambda *args: made.append(weakref.ref(one := branch(*args))) or one)
    patched = apply(case)
    answer(case, patched)
    del patched
    comfy.model_management.unload_all_models()
    gc.collect()
    assert len(made) == 1 and made[0]() is None


# What is refused, and what is only warned of


@pytest.fixture
def sample(run, sampling, apply):
    """One step from noise of this shape."""

    def one(case, shape, patched=None) -> Tensor:
        patched = patched or apply(case)
        return run(patched, noise(*shape), texts_of(case), 1.0, *sampling(patched, "simple", 1))

    return one


@each_family
def test_an_odd_number_of_frames_is_refused(case, sample):
    channels = case.x.shape[1]
    with pytest.raises(ValueError, match=r"as many alpha frames as RGB frames, got 5 latent frames; .*RGBAJointLatent"):
        sample(case, (1, channels, 5, 8, 12))


@pytest.mark.parametrize(
    ("case", "wanted", "channels"), [("cogvideox", 16, 12), ("wan", 16, 12), ("mochi", 12, 16)], indirect=["case"]
)
def test_another_models_latent_is_refused(case, apply, host_nodes, run, sampling, wanted, channels):
    patched = apply(case)
    inputs = noise(1, channels, 6, 8, 12)
    with pytest.raises(
        ValueError, match=rf"samples video latents \(B, {wanted}, 2F, h, w\), got \(1, {channels}, 6, 8"
    ):
        run(patched, inputs, texts_of(case), 1.0, *sampling(patched, "simple", 1))


@each_family
def test_half_patches_are_refused(case, sample):
    with pytest.raises(ValueError, match=r"^latent_image for .* must have .* multiples of 16, got 104 x 64"):
        sample(case, (1, case.x.shape[1], 6, 8, 13))


def test_context_windows_are_refused(wan, apply, host_nodes, sample):
    schedule = get_matching_context_schedule(ContextSchedules.STATIC_STANDARD)
    handler = IndexListContextHandler(schedule, get_matching_fuse_method(ContextFuseMethods.PYRAMID), 4, dim=2)
    patched = apply(wan)
    patched.model_options["context_handler"] = handler
    with pytest.raises(ValueError, match=r"Context windows cut the frames of one clip.*take the context windows node"):
        sample(wan, wan.x.shape, patched)


def test_a_conditioning_that_adds_rows_is_refused(wan, apply, answer):
    with pytest.raises(ValueError, match=r"both domains have 144 rows, the network was given 168: .*leave it out"):
        answer(wan, apply(wan), time_dim_concat=noise(1, 16, 1, 8, 12))


@pytest.mark.parametrize(
    ("case", "other"), [("cogvideox", "wan"), ("wan", "mochi"), ("mochi", "cogvideox")], indirect=["case"]
)
def test_another_familys_lora_is_refused(case, other, apply, request):
    file = request.getfixturevalue(other).weights_name
    with pytest.raises(
        ValueError, match=rf"^weights_name {file} was made for .*, the model is .*; change one of the two"
    ):
        apply(case, weights_name=file)


def other_lora(case: Case, change: Callable[[str, Tensor], dict[str, Tensor]]) -> dict[str, Tensor]:
    weights = golden({"wan": "wan_tiny_joint_lora"}.get(case.name, f"{case.name}_tiny_rgba_lora"))
    return {key: tensor for old, value in weights.items() for key, tensor in change(old, value).items()}


@each_family
def test_a_lora_of_another_width_is_refused(case, apply, models):
    def wider(key, tensor):
        return {key: torch.cat([tensor, tensor], dim=-1 if tensor.shape[0] <= 8 else 0)}

    name = models.save("loras", f"wide_{case.name}.safetensors", other_lora(case, wider))
    with pytest.raises(ValueError, match=rf"^weights_name {name} was made for a model of another size: blocks\.0\."):
        apply(case, weights_name=name)


@each_family
@pytest.mark.parametrize("blocks", [1, 3])
def test_a_lora_of_another_depth_is_refused(case, apply, models, blocks):
    def as_deep(key, tensor):
        place = next((f"{name}1." for name in ("block_", "blocks.") if f"{name}1." in key), None)
        if place is None or blocks == 2:
            return {key: tensor}
        return {} if blocks == 1 else {key: tensor, key.replace(place, place[:-2] + "2."): tensor}

    name = models.save("loras", f"deep_{case.name}_{blocks}.safetensors", other_lora(case, as_deep))
    with pytest.raises(ValueError, match=rf"^weights_name {name} was made for a model of {blocks} blocks, this one"):
        apply(case, weights_name=name)


def test_another_kind_of_file_is_refused_with_the_node_that_takes_it(wan, tiny, apply):
    with pytest.raises(
        ValueError,
        match=r"^weights_name \S+: expected a TransPixeler RGBA LoRA, this is a Wan-Alpha DoRA .*Apply Wan-Alpha DoRA",
    ):
        apply(wan, weights_name=Path(tiny.DORA).name)


def test_a_model_of_no_family_is_refused(wan, apply):
    other = wan.model.clone()
    kept = other.model.diffusion_model
    try:
        other.model.diffusion_model = torch.nn.Linear(2, 2)
        with pytest.raises(ValueError, match=r"wants CogVideoX-5B, Wan 2\.1 T2V or Mochi 1, got a Linear"):
            apply(wan, other)
    finally:
        other.model.diffusion_model = kept


def toy_cogvideox(**sizes: Any) -> Any:
    sizes = {"num_attention_heads": 2, "num_layers": 1, "use_rotary_positional_embeddings": True} | sizes
    build = {"device": "meta", "dtype": torch.float32, "operations": comfy.ops.disable_weight_init}
    return comfy.ldm.cogvideo.model.CogVideoXTransformer3DModel(**sizes, **build)


def toy_wan(network: type = comfy.ldm.wan.model.WanModel, **sizes: Any) -> Any:
    build = {"device": "meta", "dtype": torch.float32, "operations": comfy.ops.disable_weight_init}
    return network(dim=96, ffn_dim=96, num_heads=2, num_layers=1, **sizes, **build)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: toy_cogvideox(num_attention_heads=30), "got CogVideoX-2B: .* no place for a second domain"),
        (lambda: toy_cogvideox(patch_size_t=2), "got CogVideoX 1.5, whose patches span two latent frames"),
        (lambda: toy_cogvideox(in_channels=48), "16 input channels, CogVideoX-5B-I2V 32, this has 48"),
        (
            lambda: toy_cogvideox(num_attention_heads=3, use_rotary_positional_embeddings=False),
            "without rotary .*; use RGBALoadCogVideoX",
        ),
        (lambda: toy_wan(model_type="i2v", in_dim=36), r"Wan 2\.1 T2V with 16 .*, got i2v with 36"),
        (lambda: toy_wan(model_type="t2v", in_dim=48), r"Wan 2\.1 T2V with 16 .*, got t2v with 48"),
        (
            lambda: toy_wan(comfy.ldm.wan.model.VaceWanModel, model_type="vace", vace_layers=1, vace_in_dim=96),
            "or Mochi 1, got a VaceWanModel",
        ),
    ],
)
def test_variants_without_a_place_for_a_second_domain_are_refused(ours, made, message):
    with pytest.raises(ValueError, match=f"^model wants .*{message}"):
        ours("pipelines.host.transpixeler.seams").seam_of(made())


def embedded(case: Case, models, embedding: Tensor) -> str:
    lora = other_lora(case, lambda key, tensor: {key: embedding if "emb" in key else tensor})
    return models.save("loras", f"embedded_{case.name}.safetensors", lora)


@pytest.mark.parametrize(("case", "width"), [("cogvideox", 128), ("wan", 96)], indirect=["case"])
def test_an_embedding_with_a_row_for_every_token_is_added_row_by_row(case, models, apply, answer, width):
    row = noise(1, width, seed=3)
    one = answer(case, apply(case, weights_name=embedded(case, models, row)))
    assert torch.equal(one, answer(case, apply(case, weights_name=embedded(case, models, row.repeat(72, 1)))))
    patched = apply(case, weights_name=embedded(case, models, row.repeat(70, 1)))
    with pytest.raises(ValueError, match="domain embedding is for 70 tokens, this clip has 72"):
        answer(case, patched)


def test_an_embedding_of_another_width_is_refused(cogvideox, models, apply):
    name = embedded(cogvideox, models, noise(1, 64))
    with pytest.raises(
        ValueError, match=rf"^weights_name {name} has a domain embedding of 64 values, the model is 128"
    ):
        apply(cogvideox, weights_name=name)


@pytest.mark.parametrize(("case", "has_one"), [("cogvideox", True), ("wan", True), ("mochi", False)], indirect=["case"])
def test_a_missing_embedding_is_warned_of_where_the_family_has_one(case, apply, answer, models, caplog, has_one):
    lora = other_lora(case, lambda key, tensor: {} if "emb" in key else {key: tensor})
    apply(case)
    assert "domain embedding" not in caplog.text
    name = models.save("loras", f"no_embedding_{case.name}.safetensors", lora)
    patched = apply(case, weights_name=name)
    assert (f"{name} has no domain embedding" in caplog.text) is has_one
    assert answer(case, patched).isfinite().all()

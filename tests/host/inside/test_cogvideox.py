"""CogVideoX from files of both spellings, its sampling put right, and its own samplers: cogvideox_tiny_model, _loop."""

import math
from pathlib import Path

import comfy.model_management
import comfy.samplers
import pytest
import torch
from conftest import PACK
from safetensors.torch import load_file
from torch import Tensor

DATA = PACK / "tests" / "data" / "transpixeler"
STEPS, CFG = 4, 6.0
MASKS = {"additive": "as released", "blocked": "blocked (paper)"}
USED_DRAWS = [0, 2, 4]
"""Of the six that the reference drew in four steps; the last one has weight 0."""
ROTARY = "diffusion_model._get_rotary_emb"
I2V = {"sample_frames": 9, "sample_height": 6, "sample_width": 8}


def golden(name: str) -> dict[str, Tensor]:
    return {key: tensor.float() for key, tensor in load_file(DATA / f"cogvideox_{name}_dev.safetensors").items()}


def to_host(x: Tensor) -> Tensor:
    """(B, frames, C, h, w) as diffusers has it to (B, C, frames, h, w)."""
    return x.transpose(1, 2).contiguous()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def loop() -> dict[str, Tensor]:
    return golden("loop")


@pytest.fixture(scope="module")
def forward() -> dict[str, Tensor]:
    return golden("forward")


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return golden("tiny_model")


@pytest.fixture(scope="module")
def load(models, host_nodes):
    """A file of these weights, loaded by our node."""

    def save_and_load(name, weights, config=None):
        name = models.save("diffusion_models", f"{name}.safetensors", weights, config)
        return host_nodes.RGBALoadCogVideoX(model_name=name)[0]

    return save_and_load


@pytest.fixture(scope="module")
def model(load, weights):
    return load("golden_cogvideox", weights)


@pytest.fixture(scope="module")
def native_weights(ours, weights) -> dict[str, Tensor]:
    keys = ours("pipelines.transpixeler.cogvideox_keys").native_keys({key: w.shape for key, w in weights.items()})
    return {keys[key]: tensor for key, tensor in weights.items()}


@pytest.fixture(scope="module")
def stock(models, native_weights, host_nodes):
    """As the host's own loader has it."""
    name = models.save("diffusion_models", "golden_native.safetensors", native_weights)
    return host_nodes.UNETLoader(unet_name=name, weight_dtype="default")[0]


@pytest.fixture(scope="module")
def joint(models, model, host_nodes):
    """{variant of the mask: the golden's model with the golden's LoRA}"""
    name = models.save("loras", "golden_cogvideox_rgba_lora.safetensors", golden("tiny_rgba_lora"))
    inputs = {"model": model, "weights_name": name, "strength": 1.0, "rgb_to_alpha": True, "same_noise": "auto"}
    return {mask: host_nodes.RGBAApplyTransPixeler(text_to_alpha=choice, **inputs)[0] for mask, choice in MASKS.items()}


@pytest.fixture
def near(record_property):
    """`near(what, actual, expected, limit)`: no further apart than that share of what is expected."""

    def check(what: str, actual: Tensor, expected: Tensor, limit: float) -> None:
        assert actual.shape == expected.shape
        error = float((actual - expected).double().norm() / expected.double().norm())
        record_property(what, f"{error:.2g} of {limit:g}")
        assert error <= limit, f"{what}: {error:.3g} apart, allowed are {limit:g}"

    return check


class Watch:
    """A callback of the host's previews that keeps what it is given."""

    def __init__(self):
        self.x: list[Tensor] = []
        self.steps: list[tuple[int, int]] = []

    def __call__(self, step: int, denoised: Tensor, x: Tensor, total: int) -> None:
        self.x.append(x[0].clone())
        self.steps.append((step, total))


@pytest.fixture
def run(loop, host_nodes):
    """A run of a guider; the end as the model has it, and the watch. By default the golden's noise in both halves."""

    def sample(model, sampler, sigmas, start=None, latent=None, mask=None, cfg=CFG, seed=5):
        start = to_host(loop["in.initial_noise_one_domain"]).repeat(1, 1, 2, 1, 1) if start is None else start
        text, no_text = ([[loop[f"in.text_{which}"], {}]] for which in ("cond", "uncond"))
        (guider,) = host_nodes.CFGGuider(model=model, positive=text, negative=no_text, cfg=cfg)
        watch = Watch()
        latent = torch.zeros_like(start) if latent is None else latent
        end = guider.sample(start, latent, sampler, sigmas, denoise_mask=mask, callback=watch, seed=seed)
        return model.model.process_latent_in(end), watch

    return sample


@pytest.fixture
def one_domain() -> Tensor:
    return noise(1, 16, 3, 8, 12)


def reference(host_nodes, method, steps=STEPS, dynamic_cfg=False):
    return host_nodes.RGBACogVideoXSampler(method=method, steps=steps, dynamic_cfg=dynamic_cfg)


def drawing(sampler, draws):
    """The same sampler, with these draws for its noise."""
    left = iter(draws)
    return type(sampler)(sampler.method, sampler.steps, sampler.dynamic_cfg, lambda x, seed: lambda: next(left))


# the file


def test_the_plain_model_is_the_reference(model, forward, on_host, close):
    inputs = to_host(forward["in.latents"])[:, :, :3], forward["in.timestep"].reshape(1), forward["in.text"][:1]
    with on_host(model) as loaded:
        close("output", loaded(*inputs).transpose(1, 2), forward["out.base_rgb_only"], 2e-5)


def test_the_hosts_own_loader_has_other_positions(stock, forward, on_host):
    """The defect that the node is for: once the host has mended it, with_rotary_table can go."""
    inputs = to_host(forward["in.latents"])[:, :, :3], forward["in.timestep"].reshape(1), forward["in.text"][:1]
    with on_host(stock) as loaded:
        assert (loaded(*inputs).transpose(1, 2) - forward["out.base_rgb_only"]).abs().max() > 0.1


def test_every_weight_arrives_whatever_its_spelling(model, stock, load, weights, native_weights):
    expected = stock.model.diffusion_model.state_dict()
    saved = {f"model.diffusion_model.{key}": tensor for key, tensor in native_weights.items()}
    for loaded in (model, load("golden_saved", saved)):
        found = loaded.model.diffusion_model.state_dict()
        assert found.keys() == expected.keys() == native_weights.keys()
        assert all(torch.equal(found[key], native_weights[key]) for key in found)


def test_an_fp8_file_computes_what_its_numbers_say(load, weights, on_host, forward, close):
    small = {
        key: tensor.to(torch.float8_e4m3fn) if ".attn1.to_" in key or ".ff." in key else tensor
        for key, tensor in weights.items()
    }
    inputs = to_host(forward["in.latents"])[:, :, :3], forward["in.timestep"].reshape(1), forward["in.text"][:1]
    outputs = []
    for name, stored in (("fp8", small), ("fp8_as_float", {key: tensor.float() for key, tensor in small.items()})):
        with on_host(load(name, stored)) as loaded:
            outputs.append(loaded(*inputs))
    close("output", outputs[0].float(), outputs[1], 2e-5)


def test_a_checkpoint_in_two_files_is_one_model(models, host_nodes, weights, native_weights):
    keys = sorted(weights)
    halves = keys[: len(keys) // 2], keys[len(keys) // 2 :]
    names = [
        models.save("diffusion_models", f"cog-{k + 1:05}-of-00002.safetensors", {key: weights[key] for key in half})
        for k, half in enumerate(halves)
    ]
    for name in names:
        found = host_nodes.RGBALoadCogVideoX(model_name=name)[0].model.diffusion_model.state_dict()
        assert all(torch.equal(found[key], tensor) for key, tensor in native_weights.items())
    models.path("diffusion_models", names[0]).unlink()
    with pytest.raises(ValueError, match=r"^model_name .* put cog-00001-of-00002.safetensors beside it"):
        host_nodes.RGBALoadCogVideoX(model_name=names[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_embed.proj.weight": torch.zeros(1920, 16, 2, 2)}, "this is CogVideoX-2B"),
        ({"patch_embed.proj.weight": torch.zeros(128, 128)}, "this is CogVideoX 1.5"),
        ({"unheard.of": torch.zeros(1)}, ".* none of its layers: unheard.of"),
    ],
)
def test_other_files_are_refused_by_name(load, weights, change, message):
    with pytest.raises(ValueError, match=f"^model_name bad.safetensors: expected CogVideoX-5B, {message}"):
        load("bad", weights | change)


def test_a_wan_file_is_refused(tiny, host_nodes):
    with pytest.raises(
        ValueError, match=r"model_name wants a CogVideoX model .*, but rgba_tiny_wan2.1_t2v.safetensors is a Wan"
    ):
        host_nodes.RGBALoadCogVideoX(model_name=Path(tiny.DIT).name)


def test_the_host_can_load_it_again_for_another_device(model):
    again, arguments = model.cached_patcher_init
    second = again(*arguments, disable_dynamic=True)
    assert second.model is not model.model
    found, expected = (each.model.diffusion_model.state_dict() for each in (second, model))
    assert all(torch.equal(found[key], expected[key]) for key in expected)


# the rotary table


def test_a_host_that_has_the_references_table_keeps_its_own(stock, ours, monkeypatch):
    with_rotary_table = ours("pipelines.host.transpixeler.cogvideox_positions").with_rotary_table
    cogvideox_rotary = ours("pipelines.transpixeler.positions").cogvideox_rotary
    assert ROTARY in with_rotary_table(stock).object_patches
    network = type(stock.model.diffusion_model)
    monkeypatch.setattr(network, "_get_rotary_emb", lambda self, h, w, t, device: cogvideox_rotary(t, h, w, 64, device))
    assert with_rotary_table(stock) is stock


def test_the_table_of_another_pack_is_kept(stock, model, ours):
    with_rotary_table = ours("pipelines.host.transpixeler.cogvideox_positions").with_rotary_table
    theirs = stock.clone()
    theirs.add_object_patch(ROTARY, lambda h, w, t, device: None)
    assert with_rotary_table(theirs) is theirs
    assert with_rotary_table(model) is model


# model_sampling


def test_the_hosts_sampling_does_not_scale_its_noise(stock, model, ours):
    """The defect that with_v_prediction mends; without it there is nothing to mend, and nothing is patched."""
    of_room = ours("pipelines.host.transpixeler.cogvideox_sampling")
    assert not of_room.is_v_prediction(stock.get_model_object("model_sampling"))
    assert of_room.is_v_prediction(model.get_model_object("model_sampling"))
    mended = of_room.with_v_prediction(stock)
    assert of_room.is_v_prediction(mended.get_model_object("model_sampling"))
    assert "model_sampling" not in stock.object_patches
    assert of_room.with_v_prediction(mended) is mended


def test_another_nodes_v_prediction_is_kept(stock, host_nodes, ours):
    (patched,) = host_nodes.ModelSamplingDiscrete(model=stock, sampling="v_prediction", zsnr=True)
    assert ours("pipelines.host.transpixeler.cogvideox_sampling").with_v_prediction(patched) is patched


def test_it_is_what_the_hosts_own_node_makes(stock, model, host_nodes):
    (patched,) = host_nodes.ModelSamplingDiscrete(model=stock, sampling="v_prediction", zsnr=True)
    theirs, ours_ = (each.get_model_object("model_sampling") for each in (patched, model))
    assert torch.equal(theirs.sigmas, ours_.sigmas)


# the reference's samplers


@pytest.mark.parametrize("mask", MASKS)
def test_ddim_is_the_references_at_every_step(loop, joint, run, host_nodes, near, mask):
    end, watch = run(joint[mask], *reference(host_nodes, "ddim"))
    near("final", end.transpose(1, 2), loop[f"ddim_{mask}.final"], 1e-4)
    near("steps", torch.stack(watch.x).transpose(1, 2), loop[f"ddim_{mask}.steps"], 1e-4)


@pytest.mark.parametrize("mask", MASKS)
def test_dpm_with_dynamic_cfg_is_the_references_at_every_step(loop, joint, run, host_nodes, near, mask):
    sampler, sigmas = reference(host_nodes, "dpm", dynamic_cfg=True)
    sampler = drawing(sampler, to_host(loop["dpm.noise_draws"][USED_DRAWS])[:, None])
    end, watch = run(joint[mask], sampler, sigmas)
    near("final", end.transpose(1, 2), loop[f"dpm_{mask}.final"], 1e-4)
    near("steps", torch.stack(watch.x).transpose(1, 2), loop[f"dpm_{mask}.steps"], 1e-4)


def test_the_noise_levels_are_the_hosts(model, host_nodes):
    sampling = model.get_model_object("model_sampling")
    for steps in (4, 50):
        _, sigmas = reference(host_nodes, "ddim", steps)
        assert torch.allclose(sigmas, comfy.samplers.calculate_sigmas(sampling, "simple", steps), rtol=1e-5, atol=0)


def test_from_a_finite_level_ddim_is_the_hosts_euler(model, run, one_domain, host_nodes, near):
    sampler, sigmas = reference(host_nodes, "ddim", 10)
    latent = noise(1, 16, 3, 8, 12, seed=1)
    theirs, _ = run(model, comfy.samplers.ksampler("euler"), sigmas[4:], one_domain, latent)
    end, _ = run(model, sampler, sigmas[4:], one_domain, latent)
    near("end", end, theirs, 1e-5)


def test_from_a_finite_level_dpm_is_the_hosts_dpmpp_2m_sde(model, run, one_domain, host_nodes, near):
    sampler, sigmas = reference(host_nodes, "dpm", 10)
    latent, draws = noise(1, 16, 3, 8, 12, seed=1), noise(9, 1, 16, 3, 8, 12, seed=2)
    left = iter(draws)
    options = {"solver_type": "midpoint", "noise_sampler": lambda sigma, following: next(left)}
    theirs, _ = run(model, comfy.samplers.ksampler("dpmpp_2m_sde", options), sigmas[4:], one_domain, latent)
    end, _ = run(model, drawing(sampler, draws), sigmas[4:], one_domain, latent)
    near("end", end, theirs, 1e-5)


def test_the_noise_of_dpm_follows_the_seed(model, run, one_domain, host_nodes):
    first, again, other = (run(model, *reference(host_nodes, "dpm"), one_domain, seed=seed)[0] for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 0.1


@pytest.mark.parametrize("middle", [1, 2])
def test_two_halves_of_a_schedule_meet_where_the_whole_passes(model, run, one_domain, host_nodes, near, middle):
    """SplitSigmas, then no noise: what the first half leaves behind is what the second starts from."""
    sampler, sigmas = reference(host_nodes, "ddim")
    whole, _ = run(model, sampler, sigmas, one_domain)
    half, _ = run(model, sampler, sigmas[: middle + 1], one_domain)
    left = model.model.process_latent_out(half)
    end, _ = run(model, sampler, sigmas[middle:], torch.zeros_like(one_domain), left)
    near("end", end, whole, 1e-5)


@pytest.mark.parametrize("method", ["ddim", "dpm"])
def test_what_a_mask_keeps_is_kept(model, run, one_domain, host_nodes, method):
    latent = noise(1, 16, 3, 8, 12, seed=1)
    mask = torch.zeros(1, 1, 3, 8, 12)
    mask[:, :, 1:] = 1
    end, _ = run(model, *reference(host_nodes, method), one_domain, latent, mask)
    wanted = model.model.process_latent_in(latent)
    torch.testing.assert_close(end[:, :, 0], wanted[:, :, 0], rtol=0, atol=1e-5)
    assert (end[:, :, 1:] - wanted[:, :, 1:]).abs().max() > 0.1


def test_previews_and_progress_see_every_step(model, run, one_domain, host_nodes):
    _, watch = run(model, *reference(host_nodes, "dpm"), one_domain)
    assert watch.steps == [(k, STEPS) for k in range(STEPS)]


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_guider_has_its_own_cfg_again(model, loop, one_domain, host_nodes, interrupted):
    text = [[loop["in.text_cond"], {}]]
    (guider,) = host_nodes.CFGGuider(model=model, positive=text, negative=text, cfg=CFG)
    seen: list[float] = []

    def callback(step, denoised, x, total):
        seen.append(guider.cfg)
        if interrupted and step == 1:
            raise comfy.model_management.InterruptProcessingException

    try:
        sampler, sigmas = reference(host_nodes, "dpm", dynamic_cfg=True)
        guider.sample(one_domain, torch.zeros_like(one_domain), sampler, sigmas, callback=callback, seed=5)
    except comfy.model_management.InterruptProcessingException:
        assert interrupted
    assert guider.cfg == CFG
    assert seen[:2] == pytest.approx([4.755880591967707, 1.9379524472878416])


def test_dynamic_cfg_without_guidance_is_refused(model, run, one_domain, host_nodes):
    with pytest.raises(ValueError, match="dynamic_cfg wants a cfg above 1 to vary, got 1 from CFGGuider"):
        run(model, *reference(host_nodes, "dpm", dynamic_cfg=True), one_domain, cfg=1.0)


@pytest.mark.parametrize(("has_cfg", "got"), [(True, "1 from Guider_DualCFG"), (False, "none from Guider_DualCFG")])
def test_dynamic_cfg_of_a_guider_with_other_guidance_is_refused(model, loop, one_domain, host_nodes, has_cfg, got):
    """The host's own has a cfg that it does not use; other packs' may have none."""
    text = [[loop["in.text_cond"], {}]]
    texts, guidance = {"cond1": text, "cond2": text, "negative": text}, {"cfg_conds": 6.0, "cfg_cond2_negative": 6.0}
    (guider,) = host_nodes.DualCFGGuider(model=model, **texts, **guidance, style="regular")
    if not has_cfg:
        del guider.cfg
    sampler, sigmas = reference(host_nodes, "dpm", dynamic_cfg=True)
    with pytest.raises(ValueError, match=f"dynamic_cfg wants a cfg above 1 to vary, got {got}; use SamplerCustom"):
        guider.sample(one_domain, torch.zeros_like(one_domain), sampler, sigmas, seed=5)


def test_a_model_that_is_sampled_otherwise_is_refused(stock, run, one_domain, host_nodes):
    with pytest.raises(ValueError, match="load it with RGBALoadCogVideoX"):
        run(stock, *reference(host_nodes, "ddim"), one_domain)


# CogVideoX-5B-I2V


@pytest.fixture(scope="module")
def i2v_reference():
    """A tiny CogVideoX-5B-I2V of diffusers: 32 channels, learned positions and rotary ones."""
    from diffusers import CogVideoXTransformer3DModel

    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = CogVideoXTransformer3DModel(
            num_attention_heads=2, in_channels=32, out_channels=16, time_embed_dim=32, text_embed_dim=32, num_layers=2,
            use_rotary_positional_embeddings=True, use_learned_positional_embeddings=True, **I2V,
        )  # fmt: skip
        network.patch_embed.pos_embedding = torch.randn_like(network.patch_embed.pos_embedding)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def i2v(load, i2v_reference):
    return load("i2v", i2v_reference.state_dict(), config={"transformer": I2V})


def test_i2v_is_that_of_diffusers(i2v, i2v_reference, ours, on_host, close):
    x, text = noise(1, 32, 3, 6, 8), noise(1, 226, 32, seed=1)
    table = ours("pipelines.transpixeler.positions").cogvideox_rotary(3, 3, 4)
    expected = i2v_reference(x.transpose(1, 2), text, torch.tensor([637]), image_rotary_emb=table, return_dict=False)[0]
    with on_host(i2v) as loaded:
        close("output", loaded(x, torch.tensor([637.0]), text).transpose(1, 2), expected, 2e-5)


def test_a_shorter_i2v_clip_has_the_first_frames_positions(i2v, on_host):
    embed = i2v.model.diffusion_model.patch_embed
    x, text = noise(1, 3, 32, 6, 8), noise(1, 226, 32, seed=1)
    assert torch.equal(embed(text, x[:, :2]), embed(text, x)[:, : 226 + 2 * 12])


@pytest.mark.parametrize(
    ("frames", "height", "width", "rows", "message"),
    [
        (4, 6, 8, 226, "64 x 48 pixels and at most 9 frames, got 64 x 48 and 13"),
        (3, 8, 6, 226, "64 x 48 pixels and at most 9 frames, got 48 x 64 and 9"),
        (3, 6, 8, 227, "226 text tokens, got 227; load T5-XXL with CLIPLoader, type cogvideox"),
    ],
)
def test_i2v_refuses_what_its_positions_do_not_cover(i2v, on_host, frames, height, width, rows, message):
    with on_host(i2v) as loaded, pytest.raises(ValueError, match=message):
        loaded(noise(1, 32, frames, height, width), torch.tensor([637.0]), noise(1, rows, 32))


def test_a_table_of_another_length_is_refused(load, i2v_reference):
    with pytest.raises(
        ValueError, match=r"^model_name .* 226 text tokens and 17550 video tokens of width 128, got \[1, 262, 128\]"
    ):
        load("i2v_without_sizes", i2v_reference.state_dict())


@pytest.fixture(scope="module")
def joint_i2v(models, i2v, host_nodes):
    name = models.save("loras", "golden_cogvideox_rgba_lora.safetensors", golden("tiny_rgba_lora"))
    inputs = {"model": i2v, "weights_name": name, "text_to_alpha": "blocked (paper)", "rgb_to_alpha": True}
    return host_nodes.RGBAApplyTransPixeler(strength=1.0, same_noise="auto", **inputs)[0]


def test_both_domains_have_the_same_learned_positions(i2v, joint_i2v, on_host):
    x, text = noise(1, 3, 32, 6, 8), noise(1, 226, 32, seed=1)
    with on_host(i2v) as loaded:
        alone = loaded.network.patch_embed(text, x)
    with on_host(joint_i2v) as loaded:
        both = loaded.network.patch_embed(text, torch.cat([x, x], dim=1))
    tokens = alone.shape[1] - 226
    assert torch.equal(both[:, :-tokens], alone)
    assert torch.equal(both[:, -tokens:], alone[:, 226:])


def test_the_i2v_model_that_was_patched_is_unchanged(i2v, joint_i2v, on_host):
    x, text = noise(1, 32, 3, 6, 8), noise(1, 226, 32, seed=1)
    with on_host(i2v) as loaded:
        before = loaded(x, torch.tensor([637.0]), text)
    with on_host(joint_i2v) as loaded:
        assert loaded(x.repeat(1, 1, 2, 1, 1), torch.tensor([637.0]), text).shape[2] == 6
    with on_host(i2v) as loaded:
        assert torch.equal(loaded(x, torch.tensor([637.0]), text), before)


def test_the_positions_of_the_text_leave_with_the_model(i2v, on_host):
    embed = i2v.model.diffusion_model.patch_embed
    assert type(embed).__module__ == "comfy.ldm.cogvideo.model"
    x, text = noise(1, 3, 32, 6, 8), noise(1, 226, 32, seed=1)
    before = embed(text, x)
    with on_host(i2v) as loaded:
        assert not torch.equal(loaded.network.patch_embed(text, x)[:, :226], before[:, :226])
    assert torch.equal(embed(text, x), before)


def test_a_model_that_the_host_has_loaded_again_runs_its_own_layers(i2v, joint_i2v, on_host):
    """As compiling and hooks on a conditioning do: the patches of one MODEL over the weights of another."""
    given = noise(1, 32, 6, 6, 8), torch.tensor([637.0]), noise(1, 226, 32, seed=1)
    with on_host(joint_i2v) as loaded:
        expected = loaded(*given)
    again, arguments = joint_i2v.cached_patcher_init
    copy = joint_i2v.clone(model_override=again(*arguments, disable_dynamic=True).get_clone_model_override())
    assert copy.model is not joint_i2v.model
    asked: list[torch.nn.Module] = []
    handles = [
        each.register_forward_pre_hook(lambda module, _: asked.append(module))
        for each in i2v.model.diffusion_model.modules()
    ]
    try:
        with on_host(copy) as loaded:
            assert torch.equal(loaded(*given), expected)
    finally:
        for handle in handles:
            handle.remove()
    assert not asked


def test_an_i2v_condition_of_both_domains_reaches_both(joint_i2v, host_nodes):
    """Two different alpha conditions give different alpha; the colour's condition is the same."""
    text, start = noise(1, 226, 32, seed=1), {"samples": torch.zeros(1, 16, 6, 6, 8)}
    sampler, sigmas = reference(host_nodes, "ddim", 2)
    ends = []
    for seed in (2, 3):
        condition = torch.zeros(1, 16, 6, 6, 8)
        condition[:, :, 0] = noise(1, 16, 6, 8, seed=9)
        condition[:, :, 3] = noise(1, 16, 6, 8, seed=seed)
        prompt = [[text, {"concat_latent_image": condition}]]
        inputs = {"positive": prompt, "negative": prompt, "latent_image": start, "sampler": sampler, "sigmas": sigmas}
        sampled = host_nodes.SamplerCustom(model=joint_i2v, add_noise=True, noise_seed=5, cfg=1.0, **inputs)[0]
        ends.append(sampled["samples"])
    assert (ends[0][:, :, 3:] - ends[1][:, :, 3:]).abs().max() > 1e-2


# the tiny checkpoints


def test_the_tiny_checkpoints_load_and_sample(tiny, host_nodes):
    text = [[noise(1, 226, tiny.TEXT), {}]]
    for file in (tiny.COGVIDEOX, tiny.COGVIDEOX_I2V):
        (model,) = host_nodes.RGBALoadCogVideoX(model_name=Path(file).name)
        (patched,) = host_nodes.RGBAApplyTransPixeler(
            model=model, weights_name=Path(tiny.COGVIDEOX_LORA).name, strength=1.0, text_to_alpha="as released",
            rgb_to_alpha=True, same_noise="auto",
        )  # fmt: skip
        latent = {"samples": torch.zeros(1, 16, 6, 6, 8)}
        settings = {"seed": 3, "steps": 2, "cfg": 4.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
        inputs = {"positive": text, "negative": text, "latent_image": latent}
        end = host_nodes.KSampler(model=patched, **inputs, **settings)[0]["samples"]
        rgb, alpha = end.chunk(2, dim=2)
        assert end.isfinite().all() and 0.2 < float(end.std()) < 5 and not math.isclose(float((rgb - alpha).std()), 0)

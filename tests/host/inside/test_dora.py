"""DoRA and speed LoRA on the host's own Wan model against the official loader: dora_lightx2v."""

from collections.abc import Callable
from typing import Any

import comfy.lora
import comfy.model_management
import pytest
import torch
from comfy.patcher_extension import WrappersMP
from torch import Tensor, nn

Q = "blocks.0.self_attn.q.weight"
ADAPTED = (Q, "blocks.0.cross_attn.v.weight", "blocks.0.ffn.0.weight", "blocks.0.ffn.2.weight")
WAYS = ("merged", "unmerged")


@pytest.fixture(scope="module")
def golden(goldens):
    return goldens("dora_lightx2v")


@pytest.fixture(scope="module")
def files(golden, models) -> dict[str, str]:
    """Names of the golden's files. speed_no_m is what the host can read of the speed LoRA."""
    config = {name: golden.header["cfg"][name] for name in ("num_heads", "freq_dim", "text_dim")}
    base = {name: tensor.float() for name, tensor in golden.under("base/").items()}
    native = golden.under("dora/")
    speed = golden.under("lightx2v/")
    comfyui = {}
    for key, tensor in native.items():
        key = key.replace(".default.weight", ".weight").replace("lora_magnitude_vector.weight", "dora_scale")
        comfyui[f"diffusion_model.{key}"] = tensor.unsqueeze(1) if key.endswith("dora_scale") else tensor
    return {
        "model": models.save("diffusion_models", "golden_wan.safetensors", base, {"transformer": config}),
        "dora": models.save("loras", "golden_dora.safetensors", native),
        "plain": models.save("loras", "plain.safetensors", {k.replace(".default", ""): t for k, t in native.items()}),
        "comfyui": models.save("loras", "comfyui.safetensors", comfyui),
        "speed": models.save("loras", "golden_speed.safetensors", speed),
        "speed_no_m": models.save("loras", "no_m.safetensors", {k: t for k, t in speed.items() if "diff_m" not in k}),
        "kohya": models.save("loras", "kohya.safetensors", {kohya(k): t for k, t in speed.items() if "lora_" in k}),
    }


def kohya(key: str) -> str:
    """As musubi-tuner writes it."""
    target, _, part = key.removeprefix("diffusion_model.").partition(".lora_")
    return f"lora_unet_{target.replace('.', '_')}.lora_{part}"


@pytest.fixture(scope="module")
def model(files, host_nodes):
    return host_nodes.UNETLoader(unet_name=files["model"], weight_dtype="default")[0]


@pytest.fixture(scope="module")
def apply_dora(files, host_nodes) -> Callable[..., Any]:
    def apply(model, dora="dora", strength=1.0, speed=None, speed_strength=1.0, way="merged"):
        speed_name = files[speed] if speed else "none"
        named = {"strength": strength, "speed_lora_name": speed_name, "speed_strength": speed_strength, "apply": way}
        return host_nodes.RGBAApplyDoRA(model=model, dora_name=files[dora], **named)[0]

    return apply


@pytest.fixture(scope="module")
def by_host(files, host_nodes) -> Callable[..., Any]:
    """The speed LoRA through the host's own loader, which reads no diff_m."""
    return lambda model, name="speed_no_m": host_nodes.LoraLoaderModelOnly(
        model=model, lora_name=files[name], strength_model=1.0
    )[0]


@pytest.fixture(scope="module")
def inputs(golden) -> tuple[Tensor, Tensor, Tensor]:
    """The golden's input; the reference pads the text to its 8 tokens, the host does not."""
    context = torch.zeros(1, golden.header["cfg"]["text_len"], golden.header["cfg"]["text_dim"])
    context[0, : len(golden["in/context"])] = golden["in/context"]
    return golden["in/x"][None], golden["in/t"].float(), context


def weights_of(on_host, patched) -> dict[str, Tensor]:
    with on_host(patched) as model:
        return {name: tensor.clone() for name, tensor in model.network.state_dict().items()}


def output_of(on_host, patched, inputs) -> Tensor:
    with on_host(patched) as model:
        return model(*inputs)[0].clone()


VARIANTS = [
    ("dora", 1.0, None),
    ("dora_ratio0.5", 0.5, None),
    ("dora_then_lightx2v", 1.0, "speed"),
]


@pytest.mark.parametrize(("variant", "strength", "speed"), VARIANTS)
def test_merged_weights_are_the_references(golden, model, apply_dora, on_host, close, variant, strength, speed):
    weights = weights_of(on_host, apply_dora(model, strength=strength, speed=speed))
    expected = golden.under(f"eff/{variant}/")
    assert set(ADAPTED) <= expected.keys()
    for name, tensor in expected.items():
        close(f"{variant} {name}", weights[name], tensor, 1e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("variant", "strength", "speed"), VARIANTS)
def test_the_model_answers_as_the_reference(
    golden, model, apply_dora, on_host, inputs, close, variant, strength, speed, way
):
    answer = output_of(on_host, apply_dora(model, strength=strength, speed=speed, way=way), inputs)
    close(f"{variant} {way} output", answer, golden[f"out/{variant}"], 1e-4)


def test_the_plain_model_answers_as_the_reference(golden, model, on_host, inputs, close):
    close("base output", output_of(on_host, model, inputs), golden["out/base"], 1e-4)


def test_the_reversed_order_is_something_else(golden, model, apply_dora, on_host):
    weights = weights_of(on_host, apply_dora(model, speed="speed"))
    assert (weights[Q] - golden[f"eff/NOTOFFICIAL_lightx2v_then_dora/{Q}"]).abs().max() > 0.05


def test_only_the_rounding_of_the_file_parts_us_from_a_bfloat16_product(golden, model, apply_dora, on_host, close):
    weights = weights_of(on_host, apply_dora(model))
    for name, tensor in golden.under("eff/dora_bf16file/").items():
        close(name, weights[name], tensor, 1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_speed_strength_scales_everything_that_the_speed_lora_adds(
    golden, model, apply_dora, on_host, inputs, close, way
):
    half = apply_dora(model, speed="speed", speed_strength=0.5, way=way)
    twice = apply_dora(model, speed="speed", speed_strength=0.5, way="merged")
    weights = weights_of(on_host, twice)
    base, full = golden.under("base/"), golden.under("eff/dora_then_lightx2v/")
    for name, tensor in full.items():
        start = golden[f"eff/dora/{name}"] if name in ADAPTED else base[name].float()
        close(name, weights[name], (start + tensor) / 2, 1e-6)
    close("output", output_of(on_host, half, inputs), output_of(on_host, twice, inputs), 1e-4)


def test_a_speed_lora_of_musubi_tuner_changes_what_the_hosts_loader_changes(model, apply_dora, by_host, on_host, close):
    ours = weights_of(on_host, apply_dora(model, speed="kohya"))
    theirs = weights_of(on_host, by_host(apply_dora(model), "kohya"))
    without = weights_of(on_host, apply_dora(model))
    assert any(not ours[name].equal(without[name]) for name in ours)
    for name, tensor in theirs.items():
        close(name, ours[name], tensor, 1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_every_spelling_gives_the_same_bits(model, apply_dora, on_host, inputs, way):
    native, *others = (
        output_of(on_host, apply_dora(model, dora, way=way), inputs) for dora in ("dora", "plain", "comfyui")
    )
    assert all(torch.equal(native, other) for other in others)


@pytest.mark.parametrize("way", WAYS)
def test_the_model_that_came_in_is_unchanged(golden, model, apply_dora, on_host, inputs, way):
    before = {name: tensor.clone() for name, tensor in model.model.diffusion_model.state_dict().items()}
    patched = apply_dora(model, speed="speed", way=way)
    answer = output_of(on_host, patched, inputs)
    after = model.model.diffusion_model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    plain = output_of(on_host, model, inputs)
    assert not torch.equal(plain, answer)
    assert torch.equal(plain, output_of(on_host, model, inputs))
    assert (plain - golden["out/base"]).abs().max() < 1e-4
    assert torch.equal(answer, output_of(on_host, patched, inputs))


@pytest.mark.parametrize("way", WAYS)
def test_a_plain_clone_takes_over_from_a_patched_one_without_unloading(golden, model, apply_dora, on_host, inputs, way):
    """Two branches of one graph: the host hands the same weights from one to the other."""
    plain = output_of(on_host, model, inputs)
    load = comfy.model_management.load_models_gpu
    with on_host(apply_dora(model, speed="speed", way=way)) as loaded:
        adapted = loaded(*inputs)[0].clone()
        load([model])
        assert torch.equal(model.model.diffusion_model(*inputs)[0], plain)
        load([loaded.patcher, *loaded.patcher.get_nested_additional_models()])
        assert torch.equal(loaded(*inputs)[0], adapted)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["before", "after"])
def test_the_hosts_speed_lora_goes_on_after_the_dora_wherever_it_is_wired(
    model, apply_dora, by_host, on_host, inputs, close, way, place
):
    ours = apply_dora(model, speed="speed_no_m", way=way)
    wired = apply_dora(by_host(model), way=way) if place == "before" else by_host(apply_dora(model, way=way))
    expected = weights_of(on_host, apply_dora(model, speed="speed_no_m"))
    if way == "merged":
        weights = weights_of(on_host, wired)
        for name in expected:
            close(name, weights[name], expected[name], 1e-6)
    close("output", output_of(on_host, wired, inputs), output_of(on_host, ours, inputs), 2e-5)


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_a_second_node_replaces_the_first(model, apply_dora, on_host, inputs, first, second):
    stacked = apply_dora(apply_dora(model, strength=0.3, speed="speed", way=first), speed="speed_no_m", way=second)
    alone = apply_dora(model, speed="speed_no_m", way=second)
    assert torch.equal(output_of(on_host, stacked, inputs), output_of(on_host, alone, inputs))
    assert stacked.patches.keys() == alone.patches.keys()
    assert all(len(stacked.patches[key]) == len(alone.patches[key]) for key in alone.patches)
    assert stacked.object_patches.keys() == alone.object_patches.keys()


@pytest.mark.parametrize("way", WAYS)
def test_what_other_packs_put_on_the_model_stays(model, apply_dora, on_host, inputs, way):
    seen: list[str] = []

    def wrapper(executor, *args, **kwargs):
        seen.append("wrapper")
        return executor(*args, **kwargs)

    other = model.clone()
    other.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "another pack", wrapper)
    key = "diffusion_model.blocks.0.norm3.weight"
    shift = torch.full((24,), 0.25)
    other.add_patches({key: ("diff", (shift,)), f"diffusion_model.{Q}": ("diff", (torch.ones(24, 24),))})
    modulation = nn.Parameter(torch.ones(1, 6, 24), requires_grad=False)
    other.add_object_patch("diffusion_model.blocks.0.modulation", modulation)
    patched = apply_dora(other, speed="speed_no_m", way=way)
    with on_host(patched) as loaded:
        loaded(*inputs)
        assert seen == ["wrapper"]
        assert loaded.network.blocks[0].modulation is modulation
    again = apply_dora(apply_dora(other, speed="speed", way=way), way=way)
    assert again.object_patches["diffusion_model.blocks.0.modulation"] is modulation
    assert [patch[1][1][0] is shift for patch in again.patches[key]] == [True]
    assert len(other.patches[f"diffusion_model.{Q}"]) == 1


def test_an_object_patch_of_another_node_is_what_the_modulation_starts_from(golden, model, apply_dora, on_host):
    other = model.clone()
    other.add_object_patch(
        "diffusion_model.blocks.0.modulation", nn.Parameter(torch.ones(1, 6, 24), requires_grad=False)
    )
    weights = weights_of(on_host, apply_dora(other, speed="speed"))
    difference = golden["lightx2v/diffusion_model.blocks.0.diff_m"].float()
    assert torch.equal(weights["blocks.0.modulation"], 1 + difference)


def test_the_hosts_own_loader_leaves_out_what_this_node_reaches(golden, model, by_host, on_host):
    weights = weights_of(on_host, by_host(model, "speed"))
    assert torch.equal(weights["head.modulation"], golden["base/head.modulation"].float())


def test_row_scales_are_computed_once_per_base(model, apply_dora, on_host, inputs, ours, monkeypatch):
    counted = []
    for name in ("dora_adapter", "dora_branch"):
        module = ours(f"pipelines.host.wan_alpha.{name}")
        monkeypatch.setattr(module, "row_scale", lambda *args, f=module.row_scale: counted.append(1) or f(*args))
    fresh = {"strength": 0.7}  # of which there are none yet
    for way in ("unmerged", "unmerged", "merged"):
        output_of(on_host, apply_dora(model, **fresh, way=way), inputs)
    assert len(counted) == 10


def test_an_adapter_is_the_same_after_the_host_has_copied_it_for_offloading(golden, model, apply_dora):
    """The host gathers the tensors of a patch in one buffer and builds the patch again from it, class and all."""
    patches = apply_dora(model, speed="speed").patches[f"diffusion_model.{Q}"]
    size = [0]
    comfy.lora.prefetch_prepared_value(patches, size, None, None, False)
    buffer = torch.empty(size[0], dtype=torch.uint8)
    copied = comfy.lora.prefetch_prepared_value(patches, [0], buffer, None, True)
    assert size[0] > 0 and [type(patch[1]) for patch in copied] == [type(patch[1]) for patch in patches]
    weight = comfy.lora.calculate_weight(copied, golden[f"base/{Q}"].float(), Q)
    assert (weight - golden[f"eff/dora_then_lightx2v/{Q}"]).abs().max() <= 1e-6


def test_auto_is_merged_over_a_float_base(model, apply_dora):
    assert not apply_dora(model, way="auto").injections
    assert apply_dora(model, way="unmerged").injections

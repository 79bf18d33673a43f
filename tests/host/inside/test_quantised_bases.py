"""DoRA beside quantised weights: fp8 with and without scales, 4 bits, and bytes that a layer unpacks by itself."""

import gc
import json
from pathlib import Path
from typing import Any
from weakref import ref

import comfy.lora
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.sd
import comfy.utils
import pytest
import torch
from comfy.quant_ops import QuantizedTensor
from packed_layers import packed_model
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

SUFFIXES = (".q.weight", ".k.weight", ".v.weight", ".o.weight", ".ffn.0.weight", ".ffn.2.weight")
CONFIG = {"transformer": {"num_heads": 2, "freq_dim": 32, "text_dim": 32}}


def is_linear(name: str) -> bool:
    return name.startswith("blocks.") and name.endswith(SUFFIXES)


@pytest.fixture(scope="module")
def base(tiny, models) -> dict[str, Tensor]:
    weights = comfy.utils.load_torch_file(str(models.folder / tiny.DIT))
    generator = torch.Generator().manual_seed(7)
    return {  # biases are zero in the file, which would hide what goes wrong with them
        name: torch.randn(tensor.shape, generator=generator) * 0.2 if name.endswith("bias") else tensor
        for name, tensor in weights.items()
    }


class Base:
    """A MODEL, and the float weights and biases that its layers compute with."""

    def __init__(self, model: Any, weights: dict[str, Tensor]) -> None:
        self.model = model
        self.weights = {name: tensor for name, tensor in weights.items() if is_linear(name)}
        self.targets = [name.removesuffix(".weight") for name in self.weights]
        network = model.model.diffusion_model
        self.biases = {target: network.get_submodule(target).bias.detach().double() for target in self.targets}

    def own_error(self, target: str, x: Tensor) -> Tensor:
        """What the host's own layer makes of x, less what its dequantised weight makes: INT8 rounds x too."""
        layer = self.model.model.diffusion_model.get_submodule(target)
        weight, bias = self.weights[f"{target}.weight"].double(), self.biases[target]
        return layer.forward(x).double() - functional.linear(x.double(), weight, bias)


@pytest.fixture(scope="module")
def plain(base, models, host_nodes) -> Base:
    """In float32."""
    name = models.save("diffusion_models", "tiny_float32.safetensors", base, CONFIG)
    return Base(host_nodes.UNETLoader(unet_name=name, weight_dtype="default")[0], base)


@pytest.fixture(scope="module")
def cast_fp8(plain, base, host_nodes) -> Base:
    """The float32 file in fp8 without a scale, by the choice of weight_dtype in the host's loader."""
    (model,) = host_nodes.UNETLoader(unet_name="tiny_float32.safetensors", weight_dtype="fp8_e4m3fn")
    return Base(model, {name: tensor.to(torch.float8_e4m3fn).float() for name, tensor in base.items()})


@pytest.fixture(scope="module")
def scaled_fp8(base, models, host_nodes) -> Base:
    """A file of fp8 weights with a scale each, as it is published for ComfyUI."""
    stored, weights = {"scaled_fp8": torch.empty(0, dtype=torch.float8_e4m3fn)}, {}
    for name, tensor in base.items():
        stored[name] = tensor
        if is_linear(name):
            scale = tensor.abs().amax() / torch.finfo(torch.float8_e4m3fn).max
            stored[name] = (tensor / scale).to(torch.float8_e4m3fn)
            stored[f"{name.removesuffix('.weight')}.scale_weight"] = scale
            weights[name] = stored[name].float() * scale
    name = models.save("diffusion_models", "tiny_fp8_scaled.safetensors", stored, CONFIG)
    return Base(host_nodes.UNETLoader(unet_name=name, weight_dtype="default")[0], weights)


HOSTS_OWN: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "nvfp4": ("TensorCoreNVFP4Layout", {"scale": "recalculate"}, {"format": "nvfp4"}),
    "mxfp8": ("TensorCoreMXFP8Layout", {"scale": "recalculate"}, {"format": "mxfp8"}),
    "int8": ("TensorWiseINT8Layout", {"scale": "recalculate"}, {"format": "int8_tensorwise"}),
    "int8_convrot": (
        "TensorWiseINT8Layout",
        {"per_channel": True, "convrot": True, "convrot_groupsize": 16},
        {"format": "int8_tensorwise", "convrot": True, "convrot_groupsize": 16},
    ),
}
"""{name: layout, how the host quantises to it, what a file says of it}."""


def marked(key: str, said: dict[str, Any]) -> dict[str, Tensor]:
    """What a file says of a quantised weight."""
    text = bytearray(json.dumps(said).encode())
    return {f"{key.removesuffix('.weight')}.comfy_quant": torch.frombuffer(text, dtype=torch.uint8)}


def host_quantised(name: str) -> Any:
    """A base whose layers the host itself has quantised."""

    @pytest.fixture(scope="module", name=name)
    def made(base: dict[str, Tensor], models: Any, host_nodes: Any) -> Base:
        layout, how, said = HOSTS_OWN[name]
        stored, weights = {}, {}
        for key, tensor in base.items():
            stored[key] = tensor
            if is_linear(key):
                quantised = QuantizedTensor.from_float(tensor, layout, **how)
                stored |= quantised.state_dict(key)
                stored |= marked(key, said)
                weights[key] = quantised.dequantize()
        file = models.save("diffusion_models", f"tiny_{name}.safetensors", stored, CONFIG)
        return Base(host_nodes.UNETLoader(unet_name=file, weight_dtype="default")[0], weights)

    return made


nvfp4, mxfp8, int8, int8_convrot = map(host_quantised, HOSTS_OWN)


@pytest.fixture(scope="module")
def gguf_like(base) -> Base:
    """Bytes that dequantise in the layer's own forward."""
    return Base(*packed_model(base, is_linear, CONFIG))


QUANTISED = ("scaled_fp8", "cast_fp8", *HOSTS_OWN, "gguf_like")
EVERY = (*QUANTISED, "plain")


@pytest.fixture
def on(request) -> Base:
    """The base that a test's parameter names."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def files(tiny, models) -> dict[str, dict[str, Tensor]]:
    """The tiny DoRA and speed LoRA, by layer."""
    return {kind: comfy.utils.load_torch_file(str(models.folder / getattr(tiny, kind))) for kind in ("DORA", "SPEED")}


def exact(on: Base, files, target: str, ratio: float, speed: float) -> tuple[Tensor, Tensor]:
    """Weight and bias that a layer should have, in double precision."""
    dora = {part: tensor.double() for part, tensor in parts(files["DORA"], f"{target}.").items()}
    add = {part: tensor.double() for part, tensor in parts(files["SPEED"], f"diffusion_model.{target}.").items()}
    low_rank = dora["lora_B.default.weight"] @ dora["lora_A.default.weight"]
    direction = on.weights[f"{target}.weight"].double() + ratio * low_rank
    weight = direction * (dora["lora_magnitude_vector.default.weight"] / direction.norm(dim=1))[:, None]
    weight = weight + speed * add["lora_up.weight"] @ add["lora_down.weight"]
    return weight, on.biases[target] + speed * add["diff_b"]


def parts(table: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in table.items() if key.startswith(prefix)}


def layers_of(loaded, on: Base) -> list[tuple[str, nn.Module]]:
    return [(target, loaded.network.get_submodule(target)) for target in on.targets]


def random_input(layer: nn.Module) -> Tensor:
    return torch.randn(1, 7, layer.in_features, generator=torch.Generator().manual_seed(layer.in_features))


def worst_error(loaded, on: Base, files, ratio: float, speed: float, hosts: bool = False) -> float:
    """|layer(x) - exact(x)| / |exact(x)| of the layer that is furthest off; with `hosts`, past the host's own error."""
    errors = []
    for target, layer in layers_of(loaded, on):
        weight, bias = exact(on, files, target, ratio, speed)
        x = random_input(layer)
        expected = functional.linear(x.double(), weight, bias) + (on.own_error(target, x) if hosts else 0)
        errors.append(((layer(x).double() - expected).norm() / expected.norm()).item())
    return max(errors)


@pytest.fixture(scope="module")
def apply_dora(host_nodes, tiny):
    def apply(model, way="auto", ratio=1.0, speed=1.0):
        named = {"speed_lora_name": Path(tiny.SPEED).name if speed else "none", "speed_strength": speed}
        return host_nodes.RGBAApplyDoRA(
            model=model, dora_name=Path(tiny.DORA).name, strength=ratio, apply=way, **named
        )[0]  # fmt: skip

    return apply


@pytest.mark.parametrize(("ratio", "speed"), [(1.0, 0.0), (0.5, 0.0), (1.0, 1.0), (0.7, -0.6)])
@pytest.mark.parametrize("on", QUANTISED, indirect=True)
def test_an_unmerged_layer_equals_float_dora_on_the_dequantised_weight(
    on, files, apply_dora, on_host, small, ratio, speed
):
    patched = apply_dora(on.model, ratio=ratio, speed=speed)
    assert patched.injections  # auto has taken unmerged
    with on_host(patched) as loaded:
        small(worst_error(loaded, on, files, ratio, speed, hosts=True))


@pytest.mark.parametrize("on", QUANTISED, indirect=True)
def test_transpixelers_lora_is_exact_on_the_alpha_rows_of_quantised_layers(
    on, tiny, models, host_nodes, on_host, small
):
    lora = parts(comfy.utils.load_torch_file(str(models.folder / tiny.WAN_LORA)), "diffusion_model.")
    (patched,) = host_nodes.RGBAApplyTransPixeler(
        model=on.model, weights_name=Path(tiny.WAN_LORA).name, strength=0.8, text_to_alpha="blocked (paper)",
        rgb_to_alpha=True, same_noise="auto",
    )  # fmt: skip
    targets = [name.removesuffix(".lora_A.weight") for name in lora if name.endswith("lora_A.weight")]
    with on_host(patched) as loaded:
        loaded(torch.ones(1, 16, 4, 4, 4), torch.tensor([500.0]), torch.ones(1, 3, 32))  # 2 x 8 tokens
        errors = []
        for target in targets:
            layer, down = loaded.network.get_submodule(target), lora[f"{target}.lora_A.weight"]
            x = torch.randn(1, 16, layer.in_features, generator=torch.Generator().manual_seed(3))
            change = 0.8 / down.shape[0] * lora[f"{target}.lora_B.weight"].double() @ down.double()
            expected = layer.forward(x).double()
            rows = 0 if target.endswith("cross_attn.o") else 8  # which the release adapts on RGB rows too
            effect = functional.linear(x[:, rows:].double(), change)
            expected[:, rows:] += effect
            errors.append(((layer(x).double() - expected).norm() / effect.norm()).item())
    small(max(errors))


@pytest.mark.parametrize("on", ["scaled_fp8", "cast_fp8", "nvfp4"], indirect=True)
def test_merging_rounds_away_what_unmerged_keeps(on, files, apply_dora, on_host, record_property):
    lost = []
    with on_host(apply_dora(on.model, "merged", speed=0.0)) as loaded:
        merged = worst_error(loaded, on, files, 1.0, 0.0)
        for target, layer in layers_of(loaded, on):
            wanted = exact(on, files, target, 1.0, 0.0)[0]
            got = (layer(torch.eye(layer.in_features)) - layer(torch.zeros(1, layer.in_features))).T.double()
            lost.append(((got - wanted).norm() / (wanted - on.weights[f"{target}.weight"]).norm()).item())
    with on_host(apply_dora(on.model, "unmerged", speed=0.0)) as loaded:
        unmerged = worst_error(loaded, on, files, 1.0, 0.0)
    record_property("error of merging, as a share of what the DoRA changes", f"{min(lost):.0%} to {max(lost):.0%}")
    record_property("worst layer, relative", f"merged {merged:.2g}, unmerged {unmerged:.2g}")
    assert unmerged < 0.001 * merged
    assert min(lost) > 0.1


@pytest.mark.parametrize(
    ("on", "share"),
    [(name, share) for name in EVERY for share in (0.0, 0.7 if name == "mxfp8" else 0.8)],
    indirect=["on"],
)
def test_a_card_that_is_too_small_changes_no_unmerged_layer(on, files, apply_dora, on_host, small, share):
    patched = apply_dora(on.model, "unmerged")
    with on_host(patched, room_for=1 + share * patched.model_size()) as loaded:
        on_the_fly = [hasattr(layer, "prev_comfy_cast_weights") for _, layer in layers_of(loaded, on)]
        assert any(on_the_fly) and all(on_the_fly) == (share == 0)
        small(worst_error(loaded, on, files, 1.0, 1.0, hosts=True))


@pytest.mark.parametrize("on", EVERY, indirect=True)
def test_a_card_that_is_too_small_merges_exactly(on, files, apply_dora, on_host, small):
    """The host patches weights whenever it uses them then, and rounds none."""
    with on_host(apply_dora(on.model, "merged"), room_for=1) as loaded:
        small(worst_error(loaded, on, files, 1.0, 1.0))


@pytest.fixture(scope="module")
def host_lora(tiny, models, files) -> str:
    """The speed LoRA without what the host cannot read."""
    return models.save("loras", "tiny_no_m.safetensors", {k: t for k, t in files["SPEED"].items() if "diff_m" not in k})


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("on", EVERY, indirect=True)
def test_the_hosts_lora_stays_outside_of_norm_and_scaling(
    on, files, host_lora, host_nodes, apply_dora, on_host, small, place
):
    """On a small card, where the host itself rounds nothing."""

    def lora(model):
        return host_nodes.LoraLoaderModelOnly(model=model, lora_name=host_lora, strength_model=3.0)[0]

    def dora(model):
        return apply_dora(model, "unmerged", ratio=ratio, speed=0.0)

    ratio = 0.9 if place == "before" else 0.8  # of which there are no norms yet
    with on_host(dora(lora(on.model)) if place == "before" else lora(dora(on.model)), room_for=1) as loaded:
        small(worst_error(loaded, on, files, ratio, 3.0), limit=1e-5)


@pytest.mark.parametrize("on", EVERY, indirect=True)
def test_norms_that_were_computed_under_other_patches_are_those_of_the_base(
    on, files, host_lora, host_nodes, apply_dora, on_host, small
):
    ratio = 0.6
    (other,) = host_nodes.LoraLoaderModelOnly(model=on.model, lora_name=host_lora, strength_model=3.0)
    patches = {f"diffusion_model.{name}": ("diff", (torch.ones_like(weight),)) for name, weight in on.weights.items()}
    other.add_patches(patches)
    with on_host(apply_dora(other, "unmerged", ratio=ratio, speed=0.0)) as loaded:
        worst_error(loaded, on, files, ratio, 0.0)  # asks every layer once
    with on_host(apply_dora(on.model, "unmerged", ratio=ratio, speed=0.0)) as loaded:
        small(worst_error(loaded, on, files, ratio, 0.0, hosts=True))


def test_a_large_bias_does_not_blur_the_norms_of_a_layer_in_half_precision(
    gguf_like, files, apply_dora, on_host, small
):
    """Such a layer is asked for its weight, and its answers are rounded: a bias of 50 would leave two digits of it."""
    ratio = 0.55
    other = gguf_like.model.clone()
    for target, bias in gguf_like.biases.items():
        other.add_patches({f"diffusion_model.{target}.bias": ("diff", (torch.full_like(bias, 50.0),))})
    with on_host(apply_dora(other, ratio=ratio, speed=0.0)) as loaded:
        for _, layer in layers_of(loaded, gguf_like):
            layer(random_input(layer).bfloat16())
    with on_host(apply_dora(gguf_like.model, ratio=ratio, speed=0.0)) as loaded:
        small(worst_error(loaded, gguf_like, files, ratio, 0.0))


@pytest.mark.parametrize("way", ["merged", "unmerged"])
def test_a_patched_model_that_nobody_holds_any_more_leaves_nothing_behind(plain, apply_dora, on_host, way):
    """The host goes on with the model that the dropped one was cloned from."""
    given = torch.ones(1, 16, 2, 4, 4), torch.tensor([500.0]), torch.ones(1, 3, 32)
    with on_host(plain.model) as loaded:
        expected = loaded(*given).clone()
    patched = apply_dora(plain.model, way)
    comfy.model_management.load_models_gpu([patched, *patched.get_nested_additional_models()])
    assert not torch.equal(patched.model.diffusion_model(*given), expected)
    left = [ref(one) for one in (patched, *patched.get_nested_additional_models())]
    del patched
    gc.collect()
    assert [one() for one in left] == [None] * len(left)
    with on_host(plain.model) as loaded:
        assert torch.equal(loaded(*given), expected)


class Made(TorchDispatchMode):
    """Counts the tensors of at least so many values that are made inside; views and results in place are none."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        storages = {id_of(each) for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        result = function(*args, **(kwargs or {}))
        for made in tree_leaves(result):
            self.count += isinstance(made, Tensor) and made.numel() >= self.size and id_of(made) not in storages
        return result


def id_of(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


@pytest.mark.parametrize("speed", [0.0, 1.0])
def test_what_is_added_to_a_layer_is_added_in_place(plain, apply_dora, on_host, speed):
    """No tensor of the output's size is made but the output: at 832 x 480 x 81 each would be 0.9 GB."""
    with on_host(apply_dora(plain.model, "unmerged", speed=speed)) as loaded:
        layer = loaded.network.blocks[0].ffn[0]
        assert layer.out_features > layer.in_features
        x = torch.randn(1, 4096, layer.in_features)
        layer(x[:, :1])  # which works out the norms
        with Made(4096 * layer.out_features) as made:
            layer(x)
    assert made.count == 1


def test_a_layer_is_asked_for_its_bias_once(gguf_like, apply_dora, on_host, monkeypatch):
    """Not again whenever the MODEL is loaded, and not again for another strength."""
    asked = []
    kind = type(gguf_like.model.model.diffusion_model.blocks[0].ffn[0])
    forward = kind.forward

    def counting(layer: nn.Module, x: Tensor) -> Tensor:
        asked.append(len(x.flatten(0, -2)))
        return forward(layer, x)

    monkeypatch.setattr(kind, "forward", counting)
    for ratio in (0.35, 0.35, 0.45):
        asked.clear()
        with on_host(apply_dora(gguf_like.model, ratio=ratio, speed=0.0)) as loaded:
            for _, layer in layers_of(loaded, gguf_like):
                layer(random_input(layer))
    assert asked.count(7) == len(gguf_like.targets)  # the calls themselves
    assert asked.count(1) == len(gguf_like.targets)  # for the norms of the other ratio, which are taken less the bias


class FusedFeedForward(nn.Sequential):
    """As hosts since 0.31 run it over INT8 weights: the second layer's weight goes to a kernel, not to its module."""

    def forward(self, input):
        return functional.linear(functional.gelu(self[0](input), approximate="tanh"), self[2].weight, self[2].bias)


@pytest.fixture
def fused(plain):
    """The network of `plain` with such feed-forwards, and its own ones again afterwards."""
    blocks = plain.model.model.diffusion_model.blocks
    before = [block.ffn for block in blocks]
    for block in blocks:
        block.ffn = FusedFeedForward(*block.ffn)
    yield [block.ffn for block in blocks]
    for block, ffn in zip(blocks, before):
        block.ffn = ffn


def test_a_feed_forward_that_calls_no_second_layer_gets_the_whole_dora(plain, files, apply_dora, on_host, fused, small):
    patched, x = apply_dora(plain.model, "unmerged"), torch.randn(2, 3, tiny_width(plain))
    merged = apply_dora(plain.model, "merged")
    with on_host(merged):
        expected = [ffn(x) for ffn in fused]
    with on_host(patched):
        made = [ffn(x) for ffn in fused]
    alone = [ffn(x) for ffn in fused]
    assert all("forward" not in vars(ffn) for ffn in fused)
    for ours, theirs, without in zip(made, expected, alone):
        small(float((ours - theirs).norm() / (theirs - without).norm()))


def tiny_width(on: Base) -> int:
    return on.model.model.diffusion_model.dim

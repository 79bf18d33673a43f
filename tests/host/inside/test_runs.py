"""Every kind of run that the host offers over a MODEL of ours: prompts with LoRAs and times of their own, guiders, few
steps, interrupts. None of them is taken for a loss of what is ours, and none loses it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import comfy.hooks
import comfy.model_management
import comfy.sample
import comfy.samplers
import pytest
import torch
from comfy.patcher_extension import WrappersMP
from conftest import in_process
from patched_models import CASES, Bench, apart, noise, prompt, prompts, sample
from torch import Tensor

WATCHED = (
    "DoRA, merged", "DoRA, unmerged", "TransPixeler on Wan", "TransPixeler on CogVideoX", "TransPixeler on Mochi",
    "LayerDiffuse on SDXL", "LayerDiffuse on SD 1.5", "LayerDiffuse on Flux", "LayerDiffuse condition",
    "LayerDiffuse joint",
)  # fmt: skip
STEPS = 3
ROUNDING = 1e-5
"""Patches that are summed in another order."""

every_case = pytest.mark.parametrize("case", WATCHED)
short = pytest.mark.parametrize("case", [*WATCHED[:3], "LayerDiffuse on SDXL", "LayerDiffuse joint"])


@pytest.fixture(scope="module")
def bench(tiny, models, host_nodes):
    in_process.load_nodes("nodes_hooks", "nodes_perpneg")
    return Bench(tiny, models, host_nodes)


@pytest.fixture
def base(bench, case) -> Any:
    return CASES[case][0].base(bench)


@pytest.fixture
def patched(bench, base, case) -> Any:
    return CASES[case][0].ours(bench, base)


# Prompts


@pytest.fixture
def lora(bench, base, case) -> str:
    """A user's LoRA on the queries of this model, as large as its weights."""
    generator, weights = torch.Generator().manual_seed(11), {}
    for name, weight in base.model.state_dict().items():
        if weight.ndim == 2 and name.endswith(("q.weight", "qkv.weight", "qkv_x.weight")):
            up, down = (torch.randn(size, generator=generator) for size in ((len(weight), 2), (2, weight.shape[1])))
            up *= weight.float().norm() / (up @ down).norm()
            for key, each in (("up", up), ("down", down)):
                weights[name.replace(".weight", f".lora_{key}.weight")] = each
    assert weights
    return bench.models.save("loras", f"of_a_user_{WATCHED.index(case)}.safetensors", weights)


@pytest.fixture
def with_lora(bench, lora) -> Callable[..., Any]:
    """`with_lora(conditioning)`: a prompt with a LoRA of its own; `keyframes` is {share of the run: strength}."""

    def put(conditioning: Any, keyframes: dict[float, float] | None = None) -> Any:
        (hooks,) = bench.nodes.CreateHookLora(lora_name=lora, strength_model=1.0, strength_clip=0.0)
        frames = None
        for start, strength in (keyframes or {}).items():
            more = {} if frames is None else {"prev_hook_kf": frames}
            (frames,) = bench.nodes.CreateHookKeyframe(strength_mult=strength, start_percent=start, **more)
        if frames is not None:
            (hooks,) = bench.nodes.SetHookKeyframes(hooks=hooks, hook_kf=frames)
        return bench.nodes.ConditioningSetProperties(
            cond_NEW=conditioning, strength=1.0, set_cond_area="default", hooks=hooks
        )[0]

    return put


@every_case
def test_a_users_lora_acts_with_ours_in_either_order_and_as_the_prompts_own(
    bench, base, patched, case, lora, with_lora
):
    def loaded(model: Any) -> Any:
        return bench.nodes.LoraLoaderModelOnly(model=model, lora_name=lora, strength_model=1.0)[0]

    expected = sample(case, loaded(patched))
    assert apart(sample(case, CASES[case][0].ours(bench, loaded(base))), expected) < ROUNDING
    assert apart(expected, sample(case, patched)) > 1e-3
    both = dict(zip(("positive", "negative"), map(with_lora, prompts(case))))
    for mode in comfy.hooks.EnumHookMode:
        model = patched.clone()
        model.set_hook_mode(mode)
        assert apart(sample(case, model, **both), expected) < ROUNDING


@every_case
def test_one_prompts_own_lora_takes_nothing_of_ours_from_the_other(base, patched, case, with_lora):
    """The host takes all of ours off and puts it on whenever it goes from one prompt to the other."""
    alone = sample(case, patched, STEPS)
    positive, negative = prompts(case)
    mixed = sample(case, patched, STEPS, positive=with_lora(positive, {0.0: 1.0, 0.4: 0.3}))
    assert apart(mixed, alone) > 1e-3
    assert apart(mixed, sample(case, patched, STEPS, positive=with_lora(positive))) > 1e-4
    assert apart(mixed, sample(case, patched, STEPS, negative=with_lora(negative))) > 1e-3
    if case != "LayerDiffuse condition":
        assert apart(mixed, sample(case, base, STEPS, positive=with_lora(positive, {0.0: 1.0, 0.4: 0.3}))) > 1e-3
    assert torch.equal(sample(case, patched, STEPS), alone)


@pytest.mark.parametrize("case", ["DoRA, unmerged"])
def test_the_norms_of_a_dora_are_the_bases_whatever_lora_a_prompt_has(bench, base, patched, case, with_lora):
    """The first run works them out, and that one has the LoRA in the weights."""
    positive, negative = prompts(case)
    sample(case, patched, positive=with_lora(positive), negative=with_lora(negative))
    expected = CASES[case][0].ours(bench, bench.base(bench.tiny.DIT))
    assert torch.equal(sample(case, patched), sample(case, expected))


@every_case
@pytest.mark.parametrize(("times", "both"), [((0.5, 1.0), True), ((0.0, 0.3), False)])
def test_prompts_of_a_part_of_the_run(bench, patched, case, times, both):
    def part(conditioning: Any) -> Any:
        start, end = times
        return bench.nodes.ConditioningSetTimestepRange(conditioning=conditioning, start=start, end=end)[0]

    positive, negative = prompts(case)
    made = sample(case, patched, STEPS, positive=part(positive), negative=part(negative) if both else negative)
    assert torch.isfinite(made).all()
    assert apart(made, sample(case, patched, STEPS)) > 1e-4


# Lengths


LENGTHS: dict[str, dict[str, Any]] = {
    "one step": {"steps": 1},
    "cfg 1": {"cfg": 1.0},
    "denoise": {"denoise": 0.5},
    "the second step": {"start_step": 1, "last_step": 2},
    "uni_pc": {"sampler": "uni_pc"},
    "CFG++": {"sampler": "euler_cfg_pp"},
}


@short
@pytest.mark.parametrize("length", LENGTHS)
def test_a_run_of_this_length_has_what_is_ours(base, patched, case, length):
    settings = {"steps": STEPS} | LENGTHS[length]
    made = sample(case, patched, **settings)
    assert torch.isfinite(made).all()
    if case != "LayerDiffuse condition":
        assert apart(made, sample(case, base, **settings)) > 1e-4


class OnlyNoise(comfy.samplers.Sampler):
    """Gives back what it was to start from, and asks no model."""

    def sample(self, model_wrap: Any, sigmas: Any, extra: Any, callback: Any, noise: Tensor, *rest: Any) -> Tensor:
        return noise


@pytest.fixture
def custom(bench, base, case) -> Callable[..., Tensor]:
    """`custom(guider)`: SamplerCustomAdvanced with the host's Euler, over as many sigmas as are asked for."""
    shape = CASES[case][1]

    class Given:
        seed = 1

        def generate_noise(self, latent: Any) -> Tensor:
            return noise(*shape, seed=7)

    (sigmas,) = bench.nodes.BasicScheduler(model=base, scheduler="simple", steps=STEPS, denoise=1.0)

    def run(guider: Any, count: int = STEPS + 1, sampler: Any = None) -> Tensor:
        made, _ = bench.nodes.SamplerCustomAdvanced(
            noise=Given(), guider=guider, sampler=sampler or comfy.samplers.sampler_object("euler"),
            sigmas=sigmas[:count], latent_image={"samples": torch.zeros(shape)},
        )  # fmt: skip
        return made["samples"]

    return run


@pytest.fixture
def guide(bench, patched, case) -> Callable[..., Any]:
    """`guide(node, ...)`: a guider of the host."""
    positive, negative = prompts(case)
    named = {"model": patched, "positive": positive, "negative": negative, "cfg": 3.0}

    def made(node: str = "CFGGuider", **more: Any) -> Any:
        return getattr(bench.nodes, node)(**named | more)[0]

    return made


@short
def test_runs_that_ask_no_model_are_no_loss(custom, guide, case):
    asked = []
    guider = guide()
    guider.model_patcher.add_wrapper_with_key(
        WrappersMP.APPLY_MODEL, "counts", lambda call, *args, **named: (asked.append(args), call(*args, **named))[1]
    )
    custom(guider, 0)
    custom(guider, 1)
    custom(guider, sampler=OnlyNoise())
    assert not asked
    custom(guider, 2)
    assert asked


# Guiders


@every_case
def test_every_guider_of_the_host_has_what_is_ours(bench, custom, guide, patched, case):
    positive, negative = prompts(case)
    other = prompt(5, **CASES[case][2])
    guider = guide()
    expected = sample(case, patched, STEPS)
    assert torch.equal(custom(guider), expected)
    assert torch.equal(custom(guider), expected)
    (basic,) = bench.nodes.BasicGuider(model=patched, conditioning=positive)
    assert apart(custom(basic), sample(case, patched, STEPS, cfg=1.0)) < ROUNDING
    (dual,) = bench.nodes.DualCFGGuider(
        model=patched, cond1=positive, cond2=other, negative=negative, cfg_conds=3.0, cfg_cond2_negative=2.0,
        style="regular",
    )  # fmt: skip
    for guider in (dual, guide("PerpNegGuider", empty_conditioning=other, neg_scale=1.0)):
        assert apart(custom(guider), expected) > 1e-4


@pytest.mark.parametrize("case", [case for case in WATCHED if case != "LayerDiffuse condition"])
def test_a_second_model_of_the_run_is_computed_as_it_is(bench, custom, guide, case):
    """For the negative prompt; a base of its own, as one base cannot have two MODELs' patches at a time."""
    made = custom(guide("DualModelGuider", model_negative=CASES[case][0].base(bench)))
    assert torch.isfinite(made).all()
    assert apart(made, custom(guide())) > 1e-4


class Own(comfy.samplers.CFGGuider):
    """A guider of another pack, which calls the model itself."""

    def predict_noise(self, x: Tensor, timestep: Tensor, model_options: Any = None, seed: Any = None) -> Tensor:
        positive, negative = (
            self.inner_model.apply_model(x, timestep, **self._given(name, len(x), timestep, model_options))
            for name in ("positive", "negative")
        )
        return negative + 3.0 * (positive - negative)

    def _given(self, name: str, batch: int, timestep: Tensor, model_options: Any) -> dict[str, Any]:
        (cond,) = self.conds[name]
        options = {
            "cond_or_uncond": [0 if name == "positive" else 1], "sigmas": timestep, "uuids": [cond["uuid"]],
        }  # fmt: skip
        given = {key: each.process_cond(batch_size=batch, area=None).cond for key, each in cond["model_conds"].items()}
        return {**given, "transformer_options": model_options["transformer_options"] | options}


@every_case
def test_a_guider_that_calls_the_model_itself_has_what_is_ours(custom, guide, patched, case):
    guider = Own(patched)
    guider.set_conds(*prompts(case))
    assert apart(custom(guider), custom(guide())) < ROUNDING


# Interrupts


@short
def test_an_interrupt_in_the_first_step_leaves_nothing(patched, case):
    expected = sample(case, patched)

    def stop(*_: Any, **named: Any) -> None:
        raise comfy.model_management.InterruptProcessingException

    interrupted = patched.clone()
    interrupted.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "stops", stop)
    for model, callback in ((patched, stop), (interrupted, None)):
        with pytest.raises(comfy.model_management.InterruptProcessingException):
            sample(case, model, callback=callback)
        assert torch.equal(sample(case, patched), expected)


# Nothing of ours


@pytest.mark.parametrize("case", ["DoRA, merged", "DoRA, unmerged"])
def test_a_dora_of_strength_0_is_a_run_like_any_other(bench, base, case):
    """The magnitude still has the row norms of the file."""
    apply = case.removeprefix("DoRA, ")
    made = sample(case, bench.dora(base, apply, strength=0.0))
    assert torch.isfinite(made).all()
    assert apart(made, sample(case, bench.dora(base, apply))) > 1e-3


NODES_OF_STRENGTH = {
    "TransPixeler on Wan": lambda b, model: b.nodes.RGBAApplyTransPixeler(
        model=model, weights_name=Path(b.tiny.WAN_LORA).name, strength=0.0, text_to_alpha="blocked (paper)",
        rgb_to_alpha=True, same_noise="off",
    ),
    "LayerDiffuse on SDXL": lambda b, model: b.nodes.RGBAApplyLayerDiffuse(
        model=model, weights_name=Path(b.pictures.XL_CONV).name, strength=0.0
    ),
    "LayerDiffuse on SD 1.5": lambda b, model: b.nodes.RGBAApplyLayerDiffuse(
        model=model, weights_name=Path(b.pictures.SD15_ATTN).name, strength=0.0
    ),
    "LayerDiffuse on Flux": lambda b, model: b.nodes.RGBAApplyLayerDiffuse(
        model=model, weights_name=Path(b.pictures.FLUX_LORA).name, strength=0.0
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NODES_OF_STRENGTH)
def test_a_node_of_strength_0_ends_no_run(bench, base, case):
    made = sample(case, NODES_OF_STRENGTH[case](bench, base)[0])
    assert torch.isfinite(made).all()
    if case.startswith("LayerDiffuse"):
        torch.testing.assert_close(made, sample(case, base))

"""The host's own nodes around ours: both act, whichever comes first, or the run is refused by name."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest
import torch
from conftest import in_process
from patched_models import CASES, Bench, apart, sample
from torch import Tensor

EXTRAS = (
    "apg", "attention_multiply", "cfg", "context_windows", "easycache", "eps", "freelunch", "fresca", "hypertile",
    "mahiro", "model_downscale", "nag", "pag", "rope", "sag", "slg", "tcfg", "tomesd",
)  # fmt: skip
STEPS = 3

WAN = ("DoRA, merged", "DoRA, unmerged", "mean shift", "TransPixeler on Wan")
COGVIDEOX = ("TransPixeler on CogVideoX",)
MOCHI = ("TransPixeler on Mochi",)
FLUX = ("LayerDiffuse on Flux",)
HOOKED_UNETS = ("LayerDiffuse on SD 1.5", "LayerDiffuse joint")
UNETS = ("LayerDiffuse on SDXL", "LayerDiffuse condition", *HOOKED_UNETS)
DITS = (*WAN, *MOCHI, *FLUX)
ALL = (*DITS, *COGVIDEOX, *UNETS)

PERCENTS = {"start_percent": 0.0, "end_percent": 1.0}
CACHE = {"reuse_threshold": 3.0, "verbose": False, **PERCENTS}
SKIPPED = {"double_layers": "0", "single_layers": "0", **PERCENTS}
MULTIPLY = {"q": 1.2, "k": 1.0, "v": 1.0, "out": 1.1}
FREEU = {"b1": 1.3, "b2": 1.4, "s1": 0.9, "s2": 0.2}
ROPE = {f"{change}_{axis}": value for axis in "xyt" for change, value in (("scale", 2.0), ("shift", 3.0))}
DOWNSCALE = {
    "block_number": 1, "downscale_factor": 2.0, "downscale_after_skip": True, "downscale_method": "bicubic",
    "upscale_method": "bicubic",
}  # fmt: skip

Chain = dict[str, dict[str, Any]]
NODES: dict[str, tuple[Chain, tuple[str, ...]]] = {
    "EasyCache": ({"EasyCache": CACHE}, (*WAN, *FLUX, *COGVIDEOX, *UNETS)),
    "LazyCache": ({"LazyCache": CACHE}, ALL),
    "skip layer guidance": (
        {"SkipLayerGuidanceDiT": {**SKIPPED, "scale": 3.0, "rescaling_scale": 0.0}},
        DITS,
    ),
    "skip layer guidance, simple": ({"SkipLayerGuidanceDiTSimple": SKIPPED}, DITS),
    "guidance": (
        {
            "CFGZeroStar": {},
            "CFGNorm": {"strength": 1.0, "pre_cfg": False},
            "TCFG": {},
            "APG": {"eta": 1.0, "norm_threshold": 5.0, "momentum": 0.0},
            "Epsilon Scaling": {"scaling_factor": 1.05},
            "FreSca": {"scale_low": 1.0, "scale_high": 1.25, "freq_cutoff": 1},
        },
        ALL,
    ),
    "RescaleCFG and Mahiro": ({"RescaleCFG": {"multiplier": 0.7}, "Mahiro": {}}, ALL),
    "positions": ({"ScaleROPE": ROPE}, (*WAN, *FLUX)),
    "shift": ({"ModelSamplingSD3": {"shift": 3.0}, "TemporalScoreRescaling": {"tsr_k": 0.95, "tsr_sigma": 1.0}}, DITS),
    "attention": (
        {
            "PerturbedAttentionGuidance": {"scale": 3.0},
            "NAGuidance": {"nag_scale": 5.0, "nag_alpha": 0.5, "nag_tau": 1.5},
        },
        UNETS,
    ),
    "attention maps": (
        {"SelfAttentionGuidance": {"scale": 0.5, "blur_sigma": 2.0}},
        ("LayerDiffuse on SDXL", "LayerDiffuse condition"),
    ),
    "the UNet's blocks": (
        {"FreeU_V2": FREEU, "PatchModelAddDownscale": DOWNSCALE | PERCENTS},
        ("LayerDiffuse on SDXL", "LayerDiffuse condition", "LayerDiffuse on SD 1.5"),
    ),
    "weights": ({"UNetSelfAttentionMultiply": MULTIPLY, "UNetCrossAttentionMultiply": MULTIPLY}, HOOKED_UNETS),
}


@pytest.fixture(scope="module")
def bench(tiny, models, host_nodes):
    in_process.load_nodes(*(f"nodes_{name}" for name in EXTRAS))
    return Bench(tiny, models, host_nodes)


@pytest.fixture(scope="module")
def base(bench) -> Callable[[str], Any]:
    """`base(case)`: the MODEL without anything of ours."""
    return cache(lambda case: CASES[case][0].base(bench))


@pytest.fixture(scope="module")
def alone(bench, base) -> Callable[[str], Tensor]:
    """`alone(case)`: what our node makes without any other."""
    return cache(lambda case: sample(case, CASES[case][0].ours(bench, base(case)), STEPS))


@pytest.fixture
def put(bench, theirs) -> Callable[[Any], Any]:
    def on(model: Any) -> Any:
        for node, inputs in NODES[theirs][0].items():
            (model,) = getattr(bench.nodes, node)(model=model, **inputs)
        return model

    return on


pairs = [(case, theirs) for theirs, (_, cases) in NODES.items() for case in cases]


@pytest.mark.parametrize(("case", "theirs"), pairs)
def test_both_act_in_either_order(bench, base, alone, case, put):
    ours, model = partial(CASES[case][0].ours, bench), base(case)
    ours_first = sample(case, put(ours(model)), STEPS)
    assert torch.equal(sample(case, ours(put(model)), STEPS), ours_first)
    assert apart(ours_first, alone(case)) > 1e-3
    if case != "LayerDiffuse condition":  # without it the convolution has no place for its latents
        assert apart(ours_first, sample(case, put(model), STEPS)) > 1e-3

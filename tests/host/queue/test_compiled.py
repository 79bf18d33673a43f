"""TorchCompileModel of the host beside our hooks, in a process that has compiled nothing before."""

from __future__ import annotations

import pytest
from queue_graphs import base, file_name, keep, kept, ksampler, node

from tools import tiny_checkpoints as tiny

DORA = {"dora_name": file_name(tiny.DORA), "strength": 1.0, "speed_lora_name": "none", "speed_strength": 1.0}


def dora(model):
    return {"dora": node("RGBAApplyDoRA", model=[model, 0], apply="unmerged", **DORA)}


def compiled(model):
    return {"compiled": node("TorchCompileModel", model=[model, 0], backend="inductor")}


ORDERS = {
    "after": (dora("model") | compiled("dora"), "compiled"),
    "before": (compiled("model") | dora("compiled"), "dora"),
}


@pytest.mark.parametrize("order", ORDERS)
def test_an_unmerged_dora_is_the_same_with_torchcompilemodel_and_the_sampler_says_that_nothing_is_compiled(run, order):
    plain = run(base() | dora("model") | ksampler("dora") | keep("sample", "not_compiled"))
    parts, last = ORDERS[order]
    finished = run(base() | parts | ksampler(last) | keep("sample", f"compiled_{order}"))
    assert kept(finished.files, f"compiled_{order}").equal(kept(plain.files, "not_compiled"))
    ((where, text),) = finished.notices
    assert where == "sample"
    assert "not compiled" in text and "the DoRA" in text and "TorchCompileModel" in text

"""TorchCompileModel around our nodes, in every order: the same samples as without it, and a warning where hooks are."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import comfy.sample
import pytest
import torch
from comfy_api.torch_helpers import set_torch_compile_wrapper
from comfy_extras.nodes_torch_compile import TorchCompileModel
from patched_models import CASES, Bench, noise, prompt
from torch import Tensor

HOOKED = ("TransPixeler", "DoRA, unmerged", "LayerDiffuse on SD 1.5", "LayerDiffuse joint")
SHORT = ("DoRA, merged", "DoRA, unmerged", "TransPixeler on Wan")
long = pytest.mark.long
"""These compile for minutes."""


def compiled(model: Any, backend: str) -> Any:
    return TorchCompileModel.execute(model, backend).args[0]


def first_block_compiled(model: Any, backend: str) -> Any:
    """As other packs compile block by block."""
    clone = model.clone(disable_dynamic=True)
    set_torch_compile_wrapper(clone, backend=backend, keys=["diffusion_model.blocks.0"])
    return clone


class CompiledBench(Bench):
    """With base MODELs that are compiled."""

    def __init__(self, *given: Any, compile: Callable[[Any], Any]) -> None:
        super().__init__(*given)
        self.compile = compile
        self.bases: list[Any] = []

    def _compiled(self, model: Any) -> Any:
        self.bases.append(self.compile(model))
        return self.bases[-1]

    def base(self, file: str) -> Any:
        return self._compiled(super().base(file))

    def picture(self, file: str) -> Any:
        return self._compiled(super().picture(file))

    def cogvideox(self, file: str) -> Any:
        return self._compiled(super().cogvideox(file))

    def mochi(self) -> Any:
        return self._compiled(super().mochi())


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    """No test finds what another one has compiled."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def made(tiny, models, host_nodes) -> tuple[Any, ...]:
    return tiny, models, host_nodes


@pytest.fixture
def sample(case):
    """Two steps of the host's Euler."""
    shape, text = CASES[case][1:]
    positive, negative = prompt(1, **text), prompt(2, **text)

    def run(model: Any) -> Tensor:
        return comfy.sample.sample(
            model, noise(*shape, seed=7), 2, 3.0, "euler", "simple", positive, negative, torch.zeros(shape),
            disable_pbar=True, seed=1,
        )  # fmt: skip

    return run


def close(a: Tensor, b: Tensor) -> None:
    assert float((a - b).norm() / b.norm()) < 1e-5


def all_orders(case: str, sample: Any, made: tuple[Any, ...], compile: Callable[[Any], Any]) -> None:
    patch = CASES[case][0]
    expected = sample(patch(Bench(*made)))
    close(sample(compile(patch(Bench(*made)))), expected)  # after ours
    torch._dynamo.reset()
    bench = CompiledBench(*made, compile=compile)
    patched = patch(bench)
    if case in ("LayerDiffuse condition", "TransPixeler on CogVideoX I2V"):  # their latents are nothing for the base
        close(sample(patched), expected)
    else:
        alone = sample(bench.bases[-1])  # compiled earlier, without us
        close(sample(patched), expected)
        assert torch.equal(sample(bench.bases[-1]), alone)  # and left so


@pytest.mark.parametrize("case", [*SHORT, *(pytest.param(case, marks=long) for case in CASES if case not in SHORT)])
def test_every_order_samples_the_same(case, sample, made, caplog):
    with caplog.at_level(logging.WARNING):
        all_orders(case, sample, made, lambda model: compiled(model, "eager"))
    told = {text for record in caplog.records if "not compiled" in (text := record.getMessage())}
    assert bool(told) == case.startswith(HOOKED)


@pytest.mark.parametrize("case", [pytest.param(case, marks=() if "un" in case else long) for case in SHORT])
def test_a_block_compiled_by_inductor_samples_the_same(case, sample, made):
    all_orders(case, sample, made, lambda model: first_block_compiled(model, "inductor"))


@long
@pytest.mark.parametrize("case", [*SHORT, "LayerDiffuse on SD 1.5", "LayerDiffuse on SDXL"])
def test_a_network_compiled_by_inductor_samples_the_same(case, sample, made):
    all_orders(case, sample, made, lambda model: compiled(model, "inductor"))

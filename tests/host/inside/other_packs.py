"""Two packs of other people that do everything at once that packs do to a MODEL, each in its own measure.

What there is one place for they chain, as packs do that want to live with others: each keeps what it found.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from comfy.patcher_extension import CallbacksMP, WrappersMP
from torch import Tensor, nn

OVERRIDE = "optimized_attention_override"


@dataclass(frozen=True)
class Places:
    """Where a network lets packs in: a block, a layer in it, and what the host offers there."""

    block: str
    layer: str
    replace: bool = True
    wrapper: bool = True


def scaled(output: Any, factor: float) -> Any:
    if isinstance(output, Tensor):
        return output * factor
    if isinstance(output, dict):
        return output | {"img": output["img"] * factor}
    first, *rest = output
    return (first * factor, *rest)


@dataclass(eq=False)
class OtherPack:
    """`calls` counts what has acted."""

    name: str
    factor: float
    places: Places
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def wanted(self) -> set[str]:
        given = {"block": self.places.replace, WrappersMP.DIFFUSION_MODEL: self.places.wrapper}
        always = {WrappersMP.APPLY_MODEL, WrappersMP.PREDICT_NOISE, "unet function", "attention", "forward", "hook"}
        return always | {key for key, offered in given.items() if offered}

    def put_on(self, model: Any) -> Any:
        clone = model.clone()
        for kind in (WrappersMP.APPLY_MODEL, WrappersMP.DIFFUSION_MODEL, WrappersMP.PREDICT_NOISE):
            clone.add_wrapper_with_key(
                kind, self.name, self._counted(kind, lambda executor, *a, **n: executor(*a, **n))
            )
        self._chain_unet_function(clone)
        self._chain_attention(clone)
        if self.places.replace:
            self._chain_block(clone)
        for path in (self.places.block, self.places.layer):
            name = f"diffusion_model.{path}.forward"
            clone.add_object_patch(name, self._counted("forward", clone.get_model_object(name)))
        self._hook(clone)
        return clone

    def _counted(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **named: Any) -> Any:
            self.calls[what] += 1
            return scaled(call(*args, **named), self.factor)

        return counting

    def _chain_unet_function(self, model: Any) -> None:
        before = model.model_options.get("model_function_wrapper")

        def call(apply_model: Any, given: Any) -> Any:
            if before is not None:
                return before(apply_model, given)
            return apply_model(given["input"], given["timestep"], **given["c"])

        model.set_model_unet_function_wrapper(self._counted("unet function", call))

    def _chain_attention(self, model: Any) -> None:
        options = model.model_options["transformer_options"]
        before = options.get(OVERRIDE)

        def attend(func: Any, *args: Any, **named: Any) -> Tensor:
            return func(*args, **named) if before is None else before(func, *args, **named)

        options[OVERRIDE] = self._counted("attention", attend)

    def _chain_block(self, model: Any) -> None:
        replaced = model.model_options["transformer_options"].get("patches_replace", {}).get("dit", {})
        before = replaced.get(("double_block", 0))

        def block(args: Any, extra: Any) -> Any:
            return extra["original_block"](args) if before is None else before(args, extra)

        model.set_model_patch_replace(self._counted("block", block), "dit", "double_block", 0)

    def _hook(self, model: Any) -> None:
        """On for as long as a run lasts."""
        handles: list[Any] = []

        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            self.calls["hook"] += 1
            return scaled(output, self.factor)

        def put(patcher: Any) -> None:
            for path in (self.places.block, self.places.layer):
                handles.append(patcher.model.diffusion_model.get_submodule(path).register_forward_hook(hook))

        def take(patcher: Any) -> None:
            while handles:
                handles.pop().remove()

        model.add_callback_with_key(CallbacksMP.ON_PRE_RUN, self.name, put)
        model.add_callback_with_key(CallbacksMP.ON_CLEANUP, self.name, take)

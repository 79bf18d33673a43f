"""Whether everything of ours on a network acts: watched in the first step of every run, which ends there if not.

Newer hosts and other packs compute layers without calling them, replace attention, or leave patches out, and what we
had put there would be lost without an error. After the first step nothing of the watch is left in the run.

A whole block that another node leaves out on purpose is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from comfy.patcher_extension import CallbacksMP, WrappersMP, add_wrapper_with_key
from torch import Tensor, nn

from ...weights.key_dialects import list_names
from .compiled import as_written, is_compiled
from .marks import Mark, watched
from .notices import warn

if TYPE_CHECKING:
    from .sockets import ModelPatcher

MarksOf = Callable[[nn.Module], Sequence[Mark]]
"""What has to act on a ModelPatcher's model; a clone on another device has a model, and marks, of its own."""

BLOCK = re.compile(r"(?:attention of |diffusion_model\.)?blocks\.(\d+)\b")


def watch_first_step(
    model: ModelPatcher, key: str, what: str, instead: str, marks_of: MarksOf, *, hooks: bool = True
) -> None:
    """Lets every run of a cloned ModelPatcher raise RuntimeError after its first step where a mark has not acted.

    what: the thing that would be lost, for messages. instead: what to do about it. hooks: whether the marks are hooks,
    which want the network as it is written (compiled.py); others keep what they noted when the model was loaded.
    """

    def outer_sample(executor: Any, *args: Any, **named: Any) -> Any:
        run = _Run(executor.class_obj, _key(key), what, instead, marks_of, hooks)
        for kind, wrapper in ((WrappersMP.SAMPLER_SAMPLE, run.sample), (WrappersMP.PREDICT_NOISE, run.predict_noise)):
            add_wrapper_with_key(kind, run.key, wrapper, run.options, is_model_options=True)
        try:
            return executor(*args, **named)
        finally:
            run.leave(run.options)

    model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, _key(key), outer_sample)


def unwatch_first_step(model: ModelPatcher, key: str) -> None:
    """Takes every watch of this key off a cloned ModelPatcher."""
    model.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, _key(key))


def _key(key: str) -> str:
    return f"{key}.first_step"


class _Run:
    """The watch of one run. `options` are the run's own copy, which the guider reads at every call of the model."""

    def __init__(self, guider: Any, model_key: str, what: str, instead: str, marks_of: MarksOf, hooks: bool) -> None:
        self.options, self.model_key, self.key = guider.model_options, model_key, f"{model_key} {id(self)}"
        self.what, self.instead = what, instead
        self.marks_of, self.hooks = marks_of, hooks
        self.ran: dict[nn.Module, list[Sequence[Mark]]] = {}
        self.asked = False
        self.watch = ExitStack()

    def leave(self, options: dict[str, Any]) -> bool:
        """Takes our wrappers out of these options of the run; whether the one of the first step was still there."""
        wrappers = options["transformer_options"]["wrappers"]
        for kind, key in ((WrappersMP.OUTER_SAMPLE, self.model_key), (WrappersMP.SAMPLER_SAMPLE, self.key)):
            wrappers.get(kind, {}).pop(key, None)
        was_there = wrappers.get(WrappersMP.PREDICT_NOISE, {}).pop(self.key, None) is not None
        for kind in [kind for kind, by_key in wrappers.items() if not by_key]:
            del wrappers[kind]
        return was_there

    def sample(self, executor: Any, guider: Any, sigmas: Tensor, extra: Any, *rest: Any, **named: Any) -> Any:
        self.leave(extra["model_options"])  # the steps' own copy, which goes through every call of the network
        with ExitStack() as whole_run, self.watch:
            compiled = is_compiled(guider.inner_model, self.options)
            if compiled and self.hooks:
                whole_run.enter_context(as_written(self.what))
            for patcher in (guider.model_patcher, *guider.model_patcher.get_additional_models_with_key("multigpu")):
                self._begin(patcher, compiled)
            result = executor(guider, sigmas, extra, *rest, **named)
            if self.leave(self.options) and (self.ran or self.asked):  # its guider asks the model by another way
                self._end()
            return result

    def predict_noise(self, executor: Any, *args: Any, **named: Any) -> Any:
        self.asked = True
        result = executor(*args, **named)
        if self.ran and self.leave(self.options):  # else another node has answered for the network
            self.leave(executor.class_obj.model_options)  # a copy, where another node has put one there
            self._end()
        return result

    def _begin(self, patcher: ModelPatcher, compiled: bool) -> None:
        base: Any = patcher.model
        if self.hooks:
            self._watch_marks(patcher)
            patcher.add_callback_with_key(CallbacksMP.ON_INJECT_MODEL, self.key, self._watch_marks)
            self.watch.callback(patcher.remove_callbacks_with_key, CallbacksMP.ON_INJECT_MODEL, self.key)
        if compiled and not self.hooks:
            self._note(base)  # a hook would become part of the compiled network
        else:
            noted = base.diffusion_model.register_forward_pre_hook(lambda *_: self._note(base))
            self.watch.callback(noted.remove)

    def _watch_marks(self, patcher: ModelPatcher) -> None:
        """The marks as they are now: a prompt's own LoRA (hooks of the host) has all of ours taken off and put on."""
        self.watch.enter_context(watched(self.marks_of(patcher.model)))

    def _note(self, base: nn.Module) -> None:
        """That this network runs, and with which marks."""
        of_base, marks = self.ran.setdefault(base, []), self.marks_of(base)
        if marks not in of_base:
            of_base.append(marks)

    def _end(self) -> None:
        self.watch.close()
        if not self.ran:
            raise RuntimeError(f"another node computes in the place of this model, without {self.what}: take it out.")
        places = [place for of_base in self.ran.values() for place in zip(*of_base, strict=True)]
        acted = {place[0].path for place in places if any(mark.acted for mark in place)}
        lost = {place[0].path for place in places if not any(mark.acted for mark in place)}
        if lost and (left_out := self._left_out(acted)):
            warn(f"{self.what} is not in {_list_blocks(left_out)}.")
            lost = {path for path in lost if _block(path) not in left_out}
        if lost:
            raise RuntimeError(
                f"{self.what} was lost on {len(lost)} of {len({place[0].path for place in places})} places "
                f"({list_names(lost)}): the host or another node computes them in a way of its own. {self.instead}"
            )

    def _left_out(self, acted: set[str]) -> dict[int, str]:
        """{block that another node's replacement does not call: where that comes from}."""
        seen = {_block(path) for path in acted}
        replaced = self.options["transformer_options"].get("patches_replace", {}).get("dit", {})
        return {
            index: getattr(patch, "__module__", type(patch).__module__).rpartition(".")[2]
            for (kind, index, *_), patch in replaced.items()
            if kind == "double_block" and index not in seen
        }


def _block(path: str) -> int | None:
    match = BLOCK.match(path)
    return None if match is None else int(match[1])


def _list_blocks(left_out: dict[int, str]) -> str:
    indices = ", ".join(map(str, sorted(left_out)))
    return f"block{'s' if len(left_out) > 1 else ''} {indices}, which {list_names(set(left_out.values()))} leaves out"

"""Checks in the first step of every run that our hooks and patches are used; where one is not, the run ends there.

Newer hosts and other packs compute layers without calling them, replace attention, or leave patches out, and what we
had put there would be lost without an error. After the first step nothing of the check is left in the run.

What is left out on purpose is a warning: a block that another node replaces, and a layer that the network does not use
in this run.
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
"""What has to act on a ModelPatcher's model."""

PREFIX = re.compile(r"(?:attention of |diffusion_model\.)?(.*)")
BLOCK = re.compile(r"(double_|single_)?blocks\.(\d+)\b")

Block = tuple[str, int]
"""("double_block", 3), as the host names blocks that are replaced."""


def watch_first_step(
    model: ModelPatcher, key: str, feature: str, remedy: str, marks_of: MarksOf, *, needs_eager: bool = True
) -> None:
    """Lets every run of a cloned ModelPatcher raise RuntimeError after its first step where a mark has not acted.

    feature: what would be lost, for messages; remedy: what to do about it. needs_eager: whether the marks are hooks,
    which a compiled network ignores (compiled.py); other marks keep what they noted when the model was loaded.
    """

    def outer_sample(executor: Any, *args: Any, **named: Any) -> Any:
        run = _Run(executor.class_obj, _key(key), feature, remedy, marks_of, needs_eager)
        for kind, wrapper in ((WrappersMP.SAMPLER_SAMPLE, run.sample), (WrappersMP.PREDICT_NOISE, run.predict_noise)):
            add_wrapper_with_key(kind, run.key, wrapper, run.options, is_model_options=True)
        try:
            return executor(*args, **named)
        finally:
            run.leave(run.options)

    model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, _key(key), outer_sample)


def unwatch_first_step(model: ModelPatcher, key: str) -> None:
    """Removes every check of this key from a cloned ModelPatcher."""
    model.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, _key(key))


def _key(key: str) -> str:
    return f"{key}.first_step"


class _Run:
    """The check of one run. `options` are the run's own copy, which the guider reads at every call of the model."""

    def __init__(
        self, guider: Any, model_key: str, feature: str, remedy: str, marks_of: MarksOf, needs_eager: bool
    ) -> None:
        self.options, self.model_key, self.key = guider.model_options, model_key, f"{model_key} {id(self)}"
        self.feature, self.remedy = feature, remedy
        self.marks_of, self.needs_eager = marks_of, needs_eager
        self.marks_of_base: dict[nn.Module, list[Sequence[Mark]]] = {}
        """Of every model that ran: its marks, several times where they were put on anew meanwhile."""
        self.called: set[str] = set()
        """Parts of the network in which a module was called; nothing is noted in a compiled network."""
        self.was_asked = False
        self.watch = ExitStack()

    def leave(self, options: dict[str, Any]) -> bool:
        """Removes our wrappers from these options of the run; whether the one of the first step was still there."""
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
            if compiled and self.needs_eager:
                whole_run.enter_context(as_written(self.feature, self.remedy))
            for patcher in (guider.model_patcher, *guider.model_patcher.get_additional_models_with_key("multigpu")):
                self._begin(patcher, compiled)
            result = executor(guider, sigmas, extra, *rest, **named)
            if self.leave(self.options) and (self.marks_of_base or self.was_asked):
                self._end()  # the guider bypasses PREDICT_NOISE wrappers, or no call has reached the network
            return result

    def predict_noise(self, executor: Any, *args: Any, **named: Any) -> Any:
        self.was_asked = True
        result = executor(*args, **named)
        if self.marks_of_base and self.leave(self.options):  # else another node has answered for the network
            self.leave(executor.class_obj.model_options)  # a copy, where another node has put one there
            self._end()
        return result

    def _begin(self, patcher: ModelPatcher, compiled: bool) -> None:
        base: Any = patcher.model
        if self.needs_eager:
            self._watch_marks(patcher)
            patcher.add_callback_with_key(CallbacksMP.ON_INJECT_MODEL, self.key, self._watch_marks)
            self.watch.callback(patcher.remove_callbacks_with_key, CallbacksMP.ON_INJECT_MODEL, self.key)
        elif compiled:  # a hook would become part of the compiled network
            self._note_run(base)
            return
        network = base.diffusion_model
        self.watch.callback(network.register_forward_pre_hook(lambda *_: self._note_run(base)).remove)
        for name, part in network.named_children():
            for module in part.modules() if name in {_part(mark.path) for mark in self.marks_of(base)} else ():
                noting = module.register_forward_pre_hook(lambda *_, name=name: self.called.add(name))
                self.watch.callback(noting.remove)

    def _watch_marks(self, patcher: ModelPatcher) -> None:
        """The marks as they are now. The host has all hooks put on anew for a LoRA of a prompt alone, and in the middle
        of a pass where another node has a model loaded."""
        marks = self.marks_of(patcher.model)
        self.watch.enter_context(watched(marks))
        if patcher.model in self.marks_of_base:
            self.marks_of_base[patcher.model].append(marks)

    def _note_run(self, base: nn.Module) -> None:
        of_base, marks = self.marks_of_base.setdefault(base, []), self.marks_of(base)
        if marks not in of_base:
            of_base.append(marks)

    def _end(self) -> None:
        self.watch.close()
        if not self.marks_of_base:
            self._report_a_run_without_the_network()
            return
        same = [each for of_base in self.marks_of_base.values() for each in zip(*of_base, strict=True)]
        acted = {marks[0].path for marks in same if any(mark.acted for mark in marks)}
        lost = {marks[0].path for marks in same if not any(mark.acted for mark in marks)}
        lost -= self._warn_of_blocks(lost, acted)
        lost -= self._warn_of_unused_parts(lost)
        if lost:
            raise RuntimeError(
                f"{self.feature} was lost on {len(lost)} of {len({marks[0].path for marks in same})} places "
                f"({list_names({path or 'the whole network' for path in lost})}): another node, or this version of "
                f"ComfyUI, computes them without calling them. {self.remedy}"
            )

    def _report_a_run_without_the_network(self) -> None:
        if "model_function_wrapper" in self.options:
            raise RuntimeError(
                f"another node computes in the place of this model, without {self.feature}: take that node out."
            )
        warn(f"The model was not called in this run, so {self.feature} changed nothing.")

    def _warn_of_blocks(self, lost: set[str], acted: set[str]) -> set[str]:
        """What was lost in blocks that another node's replacement leaves out."""
        replaced = self.options["transformer_options"].get("patches_replace", {}).get("dit", {})
        left_out = {
            block: str(patch.__module__).rpartition(".")[2]
            for block, patch in replaced.items()
            if block[:2] in {_block(path) for path in lost} - {_block(path) for path in acted}
        }
        if not left_out:
            return set()
        numbers = ", ".join(str(number) for _, number, *_ in sorted(left_out))
        names = f"block{'s' if len(left_out) > 1 else ''} {numbers}"
        warn(f"{self.feature} is not in {names}, which {list_names(set(left_out.values()))} leaves out.")
        return {path for path in lost if _block(path) in {block[:2] for block in left_out}}

    def _warn_of_unused_parts(self, lost: set[str]) -> set[str]:
        """What was lost outside of the blocks in parts that were not called, as without an image or a control."""
        unused = (
            {path for path in lost if _block(path) is None and _part(path) not in self.called} if self.called else set()
        )
        if unused:
            parts = {_part(path) for path in unused}
            warn(f"{self.feature} is not in {list_names(parts)}, which this run does not use.")
        return unused


def _part(path: str) -> str:
    """The child of the network that a path lies in."""
    return _inside(path).partition(".")[0]


def _block(path: str) -> Block | None:
    match = BLOCK.match(_inside(path))
    return None if match is None else (f"{match[1] or 'double_'}block", int(match[2]))


def _inside(path: str) -> str:
    """The path in the network."""
    match = PREFIX.fullmatch(path)
    assert match is not None
    return match[1]

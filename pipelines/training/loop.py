"""One training loop for every stage: seeded, resumable, on one device or several.

    for each step: draw samples step * G .. step * G + G - 1, take the mean loss over them, update, note, checkpoint

G is batch * accumulate * processes. A sample is known by its number alone, and its noise too (`draws`), so a run that
was stopped goes on as if it had not been, and two processes with half the batch train as one with all of it.

In fp16 the loss is scaled before the gradient is computed. A step whose gradient overflows is repeated with half the
scale: the same samples, the same noise, the same learning rate. It does not count as a step before it has been made.

Layout   FOLDER/checkpoints/step-*.pt, FOLDER/samples/*.png (animated, with alpha), FOLDER/log/ for TensorBoard.
Source   Our own, on Hugging Face's accelerate for devices, mixed precision and several processes.
Differs  accelerate's own data loaders and `save_state` are not used: they depend on the number of processes.
         A checkpoint has the trained weights only; frozen ones are the base model's. Dropout and the like are seeded
         from (seed, step, forward pass, process), so no generator's state needs to be kept.
         accelerate computes fp16 in float32 on a CPU, without a word; here it is fp16 on every device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .batches import Batch, Collate, Samples, read_batches
from .checkpoints import checkpoints, read_checkpoint, write_checkpoint
from .draws import Draws, mix
from .notes import Notes

LOSS = "loss"
MANY_BAD_STEPS = 20
"""So many steps in a row without a finite loss and gradient end a run that skips them."""
SMALLEST_SCALE = 1.0
"""A gradient that overflows float16 at this loss scale is not finite by itself."""


class NotFinite(ArithmeticError):
    """A loss or a gradient that is NaN or infinite."""


Loss = Callable[[nn.Module, Any, Draws], Mapping[str, Tensor]]
"""(model, batch on the device, draws) to named means over the batch; `loss` is minimised, the others are noted. The
model may be wrapped: call it, do not reach into it."""


@dataclass(frozen=True)
class Run:
    """How to run; lengths in optimiser steps, `batch` in samples for each process and forward pass.

    precision   as accelerate has it. clip is the largest gradient norm, 0 for any. average is the decay of a moving
    average of the trained weights, 0 for none. workers prepare samples beside the training.
    """

    folder: Path
    steps: int
    batch: int = 1
    accumulate: int = 1
    seed: int = 0
    precision: Literal["no", "fp16", "bf16"] = "no"
    clip: float = 1.0
    average: float = 0.0
    checkpoint_every: int = 500
    keep: int = 2
    note_every: int = 10
    sample_every: int = 0
    on_not_finite: Literal["stop", "skip"] = "stop"
    on_full_disk: Literal["stop", "skip"] = "stop"
    workers: int = 0
    resume: bool = True
    first_sample: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate", "checkpoint_every", "keep", "note_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} wants at least 1, got {getattr(self, name)}.")
        if not 0 <= self.average < 1:
            raise ValueError(f"average wants a decay from 0 up to but not 1, got {self.average}.")


def train(
    model: nn.Module,
    loss: Loss,
    samples: Samples,
    run: Run,
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
    rate: Callable[[int], float] = lambda _: 1.0,
    collate: Collate | None = None,
    sample: Callable[[nn.Module, int], Mapping[str, Tensor]] | None = None,
    on_step: Callable[[nn.Module, int, float], None] | None = None,
) -> dict[str, Tensor]:
    """Train the parameters of `model` that require a gradient, and return them (their average, if `run` wants one).

    rate         step to a factor of the optimiser's learning rate.
    collate      a list of samples to a batch; tensors are stacked when None.
    sample       (model, step) to named clips (T, H, W, 3 or 4) in 0..1, written every `sample_every` steps.
    on_step     called after every step with (model, step, loss); may raise to interrupt.

    Goes on from the last checkpoint in the folder when `run.resume`. Raises NotFinite, naming step, samples and losses,
    and OSError when the disk is full and `run` wants to stop then; the last checkpoint is intact in both cases.
    """
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not trained:
        raise ValueError("nothing to train: no parameter of the model requires a gradient.")
    worker = _Worker(model, loss, run, optimizer, rate, trained)
    worker.resume()
    batches = read_batches(samples, worker.numbers_to_come(), collate, run.workers)
    with Notes(run.folder, worker.is_main, worker.step, run.steps) as notes:
        bad = 0
        while worker.step < run.steps:
            terms = worker.advance(batches)
            if worker.repeats:
                notes.say(worker.complaint)
                continue
            bad = 0 if terms is not None else bad + 1
            if terms is None:
                notes.say(worker.complaint)
                if bad >= MANY_BAD_STEPS:
                    raise NotFinite(f"{bad} steps in a row had no finite loss or gradient; last: {worker.complaint}")
            elif worker.step % run.note_every == 0 or worker.step == run.steps:
                notes.scalars(worker.step, {**worker.mean(terms), "rate": rate(worker.step - 1)})
            notes.advance()
            if on_step is not None and terms is not None:
                on_step(worker.unwrapped, worker.step, float(terms[LOSS]))
            if sample is not None and run.sample_every and worker.step % run.sample_every == 0:
                worker.show(sample, notes)
            if worker.step % run.checkpoint_every == 0 or worker.step == run.steps:
                worker.keep(notes)
    worker.finish()
    return worker.result()


Part = tuple[list[int], Mapping[str, Tensor]]
"""The samples of one forward pass, and its losses."""


class _Worker:
    """One process of a run: its model, optimiser and place."""

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        run: Run,
        optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
        rate: Callable[[int], float],
        trained: dict[str, nn.Parameter],
    ) -> None:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState

        AcceleratorState._reset_state()  # it holds the precision of the run before, if this process had one
        self.run, self.loss, self.rate, self.trained = run, loss, rate, trained
        self.accelerator = Accelerator(mixed_precision=run.precision)
        if run.precision == "fp16" and self.accelerator.device.type == "cpu":
            self.accelerator.native_amp, self.accelerator.scaler = True, GradScaler("cpu")
        self.unwrapped = model
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer(list(trained.values())))
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = {name: tensor.detach().clone() for name, tensor in trained.items()} if run.average else {}
        self.step = 0
        self.complaint = ""
        self.kept_batches: list[Batch] = []
        self.scale_before: float | None = None

    @property
    def is_main(self) -> bool:
        return self.accelerator.is_main_process

    @property
    def repeats(self) -> bool:
        """Whether the next step is one that was tried already, and overflowed."""
        return self.scale_before is not None

    @property
    def samples_per_step(self) -> int:
        return self.run.batch * self.run.accumulate * self.accelerator.num_processes

    def numbers(self, step: int, part: int) -> list[int]:
        """The samples of one forward pass of this process."""
        row = (
            self.run.first_sample
            + step * self.samples_per_step
            + part * self.run.batch * self.accelerator.num_processes
        )
        first = row + self.accelerator.process_index * self.run.batch
        return list(range(first, first + self.run.batch))

    def numbers_to_come(self) -> Iterator[list[int]]:
        """The samples of every forward pass of this process from here to the end of the run."""
        for step in range(self.step, self.run.steps):
            for part in range(self.run.accumulate):
                yield self.numbers(step, part)

    def advance(self, batches: Iterator[Batch]) -> dict[str, Tensor] | None:
        """One step: the mean of the losses, or None when it was skipped for not being finite, or is to be repeated."""
        scaler = self.accelerator.scaler
        passes: Iterable[Batch] = self.kept_batches or islice(batches, self.run.accumulate)
        if scaler is not None:
            passes = self.kept_batches = list(passes)
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate * self.rate(self.step)
        parts = [self._add_gradient(part, numbers, batch) for part, (numbers, batch) in enumerate(passes)]
        norm = self._clip()
        losses_fine, gradient_fine = self._everywhere_fine(parts, norm)
        if losses_fine and gradient_fine:
            self.optimizer.step()
            self._move_average()
        elif scaler is not None and losses_fine and (before := scaler.get_scale()) > SMALLEST_SCALE:
            self.scale_before = self.scale_before or before
            scaler.update()
            self.optimizer.zero_grad()
            self.complaint = (
                f"step {self.step} repeated: the gradient overflows float16 at a loss scale of {before:g}; "
                f"now {scaler.get_scale():g}"
            )
            return None
        else:
            wrong = self._what_is_not_finite(parts, norm)
            if self.run.on_not_finite == "stop":
                raise NotFinite(f"{wrong}; lower the learning rate, or skip.")
            self.complaint = f"step skipped: {wrong}"
            if scaler is not None:
                scaler.update(self.scale_before or scaler.get_scale())  # no fault of the scale: it is as before
        self.optimizer.zero_grad()
        self.kept_batches, self.scale_before = [], None
        self.step += 1
        if not (losses_fine and gradient_fine):
            return None
        means = {name: torch.stack([terms[name].detach() for _, terms in parts]).mean() for name in parts[0][1]}
        return {**means, "gradient": norm.detach()}

    def _add_gradient(self, part: int, numbers: list[int], batch: Any) -> Part:
        """One forward pass and its gradient."""
        from accelerate.utils import send_to_device

        batch = send_to_device(batch, self.accelerator.device)
        torch.manual_seed(mix(self.run.seed, self.step, part, self.accelerator.process_index))
        draws = Draws(self.run.seed, numbers, self.accelerator.device)
        with _together(self.accelerator, self.model, is_last=part == self.run.accumulate - 1):
            with self.accelerator.autocast():
                terms = self.loss(self.model, batch, draws)
            self.accelerator.backward(terms[LOSS] / self.run.accumulate)
        return numbers, terms

    def _clip(self) -> Tensor:
        parameters = list(self.trained.values())
        norm = self.accelerator.clip_grad_norm_(parameters, self.run.clip or math.inf)
        return torch.as_tensor(norm if norm is not None else 0.0)

    def _everywhere_fine(self, parts: list[Part], norm: Tensor) -> tuple[bool, bool]:
        """Whether the losses and whether the gradient are finite in every process.

        One answer for all of them, and one wait for a GPU.
        """
        losses = torch.stack([term.detach().isfinite().all() for _, terms in parts for term in terms.values()]).all()
        here = torch.stack([losses, norm.isfinite().to(losses.device)]).float()
        everywhere: Any = self.accelerator.gather(here[None])
        losses_fine, gradient_fine = everywhere.amin(0).bool().tolist()
        return losses_fine, gradient_fine

    def _what_is_not_finite(self, parts: list[Part], norm: Tensor) -> str:
        for numbers, terms in parts:
            bad = {name: float(term.detach()) for name, term in terms.items() if not bool(torch.isfinite(term).all())}
            if bad:
                return f"{bad} at step {self.step}, samples {numbers[0]} to {numbers[-1]}"
        if not bool(torch.isfinite(norm)):
            return f"the gradient's norm is {float(norm)} at step {self.step}"
        return "another process saw no finite loss"

    @torch.no_grad()
    def _move_average(self) -> None:
        decay = min(self.run.average, (self.step + 1) / (self.step + 10))  # young averages forget their start sooner
        if self.average:
            now = [self.trained[name].detach() for name in self.average]
            get_ema_multi_avg_fn(decay)([*self.average.values()], now, self.step)

    def mean(self, terms: Mapping[str, Tensor]) -> dict[str, float]:
        """Over the processes."""
        names = sorted(terms)
        stacked = torch.stack([terms[name].float().to(self.accelerator.device) for name in names])
        means: Any = self.accelerator.reduce(stacked, "mean")
        return dict(zip(names, means.tolist()))

    def show(self, sample: Callable[[nn.Module, int], Mapping[str, Tensor]], notes: Notes) -> None:
        if not self.is_main:
            return
        was_training = self.unwrapped.training
        self.unwrapped.eval()
        with torch.no_grad():
            notes.clips(self.step, sample(self.unwrapped, self.step))
        self.unwrapped.train(was_training)

    def keep(self, notes: Notes) -> None:
        """Write a checkpoint; the first process does it for all."""
        if not self.is_main:
            return
        scaler = self.accelerator.scaler
        state = {
            "step": self.step,
            "seed": self.run.seed,
            "weights": {name: tensor.detach() for name, tensor in self.trained.items()},
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else {},
        }
        try:
            write_checkpoint(self.run.folder / "checkpoints", self.step, state, self.run.keep)
        except OSError as error:  # a full disk: the older checkpoints stand
            if self.run.on_full_disk == "stop":
                raise
            notes.say(f"no checkpoint at step {self.step}: {error}; the one before stands, training goes on")

    def resume(self) -> None:
        """Go on from the newest checkpoint, if there is one and it is wanted. Raises ValueError if it does not fit."""
        found = checkpoints(self.run.folder / "checkpoints")
        if not found or not self.run.resume:
            return
        path = found[-1][1]
        state = read_checkpoint(path)
        if state["seed"] != self.run.seed or state["weights"].keys() != self.trained.keys():
            raise ValueError(
                f"{path} is of another run: it has seed {state['seed']} and {len(state['weights'])} weights, this one "
                f"has seed {self.run.seed} and {len(self.trained)}. Choose another folder, or do not resume."
            )
        other = next(
            (name for name, tensor in state["weights"].items() if tensor.shape != self.trained[name].shape), None
        )
        if other is not None:
            raise ValueError(
                f"{path} is of another run: there {other} is {tuple(state['weights'][other].shape)}, here "
                f"{tuple(self.trained[other].shape)}. Choose its settings, another folder, or do not resume."
            )
        with torch.no_grad():
            for name, tensor in state["weights"].items():
                self.trained[name].copy_(tensor)
            for name, tensor in self.average.items():
                tensor.copy_(state["average"].get(name, state["weights"][name]))
        self.optimizer.load_state_dict(state["optimizer"])
        if self.accelerator.scaler is not None and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.step = state["step"]

    def finish(self) -> None:
        self.accelerator.wait_for_everyone()

    def result(self) -> dict[str, Tensor]:
        chosen = self.average or self.trained
        return {name: tensor.detach().clone() for name, tensor in chosen.items()}


def _together(accelerator: Any, model: nn.Module, is_last: bool) -> Any:
    """Gradients travel between processes with the last forward pass of a step alone."""
    from contextlib import nullcontext

    return nullcontext() if is_last else accelerator.no_sync(model)

"""A variant's run: one process at a time claims its folder, trains there, measures, and leaves its numbers.

Layout   FOLDER/GROUP/VARIANT/SEED/: checkpoints of `training.loop`, CURVE (step to the noted loss), WEIGHTS when it is
         trained and NUMBERS when it is through.
Source   Our own.
Differs  Nothing to differ from. Claims are locks of the operating system: a process that ends gives its own back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from pipelines.media.whole_file import write_whole
from pipelines.training.draws import Draws
from pipelines.training.loop import Loss, NotFinite, Run, train

from ..cached import Shuffled

Numbers = Mapping[str, float]
"""What was measured, by name; `DIVERGED` alone when there was nothing to measure."""

NUMBERS, WEIGHTS, CURVE = "numbers.json", "weights.safetensors", "curve.json"
DIVERGED = "diverged"
WARM = 50
PARTS = {"early": (0.1, 0.3), "middle": (0.4, 0.6), "late": (0.8, 1.0)}
"""Of the steps of a run, where its loss is averaged."""


@contextmanager
def claimed(folder: Path, wait: bool) -> Iterator[bool]:
    """Whether this process has the folder for itself; with `wait` it has, sooner or later."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "claim").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def numbers_in(folder: Path) -> dict[str, float] | None:
    """Those of a run that is through, or None."""
    path = folder / NUMBERS
    return json.loads(path.read_text()) if path.is_file() else None


def go_through(folder: Path, make: Callable[[Path], Numbers], wait: bool) -> dict[str, float] | None:
    """The numbers of a run, made if they are not there; None when another process is at it and we do not wait."""
    with claimed(folder, wait) as mine:
        if mine and numbers_in(folder) is None:
            try:
                numbers = make(folder)
            except NotFinite:
                numbers = {DIVERGED: 1.0}
            write_whole(folder / NUMBERS, json.dumps(dict(numbers), indent=1).encode())
    return numbers_in(folder)


def train_once(
    model: nn.Module,
    loss: Loss,
    samples: Shuffled,
    run: Run,
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
    device: torch.device,
    noted: str = "loss",
) -> None:
    """Leaves `model` trained and on the device, and its trained weights and the curve of one loss in the folder."""
    from safetensors.torch import load_file, save

    path = run.folder / WEIGHTS
    if not path.is_file():
        curve = _Curve(run, noted)
        rate = warm_then_straight_down(run.steps)
        weights = train(model, curve.noting(loss), samples, run, optimizer, rate, samples.together, on_step=curve.keep)
        write_whole(path, save({name: tensor.contiguous().cpu() for name, tensor in weights.items()}))
    unknown = model.load_state_dict(load_file(path), strict=False).unexpected_keys
    if unknown:
        raise ValueError(f"{path} is of another model: it has {unknown[0]}; delete its folder to train it again.")
    model.to(device).eval()


def curve_of(folder: Path) -> list[float]:
    """The noted loss, step by step."""
    return list(json.loads((folder / CURVE).read_text()).values())


def parts_of(curve: list[float]) -> dict[str, float]:
    """The mean at the beginning, in the middle and at the end."""
    return {name: _mean_of(curve, first, last) for name, (first, last) in PARTS.items()}


def warm_then_straight_down(steps: int) -> Callable[[int], float]:
    """Up to 1 over `WARM` steps or a tenth, then down to a twentieth."""
    warm = max(1, min(WARM, steps // 10))
    return lambda step: min((step + 1) / warm, 1 - 0.95 * (step - warm) / max(1, steps - warm))


class _Curve:
    """One loss of a run, step by step; on the device until a checkpoint is due."""

    def __init__(self, run: Run, term: str) -> None:
        self.run, self.term = run, term
        self.path = run.folder / CURVE
        kept = json.loads(self.path.read_text()) if self.path.is_file() else {}
        self.values = {int(step): torch.tensor(value) for step, value in kept.items()}

    def noting(self, loss: Loss) -> Loss:
        def noted(model: nn.Module, batch: object, draws: Draws) -> Mapping[str, Tensor]:
            terms = loss(model, batch, draws)
            self.values[draws.numbers[0] // self.run.batch] = terms[self.term].detach()
            return terms

        return noted

    def keep(self, _: nn.Module, step: int, __: float) -> None:
        if step % self.run.checkpoint_every == 0 or step == self.run.steps:
            kept = {str(done): float(value) for done, value in sorted(self.values.items()) if done < step}
            write_whole(self.path, json.dumps(kept).encode())


def _mean_of(values: list[float], first: float, last: float) -> float:
    start = min(int(first * len(values)), len(values) - 1)
    part = values[start : max(start + 1, round(last * len(values)))]
    return sum(part) / len(part)

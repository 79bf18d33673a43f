"""Numbered samples in the order in which a run needs them, prepared beside the training when it has workers.

Layout   a batch is (numbers of its samples, what `collate` makes of them).
Source   Our own, on torch's DataLoader.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

Batch = tuple[list[int], Any]
Collate = Callable[[list[Any]], Any]


class Samples(Protocol):
    """Endless numbered samples: the same number is the same sample, in every run and process."""

    def __getitem__(self, number: int) -> Any: ...


def read_batches(
    samples: Samples, numbers: Iterable[list[int]], collate: Collate | None, workers: int
) -> Iterator[Batch]:
    """One batch for each list of numbers; tensors are stacked when `collate` is None."""
    from torch.utils.data import DataLoader, default_collate

    numbered: Any = _Numbered(samples)
    yield from DataLoader(
        numbered,
        batch_sampler=numbers,
        collate_fn=_Collate(collate or default_collate),
        num_workers=workers,
        persistent_workers=False,
        multiprocessing_context="fork" if workers and sys.platform != "win32" else None,
    )


@dataclass(frozen=True)
class _Numbered:
    """A sample beside its number."""

    samples: Samples

    def __getitem__(self, number: int) -> tuple[int, Any]:
        return number, self.samples[number]


@dataclass(frozen=True)
class _Collate:
    collate: Collate

    def __call__(self, numbered: list[tuple[int, Any]]) -> Batch:
        return [number for number, _ in numbered], self.collate([sample for _, sample in numbered])

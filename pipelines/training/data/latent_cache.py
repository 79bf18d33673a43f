"""Latents on disk: what does not change while a diffusion model is trained is computed once.

Layout   FOLDER/00012-0-NAME.safetensors for row 12, variant 0; tensors as the maker gave them, no batch axis.
Source   Wan-Alpha's `prepare_trans_alpha_mask.py` does the same; the layout is our own.
Differs  Can be stopped and gone on with. The reference caches a clip once, so its wall and its labels' places are the
         same for ever; here a clip may have several variants.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from ...media.whole_file import write_whole
from ..draws import mix
from .buckets import EndlessOrder
from .clip_list import Complain, Row

Maker = Callable[[Row, int], Mapping[str, Tensor]]
"""(row, seed) to the tensors of one item. Raises ValueError for a row that cannot be used."""

_STAMP = "made_of"


def cache(
    rows: Sequence[Row],
    folder: Path,
    make: Maker,
    settings: str,
    complain: Complain,
    variants: int = 1,
    seed: int = 0,
) -> list[Path]:
    """Every item that is not there yet, with a progress bar; returns the files of all that could be made.

    An item is made again when its row, its footage or `settings` have changed. A row that fails is told to `complain`,
    which may raise. OSError when the disk is full; what is there stays whole.
    """
    from tqdm import tqdm

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    work = [(place, row, variant) for place, row in enumerate(rows) for variant in range(variants)]
    for place, row, variant in tqdm(work, desc=folder.name, file=sys.stderr):
        path = folder / f"{place:05d}-{variant}-{_file_name(row.name)}.safetensors"
        stamp = _stamp(row, f"{settings} {variant} {seed}")
        try:
            if _stamp_in(path) != stamp:
                tensors = make(row, mix(seed, place, variant))
                contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
                write_whole(path, save(contiguous, {_STAMP: stamp}))
            made.append(path)
        except ValueError as problem:
            complain(f"{row.name}: {problem}")
    return made


class CachedItems:
    """Endless numbered items of a cache folder, neighbours of one size: what the loop asks for.

    group is how many neighbours go through the model together. Raises ValueError when the folder has none.
    """

    def __init__(self, folder: Path, group: int, seed: int, size_of: str = "latent") -> None:
        self.files = sorted(folder.glob("*.safetensors"))
        if not self.files:
            raise ValueError(f"{folder}: there are no cached latents in it; make them with the command `cache`.")
        self.order = EndlessOrder([_shape(path, size_of) for path in self.files], group, seed)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        return load_file(self.files[self.order[number]])


def _shape(path: Path, name: str) -> tuple[int, ...]:
    with safe_open(path, "pt") as file:
        if name not in file.keys():  # noqa: SIM118 (no mapping)
            raise ValueError(f"{path}: expected {name} in it; this was cached for another training.")
        return tuple(file.get_slice(name).get_shape())


def _stamp(row: Row, settings: str) -> str:
    """Another text as soon as anything that an item is made of is another."""
    parts = [settings, row.caption, repr(sorted(row.labels.items()))]
    for path in (row.rgb, row.alpha):
        if path is not None:
            files = sorted(path.iterdir()) if path.is_dir() else [path]
            parts += [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _stamp_in(path: Path) -> str | None:
    if not path.is_file():
        return None
    with safe_open(path, "pt") as file:
        return (file.metadata() or {}).get(_STAMP)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)[-80:]

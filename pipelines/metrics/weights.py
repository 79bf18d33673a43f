"""Where the weights of LPIPS and FVD are looked for: nothing is downloaded, and no number but theirs needs them.

    alexnet-owt-7be5be79.pth and alex.pth, or vgg16-397923af.pth and vgg.pth   LPIPS
    i3d_torchscript.pt                                                         FVD

in a folder that is given, or else in the one where torch.hub and torchvision keep theirs; alex.pth and vgg.pth also in
the Python package `lpips`, where that is installed.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import torch

from ..weights.weights_file import named, read_weights
from .frechet import I3D, Features, load_i3d
from .lpips import ALEXNET, VGG16, Lpips, read_lpips

NETWORKS = (
    (ALEXNET, "alexnet-owt-7be5be79.pth", "alex.pth"),
    (VGG16, "vgg16-397923af.pth", "vgg.pth"),
)
"""AlexNet first: it is taken where both are there."""


def default_folder() -> Path:
    """torch.hub's folder of downloaded checkpoints."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def find_lpips(folder: Path) -> Lpips | None:
    """LPIPS with the first network whose two files are there, or None. Raises ValueError naming a broken file."""
    for network, backbone_name, stages_name in NETWORKS:
        backbone = _first([folder / backbone_name])
        stages = _first([folder / stages_name, *(each / stages_name for each in _lpips_package())])
        if backbone and stages:
            with named(stages):
                return read_lpips(network, read_weights(backbone), read_weights(stages))
    return None


def find_i3d(folder: Path) -> Features | None:
    """The features of FVD, or None where the file is not there. Raises ValueError naming a broken file."""
    return load_i3d(folder / I3D) if (folder / I3D).is_file() else None


def _first(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _lpips_package() -> list[Path]:
    found = find_spec("lpips")
    return [Path(place) / "weights" / "v0.1" for place in (found and found.submodule_search_locations) or ()]

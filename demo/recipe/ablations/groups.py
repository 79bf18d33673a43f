"""Which variants there are, by group, and what the papers say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipelines.training.methods.tabd import FORMS

from . import doras, joint, vaes
from .runs import Numbers
from .study import Study

Make = Callable[[Study, int, Path], Numbers]
"""(study, seed, the run's folder) to what was measured."""

NO_SEED = 0
"""In the place of a seed where nothing is trained with one."""


@dataclass(frozen=True)
class Claim:
    """A paper's word on two variants, put so that a number can contradict it. rises None: the papers say nothing."""

    says: str
    measure: str
    first: str
    second: str
    rises: bool | None
    """Whether the measure is then higher in the first than in the second, or lower."""


@dataclass(frozen=True)
class Group:
    title: str
    variants: Mapping[str, Make]
    claims: Sequence[Claim]
    seedless: Mapping[str, Make]
    """What is measured once, beside the variants."""

    def names(self) -> list[str]:
        return [*self.seedless, *self.variants]


def _vae(recipe: vaes.Recipe) -> Make:
    return lambda study, seed, folder: vaes.numbers(study, recipe, seed, folder)


def _dora(recipe: doras.Recipe) -> Make:
    return lambda study, seed, folder: doras.numbers(study, recipe, seed, folder)


def _ellipse(drawn: doras.Drawn) -> Make:
    return lambda study, seed, folder: doras.ellipse_numbers(study, drawn, seed, folder)


def _joint(variant: joint.Variant) -> Make:
    return lambda study, seed, folder: joint.numbers(study, variant, seed, folder)


def _base(base: joint.Base) -> Make:
    return lambda study, _, __: joint.base_numbers(study, base)


def _of_tabd(form: str) -> list[Claim]:
    against = partial(Claim, first=f"rendering-tabd-{form}", second="rendering", rises=True)
    return [
        against(f"TABD ({form}) reconstructs colour better", "rgb PSNR"),
        against(f"TABD ({form}) reconstructs alpha better", "alpha PSNR"),
        against(f"TABD ({form}) pushes away what is not opaque", "dit error, elsewhere"),
    ]


_joint_claim = partial(Claim, first="ours")
_IOU, _PSNR, _EARLY, _LATE = "IoU with the subject", "PSNR to the base", "alpha loss, early", "alpha loss, late"
_SAME = "PSNR of alpha to its colour"

GROUPS: Mapping[str, Group] = {
    vaes.GROUP: Group(
        "RGBA VAE: rendering and TABD",
        {name: _vae(recipe) for name, recipe in vaes.RECIPES.items()},
        (
            Claim("rendering reconstructs colour better", "rgb PSNR", "rendering", "naive", True),
            Claim("rendering reconstructs alpha better", "alpha PSNR", "rendering", "naive", True),
            *(claim for form in FORMS for claim in _of_tabd(form)),
        ),
        {},
    ),
    joint.GROUP: Group(
        "TransPixeler on the demo's Wan",
        {name: _joint(variant) for name, variant in joint.VARIANTS.items()},
        (
            _joint_claim("shared positions learn faster", _EARLY, second="consecutive-positions", rises=False),
            _joint_claim("shared positions align better", _IOU, second="consecutive-positions", rises=True),
            _joint_claim("a domain embedding learns faster", _EARLY, second="no-embedding", rises=False),
            _joint_claim("a domain embedding keeps the domains apart", _SAME, second="no-embedding", rises=False),
            _joint_claim("RGB that sees alpha aligns better", _IOU, second="rgb-blind-to-alpha", rises=True),
            _joint_claim("joint aligns better than predicted", _IOU, second="predicted-afterwards", rises=True),
            _joint_claim("a partial LoRA keeps the base's colour", _PSNR, second="lora-on-all-rows", rises=True),
            _joint_claim("q, k, v and the output", _LATE, second="q-k-v-alone", rises=None),
            _joint_claim("noise of its own for each domain", _LATE, second="same-noise", rises=None),
            _joint_claim("the batch extension aligns worse", _IOU, second="batch-extension", rises=True),
            _joint_claim("the latent extension is less diverse", "diversity", second="latent-extension", rises=True),
        ),
        {"base": _base(joint.WAN_BASE)},
    ),
    doras.GROUP: Group(
        "TABD against the mean shift",
        {name: _dora(recipe) for name, recipe in doras.RECIPES.items()},
        (
            Claim("TABD prevents holes, without the shift", "holes too many", "tabd", "plain", False),
            Claim("TABD prevents holes, with the shift", "holes too many", "tabd-and-shift", "shift", False),
            Claim("TABD by itself leaves less transparent", "transparent share", "tabd", "plain", False),
            Claim("the shift brings transparency back", "transparent share", "tabd-and-shift", "tabd", True),
        ),
        {},
    ),
    doras.ELLIPSES: Group(
        "An ellipse on the left and on the right",
        {name: _ellipse(drawn) for name, drawn in doras.DRAWN.items()},
        (
            Claim(
                "the shift places the subject", "goes along, 1 = all the way",
                "shift-learnt-and-used", "shift-learnt-not-used", True,
            ),
            Claim(
                "it has to be learnt", "goes along, 1 = all the way",
                "shift-learnt-and-used", "shift-used-not-learnt", True,
            ),
        ),
        {},
    ),
    joint.TEXT: Group(
        "Text that sees alpha, on a tiny CogVideoX",
        {name: _joint(variant) for name, variant in joint.TEXT_VARIANTS.items()},
        (
            Claim("text that sees alpha harms what the base can do", _PSNR, "blocked", "open", True),
            Claim("and how alpha agrees with the colour", _IOU, "blocked", "open", True),
            Claim("the release only dampens what the paper blocks", _PSNR, "blocked", "as-released", None),
        ),
        {"base": _base(joint.COGVIDEOX_BASE)},
    ),
}  # fmt: skip
"""In the order in which they are trained: what others wait for first."""


@dataclass(frozen=True)
class Job:
    group: str
    name: str
    seed: int
    make: Make


def jobs(wanted: Sequence[str], seeds: Sequence[int]) -> Iterator[Job]:
    """Every run of the groups and GROUP/VARIANTs that are named, of all when none is. Those without a seed go first:
    others wait for them."""
    found = [
        Job(key, name, seed, make)
        for once in (True, False)
        for key, group in GROUPS.items()
        for seed in ((NO_SEED,) if once else seeds)
        for name, make in (group.seedless if once else group.variants).items()
    ]
    return (job for job in found if not wanted or job.group in wanted or f"{job.group}/{job.name}" in wanted)


def all_names() -> list[str]:
    """What may be named."""
    return [name for key, group in GROUPS.items() for name in (key, *(f"{key}/{one}" for one in group.names()))]

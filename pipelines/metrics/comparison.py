"""Which numbers are taken of clips, under which name they are shown, and their means over many clips."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from ..alpha.coverage import coverage
from ..ellipse.drawing import Drawing
from . import matting
from .diversity import diversity, thumbnail
from .ellipse_agreement import agreement, drawn_inside
from .fidelity import psnr, rgba_ssim, seen, ssim
from .flicker import flicker
from .flow import flow_difference, opencv_is_here
from .frechet import Features, frechet_distance
from .holes import hole_rate
from .lpips import Lpips
from .regions import soft_edge, visible


@dataclass(frozen=True)
class Measure:
    """The name of a number, with its unit, and which way it is better; empty where neither is."""

    name: str
    better: Literal["higher", "lower", ""] = ""


Numbers = Mapping[Measure, float]


def higher(name: str) -> Measure:
    return Measure(name, "higher")


def lower(name: str) -> Measure:
    return Measure(name, "lower")


INSIDE, OUTSIDE = higher("alpha inside the ellipse"), lower("alpha outside the ellipse")


def of_pair(true: Tensor, made: Tensor, lpips: Lpips | None = None) -> Numbers:
    """A clip (T, H, W, 4) against its reference: colour as seen over black and over white, alpha, both together."""
    true_alpha, made_alpha = true[..., 3:], made[..., 3:]
    true_seen, made_seen = seen(true), seen(made)
    edge = soft_edge(true_alpha)
    numbers = {
        higher("colour PSNR, dB"): psnr(true_seen, made_seen),
        higher("colour PSNR where alpha > 0, dB"): psnr(true_seen, made_seen, visible(true_alpha)),
        higher("colour PSNR at soft edges, dB"): psnr(true_seen, made_seen, edge),
        higher("colour SSIM"): ssim(true_seen, made_seen),
        higher("alpha PSNR, dB"): psnr(true_alpha, made_alpha),
        higher("alpha PSNR where alpha > 0, dB"): psnr(true_alpha, made_alpha, visible(true_alpha)),
        higher("alpha PSNR at soft edges, dB"): psnr(true_alpha, made_alpha, edge),
        higher("alpha SSIM"): ssim(true_alpha, made_alpha),
        lower("alpha MAE"): matting.mae(true_alpha, made_alpha),
        lower("alpha SAD, thousands"): matting.sad(true_alpha, made_alpha),
        lower("alpha MSE"): matting.mse(true_alpha, made_alpha),
        lower("alpha gradient error, thousands"): matting.gradient_error(true_alpha, made_alpha),
        lower("alpha dtSSD"): matting.dtssd(true_alpha, made_alpha),
        higher("RGBA SSIM"): rgba_ssim(true, made),
    }
    if lpips:
        network = lpips.network.name
        true_grey, made_grey = (alpha.expand(*alpha.shape[:-1], 3) for alpha in (true_alpha, made_alpha))
        numbers[lower(f"colour LPIPS, {network}")] = lpips(true_seen, made_seen)
        numbers[lower(f"alpha LPIPS, {network}")] = lpips(true_grey, made_grey)
    return numbers


def of_clip(clip: Tensor, drawing: Drawing | None = None) -> Numbers:
    """What a clip shows by itself, flow difference where OpenCV is there; with a drawing, how alpha agrees with it."""
    rgb, alpha = clip.split((3, 1), dim=-1)
    covered = coverage(alpha)
    numbers = {
        Measure("mean alpha"): alpha.mean().item(),
        Measure("opaque share"): covered.opaque,
        Measure("empty share"): covered.empty,
        lower("hole rate"): hole_rate(alpha),
        higher("colour temporal flickering"): flicker(torch.cat(tuple(seen(clip)), dim=-1)),
        higher("alpha temporal flickering"): flicker(alpha),
    }
    if opencv_is_here():
        flow = flow_difference(rgb, alpha)
        numbers |= {
            lower("flow difference, pixels"): flow.distance,
            Measure("the same of a frozen alpha"): flow.if_frozen,
        }
    if drawing:
        agreed = agreement(alpha, drawn_inside(drawing, *clip.shape[:3]))
        numbers |= {
            INSIDE: agreed.inside,
            OUTSIDE: agreed.outside,
            Measure("IoU with the ellipse"): agreed.iou,
            Measure("follows the ellipse, 1 = with it"): agreed.following,
        }
    return numbers


def to_base(base: Tensor, made: Tensor, lpips: Lpips | None = None) -> Numbers:
    """RGB preservation: the colour as it stands against the base model's at the same seed, alpha aside."""
    base_rgb, made_rgb = base[..., :3], made[..., :3]
    numbers = {
        higher("PSNR to the base model, dB"): psnr(base_rgb, made_rgb),
        higher("SSIM to the base model"): ssim(base_rgb, made_rgb),
    }
    if lpips:
        numbers[lower("LPIPS to the base model")] = lpips(base_rgb, made_rgb)
    return numbers


@dataclass
class Column:
    """One folder's clips, taken in one by one: numbers of them are kept, not the clips."""

    numbers: dict[Measure, list[float]] = field(default_factory=dict)
    thumbnails: list[Tensor] = field(default_factory=list)
    features_seen: list[Tensor] = field(default_factory=list)
    features: list[Tensor] = field(default_factory=list)

    def add(self, clip: Tensor, numbers: Numbers, features: Features | None = None) -> None:
        for measure, value in numbers.items():
            self.numbers.setdefault(measure, []).append(value)
        self.thumbnails.append(thumbnail(clip))
        if features:
            self.features_seen.append(features(seen(clip)[0]))
            self.features.append(features(clip[..., :3]))

    def means(self) -> dict[Measure, float]:
        """Over the clips that have the number, NaN where none has; the ellipse's ratio and diversity behind them."""
        means = {measure: _mean(values) for measure, values in self.numbers.items()}
        if INSIDE in means:
            means[higher("inside / outside")] = means[INSIDE] / means[OUTSIDE] if means[OUTSIDE] else math.inf
        means[higher("diversity")] = diversity(torch.stack(self.thumbnails))
        return means


def distances(columns: Sequence[Column], base: Column | None) -> list[dict[Measure, float]]:
    """The Frechet distances of each column: to the first one as seen over black, and of bare colour to the base's."""
    found: list[dict[Measure, float]] = [{} for _ in columns]
    for column, numbers in zip(columns, found, strict=True):
        if column is not columns[0]:
            numbers[lower("FVD")] = _distance(columns[0].features_seen, column.features_seen)
        if base:
            numbers[lower("FVD to the base model")] = _distance(base.features, column.features)
    return found


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    return frechet_distance(torch.stack(tuple(one)), torch.stack(tuple(other)))

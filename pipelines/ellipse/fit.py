"""One ellipse per latent frame from an alpha channel, and the Gaussian field of the result.

Layout   alpha (T, H, W) on the pixel grid, H and W multiples of 8; field (t, h, w) on the latent grid, t = (T + 3) / 4.
Range    alpha in [0, 1], 1 = opaque; field in [0, 1], 1 = subject; lengths in latent cells, angles in degrees.
Source   Wan-Alpha's `gen_gaussian_mask.py`; with threshold 0.75 and 8 growth steps `gauss_mask_gen.py` of its training.
Differs  Without the script's `shift_binary_right`, which moves the subject by half a frame and is not part of the fit.
         Its least sigma of 0.01 is left out: no fitted axis is below 2. An eigenvector has no sign, so an angle may be
         half a turn off the reference's: the same ellipse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..latent_grid.pooling import mean_of_cells, mean_of_fours
from ..latent_grid.size_rule import FRAMES, WAN_VAE, to_pixel_frames
from .drawing import MAX_KEYFRAMES, Drawing, Ellipse, Keyframe
from .raster import fill_ellipse

SHAPE_THRESHOLD = 0.2
"""Cells above it belong to the shape."""

CORE_THRESHOLD = 0.9
"""Cells above it decide the orientation, when there are enough of them."""

_FEW_CELLS = 5
_SMALLEST_AXIS = 2.0
_COVERED = 0.98
_GROWTH = 1.12
_FLAT = 1e-9
_FARTHEST = 100.0


@dataclass(frozen=True)
class FittedEllipse:
    """An ellipse on the latent grid: centre (x, y) counted from the middle of the first cell, whole axes, degrees.

    `coverage` is the share of the shape's cells inside the ellipse as OpenCV paints it.
    """

    x: float
    y: float
    major: float
    minor: float
    angle: float
    coverage: float


@dataclass(frozen=True, eq=False)
class Fit:
    """Per latent frame an ellipse, or None where alpha is empty, and the field (t, h, w) that they make."""

    ellipses: tuple[FittedEllipse | None, ...]
    subject: Tensor
    dropped_frames: int


def fit(alpha: Tensor, threshold: float = 0.1, growth_steps: int = 10) -> Fit:
    """Fit an ellipse to every latent frame of alpha (T, H, W).

    Pixels count from alpha > `threshold`. Frames after the last 4n + 1 are dropped, as in the reference, and counted in
    the result. The field is float32 on alpha's device; a latent frame without a shape is zero.
    Raises ValueError unless alpha has three axes, at least one frame and sizes that are multiples of 8.
    """
    cells = compress(alpha, threshold)
    t, h, w = cells.shape
    ellipses = tuple(fit_cells(frame, growth_steps) for frame in cells)
    frames = [torch.zeros(h, w) if ellipse is None else gaussian(ellipse, h, w) for ellipse in ellipses]
    dropped = alpha.shape[0] - to_pixel_frames(t)
    return Fit(ellipses, torch.stack(frames).to(alpha.device), dropped_frames=dropped)


def compress(alpha: Tensor, threshold: float) -> Tensor:
    """How much of each latent cell is alpha > `threshold`: (T, H, W) to float32 (t, h, w), on the CPU."""
    if alpha.ndim != 3 or alpha.shape[0] < 1:
        raise ValueError(f"A fit wants alpha (T, H, W) with at least one frame, got a shape of {tuple(alpha.shape)}.")
    kept = alpha[: WAN_VAE.nearest_lengths(alpha.shape[0])[0]]
    cells = [mean_of_cells((frame > threshold)[None].float()) for frame in kept]
    return mean_of_fours(torch.cat(cells)).cpu()


def fit_cells(cells: Tensor, growth_steps: int = 10) -> FittedEllipse | None:
    """The ellipse of one latent frame (h, w), or None where no cell is above `SHAPE_THRESHOLD`."""
    shape = cells > SHAPE_THRESHOLD
    points = _points(shape)
    if len(points) == 0:
        return None
    if len(points) < _FEW_CELLS:
        return grow(_bounding_box(points), shape, growth_steps)
    centre = points.mean(0)
    extents = (points - centre) @ _principal_axes(points)
    major, minor = (extents.amax(0) - extents.amin(0)).clamp(min=_SMALLEST_AXIS).tolist()
    core = _points(cells > CORE_THRESHOLD)
    angle = _angle(core if len(core) >= _FEW_CELLS else points)
    x, y = centre.tolist()
    return grow(FittedEllipse(x, y, major, minor, angle, coverage=0.0), shape, growth_steps)


def grow(start: FittedEllipse, shape: Tensor, steps: int) -> FittedEllipse:
    """Enlarge both axes until 98 % of the shape (h, w) is covered, and keep the axes that covered most."""
    best = candidate = start
    for _ in range(steps):
        covered = shape & rasterise(candidate, *shape.shape)
        candidate = replace(candidate, coverage=covered.sum().item() / shape.sum().item())
        if candidate.coverage > best.coverage:
            best = candidate
        if candidate.coverage >= _COVERED:
            break
        candidate = replace(candidate, major=candidate.major * _GROWTH, minor=candidate.minor * _GROWTH)
    return best


def rasterise(ellipse: FittedEllipse, h: int, w: int) -> Tensor:
    """The cells of a fitted ellipse, its centre and semi-axes rounded to whole cells: bool (h, w)."""
    axes = (max(1, round(ellipse.major / 2)), max(1, round(ellipse.minor / 2)))
    return fill_ellipse(h, w, (round(ellipse.x), round(ellipse.y)), axes, ellipse.angle)


def gaussian(ellipse: FittedEllipse, h: int, w: int) -> Tensor:
    """The reference's field of a fitted ellipse, sigma = half an axis, min-max over the frame: float32 (h, w)."""
    x = torch.arange(w, dtype=torch.float64) - ellipse.x
    y = torch.arange(h, dtype=torch.float64)[:, None] - ellipse.y
    cos, sin = math.cos(math.radians(ellipse.angle)), math.sin(math.radians(ellipse.angle))
    along = (x * cos + y * sin) / (ellipse.major / 2)
    across = (y * cos - x * sin) / (ellipse.minor / 2)
    bell = torch.exp(-(along.square() + across.square()).clamp(max=_FARTHEST) / 2)
    lowest, highest = bell.aminmax()
    if highest - lowest < _FLAT:
        return torch.zeros(h, w)
    return ((bell - lowest) / (highest - lowest)).float()


def fit_to_drawing(fitted: Fit) -> Drawing:
    """The fit as one keyframed ellipse: latent frame k becomes a keyframe at pixel frame 4k.

    Empty latent frames become keyframes of weight 0 with the shape of the nearest frame that has one, so that the
    ellipse fades out and in over four frames and moves unseen. Angles are turned by half turns until each is within a
    quarter turn of the one before. A clip without any alpha is one centred ellipse of weight 0.
    Raises ValueError when there are more latent frames than a drawing has keyframes.
    """
    if len(fitted.ellipses) > MAX_KEYFRAMES:
        raise ValueError(
            f"A drawing holds at most {MAX_KEYFRAMES} keyframes, got {len(fitted.ellipses)} latent frames; "
            "fit a shorter part of the clip."
        )
    seen = [k for k, ellipse in enumerate(fitted.ellipses) if ellipse is not None]
    if not seen:
        return _drawn(Keyframe(frame=0, cx=0.5, cy=0.5, rx=0.25, ry=0.25, weight=0.0))
    _, h, w = fitted.subject.shape
    keyframes: list[Keyframe] = []
    angle = 0.0
    for k, present in enumerate(fitted.ellipses):
        ellipse = present or fitted.ellipses[min(seen, key=lambda other: abs(other - k))]
        assert ellipse is not None
        angle = ellipse.angle + 180 * round((angle - ellipse.angle) / 180)
        keyframes.append(
            Keyframe(
                frame=FRAMES * k,
                cx=(ellipse.x + 0.5) / w,
                cy=(ellipse.y + 0.5) / h,
                rx=ellipse.major / 2 / w,
                ry=ellipse.minor / 2 / h,
                angle=angle,
                weight=0.0 if present is None else 1.0,
            )
        )
    return _drawn(*keyframes)


def _drawn(*keyframes: Keyframe) -> Drawing:
    return Drawing((Ellipse(id="fit", name="fitted", keyframes=keyframes),))


def _points(cells: Tensor) -> Tensor:
    """(x, y) of the marked cells, float64 (N, 2)."""
    return cells.nonzero().flip(-1).double()


def _bounding_box(points: Tensor) -> FittedEllipse:
    low, high = points.amin(0), points.amax(0)
    major, minor = (high - low).clamp(min=_SMALLEST_AXIS).tolist()
    x, y = ((low + high) / 2).tolist()
    return FittedEllipse(x, y, major, minor, angle=0.0, coverage=0.0)


def _principal_axes(points: Tensor) -> Tensor:
    """Eigenvectors of the points' covariance as columns, the longest spread first: (2, 2)."""
    return torch.linalg.eigh(points.T.cov()).eigenvectors.flip(-1)


def _angle(points: Tensor) -> float:
    x, y = _principal_axes(points)[:, 0].tolist()
    return math.degrees(math.atan2(y, x))

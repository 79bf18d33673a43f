"""Endless clips with alpha, drawn by formulas: one shape of one material in one colour that moves; and walls behind it.

Layout   rgb (T, H, W, 3), alpha (T, H, W, 1).
Range    0..1, straight colour that goes on where alpha is 0; alpha in steps of 1 / 255, so that the tails of soft edges
         end. Lengths of a `Scene` in shares of the shorter side, speeds for each frame, angles in radians. Tensors are
         made on torch's default device.
Source   Our own; signed distances to simple shapes, as in any textbook of computer graphics.
Differs  The papers train on matted footage. Here shape and colour are known, so that pixels can be checked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.training.draws import mix

SHAPES = ("ball", "square", "triangle", "star", "ring", "cross")
MATERIALS = ("solid", "translucent", "glowing", "smoky", "thin", "hairy")
COLORS: dict[str, tuple[float, float, float]] = {
    "red": (0.90, 0.12, 0.10),
    "yellow": (0.95, 0.82, 0.10),
    "green": (0.12, 0.72, 0.18),
    "cyan": (0.10, 0.80, 0.85),
    "blue": (0.14, 0.24, 0.92),
    "magenta": (0.88, 0.16, 0.80),
    "white": (0.94, 0.94, 0.94),
}
WALLS: dict[str, tuple[float, float, float]] = {
    "black": (0.04, 0.04, 0.05),
    "grey": (0.45, 0.45, 0.45),
    "brown": (0.40, 0.26, 0.15),
    "pale": (0.86, 0.83, 0.76),
    "navy": (0.08, 0.11, 0.30),
    "olive": (0.36, 0.40, 0.16),
}
MOTIONS = ("still", "left", "right", "up", "down", "turning", "growing")
EDGE = 1.4
"""Half the width of an edge in pixels."""

ALL = slice(None)

_STRANDS = 16


@dataclass(frozen=True)
class Scene:
    """What a clip shows; the same scene is the same clip at any size and length."""

    shape: str
    material: str
    color: str
    wall: str
    motion: str
    x: float
    y: float
    radius: float
    angle: float
    speed: float
    phase: float
    light: float


def scene(seed: int, number: int) -> Scene:
    """Scene `number` of the endless row that `seed` gives."""
    generator = torch.Generator().manual_seed(mix(seed, number))
    words = [SHAPES, MATERIALS, tuple(COLORS), tuple(WALLS), MOTIONS]
    chosen = [row[int(torch.randint(len(row), (), generator=generator))] for row in words]
    x, y, radius, angle, speed, phase, light = torch.rand(7, generator=generator).tolist()
    return Scene(
        *chosen,
        x=0.24 + 0.52 * x,
        y=0.24 + 0.52 * y,
        radius=0.20 + 0.08 * radius,
        angle=(angle - 0.5) * 0.7,
        speed=0.5 + 0.5 * speed,
        phase=phase * 2 * math.pi,
        light=light,
    )


def draw(
    scene: Scene, frames: int, height: int, width: int, start: int = 0, rows: slice = ALL, columns: slice = ALL
) -> tuple[Tensor, Tensor]:
    """(rgb, alpha) of the frames from `start` on, of some rows and columns. Raises ValueError on a size below 1."""
    if min(frames, height, width) < 1:
        raise ValueError(f"A clip wants at least 1 frame of 1 x 1, got {frames} frames of {height} x {width}.")
    time = torch.arange(start, start + frames, dtype=torch.float32).reshape(-1, 1, 1)
    x, y, radius, angle = _pose(scene, time)
    side = min(height, width)
    along = ((torch.arange(width) + 0.5 - width / 2) / side + 0.5)[columns]
    down = ((torch.arange(height) + 0.5 - height / 2) / side + 0.5)[rows, None]
    cos, sin = torch.cos(angle), torch.sin(angle)
    u = ((along - x) * cos + (down - y) * sin) / radius
    v = ((down - y) * cos - (along - x) * sin) / radius
    pixel = 1 / (radius * side)
    distance = _DISTANCES[scene.shape](u, v)
    alpha, brightness = _MATERIALS[scene.material](scene, u, v, distance, pixel, time)
    shade = 0.86 + 0.16 * (-0.6 * u - 0.8 * v).clamp(-1, 1)
    color = torch.tensor(COLORS[scene.color]) * shade[..., None]
    rgb = color + (1 - color) * brightness[..., None]
    levels = (alpha.clamp(0, 1) * 255).round() / 255
    return rgb.clamp(0, 1), levels[..., None]


def wall(scene: Scene, height: int, width: int) -> Tensor:
    """The wall behind the scene, lighter on one side: rgb (H, W, 3)."""
    down = torch.linspace(-1, 1, height)[:, None, None]
    along = torch.linspace(-1, 1, width)[:, None]
    tilt = 2 * math.pi * scene.light
    light = 1 + 0.25 * (math.cos(tilt) * along + math.sin(tilt) * down)
    return (torch.tensor(WALLS[scene.wall]) * light).clamp(0, 1).expand(height, width, 3)


def _pose(scene: Scene, time: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centre, radius and angle at each time, each (T, 1, 1); a moving shape passes its place in the middle of 17."""
    way = (time - 8) * 0.020 * scene.speed
    across = {"left": -1, "right": 1}.get(scene.motion, 0)
    down = {"up": -1, "down": 1}.get(scene.motion, 0)
    turn = 0.06 * scene.speed * (time - 8) if scene.motion == "turning" else 0 * time
    grown = 1 + (0.025 * scene.speed * (time - 8) if scene.motion == "growing" else 0 * time)
    return scene.x + across * way, scene.y + down * way, scene.radius * grown, scene.angle + turn


def _ball(u: Tensor, v: Tensor) -> Tensor:
    return torch.hypot(u, v) - 0.95


def _square(u: Tensor, v: Tensor) -> Tensor:
    return _box(u, v, 0.82, 0.82)


def _box(u: Tensor, v: Tensor, across: float, down: float) -> Tensor:
    x, y = u.abs() - across, v.abs() - down
    return torch.hypot(x.clamp(min=0), y.clamp(min=0)) + torch.maximum(x, y).clamp(max=0)


def _triangle(u: Tensor, v: Tensor) -> Tensor:
    slope = math.sqrt(3) / 2
    return torch.maximum(v, slope * u.abs() - 0.5 * v) - 0.55


def _star(u: Tensor, v: Tensor) -> Tensor:
    """Five points: the plane is folded into half a point, and the distance to its one edge is left."""
    sector = 2 * math.pi / 5
    theta = torch.atan2(u, -v)
    folded = (theta - sector * torch.round(theta / sector)).abs()
    r = torch.hypot(u, v)
    x, y = r * torch.cos(folded), r * torch.sin(folded)
    tip, dent = 1.15, 0.50
    inner_x, inner_y = dent * math.cos(sector / 2), dent * math.sin(sector / 2)
    length = math.hypot(inner_x - tip, inner_y)
    return ((x - tip) * inner_y - y * (inner_x - tip)) / length


def _ring(u: Tensor, v: Tensor) -> Tensor:
    return (torch.hypot(u, v) - 0.72).abs() - 0.26


def _cross(u: Tensor, v: Tensor) -> Tensor:
    return torch.minimum(_box(u, v, 1.0, 0.32), _box(u, v, 0.32, 1.0))


_DISTANCES = {
    "ball": _ball, "square": _square, "triangle": _triangle, "star": _star, "ring": _ring, "cross": _cross,
}  # fmt: skip

_Drawn = tuple[Tensor, Tensor]  # alpha, and how far the colour goes towards white


def _cover(distance: Tensor, pixel: Tensor) -> Tensor:
    edge = EDGE * pixel
    return _smooth((edge - distance) / (2 * edge))


def _smooth(share: Tensor) -> Tensor:
    share = share.clamp(0, 1)
    return share * share * (3 - 2 * share)


def _solid(scene: Scene, u: Tensor, v: Tensor, distance: Tensor, pixel: Tensor, time: Tensor) -> _Drawn:
    return _cover(distance, pixel), torch.zeros_like(u)


def _translucent(scene: Scene, u: Tensor, v: Tensor, distance: Tensor, pixel: Tensor, time: Tensor) -> _Drawn:
    rim = _smooth(1 + distance / 0.3)
    return _cover(distance, pixel) * (0.40 + 0.40 * rim), 0.25 * rim


def _glowing(scene: Scene, u: Tensor, v: Tensor, distance: Tensor, pixel: Tensor, time: Tensor) -> _Drawn:
    fall = (1 - distance.clamp(min=0) / 0.6).clamp(min=0).square()
    return fall, 0.6 * _smooth(-distance / 0.35)


def _smoky(scene: Scene, u: Tensor, v: Tensor, distance: Tensor, pixel: Tensor, time: Tensor) -> _Drawn:
    drift = scene.phase - 0.12 * time
    wisps = torch.sin(3.1 * u + scene.phase) * torch.sin(2.7 * v - drift) + 0.5 * torch.sin(4.3 * (u - v) + drift)
    return _smooth((0.16 - distance) / 0.32) * (0.62 + 0.25 * wisps).clamp(0, 1), torch.zeros_like(u)


def _thin(scene: Scene, u: Tensor, v: Tensor, distance: Tensor, pixel: Tensor, time: Tensor) -> _Drawn:
    return _cover(distance.abs() - 2.6 * pixel, pixel), torch.zeros_like(u)


def _hairy(scene: Scene, u: Tensor, v: Tensor, distance: Tensor, pixel: Tensor, time: Tensor) -> _Drawn:
    sway = 0.25 * torch.sin(0.35 * time + scene.phase) * distance.clamp(min=0)
    strand = 0.5 + 0.5 * torch.cos(_STRANDS * (torch.atan2(v, u) + sway))
    hair = strand * _smooth(1 - distance / 0.34)
    return torch.maximum(_cover(distance, pixel), hair), torch.zeros_like(u)


_MATERIALS = {
    "solid": _solid, "translucent": _translucent, "glowing": _glowing, "smoky": _smoky, "thin": _thin, "hairy": _hairy,
}  # fmt: skip

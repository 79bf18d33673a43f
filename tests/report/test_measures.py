import math

import pytest
import torch

from pipelines.metrics.flicker import flicker
from pipelines.metrics.flow import flow_difference
from pipelines.metrics.holes import hole_rate
from pipelines.report.measures import measured


def clip(frames: int = 5) -> torch.Tensor:
    """Discs of a hole that grows, moving."""
    x, y = torch.arange(64).float(), torch.arange(48).float()[:, None]
    made = []
    for k in range(frames):
        away = torch.hypot(x - 20 - 3 * k, y - 24)
        alpha = ((14 - away) / 4 + 0.5).clamp(0, 1) * (away >= k)
        rgb = torch.sin(torch.stack((x - 3 * k, x - 3 * k + 1, x - 3 * k + 2), -1) / 3).expand(48, 64, 3) / 2 + 0.5
        made.append(torch.cat((rgb, alpha[..., None]), -1))
    return torch.stack(made)


def test_the_numbers_of_a_clip_are_the_metrics_of_the_whole_clip():
    frames = clip()
    rgb, alpha = frames.split((3, 1), dim=-1)
    found = measured(frames, with_flow=True)
    whole = flow_difference(rgb, alpha)
    assert found.holes == pytest.approx(hole_rate(alpha), rel=1e-6)
    assert found.steadiness == pytest.approx(flicker(alpha), abs=1e-6)
    assert found.flow == pytest.approx(whole.distance, rel=1e-6)
    assert found.if_frozen == pytest.approx(whole.if_frozen, rel=1e-6)
    assert found.visible == pytest.approx((alpha >= 1.5 / 255).float().mean().item(), abs=1e-6)


def test_a_frame_without_a_subject_has_no_holes_and_does_not_spoil_the_clip():
    frames = clip()
    frames[2, ..., 3] = 0
    found = measured(frames, with_flow=False)
    assert math.isnan(found.frames[2].holes)
    assert found.holes == pytest.approx(hole_rate(frames[..., 3:]), rel=1e-6)


def test_empty_and_opaque_clips_are_dead_and_a_living_one_is_not():
    for alpha in (0.0, 1.0):
        dead = clip()
        dead[..., 3] = alpha
        assert measured(dead, with_flow=False).is_dead
    assert not measured(clip(), with_flow=False).is_dead


def test_a_call_follows_each_frame():
    calls = []
    measured(clip(), with_flow=False, on_frame=lambda: calls.append(1))
    assert len(calls) == 5


def test_without_flow_nothing_of_it_is_measured():
    found = measured(clip(), with_flow=False)
    assert math.isnan(found.flow) and math.isnan(found.if_frozen)

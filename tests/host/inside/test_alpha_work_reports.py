"""The report and the best of many on the host: lists as the host's executor hands them out."""

import asyncio
import math
import sys

import comfy.model_management
import execution
import folder_paths
import pytest
import torch
from torch import Tensor

import nodes


@pytest.fixture(autouse=True)
def pictures_go_to(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))
    return tmp_path


def disc(frames: int = 4, radius: float = 9.0, soft: float = 3.0, speed: float = 2.0, hole: float = 0.0) -> Tensor:
    """A textured disc that moves to the right, with a hole in it, on 32 x 48 pixels."""
    x, y = torch.arange(48).float(), torch.arange(32).float()[:, None]
    made = []
    for k in range(frames):
        away = torch.hypot(x - 16 - k * speed, y - 16)
        alpha = ((radius - away) / soft + 0.5).clamp(0, 1) * (away >= hole)
        texture = 0.5 + 0.4 * torch.sin(0.8 * (x - k * speed)) * torch.cos(0.7 * y)
        made.append(torch.cat((texture[..., None].expand(32, 48, 3), alpha[..., None]), -1))
    return torch.stack(made)


def pick(**lists):
    """RGBAPickBest on lists, by the host's own executor: best, ranking, sheet."""
    node = nodes.NODE_CLASS_MAPPINGS["RGBAPickBest"]
    (result,) = asyncio.run(execution._async_map_node_over_list("a prompt", "1", node(), lists, node.FUNCTION))
    return result.args


def test_a_report_has_numbers_a_text_and_a_plot(host_nodes, pictures_go_to):
    coverage, holes, flicker, edge, flow, report, plot = host_nodes.RGBAReport(image=disc(hole=3.0))
    assert coverage == pytest.approx(math.pi * 10.5**2 / (32 * 48) - math.pi * 3**2 / (32 * 48), rel=0.05)
    assert holes == pytest.approx(3**2 / 9**2, rel=0.2)
    assert 0.9 < flicker < 1
    assert edge == pytest.approx(3.0 * 9 / (9 + 3), rel=0.25)  # the hole's edge is hard: its share has no width
    assert flow > 0
    assert "4 frames of 48 x 32" in report and "a frozen alpha would score" in report
    assert plot.ndim == 4 and plot.shape[-1] == 3 and plot.min() >= 0 and plot.max() <= 1
    assert len(list(pictures_go_to.glob("*.png"))) == 1


def test_a_still_frame_has_no_flow_and_no_flicker(host_nodes):
    _, _, flicker, _, flow, report, _ = host_nodes.RGBAReport(image=disc(1))
    assert math.isnan(flicker) and math.isnan(flow)
    assert "nothing to measure" in report


def test_flow_is_left_out_when_it_is_not_asked_for_and_when_opencv_is_missing(host_nodes, ours, monkeypatch, caplog):
    *_, flow, report, _ = host_nodes.RGBAReport(image=disc(), flow=False)
    assert math.isnan(flow) and "not asked for" in report
    monkeypatch.setattr(sys.modules[ours("pipelines.metrics.flow").__name__], "find_spec", lambda name: None)
    *_, flow, report, _ = host_nodes.RGBAReport(image=disc())
    assert math.isnan(flow) and "pip install opencv-python-headless" in report
    assert "pip install opencv-python-headless" in caplog.text


def test_cancel_stops_a_report(host_nodes):
    comfy.model_management.interrupt_current_processing()
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        host_nodes.RGBAReport(image=disc())


def test_the_clip_with_the_fewest_holes_wins():
    clips = [disc(hole=4.0), disc(hole=0.0), disc(hole=2.0)]
    best, ranking, sheet = pick(image=clips, seeds=[11, 22, 33], rule=["fewest holes"])
    assert torch.equal(best, clips[1])
    assert [line.split(":")[0] for line in ranking.splitlines()] == ["1. seed 22", "2. seed 33", "3. seed 11"]
    assert sheet.ndim == 4 and sheet.shape[0] == 1 and sheet.shape[-1] == 3


def test_each_rule_ranks_by_its_own_number():
    small_and_still, large_and_fast = disc(radius=5.0, speed=0.0), disc(radius=11.0, speed=3.0)
    clips = [small_and_still, large_and_fast]
    assert torch.equal(pick(image=clips, seeds=[1, 2], rule=["coverage"])[0], large_and_fast)
    assert torch.equal(pick(image=clips, seeds=[1, 2], rule=["flicker"])[0], small_and_still)
    drawn = disc(radius=5.0, speed=0.0)[..., 3]
    assert torch.equal(pick(image=clips, seeds=[1, 2], rule=["ellipse agreement"], subject=[drawn])[0], small_and_still)


@pytest.mark.parametrize("rule", ["fewest holes", "coverage", "flicker", "ellipse agreement"])
def test_a_dead_alpha_comes_last_under_every_rule(rule):
    empty, full = (disc() for _ in range(2))
    empty[..., 3], full[..., 3] = 0, 1
    living = disc(hole=5.0, speed=3.0)
    best, ranking, _ = pick(image=[empty, full, living], seeds=[1, 2, 3], rule=[rule], subject=[disc()[..., 3]])
    assert torch.equal(best, living)
    assert ranking.splitlines()[0].startswith("1. seed 3") and ranking.count("no living alpha") == 2


def test_clips_of_other_sizes_and_lengths_are_ranked_too_and_one_seed_names_a_batch():
    clips = [disc(2)[:, :20], disc(5, hole=3.0)]
    best, ranking, _ = pick(image=clips, seeds=[7], rule=["fewest holes"])
    assert torch.equal(best, clips[0])
    assert ranking.splitlines()[0].startswith("1. seed 7, clip 1: holes 0.00 %")


def test_lists_that_do_not_fit_are_refused():
    clips = [disc(2), disc(2), disc(2)]
    with pytest.raises(ValueError, match="seeds has 2 numbers for 3 clips"):
        pick(image=clips, seeds=[1, 2], rule=["coverage"])
    with pytest.raises(ValueError, match="subject has 2 entries for 3 clips"):
        pick(image=clips, seeds=[1], rule=["ellipse agreement"], subject=[torch.rand(2, 32, 48)] * 2)
    with pytest.raises(ValueError, match="wants a subject to compare with"):
        pick(image=clips, seeds=[1], rule=["ellipse agreement"])
    with pytest.raises(ValueError, match="subject wants the pixel grid of its clip, 48 x 32, got 6 x 4"):
        pick(image=clips, seeds=[1], rule=["ellipse agreement"], subject=[torch.rand(2, 4, 6)])

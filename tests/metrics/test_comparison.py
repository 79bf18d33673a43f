import math

import pytest
import torch

from pipelines.ellipse.drawing import Drawing, Ellipse, Keyframe
from pipelines.metrics import comparison
from pipelines.metrics.comparison import Column, Measure, distances, higher, lower, of_clip, of_pair, to_base

CENTRED = Drawing((Ellipse("e", "", (Keyframe(frame=0, cx=0.5, cy=0.5, rx=0.25, ry=0.25),)),))


def clip(seed=0):
    """A soft disc of noise: five frames of 40 x 48."""
    noise = torch.rand(5, 40, 48, 3, generator=torch.Generator().manual_seed(seed))
    x, y = torch.arange(48) - 23.5, (torch.arange(40) - 19.5)[:, None]
    alpha = (13 - torch.hypot(x, y)).clamp(0, 1)
    return torch.cat((noise, alpha.expand(5, 40, 48)[..., None]), dim=-1)


def hidden_colour_changed(rgba):
    rgb, alpha = rgba.split((3, 1), dim=-1)
    return torch.cat((torch.where(alpha > 0, rgb, rgb**0.5), alpha), dim=-1)


def test_a_worse_clip_is_worse_in_every_number():
    true = clip()
    noise = torch.randn(true.shape, generator=torch.Generator().manual_seed(1))
    good, bad = (of_pair(true, (true + strength * noise).clamp(0, 1)) for strength in (0.02, 0.2))
    assert len(good) == 14
    for measure in good:
        assert (good[measure] > bad[measure]) == (measure.better == "higher"), measure


def test_a_hole_and_an_edge_are_told_apart():
    true = clip()
    hole, ragged = true.clone(), true.clone()
    hole[:, 17:23, 21:27, 3] = 0
    ragged[..., 3] = true[..., 3].round() * 0.9
    edge, empty = higher("alpha PSNR at soft edges, dB"), lower("hole rate")
    assert of_pair(true, hole)[edge] == math.inf and math.isfinite(of_pair(true, ragged)[edge])
    assert of_clip(hole)[empty] > 0.05 and of_clip(ragged)[empty] == 0


def test_an_error_in_the_subject_weighs_more_where_only_the_subject_counts():
    true = clip()
    made = true.clone()
    made[:, 19, 23] = 0
    share = (true[..., 3] > 0).float().mean().item()
    numbers = of_pair(true, made)
    for name in ("colour PSNR", "alpha PSNR"):
        whole, visible = numbers[higher(f"{name}, dB")], numbers[higher(f"{name} where alpha > 0, dB")]
        assert visible == pytest.approx(whole + 10 * math.log10(share), abs=1e-3)


def test_colour_that_nobody_sees_changes_only_what_is_said_of_bare_colour():
    true = clip()
    made = hidden_colour_changed(true)
    assert of_pair(true, made)[higher("colour PSNR, dB")] == math.inf
    assert to_base(true, made)[higher("PSNR to the base model, dB")] < 20


def test_a_drawing_adds_how_alpha_agrees_with_it():
    plain, drawn = of_clip(clip()), of_clip(clip(), CENTRED)
    added = [measure.name for measure in drawn if measure not in plain]
    assert added == [
        "alpha inside the ellipse",
        "alpha outside the ellipse",
        "IoU with the ellipse",
        "follows the ellipse, 1 = with it",
    ]
    assert drawn[comparison.INSIDE] > 10 * drawn[comparison.OUTSIDE]


def test_without_opencv_only_flow_difference_is_missing(monkeypatch):
    complete = of_clip(clip())
    monkeypatch.setattr(comparison, "opencv_is_here", lambda: False)
    rest = of_clip(clip())
    assert [measure.name for measure in complete if measure not in rest] == [
        "flow difference, pixels",
        "the same of a frozen alpha",
    ]


def test_lpips_is_asked_for_colour_as_seen_and_for_alpha_as_grey():
    from pipelines.metrics.lpips import ALEXNET, Lpips

    asked = []

    class Recorder(Lpips):
        def __call__(self, true, made):
            asked.append((true, made))
            return 0.5

    true, made = clip(), clip(1)
    numbers = of_pair(true, made, Recorder(ALEXNET, {}, ()))
    assert numbers[lower("colour LPIPS, AlexNet")] == numbers[lower("alpha LPIPS, AlexNet")] == 0.5
    (colour, _), (grey, _) = asked
    assert colour.shape == (2, 5, 40, 48, 3) and torch.equal(colour[0], true[..., :3] * true[..., 3:])
    assert grey.shape == (5, 40, 48, 3) and torch.equal(grey[..., :1], true[..., 3:])
    assert to_base(true, made, Recorder(ALEXNET, {}, ()))[lower("LPIPS to the base model")] == 0.5


def test_means_leave_out_the_clips_that_have_no_number():
    column = Column()
    for value in (1.0, math.nan, 3.0):
        column.add(clip(), {Measure("some"): value, Measure("none"): math.nan})
    means = column.means()
    assert means[Measure("some")] == 2 and math.isnan(means[Measure("none")])
    assert means[higher("diversity")] == 0


def test_the_ratio_is_of_the_means_and_not_a_mean_of_ratios():
    column = Column()
    for inside, outside in ((0.9, 0.0), (0.6, 0.5)):
        column.add(clip(), {comparison.INSIDE: inside, comparison.OUTSIDE: outside})
    assert column.means()[higher("inside / outside")] == pytest.approx(3)


def test_frechet_distances_are_to_the_first_column_and_to_the_base():
    def features(rgb):
        return rgb.mean(dim=(0, 1, 2))

    true, made, base = Column(), Column(), Column()
    for seed in range(3):
        true.add(clip(seed), {}, features)
        made.add(hidden_colour_changed(clip(seed)), {}, features)
        base.add(clip(seed + 10) * 0.5, {}, features)
    of_true, of_made = distances([true, made], base)
    assert [measure.name for measure in of_true] == ["FVD to the base model"]
    assert [measure.name for measure in of_made] == ["FVD", "FVD to the base model"]
    assert of_made[lower("FVD")] == pytest.approx(0, abs=1e-9)
    assert of_made[lower("FVD to the base model")] > of_true[lower("FVD to the base model")] > 0.01

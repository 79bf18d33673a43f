import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipelines.ellipse.drawing import parse_drawing
from pipelines.ellipse.field import subject
from pipelines.ellipse.fit import Fit, FittedEllipse, compress, fit, fit_cells, fit_to_drawing, rasterise

GOLDEN = load_file(Path(__file__).parents[1] / "data" / "wan_alpha" / "gauss_mask_dev.safetensors")
CASES = sorted({key.split("/")[0] for key in GOLDEN})
SHIFTED = sorted({key.removesuffix("/gauss") for key in GOLDEN if "/shift_" in key and key.endswith("/gauss")})


def alpha(case: str) -> torch.Tensor:
    return GOLDEN[f"{case}/alpha_u8"].float() / 255


def half_turns_apart(one: float, other: float) -> float:
    return (one - other + 90) % 180 - 90


@pytest.mark.parametrize("case", CASES)
def test_the_compressed_alpha_is_the_references_exactly(case):
    assert torch.equal(compress(alpha(case), 0.1), GOLDEN[f"{case}/script/compressed"])


@pytest.mark.parametrize("case", CASES)
def test_the_field_matches_the_reference(case):
    made = fit(alpha(case))
    torch.testing.assert_close(made.subject, GOLDEN[f"{case}/script/gauss"], atol=1e-7, rtol=0)
    assert made.subject.dtype == torch.float32


@pytest.mark.parametrize("case", CASES)
def test_the_field_of_the_training_matches_the_reference(case):
    made = fit(alpha(case), threshold=0.75, growth_steps=8)
    torch.testing.assert_close(made.subject, GOLDEN[f"{case}/train/gauss"], atol=1e-7, rtol=0)


@pytest.mark.parametrize("case", CASES)
def test_the_ellipses_match_the_reference(case):
    golden = {name: GOLDEN[f"{case}/script/{name}"] for name in ("mean", "axes", "axes_fit", "angle_deg", "cover")}
    started = [fit_cells(cells, growth_steps=0) for cells in compress(alpha(case), 0.1)]
    for k, (grown, start) in enumerate(zip(fit(alpha(case)).ellipses, started, strict=True)):
        if grown is None or start is None:
            assert golden["mean"][k].isnan().all() and grown is start is None
            continue
        assert [grown.x, grown.y] == pytest.approx(golden["mean"][k].tolist(), rel=1e-9)
        assert [start.major, start.minor] == pytest.approx(golden["axes_fit"][k].tolist(), rel=1e-9)
        assert [grown.major, grown.minor] == pytest.approx(golden["axes"][k].tolist(), rel=1e-9)
        assert half_turns_apart(grown.angle, golden["angle_deg"][k].item()) == pytest.approx(0, abs=1e-9)
        assert grown.coverage == pytest.approx(golden["cover"][k].nan_to_num(0).max().item(), abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_the_rasters_of_every_growth_step_are_the_references(case):
    for k, cells in enumerate(compress(alpha(case), 0.1)):
        ellipse = fit_cells(cells, growth_steps=0)
        for step in range(int(GOLDEN[f"{case}/script/n_iters"][k])):
            assert ellipse is not None
            assert torch.equal(rasterise(ellipse, 12, 20), GOLDEN[f"{case}/script/raster"][k, step].bool())
            ellipse = replace(ellipse, major=ellipse.major * 1.12, minor=ellipse.minor * 1.12)


@pytest.mark.parametrize("case", SHIFTED)
def test_a_binary_frame_that_the_script_has_shifted_fits_as_there(case):
    made = fit(GOLDEN[f"{case}/binary_frame0_u8"].ne(0).float()[None])
    torch.testing.assert_close(made.subject[0], GOLDEN[f"{case}/gauss"][0], atol=1e-7, rtol=0)


def test_frames_after_the_last_four_are_dropped_and_counted():
    made = fit(alpha("thin_line_T7"))
    assert made.subject.shape == (2, 12, 20) and made.dropped_frames == 2
    assert [fit(torch.ones(frames, 16, 16)).dropped_frames for frames in (1, 4, 5, 8)] == [0, 3, 0, 3]


def test_a_size_between_the_cells_is_refused():
    with pytest.raises(ValueError, match="multiples of 8, got 20 x 16; use 16 x 16 or 24 x 16"):
        fit(torch.ones(5, 16, 20))
    with pytest.raises(ValueError, match=r"at least one frame, got a shape of \(16, 16\)"):
        fit(torch.ones(16, 16))


def test_the_alpha_is_left_alone():
    before = alpha("two_blobs")
    after = before.clone()
    fit(after)
    assert torch.equal(before, after)


@pytest.mark.parametrize("case", [case for case in CASES if case != "empty"])
def test_a_drawing_of_the_fit_is_its_field_up_to_the_peak(case):
    fitted = fit(alpha(case))
    t, h, w = fitted.subject.shape
    drawn = subject(fit_to_drawing(fitted), 4 * t - 3, h, w)
    for k in range(t):
        frame = drawn[4 * k]
        torch.testing.assert_close(frame / frame.max(), fitted.subject[k], atol=1e-6, rtol=0)


def test_latent_frame_k_becomes_a_keyframe_at_frame_4k_in_fractions_of_the_frame():
    ellipse = FittedEllipse(x=3.5, y=2.0, major=6.0, minor=3.0, angle=-150.0, coverage=1.0)
    drawing = fit_to_drawing(Fit((ellipse, replace(ellipse, angle=35.0)), torch.zeros(2, 5, 8), dropped_frames=0))
    first, second = drawing.ellipses[0].keyframes
    assert (first.frame, first.cx, first.cy, first.rx, first.ry) == (0, 0.5, 0.5, 0.375, 0.3)
    assert (first.angle, first.softness, first.weight, first.ease) == (30.0, 1.0, 1.0, "linear")
    assert (second.frame, second.angle) == (4, 35.0)


def test_angles_never_jump_by_more_than_a_quarter_turn():
    turning = [FittedEllipse(3.0, 2.0, 6.0, 3.0, math.remainder(40.0 * k, 180), coverage=1.0) for k in range(20)]
    keyframes = fit_to_drawing(Fit(tuple(turning), torch.zeros(20, 5, 8), 0)).ellipses[0].keyframes
    assert [keyframe.angle for keyframe in keyframes] == pytest.approx([40.0 * k for k in range(20)])


def test_the_ellipse_leaves_where_the_alpha_is_empty_and_waits_with_its_neighbours_shape():
    left, right = (FittedEllipse(x, 2.0, 6.0, 3.0, 0.0, coverage=1.0) for x in (1.5, 5.5))
    seen = (None, left, None, None, right, None)
    drawing = fit_to_drawing(Fit(seen, torch.zeros(6, 5, 8), 0))
    keyframes = drawing.ellipses[0].keyframes
    assert [keyframe.weight for keyframe in keyframes] == [0, 1, 0, 0, 1, 0]
    assert [keyframe.cx for keyframe in keyframes] == [0.25, 0.25, 0.25, 0.75, 0.75, 0.75]
    assert not subject(drawing, 21, 5, 8)[8:13].any()
    assert parse_drawing(drawing.to_json()) == drawing


def test_a_clip_that_is_empty_throughout_has_a_field_of_zeros_as_fit_and_as_drawing():
    fitted = fit(alpha("empty"))
    assert not fitted.subject.any() and fitted.ellipses == (None, None)
    drawing = fit_to_drawing(fitted)
    assert not subject(drawing, 5, 12, 20).any()
    assert parse_drawing(drawing.to_json()) == drawing


def test_more_latent_frames_than_a_drawing_holds_are_refused():
    many = (FittedEllipse(3.0, 2.0, 6.0, 3.0, 0.0, coverage=1.0),) * 1001
    with pytest.raises(ValueError, match="at most 1000 keyframes, got 1001 latent frames"):
        fit_to_drawing(Fit(many, torch.zeros(1, 5, 8), 0))


def test_any_fit_makes_a_drawing_that_can_be_read_back():
    generator = torch.Generator().manual_seed(3)
    for height, width in ((16, 16), (8, 8), (240, 16), (16, 240)):
        cells = torch.rand(9, height // 8, width // 8, generator=generator)
        noise = cells.repeat_interleave(8, 1).repeat_interleave(8, 2)
        drawing = fit_to_drawing(fit((noise > 0.6).float() + (noise == noise.max())))
        assert parse_drawing(drawing.to_json()) == drawing

import torch

from pipelines.metrics.flow import CAVEAT
from pipelines.report.measures import measured
from pipelines.report.plot import ROW, plot
from pipelines.report.sheet import CELL, contact_sheet
from pipelines.report.text import NO_OPENCV, report


def clip(alpha: torch.Tensor) -> torch.Tensor:
    """(T, 24, 32, 4) in red."""
    rgb = torch.tensor([1.0, 0, 0]).expand(*alpha.shape[:3], 3)
    return torch.cat((rgb, alpha), -1)


def half(frames: int = 3) -> torch.Tensor:
    alpha = torch.zeros(frames, 24, 32, 1)
    alpha[:, :, :16] = 1
    return alpha


def test_the_report_says_where_it_is_worst_and_warns_of_flow_difference():
    alpha = half()
    alpha[1, 10:12, 4:6] = 0
    words = report(measured(clip(alpha), with_flow=True))
    assert "50.00 % visible" not in words and "coverage         49.83 % visible, 49.83 % opaque" in words
    assert f"holes            {100 * 4 / (3 * 24 * 16):.2f} %" in words and "worst in frame 1" in words
    assert CAVEAT in words


def test_a_dead_alpha_and_a_missing_opencv_are_named():
    words = report(measured(clip(torch.ones(2, 24, 32, 1)), with_flow=False), opencv=False)
    assert "No living alpha: 100.00 % is opaque, 0.00 % is empty." in words
    assert NO_OPENCV in words and CAVEAT not in words


def test_the_plot_has_a_curve_for_each_number_that_was_measured():
    with_flow, without = (plot(measured(clip(half()), with_flow=flow)) for flow in (True, False))
    assert with_flow.shape[0] - without.shape[0] == ROW
    for picture in (with_flow, without):
        assert picture.dtype == torch.float32 and picture.min() >= 0 and picture.max() <= 1
        assert len(picture.reshape(-1, 3).unique(dim=0)) > 3


def test_a_plot_of_a_single_empty_frame_can_be_drawn():
    assert plot(measured(clip(torch.zeros(1, 24, 32, 1)), with_flow=True)).isfinite().all()


def test_the_sheet_shows_each_clip_in_order_over_a_checkerboard():
    red, empty = clip(torch.ones(3, 24, 32, 1)), clip(torch.zeros(1, 40, 20, 1))
    sheet = contact_sheet([red, empty, red], [("1. seed 5", "holes"), ("2. größte", "Ωmega"), ("3.",)])
    first, second = sheet[8 : 8 + CELL, 8 : 8 + CELL], sheet[8 : 8 + CELL, 16 + CELL : 16 + 2 * CELL]
    assert first[CELL // 2, CELL // 2].tolist() == [1, 0, 0]
    assert {round(value, 1) for value in second.unique().tolist()} == {0.6, 0.8}

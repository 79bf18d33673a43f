import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipelines.metrics import flow
from pipelines.metrics.flow import CAVEAT, flow_difference

DATA = Path(__file__).parents[1] / "data" / "transpixeler"
GOLDEN = load_file(DATA / "flow_difference_dev.safetensors")
EXPECTED = json.loads((DATA / "flow_difference_dev.json").read_text("utf-8"))
CASES = sorted(EXPECTED["expected"])


def clip(case):
    return GOLDEN[f"{case}.rgb_u8"].float() / 255, GOLDEN[f"{case}.alpha_u8"][..., None].float() / 255


@pytest.mark.parametrize("case", CASES)
def test_the_flow_difference_is_the_golden_one(case):
    expected = EXPECTED["expected"][case]["flow_difference"]
    assert flow_difference(*clip(case)).distance == pytest.approx(expected, abs=1e-6)


def test_the_parameters_are_those_of_the_goldens():
    assert EXPECTED["farneback"] == flow.FARNEBACK


@pytest.mark.parametrize("case", CASES)
def test_what_a_frozen_alpha_scores_is_said_beside_it(case):
    rgb, alpha = clip(case)
    frozen = flow_difference(rgb, alpha[:1].expand_as(alpha))
    assert flow_difference(rgb, alpha).if_frozen == pytest.approx(frozen.distance, abs=1e-6)
    assert frozen.distance == frozen.if_frozen


def test_the_caveat_is_true():
    scores = {case: flow_difference(*clip(case)).distance for case in CASES}
    assert scores["nearly_static"] < scores["aligned"] < scores["opposite"]
    for case in CASES:
        assert f"{scores[case]:.2f}" in CAVEAT


def test_an_alpha_that_is_the_grey_picture_moves_exactly_with_it():
    rgb, _ = clip("aligned")
    grey = rgb[..., :1].expand_as(rgb)
    assert flow_difference(grey, grey[..., :1]).distance == 0


def test_a_single_frame_has_no_flow():
    found = flow_difference(torch.zeros(1, 16, 16, 3), torch.zeros(1, 16, 16, 1))
    assert math.isnan(found.distance) and math.isnan(found.if_frozen)


def test_an_alpha_without_its_channel_axis_is_refused():
    with pytest.raises(ValueError, match=r"alpha \(T, H, W, 1\)"):
        flow_difference(torch.zeros(2, 16, 16, 3), torch.zeros(2, 16, 16))

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipelines.alpha.decontaminate import READINGS, decontaminate, refined_mask

GOLDEN = load_file(Path(__file__).parents[1] / "data" / "transpixeler" / "decontamination_dev.safetensors")
RGB, ALPHA = GOLDEN["in.rgb"], GOLDEN["in.alpha"][..., None]
BACKGROUND = GOLDEN["out.blur201_u8"].float() / 255


@pytest.mark.parametrize("reading", READINGS)
def test_both_readings_match_the_golden(reading):
    mask = refined_mask(ALPHA, 1.1, 0.5, reading)
    made = decontaminate(RGB, ALPHA, BACKGROUND, reading=reading)
    torch.testing.assert_close(mask[..., 0], GOLDEN[f"out.mask_refined_{reading}"], atol=1e-7, rtol=0)
    torch.testing.assert_close(made, GOLDEN[f"out.rgb_decon_{reading}"], atol=1e-7, rtol=0)


@pytest.mark.parametrize("reading", READINGS)
def test_opaque_pixels_keep_their_colour_and_empty_ones_show_the_background(reading):
    rgb, background = torch.rand(5, 7, 3), torch.rand(5, 7, 3)
    assert torch.equal(decontaminate(rgb, torch.ones(5, 7, 1), background, reading=reading), rgb)
    assert torch.equal(decontaminate(rgb, torch.zeros(5, 7, 1), background, reading=reading), background)


def test_a_choke_of_1_leaves_nothing_to_stretch():
    with pytest.raises(ValueError, match=r"'choke' needs a choke below 1, got 1\.0"):
        decontaminate(RGB, ALPHA, BACKGROUND, choke=1.0, reading="choke")


def test_an_unknown_reading_is_refused():
    with pytest.raises(ValueError, match="reading must be one of levels, choke, got 'chocked'"):
        refined_mask(ALPHA, reading="chocked")

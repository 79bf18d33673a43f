from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipelines.latent_grid.pooling import to_latent_grid
from pipelines.samplers.mean_shift import shift_mean

GOLDEN = load_file(Path(__file__).parents[1] / "data" / "wan_alpha" / "mean_shift_sampler_dev.safetensors")
CASES = [
    ("zeros", 0.05, GOLDEN["shifted/zeros"]),
    ("ones", 0.05, GOLDEN["shifted/ones"]),
    ("same_res", 0.03, GOLDEN["shifted/same_res_mean0.03"]),
    ("same_res", 0.05, GOLDEN["v2_same_unipc4/model_inputs"][0]),
    ("other_res", 0.05, GOLDEN["v2_other_unipc4/model_inputs"][0]),
]


def shifted(subject: str, shift: float, rounding: torch.dtype) -> torch.Tensor:
    on_grid = to_latent_grid(GOLDEN[f"mask/{subject}"], 3, 12, 20, rounding=rounding)
    return shift_mean(GOLDEN["noise"][None], on_grid, shift, rounding)[0]


@pytest.mark.parametrize(("subject", "shift", "expected"), CASES)
def test_bfloat16_rounding_is_the_reference_bit_for_bit(subject, shift, expected):
    assert torch.equal(shifted(subject, shift, torch.bfloat16), expected)


@pytest.mark.parametrize(("subject", "shift", "expected"), CASES)
def test_float32_differs_from_the_reference_by_its_rounding_only(subject, shift, expected):
    torch.testing.assert_close(shifted(subject, shift, torch.float32), expected, atol=1e-3, rtol=0)


def test_no_shift_and_a_full_subject_leave_the_noise_as_it_is():
    noise = torch.randn(2, 4, 3, 5, 7)
    for rounding in (torch.float32, torch.bfloat16):
        assert torch.equal(shift_mean(noise, torch.rand(3, 5, 7), 0.0, rounding), noise)
        assert torch.equal(shift_mean(noise, torch.ones(3, 5, 7), 0.05, rounding), noise)


def test_the_mean_rises_by_the_shift_where_the_subject_is_not_and_the_variance_stays():
    noise = torch.randn(2, 4, 3, 5, 8, dtype=torch.float64)
    subject = torch.zeros(3, 5, 8, dtype=torch.float64)
    subject[..., :4] = 1
    moved = shift_mean(noise, subject, 0.25, torch.float64)
    torch.testing.assert_close(moved[..., 4:].mean() - noise[..., 4:].mean(), torch.tensor(0.25).double())
    torch.testing.assert_close(moved[..., 4:].var(), noise[..., 4:].var())
    assert torch.equal(moved[..., :4], noise[..., :4])


def test_every_channel_and_clip_is_moved_by_the_same_field():
    moved = shift_mean(torch.zeros(2, 4, 3, 5, 7), torch.rand(3, 5, 7), 0.05)
    assert torch.equal(moved, moved[:1, :1].expand_as(moved))


def test_the_result_has_the_noises_dtype_and_the_noise_is_left_alone():
    noise = torch.randn(1, 4, 3, 5, 7).half()
    before = noise.clone()
    assert shift_mean(noise, torch.zeros(3, 5, 7)).dtype == torch.float16
    assert torch.equal(noise, before)


def test_shift_mean_refuses_a_subject_on_the_pixel_grid():
    with pytest.raises(ValueError, match=r"same latent grid, got noise \(1, 16, 3, 5, 7\) and a subject \(9, 40, 56\)"):
        shift_mean(torch.zeros(1, 16, 3, 5, 7), torch.zeros(9, 40, 56))

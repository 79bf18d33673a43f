"""A text of a few rows counts as one of 512."""

from __future__ import annotations

import pytest
import torch
from diffusers import WanTransformer3DModel

from pipelines.training.models.padded_text import count_padding


def tiny():
    torch.manual_seed(0)
    return WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, text_dim=6, freq_dim=8, ffn_dim=24, num_layers=2
    ).eval()


def test_zero_rows_of_a_short_text_stand_for_all_the_padding():
    latent, time = torch.randn(2, 16, 2, 4, 6), torch.tensor([300.0, 800.0])
    text = torch.randn(2, 5, 6)
    text[0, 2:] = 0
    text[1, 4:] = 0
    padded = torch.cat([text, torch.zeros(2, 507, 6)], dim=1)
    with torch.no_grad():
        expected = tiny()(latent, time, padded, return_dict=False)[0]
        unpadded = tiny()(latent, time, text, return_dict=False)[0]
        counting = tiny()
        count_padding(counting)
        by_name = counting(hidden_states=latent, timestep=time, encoder_hidden_states=text, return_dict=False)[0]
        whole = counting(latent, time, padded, return_dict=False)[0]
    assert (by_name - expected).abs().max() < 1e-5
    assert (whole - expected).abs().max() < 1e-5
    assert (unpadded - expected).abs().max() > 1e-3


def test_a_short_text_without_a_zero_row_is_refused():
    dit = tiny()
    count_padding(dit)
    with pytest.raises(ValueError, match="at least one row of zeros"):
        dit(torch.randn(1, 16, 1, 2, 2), torch.tensor([1.0]), torch.ones(1, 3, 6))

import pytest
import torch

from pipelines.wan_alpha.checkpoint import split_vae_weights


def test_decoder_bin_holds_decoders_only(decoder_goldens):
    parts = split_vae_weights(decoder_goldens.under("lora/"))
    assert parts.decoders is not None
    assert len(parts.decoders.rgb) == len(parts.decoders.alpha) == 38
    assert parts.merge_block is None


def test_one_file_can_hold_both_beside_other_things(decoder_goldens, encoder_goldens):
    other = {"vae_fgr.encoder.conv1.weight": torch.ones(1), "sobel.kernel": torch.ones(1)}
    parts = split_vae_weights({**decoder_goldens.under("lora/"), **encoder_goldens.under("merge/"), **other})
    assert parts.decoders is not None
    assert parts.merge_block is not None
    assert len(parts.merge_block) == 33


def test_a_merge_block_alone_is_enough(encoder_goldens):
    parts = split_vae_weights(encoder_goldens.under("merge/"))
    assert parts.decoders is None
    assert parts.merge_block is not None


def test_a_file_with_neither_is_refused(decoder_goldens):
    with pytest.raises(ValueError, match=r"expected decoder LoRAs .* got conv1\.bias, conv1\.weight, conv2\.bias and"):
        split_vae_weights(decoder_goldens.under("base/"))

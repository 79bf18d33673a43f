import pytest
import torch

from pipelines.wan_alpha.decoder_lora import DecoderLoRAs, merge_decoder, read_decoder_loras, vae_width


@pytest.fixture
def loras(decoder_goldens) -> DecoderLoRAs:
    loras = read_decoder_loras(decoder_goldens.under("lora/"))
    assert loras is not None
    return loras


@pytest.fixture
def base(decoder_goldens) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in decoder_goldens.under("base/").items()}


@pytest.mark.parametrize("decoder", ["rgb", "alpha"])
def test_merged_weights_match_the_reference(decoder_goldens, base, loras, decoder: str):
    merged = merge_decoder(base, getattr(loras, decoder))
    for name, expected in decoder_goldens.under(f"merged/{decoder}/").items():
        torch.testing.assert_close(merged[name], expected, rtol=0, atol=1e-6)


def test_every_convolution_of_the_decoder_and_nothing_else_changes(base, loras):
    merged = merge_decoder(base, loras.rgb)
    changed = {name for name, tensor in merged.items() if not torch.equal(tensor, base[name])}
    convolutions = {
        name
        for name, tensor in base.items()
        if name.startswith("decoder.") and name.endswith("weight") and tensor.ndim > 3
    }
    assert len(convolutions) == 38
    assert changed == convolutions
    assert merged.keys() == base.keys()


def test_the_scale_is_one_over_the_rank(loras):
    assert {(pair.rank, pair.scale) for pair in loras.rgb.values()} == {(4, 0.25)}


def test_the_base_is_left_alone_and_its_dtype_kept(decoder_goldens, loras):
    base = decoder_goldens.under("base/")
    before = {name: tensor.clone() for name, tensor in base.items()}
    merged = merge_decoder(base, loras.alpha)
    assert all(torch.equal(base[name], before[name]) for name in base)
    assert {tensor.dtype for tensor in merged.values()} == {torch.bfloat16}


def test_spelling_and_company_in_the_file_do_not_matter(decoder_goldens, base, loras):
    table = decoder_goldens.under("lora/")
    plain = {key.replace(".conv3D", "").replace(".default", ""): tensor for key, tensor in table.items()}
    company = {
        "vae_fgr.encoder.conv1.conv3D.weight": torch.ones(1),
        "vae_fgr.encoder.conv1.conv3D.lora_A.default.weight": torch.ones(1),
        "vae_fgr.decoder.conv1.conv3D.base_layer.weight": torch.ones(1),
        "vae_pha.conv2.weight": torch.ones(1),
        "middle.block.conv1.weight": torch.ones(1),
        "decoder.conv1.lora_A.default.weight": torch.ones(1),
    }
    respelled = read_decoder_loras(plain | company)
    assert respelled is not None
    expected, merged = merge_decoder(base, loras.rgb), merge_decoder(base, respelled.rgb)
    assert all(torch.equal(merged[name], expected[name]) for name in expected)


def test_a_file_without_decoder_loras_gives_none(encoder_goldens):
    assert read_decoder_loras(encoder_goldens.under("merge/")) is None


@pytest.mark.parametrize(("present", "lacking"), [("vae_fgr", "vae_pha"), ("vae_pha", "vae_fgr")])
def test_one_decoder_alone_is_refused(decoder_goldens, present: str, lacking: str):
    half = {key: tensor for key, tensor in decoder_goldens.under("lora/").items() if key.startswith(present)}
    with pytest.raises(ValueError, match=rf"found {present}\.decoder\.\* and no {lacking}\.decoder\.\*"):
        read_decoder_loras(half)


def test_a_without_b_is_refused(decoder_goldens):
    table = {key: tensor for key, tensor in decoder_goldens.under("lora/").items() if "fgr.decoder.head.2" not in key}
    table["vae_fgr.decoder.head.2.conv3D.lora_A.default.weight"] = torch.ones(4, 4, 3, 3, 3)
    with pytest.raises(ValueError, match=r"vae_fgr\.decoder\.head\.2\.conv3D: expected an up and a down matrix, up is"):
        read_decoder_loras(table)


def test_a_layer_that_the_vae_does_not_have_is_refused(base, loras):
    del base["decoder.upsamples.3.time_conv.weight"]
    with pytest.raises(ValueError, match=r"does not have: decoder\.upsamples\.3\.time_conv\.weight"):
        merge_decoder(base, loras.rgb)


def test_a_vae_of_another_width_is_refused(base, loras):
    wider = {name: tensor.repeat_interleave(2, 0) for name, tensor in base.items()}
    with pytest.raises(
        ValueError, match=r"made for a VAE of width 4, the chosen VAE has width 8.*wan_2\.1_vae, width 96"
    ):
        merge_decoder(wider, loras.rgb)


def test_one_layer_of_another_shape_is_refused(base, loras):
    base["decoder.middle.1.proj.weight"] = torch.ones(16, 8, 1, 1)
    with pytest.raises(ValueError, match=r"do not fit this VAE's decoder\.middle\.1\.proj\.weight"):
        merge_decoder(base, loras.rgb)


def test_the_width_is_read_from_the_last_level(base):
    assert vae_width(base) == 4


def test_a_wan_22_vae_is_refused(base):
    base["decoder.conv1.weight"] = torch.ones(16, 48, 3, 3, 3)
    with pytest.raises(ValueError, match=r"with 16 latent channels, got 48 \(the Wan 2\.2 VAE\)\. Choose wan_2\.1_vae"):
        vae_width(base)


def test_another_vae_is_refused():
    with pytest.raises(ValueError, match=r"expected the stock Wan 2\.1 VAE .*, got decoder\.conv_in\.weight\."):
        vae_width({"decoder.conv_in.weight": torch.ones(1)})

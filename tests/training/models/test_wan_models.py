from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers, convert_wan_vae_to_diffusers
from safetensors.torch import load_file

from pipelines.training.models.wan_models import dit_from_official, load_dit, vae_from_official
from pipelines.training.models.wan_names import dit_to_official, vae_to_official
from pipelines.training.models.whole_clip import decode, features
from pipelines.wan_alpha.decoder_lora import merge_decoder, read_decoder_loras
from pipelines.wan_alpha.latent_stats import denormalise

DATA = Path(__file__).parents[2] / "data"
DECODE = load_file(DATA / "wan_alpha" / "vae_decode_lora_dev.safetensors")
ENCODE = load_file(DATA / "wan_alpha" / "vae_encode_merge_dev.safetensors")
BASE = {name.removeprefix("base/"): tensor for name, tensor in DECODE.items() if name.startswith("base/")}


@torch.no_grad()
def test_the_merged_official_decoder_gives_the_reference_pixels():
    loras = read_decoder_loras(
        {name.removeprefix("lora/"): DECODE[name] for name in DECODE if name.startswith("lora/")}
    )
    assert loras is not None
    merged = merge_decoder({name: tensor.float() for name, tensor in BASE.items()}, loras.rgb)
    vae = vae_from_official(merged)
    pixels = decode(vae, denormalise(DECODE["latent"])[None])[0]
    torch.testing.assert_close(pixels, DECODE["rgb_raw"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("clip", ["t9", "t1"])
@torch.no_grad()
def test_features_match_the_reference(clip):
    encoder = {name.removeprefix("vae/"): tensor for name, tensor in ENCODE.items() if name.startswith("vae/encoder")}
    vae = vae_from_official({**BASE, **encoder})
    found = features(vae, ENCODE[f"{clip}/fgr_hard"][None])[0]
    torch.testing.assert_close(found, ENCODE[f"{clip}/feat_fgr"], rtol=0, atol=5e-5)


def test_vae_names_agree_with_diffusers_own_converter():
    vae = AutoencoderKLWan(base_dim=4)
    official = vae_to_official(vae.state_dict())
    assert convert_wan_vae_to_diffusers(dict(official)).keys() == vae.state_dict().keys()
    assert official.keys() == BASE.keys()


def test_dit_names_agree_with_diffusers_own_converter():
    golden = load_file(DATA / "wan_alpha" / "dora_lightx2v_dev.safetensors")
    base = {name.removeprefix("base/"): tensor for name, tensor in golden.items() if name.startswith("base/")}
    state = dit_from_official(base, heads=2).state_dict()
    converted = convert_wan_transformer_to_diffusers(dict(base))
    assert converted.keys() == state.keys()
    assert all(torch.equal(state[name], converted[name]) for name in state)
    assert dit_to_official(state).keys() == base.keys()


@torch.no_grad()
def test_a_dit_of_an_official_file_gives_the_reference_output():
    golden = load_file(DATA / "wan_alpha" / "dora_lightx2v_dev.safetensors")
    base = {name.removeprefix("base/"): tensor for name, tensor in golden.items() if name.startswith("base/")}
    dit = dit_from_official(base, heads=2)
    context = torch.zeros(1, 8, golden["in/context"].shape[-1])
    context[:, : golden["in/context"].shape[-2]] = golden["in/context"]
    out = dit(golden["in/x"][None] if golden["in/x"].ndim == 4 else golden["in/x"], golden["in/t"].reshape(1), context)
    torch.testing.assert_close(out.sample.reshape(golden["out/base"].shape), golden["out/base"], rtol=0, atol=1e-4)


def test_a_file_of_something_else_is_refused_by_name(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt: expected a Wan 2\.1 text-to-video model"):
        load_dit(tmp_path / "other.pt")


def test_missing_and_unknown_weights_are_listed():
    weights = {**BASE, "decoder.extra": torch.zeros(1)}
    del weights["encoder.conv1.bias"]
    with pytest.raises(ValueError, match=r"missing: encoder\.conv1\.bias, unknown: decoder\.extra"):
        vae_from_official(weights)

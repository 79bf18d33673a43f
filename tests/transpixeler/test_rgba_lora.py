from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipelines.transpixeler.families import BLOCKED, COGVIDEOX, MOCHI, OPEN, TEXT_TO_ALPHA, WAN, sight
from pipelines.transpixeler.rgba_lora import read_rgba_lora
from pipelines.transpixeler.split_attention import ALL, LESS, NOTHING, Sight

DATA = Path(__file__).parents[1] / "data" / "transpixeler"
FILES = {COGVIDEOX: "cogvideox_tiny_rgba_lora", MOCHI: "mochi_tiny_rgba_lora", WAN: "wan_tiny_joint_lora"}
each_family = pytest.mark.parametrize("family", FILES, ids=lambda family: family.name)


def weights(family) -> dict[str, Tensor]:
    return load_file(DATA / f"{FILES[family]}_dev.safetensors")


@each_family
def test_the_official_files_are_told_apart(family):
    lora = read_rgba_lora(weights(family))
    assert lora.family is family and lora.blocks == 2
    assert (lora.embedding is not None) is family.embedded
    assert len(lora.layers) == 2 * {COGVIDEOX: 4, MOCHI: 2, WAN: 8}[family]
    assert all(layer.rank == 8 for layer in lora.layers.values())


def test_cogvideox_layers_have_the_hosts_names():
    stored, lora = weights(COGVIDEOX), read_rgba_lora(weights(COGVIDEOX))
    layer = lora.layers["blocks.1.attn_out"]
    assert torch.equal(layer.down, stored["transformer.transformer_blocks.1.attn1.to_out.0.lora_A.weight"])
    assert torch.equal(layer.ups[0], stored["transformer.transformer_blocks.1.attn1.to_out.0.lora_B.weight"])
    assert {name for name in lora.layers if name.startswith("blocks.0.")} == {
        f"blocks.0.{name}" for name in ("q", "k", "v", "attn_out")
    }


def test_mochis_q_k_and_v_are_one_layer():
    stored, layer = weights(MOCHI), read_rgba_lora(weights(MOCHI)).layers["blocks.0.attn.qkv_x"]
    assert layer.shape == (192, 64) and len(layer.ups) == 3
    assert torch.equal(layer.down[8:16], stored["block_0.to_k_lora.0.weight"])
    assert torch.equal(layer.ups[2], stored["block_0.to_v_lora.1.weight"])


def test_wans_cross_attention_output_alone_acts_on_all_tokens():
    layers = read_rgba_lora(weights(WAN)).layers
    assert {name for name, layer in layers.items() if layer.everywhere} == {
        f"blocks.{block}.cross_attn.o" for block in (0, 1)
    }


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_wans_prefixes_are_read_alike(prefix):
    stored = {key.replace("diffusion_model.", prefix, 1): tensor for key, tensor in weights(WAN).items()}
    first, second = read_rgba_lora(stored), read_rgba_lora(weights(WAN))
    assert first.layers.keys() == second.layers.keys()
    assert torch.equal(first.embedding, second.embedding)


@pytest.mark.parametrize("shape", [(128,), (1, 128), (1, 1, 128)])
def test_an_embedding_of_every_released_shape_is_one_row(shape):
    stored = weights(COGVIDEOX)
    lora = read_rgba_lora(stored | {"domain_emb": stored["domain_emb"].reshape(shape)})
    assert torch.equal(lora.embedding, stored["domain_emb"])


@pytest.mark.parametrize("shape", [(72, 128), (1, 72, 128)])
def test_an_embedding_for_every_token_keeps_its_rows(shape):
    assert read_rgba_lora(weights(COGVIDEOX) | {"domain_emb": torch.ones(shape)}).embedding.shape == (72, 128)


def test_an_embedding_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"domain_emb wants \[D\], \[1, D\] or \[1, L, D\], got \[2, 3, 128\]"):
        read_rgba_lora(weights(COGVIDEOX) | {"domain_emb": torch.ones(2, 3, 128)})


def test_two_embeddings_that_differ_are_refused():
    stored = weights(WAN)
    with pytest.raises(ValueError, match="differ, but they are one embedding"):
        read_rgba_lora(stored | {"transformer.modality_embedding": stored["transformer.modality_embedding"] + 1})


@each_family
def test_a_key_of_no_known_spelling_is_refused_by_name(family):
    with pytest.raises(ValueError, match=rf"RGBA LoRA for {family.title}, but it also has a\.surprise; such a file"):
        read_rgba_lora(weights(family) | {"a.surprise": torch.zeros(1)})


@each_family
def test_half_a_pair_is_refused(family):
    stored = weights(family)
    del stored[next(key for key in stored if key.endswith((".lora_B.weight", "lora.1.weight")))]
    with pytest.raises(ValueError, match=r"block \d: .* has no pair of down and up. The file is incomplete"):
        read_rgba_lora(stored)


@each_family
def test_a_layer_that_one_block_lacks_is_refused(family):
    stored = {key: tensor for key, tensor in weights(family).items() if "1.attn1.to_out" not in key}
    stored = {key: tensor for key, tensor in stored.items() if "1.to_out" not in key and "1.ffn.2" not in key}
    with pytest.raises(
        ValueError, match=r"the same layers \(\d or more\) in every block from 0 to 1, some are missing"
    ):
        read_rgba_lora(stored)


@each_family
def test_a_missing_block_is_refused(family):
    stored = {key: tensor for key, tensor in weights(family).items() if "blocks.0." not in key and "k_0" not in key}
    with pytest.raises(ValueError, match=r"in every block from 0 to 1, some are missing. The file is incomplete"):
        read_rgba_lora(stored)


def test_pairs_of_different_ranks_are_refused():
    stored = weights(COGVIDEOX)
    key = "transformer.transformer_blocks.0.attn1.to_q.lora_B.weight"
    with pytest.raises(ValueError, match=r"block 0, q: expected down \[r, in\] and up \[out, r\] of one rank, got"):
        read_rgba_lora(stored | {key: torch.zeros(128, 7)})


def test_an_embedding_alone_is_no_lora():
    with pytest.raises(ValueError, match=r"the file has a domain embedding alone\. It is incomplete"):
        read_rgba_lora({"domain_emb": torch.zeros(1, 128)})


def test_another_kind_of_file_is_named_with_what_takes_it():
    wan_lora = {f"blocks.0.self_attn.q.lora_{part}.weight": torch.zeros(8, 8) for part in ("down", "up")}
    with pytest.raises(ValueError, match=r"this is a Wan LoRA "):
        read_rgba_lora(wan_lora)


@pytest.mark.parametrize(("family", "released"), [(COGVIDEOX, LESS), (MOCHI, NOTHING), (WAN, ALL)])
def test_what_text_sees_of_alpha_is_what_the_option_says(family, released):
    assert [sight(family, option).text for option in TEXT_TO_ALPHA] == [released, NOTHING, ALL]
    assert sight(family, OPEN) == Sight(ALL, ALL)
    assert sight(family, BLOCKED, rgb_to_alpha=False) == Sight(NOTHING, NOTHING)

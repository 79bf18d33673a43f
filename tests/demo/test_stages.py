"""The whole recipe, a step of each stage: every file that it writes is one that the nodes load."""

from __future__ import annotations

import json
import math
from pathlib import Path
from shutil import copytree

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from demo.recipe.__main__ import main
from demo.recipe.demo_models import DemoModels
from demo.recipe.stages.dit import train_dit_clips
from demo.recipe.stages.recipe import (
    DIT,
    DORA,
    FRAMES,
    MODELS,
    RESULT,
    RGBA_VAE,
    TEXT_ENCODER,
    TRANSPIXELER,
    VAE,
    Recipe,
)
from demo.recipe.stages.table import STAGES, go_on_from
from demo.recipe.stages.vae import train_vae_stills, whiten_vae
from demo.recipe.text_encoder import read_text_encoder
from demo.recipe.trial import alpha_beside_colour, as_markdown, ellipse, reconstruction
from pipelines.lora.dora import read_dora
from pipelines.training.models.wan_names import dit_to_official
from pipelines.transpixeler.families import WAN
from pipelines.transpixeler.rgba_lora import read_rgba_lora
from pipelines.wan_alpha.checkpoint import split_vae_weights
from pipelines.wan_alpha.decoder_lora import merge_decoder
from pipelines.weights.kinds import wan_alpha
from pipelines.weights.kinds.table import refuse_unless
from pipelines.weights.kinds.wan import WAN21_VAE
from pipelines.weights.weights_file import read_weights, shapes_of

SHIPPED = Path(__file__).parents[2] / "demo" / "models"
NAMES = (*STAGES, "base_vae_whitened")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    made = Recipe(
        tmp_path_factory.mktemp("demo"),
        steps=dict.fromkeys(NAMES, 1),
        clips=dict.fromkeys(NAMES, 2),
        batch=dict.fromkeys(NAMES, 1),
    )
    for stage in STAGES.values():
        stage(made)
    return made


@pytest.mark.parametrize(
    ("file", "kind"), [(VAE, WAN21_VAE), (RGBA_VAE, wan_alpha.WAN_ALPHA_VAE), (DORA, wan_alpha.DORA)]
)
def test_the_nodes_take_the_file_for_what_it_is(recipe, file, kind):
    refuse_unless(shapes_of(read_weights(recipe.file(file))), [kind], file, "the node")


def test_the_decoders_fit_the_base_vae(recipe):
    base = read_weights(recipe.file(VAE))
    decoders = split_vae_weights(read_weights(recipe.file(RGBA_VAE))).decoders
    assert merge_decoder(base, decoders.rgb).keys() == base.keys()
    assert merge_decoder(base, decoders.alpha).keys() == base.keys()


def test_the_dora_changes_layers_that_the_base_model_has(recipe):
    base = read_weights(recipe.file(DIT))
    layers = read_dora(read_weights(recipe.file(DORA)))
    assert len(layers) == 10 * 6  # q, k, v, o of two attentions and two of the feed-forward, in each block
    assert all(layer.low_rank.shape == base[f"{name}.weight"].shape for name, layer in layers.items())


def test_the_alpha_tokens_lora_is_one_for_wan(recipe):
    assert read_rgba_lora(read_weights(recipe.file(TRANSPIXELER))).family == WAN


def test_the_base_model_says_its_heads(recipe):
    with safe_open(recipe.file(DIT), "pt") as file:
        config = json.loads(file.metadata()["config"])["transformer"]
    assert config == {"num_heads": 7, "freq_dim": 64, "text_dim": 64}


def test_all_files_together_stay_below_30_megabytes(recipe):
    files = [path for path in (recipe.folder / MODELS).rglob("*") if path.is_file()]
    assert len(files) == 6
    assert sum(path.stat().st_size for path in files) < 30e6


def test_a_stage_that_is_through_is_read_and_not_trained_again(recipe):
    before = (recipe.folder / "vae_stills" / RESULT).stat().st_mtime_ns
    first = train_vae_stills(recipe)
    assert all(torch.isfinite(tensor).all() for tensor in first.values())
    assert (recipe.folder / "vae_stills" / RESULT).stat().st_mtime_ns == before


def test_training_goes_on_from_base_models_that_were_published(recipe, tmp_path):
    made = Recipe(tmp_path)
    for _ in range(2):  # the second time there is nothing to take over
        go_on_from(recipe.folder / MODELS, made)
    whiten_vae(made)
    train_dit_clips(made)
    assert not list(tmp_path.rglob("checkpoints"))
    for file in (VAE, DIT, TEXT_ENCODER):
        again, first = read_weights(made.file(file)), read_weights(recipe.file(file))
        assert again.keys() == first.keys()
        assert all(torch.equal(again[name], first[name]) for name in first)


def test_base_models_of_its_own_are_not_mixed_with_others(recipe, tmp_path):
    made = Recipe(tmp_path)
    go_on_from(recipe.folder / MODELS, made)
    with pytest.raises(ValueError, match=r"base_vae_whitened has a base model of its own"):
        go_on_from(SHIPPED, made)


def test_a_base_of_another_width_is_refused_by_its_file(recipe, tmp_path):
    models = tmp_path / "models"
    copytree(SHIPPED, models)
    heads = {"config": json.dumps({"transformer": {"num_heads": 6}})}
    narrow = WanTransformer3DModel(
        num_attention_heads=6, attention_head_dim=32, text_dim=64, freq_dim=64, ffn_dim=896, num_layers=1
    )
    save_file(dit_to_official(narrow.state_dict()), models / DIT, heads)
    with pytest.raises(ValueError, match=Path(DIT).name):
        go_on_from(models, Recipe(tmp_path / "made"))


def test_the_text_encoder_is_published_as_its_average(recipe):
    result = load_file(recipe.folder / "dit_clips" / RESULT)
    assert torch.equal(result["text.umt5.shared.weight"], result["text.umt5.encoder.embed_tokens.weight"])


def test_an_unknown_stage_is_refused(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "vae_stils"])
    assert "unknown stage vae_stils; choose from vae_stills" in capsys.readouterr().err


def test_a_base_that_is_no_folder_is_refused(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "transpixeler", "--base", str(tmp_path / "bass")])
    assert "--base wants a models folder" in capsys.readouterr().err


def test_a_base_without_models_is_refused_by_the_file_that_is_missing(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "made"), "--base", str(tmp_path)])
    assert Path(TEXT_ENCODER).name in capsys.readouterr().err


def test_a_text_encoder_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="expected the demo's text encoder"):
        read_text_encoder(read_weights(SHIPPED / VAE))


@pytest.mark.parametrize("count", ["many", "0", ""])
def test_counts_are_given_by_stage(capsys, tmp_path, count):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--steps", f"dora={count}"])
    assert "expected STAGE=N" in capsys.readouterr().err


@pytest.fixture(scope="module")
def models(recipe):
    return DemoModels(recipe.folder / MODELS, torch.device("cpu"))


def test_the_files_draw_a_clip_with_alpha_that_belongs_to_its_seed(models):
    prompts, drawings = ["A red ball rises."] * 2, [ellipse((0.4, 0.5))] * 2
    both = models.draw(prompts, drawings, 0.3, [1, 2])
    (again,) = models.draw(prompts[:1], drawings[:1], 0.3, [1])
    assert both.shape == (2, FRAMES, 96, 96, 4)
    assert (both[0] - again).abs().max() < 1e-4
    assert (both[0] - both[1]).abs().max() > 1e-2


def test_both_domains_are_drawn_and_compared(models):
    found = alpha_beside_colour(models, samples=2)
    assert found["IoU of the true clips"] >= 0.9
    assert math.isnan(found["IoU"]) or 0 <= found["IoU"] <= 1


def test_a_trial_of_one_clip_measures_every_place(models):
    found = reconstruction(models, clips=1)
    assert found.keys() == {f"{what} {place}" for what in ("rgb", "alpha") for place in ("all", "visible", "edge")}
    assert all(0 < value < 60 for value in found.values())


def test_an_ellipse_on_its_way_ends_at_its_second_place():
    (one,) = ellipse((0.3, 0.5), (0.7, 0.4)).ellipses
    assert [(key.frame, key.cx, key.cy) for key in one.keyframes] == [(0, 0.3, 0.5), (16, 0.7, 0.4)]


def test_results_are_told_as_a_table():
    assert as_markdown({"prompt": {"shape": 0.5}}).splitlines()[2] == "| prompt | shape | 0.5 |"

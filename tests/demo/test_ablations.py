"""The ablations, all of them, a step each on models of no skill; and the laws of their own modules."""

from __future__ import annotations

import json
import math

import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from safetensors.torch import save_file

from demo.recipe.ablations import doras, joint
from demo.recipe.ablations.__main__ import go, main
from demo.recipe.ablations.extensions import BatchExtension, LatentExtension
from demo.recipe.ablations.groups import GROUPS, Claim, all_names, jobs
from demo.recipe.ablations.runs import (  # fmt: skip
    CURVE,
    DIVERGED,
    NUMBERS,
    WEIGHTS,
    claimed,
    go_through,
    numbers_in,
    parts_of,
    train_once,
    warm_then_straight_down,
)
from demo.recipe.ablations.study import Budget, Study, adamw
from demo.recipe.ablations.table import markdown, shown_mean, verdict
from demo.recipe.stages.dit import make_tokenizer
from demo.recipe.stages.recipe import DIT, TEXT_ENCODER, VAE, Recipe
from demo.recipe.text_encoder import TEXT_WIDTH, TextEncoder, text_encoder_file
from pipelines.training.loop import Run
from pipelines.training.models.wan_names import dit_to_official, vae_to_official
from pipelines.transpixeler.halves import join, split

HEADS, HEAD_WIDTH = 2, 12
SEED = 1


def tiny_dit():
    torch.manual_seed(0)
    return WanTransformer3DModel(
        num_attention_heads=HEADS, attention_head_dim=HEAD_WIDTH, text_dim=TEXT_WIDTH, freq_dim=16, ffn_dim=32,
        num_layers=2, rope_max_seq_len=64,
    )  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Base models that were never trained, and a budget of next to nothing."""
    recipe = Recipe(tmp_path_factory.mktemp("demo"))
    words = make_tokenizer()
    torch.manual_seed(0)
    config = {"config": json.dumps({"transformer": {"num_heads": HEADS}})}
    files = {
        VAE: (vae_to_official(AutoencoderKLWan(base_dim=4, z_dim=16).state_dict()), None),
        DIT: (dit_to_official(tiny_dit().state_dict()), config),
        TEXT_ENCODER: (text_encoder_file(TextEncoder(len(words)), words), None),
    }
    for name, (weights, metadata) in files.items():
        recipe.file(name).parent.mkdir(parents=True, exist_ok=True)
        save_file({key: tensor.contiguous() for key, tensor in weights.items()}, recipe.file(name), metadata)
    budget = Budget(
        steps=1, batch=1, vae_batch=1, clips=2, scenes=1, draws=2, sampler_steps=1, frames=5, side=48, vae_frames=1,
        vae_side=16,
    )  # fmt: skip
    return Study(recipe, budget)


@pytest.fixture(scope="module")
def through(study):
    assert go(study, [], [SEED]) == []
    return study


def test_every_variant_leaves_finite_numbers(through):
    for job in jobs([], [SEED]):
        numbers = numbers_in(through.run_folder(job.group, job.name, job.seed))
        assert numbers and DIVERGED not in numbers
        assert any(math.isfinite(value) for value in numbers.values())


def test_the_table_has_a_row_for_every_variant_and_a_sentence_for_every_claim(through):
    told = markdown(through.folder)
    rows = [line.split("|")[1].strip() for line in told.splitlines() if line.startswith("|")]
    for group in GROUPS.values():
        assert set(group.names()) <= set(rows)
        assert all(claim.says in told for claim in group.claims)
    assert "not measured yet" not in told


def test_every_claim_is_of_a_measure_that_its_variants_have(through):
    for key, group in GROUPS.items():
        for claim in group.claims:
            for name in (claim.first, claim.second):
                assert claim.measure in numbers_in(through.run_folder(key, name, SEED))


def test_what_is_through_is_not_trained_again(through):
    files = sorted(path for name in (WEIGHTS, NUMBERS, CURVE) for path in through.folder.rglob(name))
    before = [path.stat().st_mtime_ns for path in files]
    assert len(files) > 60
    assert go(through, [], [SEED]) == []
    assert [path.stat().st_mtime_ns for path in files] == before


def test_what_is_trained_but_not_measured_is_measured(through):
    folder = through.run_folder(joint.GROUP, "ours", SEED)
    numbers, trained = numbers_in(folder), (folder / WEIGHTS).stat().st_mtime_ns
    (folder / NUMBERS).unlink()
    assert go(through, ["joint/ours"], [SEED]) == []
    assert numbers_in(folder) == pytest.approx(numbers, nan_ok=True)
    assert (folder / WEIGHTS).stat().st_mtime_ns == trained


def test_colour_that_does_not_see_alpha_is_the_base_models(through):
    for name in ("rgb-blind-to-alpha", "predicted-afterwards"):
        assert numbers_in(through.run_folder(joint.GROUP, name, SEED))["PSNR to the base"] == joint.MOST_PSNR


def test_an_ellipse_that_is_not_used_moves_nothing(through):
    numbers = numbers_in(through.run_folder(doras.ELLIPSES, "shift-learnt-not-used", SEED))
    assert numbers["goes along, 1 = all the way"] == 0
    assert numbers["centre, ellipse left"] == numbers["centre, ellipse right"]


def test_a_variant_that_fails_is_told_and_does_not_stop_the_others(tmp_path, capsys):
    empty = Study(Recipe(tmp_path), Budget(steps=1))
    assert len(go(empty, ["joint/base", "text-to-alpha/base"], [SEED])) == 2
    assert "joint/base/0 failed" in capsys.readouterr().err


def test_the_command_writes_the_table_of_what_is_there(through, tmp_path):
    table = tmp_path / "table.md"
    assert main([str(through.recipe.folder), "joint/ours", "--seeds", str(SEED), "--table", str(table)]) == 0
    assert table.read_text() == markdown(through.folder)


def test_a_folder_keeps_to_one_budget(tmp_path):
    Study(Recipe(tmp_path), Budget(steps=1)).keep_to_its_budget()
    Study(Recipe(tmp_path), Budget(steps=1)).keep_to_its_budget()
    with pytest.raises(ValueError, match=r'holds runs of another budget, .*"steps": 1,'):
        Study(Recipe(tmp_path), Budget(steps=2)).keep_to_its_budget()


def test_an_unknown_name_is_refused(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "joint/hours"])
    assert "unknown name joint/hours; choose from vae, vae/naive" in capsys.readouterr().err


def test_groups_and_variants_may_be_named():
    assert {job.name for job in jobs(["ellipse"], [1, 2])} == set(doras.DRAWN)
    assert [(job.name, job.seed) for job in jobs(["vae/naive"], [1, 2])] == [("naive", 1), ("naive", 2)]
    assert len(set(all_names())) == len(all_names())


def test_a_folder_is_claimed_by_one_at_a_time(tmp_path):
    with claimed(tmp_path, wait=False) as mine:
        assert mine
        with claimed(tmp_path, wait=False) as other:
            assert not other
    with claimed(tmp_path, wait=False) as again:
        assert again


def test_a_run_of_another_process_is_left_to_it(tmp_path):
    with claimed(tmp_path, wait=False):
        assert go_through(tmp_path, lambda _: {"made": 1.0}, wait=False) is None
    assert go_through(tmp_path, lambda _: {"made": 1.0}, wait=False) == {"made": 1.0}
    assert go_through(tmp_path, lambda _: {"made": 2.0}, wait=False) == {"made": 1.0}


class Row:
    def __getitem__(self, number):
        return number

    def together(self, numbers):
        return torch.tensor(numbers, dtype=torch.float32)[:, None]


def squared(model, batch, draws):
    return {"loss": model(batch).square().mean(), "other": batch.mean()}


def test_a_run_that_diverges_says_so(tmp_path):
    def diverging(model, batch, draws):
        return {"loss": model(batch).mean() * math.nan}

    def make(folder):
        run = Run(folder, steps=30, on_not_finite="skip")
        train_once(torch.nn.Linear(1, 1), diverging, Row(), run, adamw(0.1), torch.device("cpu"))
        return {"made": 1.0}

    assert go_through(tmp_path, make, wait=False) == {DIVERGED: 1.0}


def test_a_curve_is_whole_after_a_stop(tmp_path):
    def stopping(model, batch, draws):
        if draws.numbers[0] == 5:
            raise KeyboardInterrupt
        return squared(model, batch, draws)

    run = Run(tmp_path, steps=8, checkpoint_every=2)
    with pytest.raises(KeyboardInterrupt):
        train_once(torch.nn.Linear(1, 1), stopping, Row(), run, adamw(0.1), torch.device("cpu"), "other")
    train_once(torch.nn.Linear(1, 1), squared, Row(), run, adamw(0.1), torch.device("cpu"), "other")
    assert list(json.loads((tmp_path / CURVE).read_text()).values()) == list(range(8))


def test_weights_of_another_model_are_refused(tmp_path):
    run = Run(tmp_path, steps=1)
    train_once(torch.nn.Linear(1, 1), squared, Row(), run, adamw(0.1), torch.device("cpu"))
    with pytest.raises(ValueError, match="of another model"):
        train_once(torch.nn.ReLU(), squared, Row(), run, adamw(0.1), torch.device("cpu"))


def test_the_parts_of_a_curve_are_its_ends_and_its_middle():
    assert parts_of([float(step) for step in range(100)]) == {"early": 19.5, "middle": 49.5, "late": 89.5}
    assert parts_of([3.0]) == {"early": 3.0, "middle": 3.0, "late": 3.0}


def test_the_rate_rises_to_1_and_ends_near_a_twentieth():
    rate = warm_then_straight_down(400)
    assert max(map(rate, range(400))) == pytest.approx(1, abs=0.03)
    assert rate(0) < 0.05
    assert rate(399) == pytest.approx(0.05, abs=0.01)
    assert warm_then_straight_down(1)(0) > 0


def inputs():
    torch.manual_seed(1)
    context = torch.randn(2, 8, TEXT_WIDTH)
    return torch.randn(2, 16, 4, 4, 4), torch.tensor([100.0, 700.0]), context


def only_rgb(latents, timesteps, context):
    return tiny_dit()(split(latents)[0], timesteps, context, return_dict=False)[0]


def shaken(model, names):
    """The parameters whose names contain one of `names`, made random."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in names):
                parameter.normal_(std=0.3)
    return model


@torch.no_grad()
def test_without_communication_the_batch_extensions_rgb_is_the_base_models():
    given = inputs()
    model = shaken(BatchExtension(tiny_dit(), 4, 8), ["to_q.up", "to_v.up", "to_out.0.up", "ffn.net.2.up"])
    model.embedding.normal_()
    rgb, alpha = split(model(*given))
    torch.testing.assert_close(rgb, only_rgb(*given), rtol=0, atol=1e-5)
    assert (alpha - tiny_dit()(split(given[0])[1], *given[1:], return_dict=False)[0]).abs().max() > 1e-3


@torch.no_grad()
def test_with_communication_each_clip_of_the_batch_hears_the_other():
    latents, *others = inputs()
    model = shaken(BatchExtension(tiny_dit(), 4, 8), ["communications"])
    rgb, alpha = split(latents)
    first = split(model(latents, *others))
    for place, changed in ((0, join(rgb, alpha + 1)), (1, join(rgb + 1, alpha))):
        assert (split(model(changed, *others))[place] - first[place]).abs().max() > 1e-4


@torch.no_grad()
def test_the_latent_extension_starts_as_the_base_model_on_rgb_and_silent_on_alpha():
    given = inputs()
    rgb, alpha = split(LatentExtension(tiny_dit())(*given))
    torch.testing.assert_close(rgb, only_rgb(*given), rtol=0, atol=1e-5)
    assert not alpha.any()


@pytest.mark.parametrize("build", [lambda dit: BatchExtension(dit, 4, 8), LatentExtension], ids=["batch", "latent"])
def test_training_reaches_every_weight_that_an_extension_trains(build):
    model = shaken(build(tiny_dit()), ["communications", ".up.", "proj_out", "patch_embedding"])
    model(*inputs()).square().mean().backward()
    trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
    assert [name for name, one in trained.items() if one.grad is None or not one.grad.any()] == []


def of(*values):
    return {seed: {"IoU": value} for seed, value in enumerate(values)}


@pytest.mark.parametrize(
    ("first", "second", "rises", "outcome"),
    [
        (of(0.9, 0.92), of(0.5, 0.55), True, "2 seeds: agrees"),
        (of(0.5, 0.55), of(0.9, 0.92), True, "2 seeds: contradicts"),
        (of(0.5, 0.55), of(0.9, 0.92), False, "agrees"),
        (of(0.9, 0.4), of(0.5, 0.55), True, "undecided"),
        (of(0.9, 0.5), of(0.8, 0.49), True, "undecided"),
        (of(0.5), of(0.5), True, "1 seed: undecided"),
        (of(0.6), of(0.5), True, "1 seed: agrees"),
        (of(0.6), of(0.5), None, "higher"),
        (of(math.nan), of(0.5), True, "not measured yet"),
        ({}, of(0.5), True, "not measured yet"),
        ({0: {DIVERGED: 1.0}}, of(0.5), True, "not measured yet"),
    ],
)  # fmt: skip
def test_a_verdict_comes_from_the_numbers(first, second, rises, outcome):
    assert outcome in verdict(Claim("it aligns better", "IoU", "ours", "theirs", rises), first, second)


def test_a_mean_has_its_spread_where_there_are_several():
    assert shown_mean([1.0, 3.0]) == "2 ± 1.4"
    assert shown_mean([1.0, math.nan]) == "1"
    assert shown_mean([]) == "-"

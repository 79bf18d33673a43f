"""The parts of the demo models' recipe."""

from __future__ import annotations

import pytest
import torch

from demo.recipe import base_dit, base_vae
from demo.recipe.cached import PART, Shuffled, cached
from demo.recipe.shown import Shown, ShownRGBA
from demo.recipe.text_encoder import TextEncoder, Tokenizer, text_encoder_file, train_tokenizer
from pipelines.training.draws import Draws
from pipelines.training.models.whole_clip import decode, encode
from pipelines.wan_alpha.latent_stats import MEAN, STD


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return base_vae.BaseVAE()


@pytest.fixture(scope="module")
def words():
    return Tokenizer(train_tokenizer(["A red ball rises.", "A blue star sinks."] * 50, size=60))


def test_the_vae_begins_as_one_that_repeats_frames(vae):
    latent = torch.randn(1, 16, 3, 2, 2)
    with torch.no_grad():
        clip = decode(vae.vae, latent, flat=True)
    assert clip.shape == (1, 3, 9, 16, 16)
    assert (clip[:, :, 1:5] - clip[:, :, 1:2]).abs().max() < 1e-5
    assert (clip[:, :, 5] - clip[:, :, 1]).abs().max() > 1e-3


def test_whitening_takes_the_channels_apart_and_leaves_the_clips(vae):
    clip = torch.randn(8, 3, 9, 32, 32)
    with torch.no_grad():
        for layer in (vae.vae.quant_conv, vae.vae.post_quant_conv):
            layer.bias += 0.1 * torch.randn_like(layer.bias)
        before = encode(vae.vae, clip, flat=True)
        pictures = decode(vae.vae, before[:, :16], flat=True)
        numbers = before[:, :16].transpose(0, 1).flatten(1)
        base_vae.whitened(vae.vae, numbers.mean(1), numbers.cov())
        after = encode(vae.vae, clip, flat=True)
        white = after[:, :16].transpose(0, 1).flatten(1)
        again = decode(vae.vae, after[:, :16], flat=True)
    assert (white.mean(1) - torch.tensor(MEAN)).abs().max() < 1e-4
    assert (white.std(1) - torch.tensor(STD)).abs().max() < 1e-4
    assert (again - pictures).abs().max() < 1e-3
    shared, left = (rows.corrcoef().fill_diagonal_(0).square().sum() for rows in (numbers, white))
    assert left < 0.1 * shared
    noise = after[:, 16:] - before[:, 16:]  # the log variance goes with the scale
    assert noise.amax((0, 2, 3, 4)) == pytest.approx(noise.amin((0, 2, 3, 4)), abs=1e-4)


def test_the_loss_of_the_vae_is_its_parts():
    model = base_vae.BaseVAE()
    terms = base_vae.loss(model, torch.randn(1, 3, 1, 16, 16), Draws(0, [0]))
    expected = terms["absolute"] / 2 - base_vae.DECIBEL * terms["psnr"] + base_vae.PRIOR * terms["divergence"]
    assert float(terms["loss"].detach()) == pytest.approx(float(expected), rel=1e-5)


def test_what_the_vae_is_shown_belongs_to_its_number():
    shown = Shown(1, 5)
    assert shown[3].shape == (3, 5, 64, 64)
    assert torch.equal(shown[3], shown[3])
    assert not torch.equal(shown[3], shown[4])
    assert shown[3].min() >= -1
    assert shown[3].max() <= 1


def test_colour_and_alpha_are_shown_from_the_same_place():
    one = ShownRGBA(1, 5)[0]
    assert one["rgb"].shape == (3, 5, 64, 64)
    assert one["alpha"].shape == (1, 5, 64, 64)


def test_ids_end_with_1_and_are_padded_with_0(words):
    ids = words(["A red ball rises."], length=12)[0]
    assert (ids == 1).sum() == 1
    end = int((ids == 1).nonzero())
    assert (ids[:end] > 2).all()
    assert (ids[end + 1 :] == 0).all()


def test_a_caption_that_is_too_long_is_named(words):
    with pytest.raises(ValueError, match=r"at most 3 pieces.*A red ball"):
        words(["A red ball rises."], length=3)


def test_padding_has_no_part_in_the_text(words):
    text = TextEncoder(len(words)).eval()
    short, long = words(["A red ball rises."], 12), words(["A red ball rises."], 20)
    with torch.no_grad():
        assert (text(short) - text(long)[:, :12]).abs().max() < 1e-5
        assert (text(long)[short.shape[1] :] == 0).all()


def test_the_text_encoders_file_has_the_tokenizer_and_each_weight_once(words):
    file = text_encoder_file(TextEncoder(len(words)), words)
    assert bytes(file["spiece_model"].tolist()) == words.model
    assert file["shared.weight"].shape[0] == len(words)
    assert not any("embed_tokens" in name for name in file)


def test_the_loss_of_the_base_model_is_the_error_of_its_velocity(words):
    model = base_dit.PromptedDiT(len(words))
    batch = {"latent": torch.randn(2, 16, 1, 4, 4), "ids": words(["A red ball rises.", "A blue star sinks."], 20)}
    draws = Draws(0, [0, 1])
    zero = base_dit.loss(model, batch, draws)["loss"]  # a new model's velocity is 0
    again = Draws(0, [0, 1])
    again.uniform(), again.uniform()
    expected = (again.normal(16, 1, 4, 4) - batch["latent"]).square().mean()
    assert float(zero.detach()) == pytest.approx(float(expected), rel=1e-5)


def test_sampling_with_a_straight_velocity_ends_at_its_latent():
    latent, noise = torch.randn(1, 16, 1, 2, 2), torch.randn(1, 16, 1, 2, 2)
    end = base_dit.sampled(lambda x, sigma, ids: noise - latent, torch.zeros(1, 4), noise, steps=7)
    assert (end - latent).abs().max() < 1e-5


def test_what_is_cached_is_not_computed_again(tmp_path):
    asked = []

    def make(numbers):
        asked.extend(numbers)
        return {"square": torch.tensor([float(number) ** 2 for number in numbers])}

    first = cached(tmp_path, PART + 3, make)["square"]
    (tmp_path / "00000.safetensors").unlink()
    second = cached(tmp_path, PART + 3, make)["square"]
    assert torch.equal(first, second)
    assert asked == [*range(PART + 3), *range(PART)]


def test_shuffled_samples_come_once_in_every_pass():
    shuffled = Shuffled({"row": torch.arange(7)}, seed=0)
    turns = [[shuffled[turn * 7 + place] for place in range(7)] for turn in range(2)]
    assert [sorted(turn) for turn in turns] == [list(range(7))] * 2
    assert turns[0] != turns[1]
    assert shuffled.together(turns[1])["row"].tolist() == turns[1]

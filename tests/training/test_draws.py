"""Numbers that belong to samples: SplitMix64's own first word, and what is asked of random numbers."""

from __future__ import annotations

import math

import pytest
import torch

from pipelines.training.draws import Draws, _stirred

GOLDEN = 0x9E3779B97F4A7C15
FIRST_WORD_OF_SEED_0 = 0xE220A8397B1DCDAF
MANY = range(4000)


def test_words_are_stirred_as_splitmix64_does():
    word = int(_stirred(torch.tensor([GOLDEN - (1 << 64)])))
    assert word % (1 << 64) == FIRST_WORD_OF_SEED_0


def test_a_batch_draws_what_its_samples_draw_alone():
    batch = Draws(7, [3, 8, 5])
    alone = [Draws(7, [number]) for number in (3, 8, 5)]
    for draw in (lambda d: d.normal(2, 5), lambda d: d.uniform(4), lambda d: d.choice(9, 3), lambda d: d.uniform()):
        torch.testing.assert_close(draw(batch), torch.cat([draw(one) for one in alone]), rtol=0, atol=0)


def test_two_draws_share_no_number_and_neither_do_two_samples_or_seeds():
    draws = Draws(1, [0, 1])
    rows = [*draws.uniform(1000), *draws.uniform(1000), *Draws(2, [0]).uniform(1000)]
    table = torch.stack(rows).corrcoef().fill_diagonal_(0).abs()
    assert table.amax() < 0.15


def test_normal_numbers_are_normal():
    numbers = Draws(3, MANY).normal(25).flatten()
    assert float(numbers.mean()) == pytest.approx(0, abs=0.02)
    assert float(numbers.var()) == pytest.approx(1, abs=0.02)
    assert float(numbers.abs().amax()) <= 5.8
    assert float((numbers.abs() < 1).float().mean()) == pytest.approx(math.erf(2**-0.5), abs=0.01)


def test_uniform_numbers_are_even_and_below_1():
    numbers = Draws(3, MANY).uniform(25)
    assert float(numbers.amax()) < 1
    assert numbers.histc(10, 0, 1).tolist() == pytest.approx([10_000] * 10, rel=0.05)


def test_each_choice_is_made_equally_often():
    counts = Draws(3, MANY).choice(7, 25).flatten().bincount()
    assert counts.tolist() == pytest.approx([100_000 / 7] * 7, rel=0.05)

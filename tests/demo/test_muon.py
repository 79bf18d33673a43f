"""Two optimisers as one: each takes its share, and neither is lost when a run stops and goes on."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from pipelines.demo.muon import muon_and_adamw


class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 6)])
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        for block in self.blocks:
            x = torch.tanh(block(x))
        return self.last(x)


def step(model, optimizer, seed):
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(seed))
    model.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()


def test_a_matrix_of_a_block_moves_by_an_orthogonal_one_and_the_rest_as_with_adamw():
    model = Blocks()
    matrix, last = model.blocks[0].weight.detach().clone(), model.last.weight.detach().clone()
    step(model, muon_and_adamw(model, 0.1, 0.01, 0.0), 1)
    moved = torch.linalg.svdvals((matrix - model.blocks[0].weight.detach()) / (0.1 * 0.2 * 6**0.5))
    assert moved.amin() > 0.5
    assert moved.amax() < 1.3
    assert (last - model.last.weight.detach()).abs().amax() == pytest.approx(0.01, rel=1e-3)


def test_going_on_from_a_state_is_like_not_stopping():
    model = Blocks()
    optimizer = muon_and_adamw(model, 0.1, 0.01, 0.01)
    step(model, optimizer, 1)
    again = Blocks()
    again.load_state_dict(model.state_dict())
    other = muon_and_adamw(again, 0.1, 0.01, 0.01)
    other.load_state_dict(deepcopy(optimizer.state_dict()))
    for place in (model, optimizer), (again, other):
        step(*place, 2)
    assert all(torch.equal(one, two) for one, two in zip(model.state_dict().values(), again.state_dict().values()))


def test_a_rate_of_zero_in_every_group_stands_still():
    model = Blocks()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = muon_and_adamw(model, 0.1, 0.01, 0.01)
    for _ in range(2):  # a loaded state brings groups of its own
        for group in optimizer.param_groups:
            group["lr"] = 0.0
        step(model, optimizer, 1)
        optimizer.load_state_dict(optimizer.state_dict())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())

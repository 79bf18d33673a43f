"""Muon for a transformer's matrices and AdamW for all else, as one optimiser.

    matrix -= rate * 0.2 sqrt(max(rows, columns)) * orthogonalised momentum

Layout   hidden: parameters (rows, columns); rest: of any shape. Each has a learning rate of its own.
Source   torch.optim.Muon, scaled to AdamW's updates: Liu and others, arXiv:2502.16982.
Differs  Nothing to differ from. On these models a step of it is worth two of AdamW's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class MuonAndAdamW(torch.optim.Optimizer):
    """Schedules and checkpoints see one list of parameter groups and one state."""

    def __init__(
        self, hidden: list[nn.Parameter], rest: list[nn.Parameter], hidden_rate: float, rate: float, decay: float
    ) -> None:
        self.parts: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(hidden, hidden_rate, decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, rate, (0.9, 0.99), weight_decay=decay, fused=True),
        )
        super().__init__([*hidden, *rest], {})
        self._gather()

    def _gather(self) -> None:
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = closure() if closure else None
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for part, state in zip(self.parts, state_dict["parts"]):
            part.load_state_dict(state)
        self._gather()


def muon_and_adamw(model: nn.Module, hidden_rate: float, rate: float, decay: float) -> MuonAndAdamW:
    """Muon takes the matrices inside of the model's blocks, AdamW the rest of what requires a gradient."""
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    hidden = {name: one for name, one in trained.items() if one.ndim == 2 and ".blocks." in f".{name}"}
    rest = [one for name, one in trained.items() if name not in hidden]
    return MuonAndAdamW([*hidden.values()], rest, hidden_rate, rate, decay)

"""Muon for matrices and kernels inside of a model and AdamW for all else, as one optimiser.

    matrix -= rate * 0.2 sqrt(max(rows, columns)) * orthogonalised momentum

Layout   hidden: parameters (rows, columns), or kernels (rows, in, taps ...) that are flattened to that; rest: of any
         shape. Each has a learning rate of its own.
Source   torch.optim.Muon, scaled to AdamW's updates: Liu and others, arXiv:2502.16982.
Differs  torch's takes matrices alone; a kernel is one here, (out, in * taps).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import nn

ENDS = ("conv_in.", "conv_out.", "quant_conv.")
"""In the names of a VAE's convolutions that lead to pixels and to the latent: AdamW's."""
LORA = ".parametrizations."
"""In the names of a decoder's LoRAs."""

Rated = tuple[float, Iterable[nn.Parameter]]
"""Parameters and their learning rate."""


class MuonAndAdamW(torch.optim.Optimizer):
    """Schedules and checkpoints see one list of parameter groups and one state."""

    def __init__(self, hidden: Iterable[Rated], rest: Rated, decay: float) -> None:
        groups = [(rate, list(parameters)) for rate, parameters in hidden]
        self.kernels = [one for _, parameters in groups for one in parameters if one.ndim > 2]
        self.flat = [nn.Parameter(one.detach().flatten(1)) for one in self.kernels]
        matrices = {id(kernel): flat for kernel, flat in zip(self.kernels, self.flat)}
        flattened = [
            {"params": [matrices.get(id(one), one) for one in parameters], "lr": rate} for rate, parameters in groups
        ]
        last_rate, last = rest[0], list(rest[1])
        self.parts: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(flattened, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(last, last_rate, (0.9, 0.99), weight_decay=decay, fused=True),
        )
        super().__init__([*(one for _, parameters in groups for one in parameters), *last], {})
        self._gather()

    def _gather(self) -> None:
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def _follow(self) -> None:
        """Lay the matrices where the kernels lie now: a model may have been moved since."""
        for kernel, flat in zip(self.kernels, self.flat):
            flat.data = kernel.data.view(len(kernel), -1)
            flat.grad = None if kernel.grad is None else kernel.grad.reshape(len(kernel), -1)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = closure() if closure else None
        self._follow()
        for part in self.parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        super().zero_grad(set_to_none)
        for kernel in self.kernels:
            kernel.grad = None

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._follow()
        for part, state in zip(self.parts, state_dict["parts"]):
            part.load_state_dict(state)
        self._gather()


def muon_in_blocks(model: nn.Module, hidden_rate: float, rate: float, decay: float = 0.0) -> MuonAndAdamW:
    """Muon takes the matrices inside of a transformer's blocks, AdamW the rest of what requires a gradient."""
    trained = _trained(model)
    hidden = {name: one for name, one in trained.items() if one.ndim == 2 and ".blocks." in f".{name}"}
    return MuonAndAdamW([(hidden_rate, hidden.values())], (rate, _others(trained, hidden)), decay)


def muon_in_convolutions(
    model: nn.Module, kernel_rate: float, rate: float, lora_rate: float | None = None
) -> MuonAndAdamW:
    """Muon takes a VAE's inner kernels and the LoRAs of its decoders, AdamW the rest of what requires a gradient.

    Raises ValueError for LoRAs without a rate.
    """
    trained = _trained(model)
    loras = {name: one for name, one in trained.items() if LORA in name}
    kernels = {
        name: one
        for name, one in trained.items()
        if name not in loras and one.ndim > 2 and one[0].numel() > 1 and not any(end in name for end in ENDS)
    }
    hidden = [(kernel_rate, kernels.values())] if kernels else []
    if loras:
        if lora_rate is None:
            raise ValueError(f"{len(loras)} parameters of LoRAs want a rate of their own, got none.")
        hidden.append((lora_rate, loras.values()))
    return MuonAndAdamW(hidden, (rate, _others(trained, loras | kernels)), decay=0.0)


def _trained(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _others(trained: dict[str, nn.Parameter], taken: dict[str, nn.Parameter]) -> list[nn.Parameter]:
    return [one for name, one in trained.items() if name not in taken]

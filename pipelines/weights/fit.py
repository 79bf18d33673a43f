"""Whether a file was made for a model: the parameters it changes against the ones the model has, or the weights of a
whole network against that network.

Layout   {parameter name, such as blocks.0.self_attn.q.weight: shape of the unquantised weight}.
Differs  The reference skips a parameter whose shape differs, without a word. We refuse the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .key_dialects import list_names

Network = TypeVar("Network", bound=nn.Module)


def check_fit(file: str, wanted: Mapping[str, Sequence[int]], model: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """The names that the model lacks (empty: all is well; whether some may be missing is for the caller to say).

    Raises ValueError, naming `file`, when a shape differs or when the model has none of the names.
    """
    missing = tuple(sorted(name for name in wanted if name not in model))
    if len(missing) == len(wanted):
        raise ValueError(
            f"{file} does not fit this model: it has no {list_names(missing)}. Choose another model or file."
        )
    other = [
        f"{name} ({list(shape)} in the file, {list(model[name])} in the model)"
        for name, shape in wanted.items()
        if name in model and tuple(shape) != tuple(model[name])
    ]
    if other:
        raise ValueError(f"{file} was made for a model of another size: {list_names(other, most=2)}.")
    return missing


def built(what: str, state: Mapping[str, Tensor], make: Callable[[Any], Network], operations: Any = nn) -> Network:
    """make(operations), with these weights as they are: neither copied nor cast.

    operations has the layers, torch.nn's own or a host's, which may leave its weights unmade until they are loaded.
    Raises ValueError, naming `what` and listing names, when some are missing, unknown or of another shape.
    """
    with torch.device("meta"):
        network = make(operations)
        expected = network.state_dict()
        if expected.keys() != state.keys():  # those of torch are never unmade
            expected = make(nn).state_dict()
    refuse_other_state(what, state, expected)
    network.load_state_dict(state, assign=True)
    return network.requires_grad_(False).eval()


def refuse_other_state(what: str, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raises ValueError, naming `what` and listing names, when some are missing, unknown or of another shape."""
    complaints = {
        "missing": expected.keys() - state.keys(),
        "unknown": state.keys() - expected.keys(),
        "of the wrong shape": {
            name for name in expected.keys() & state.keys() if expected[name].shape != state[name].shape
        },
    }
    found = [f"{complaint}: {list_names(names)}" for complaint, names in complaints.items() if names]
    if found:
        raise ValueError(f"this is not {what}; {'; '.join(found)}.")

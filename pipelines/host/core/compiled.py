"""Networks that another node has had compiled: where our hooks stand they run as they are written.

Dynamo reads hooks when it traces a network and does not look again: a network that was compiled without them goes on
without them, and one that was compiled with them keeps them for every other MODEL.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from comfy.patcher_extension import WrappersMP, get_wrappers_with_key
from torch import nn

from .notices import warn

HOSTS_KEY = "torch.compile"
"""Of the wrapper by which the host runs a compiled network, TorchCompileModel's and that of packs that use it."""


def is_compiled(base: nn.Module, model_options: Mapping[str, Any]) -> bool:
    """Whether a run over this model, with these options, computes anything compiled."""
    if "torch._dynamo" not in sys.modules:
        return False
    if get_wrappers_with_key(WrappersMP.APPLY_MODEL, HOSTS_KEY, dict(model_options), is_model_options=True):
        return True
    return any(_traces(module) for module in base.modules())


def as_written(feature: str, remedy: str) -> AbstractContextManager[None]:
    """Inside, compiled networks run uncompiled, and the node that runs says so.

    feature: what would be lost; remedy: what to do about it.

    Raises ValueError where this torch cannot do that.
    """
    if not hasattr(torch.compiler, "set_stance"):
        raise ValueError(
            f"TorchCompileModel would lose {feature}, and torch {torch.__version__} cannot run this uncompiled: take "
            "it out, or update torch to 2.6."
        )
    warn(f"This run is not compiled: TorchCompileModel would lose {feature}. {remedy}")
    return torch.compiler.set_stance("force_eager")


def _traces(module: nn.Module) -> bool:
    return (
        isinstance(module, torch._dynamo.OptimizedModule)
        or getattr(module, "_compiled_call_impl", None) is not None
        or _is_compiled_function(vars(module).get("forward"))
    )


def _is_compiled_function(function: object) -> bool:
    """torch marks what is kept from being compiled in the same way, and by one attribute more."""
    return hasattr(function, "_torchdynamo_orig_callable") and not hasattr(function, "_torchdynamo_disable")

"""What we put on a network, and whether it has acted: a mark for each of our hooks, patches and overrides.

A mark costs nothing until a run is watched (first_step.py), and nothing after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


class Mark:
    """`path`: the module or parameter that something of ours stands on; `acted`: whether it has been used there."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.acted = False

    def note(self, value: Tensor) -> Tensor:
        """The value as it is; as the function of one of the host's weight patches it notes that the patch was used."""
        self.acted = True
        return value

    def remove(self) -> None:
        """What comes with every call, such as an attention override, goes by itself."""


class Hook(Mark):
    """One of torch's hooks on a module."""

    def __init__(self, path: str, handle: RemovableHandle) -> None:
        super().__init__(path)
        self.handle = handle

    def remove(self) -> None:
        self.handle.remove()


def before_forward(network: nn.Module, path: str, hook: Callable[..., Any]) -> Hook:
    """hook(module, args, named) before the module of this path."""
    return Hook(path, network.get_submodule(path).register_forward_pre_hook(hook, with_kwargs=True))


def after_forward(network: nn.Module, path: str, hook: Callable[..., Any]) -> Hook:
    """hook(module, args, output) after the module of this path."""
    return Hook(path, network.get_submodule(path).register_forward_hook(hook))


@contextmanager
def watched(marks: Iterable[Mark]) -> Iterator[None]:
    """Inside, every mark notes anew whether what it stands for acts; hooks are wrapped for as long, in their places."""
    wrapped: list[tuple[Hook, dict[int, Any], Any, Any]] = []
    for mark in marks:
        mark.acted = False
        if isinstance(mark, Hook):
            table = mark.handle.hooks_dict_ref() or {}
            if mark.handle.id in table:
                own = table[mark.handle.id]
                noting = table[mark.handle.id] = partial(_call_and_note, mark, own)
                wrapped.append((mark, table, own, noting))
    try:
        yield
    finally:
        for mark, table, own, noting in wrapped:
            if table.get(mark.handle.id) is noting:
                table[mark.handle.id] = own


def _call_and_note(mark: Mark, hook: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
    mark.acted = True
    return hook(*args, **named)

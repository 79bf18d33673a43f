"""The door to ComfyUI: the only room that imports `comfy.*`.

Each module hands one thing that the method rooms know to the host's models, memory, samplers and files, and undoes
nothing that another pack has done. Nodes import by name what schemas and every node ask for; what one node needs when
it runs they name in full, as `host.vae.decode(...)`: it is imported then, so that the host's start stays short.
"""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    if find_spec(f"{__name__}.{name}") is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f".{name}", __name__)

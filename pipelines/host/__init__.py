"""The door to ComfyUI: the only room that imports `comfy.*`.

Each module hands one thing that the method rooms know to the host's models, memory, samplers and files, and undoes
nothing that another pack has done. A module is imported when it is first named, as in `host.vae.decode(...)`: nodes
name theirs when they run, so that the host's start stays short.
"""

from importlib import import_module
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    if name.startswith("__"):
        raise AttributeError(name)
    return import_module(f".{name}", __name__)

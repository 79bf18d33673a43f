"""A ComfyUI in this process, without its server and its web UI: for tests and benchmarks that call nodes themselves.

    enter(find_root(), "--cpu")
    load_nodes("nodes_custom_sampler")
    name = load_pack()
    (latent,) = run_node("KSampler", model=model, ...)

`enter` must come before the first import of `comfy`, and before torch where the host is to choose CUDA's allocator. The
host's root then stands first on sys.path and this checkout is not on it: our `nodes` would hide the host's `nodes.py`.
"""

# pyright: reportMissingImports=false
# `comfy` is the host's, and its folder is known only when this runs.

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import sys
from pathlib import Path
from typing import Any

from .installation import where
from .pack import PACK


def find_root() -> str:
    """The folder of a ComfyUI that is on sys.path already, as in a folder that `tools.pack_for_gpu` has made; else that
    of the ComfyUI that `where` finds."""
    spec = importlib.util.find_spec("comfyui_version")
    return str(Path(spec.origin).parent) if spec and spec.origin else where().root


def enter(root: str, *arguments: str) -> None:
    """Puts the host on sys.path and starts it as its `main.py` does with these command line arguments."""
    sys.path[:] = [root, *(path for path in sys.path if Path(path).resolve() not in (PACK, Path(root)))]
    sys.argv = ["main.py", *arguments]
    import comfy.options

    comfy.options.enable_args_parsing()
    from comfy import cli_args

    dynamic = getattr(cli_args, "enables_dynamic_vram", lambda: False)()
    if dynamic and not cli_args.args.cpu:
        importlib.import_module("comfy_aimdo.control").init()
    if "torch" not in sys.modules and not cli_args.args.cpu:
        importlib.import_module("cuda_malloc")
    import comfy.utils

    if dynamic and not cli_args.args.cpu:
        _start_dynamic_vram()
    comfy.utils.PROGRESS_BAR_ENABLED = False
    logging.getLogger().setLevel(logging.WARNING)


def _start_dynamic_vram() -> None:
    """What `main.py` does in its body, so that nothing else can call it."""
    import comfy.memory_management
    import comfy.model_management
    import comfy.model_patcher

    control = importlib.import_module("comfy_aimdo.control")
    devices = comfy.model_management.get_all_torch_devices()
    try:
        started = control.init_devices((device.index, 0) for device in devices)
    except TypeError:  # comfy-aimdo before 0.4.10
        started = control.init_devices(device.index for device in devices)
    if started:
        comfy.model_patcher.CoreModelPatcher = comfy.model_patcher.ModelPatcherDynamic
        comfy.memory_management.aimdo_enabled = True


def load_nodes(*names: str) -> None:
    """Modules of the host's `comfy_extras`, each by its name."""
    nodes = importlib.import_module("nodes")
    for name in names:
        path = Path(nodes.__file__ or "").parent / "comfy_extras" / f"{name}.py"
        if not asyncio.run(nodes.load_custom_node(str(path), module_parent="comfy_extras")):
            raise ImportError(f"the host did not load {path}")


def load_pack() -> str:
    """Loads this pack by the host's own loader; the name that its modules then begin with."""
    nodes = importlib.import_module("nodes")
    if not asyncio.run(nodes.load_custom_node(str(PACK))):
        raise ImportError(f"the host did not load {PACK}")
    return str(PACK).replace(".", "_x_")


def run_node(node_id: str, **inputs: Any) -> tuple[Any, ...]:
    """One node, executed by the host's own executor: what it puts out."""
    return run_on_lists(node_id, {name: [value] for name, value in inputs.items()})


def run_on_lists(node_id: str, inputs: dict[str, list[Any]]) -> tuple[Any, ...]:
    """The same for a node that takes whole lists: each input is the list that came through its link."""
    instance = importlib.import_module("nodes").NODE_CLASS_MAPPINGS[node_id]()
    execute = importlib.import_module("execution")._async_map_node_over_list
    (result,) = asyncio.run(execute("a prompt", "1", instance, inputs, instance.FUNCTION))
    return result if isinstance(result, tuple) else result.args

"""The real host in this process: its nodes and ours, ours loaded by the host's own loader.

The host's root stands first on sys.path and this checkout is not on it: our `nodes` would hide the host's `nodes.py`.
"""

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

PACK = Path(__file__).resolve().parents[3]
GOLDENS = PACK / "tests" / "data" / "wan_alpha"
EXTRAS = ("nodes_compositing", "nodes_custom_sampler", "nodes_model_advanced")


def module_at(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.path.insert(0, str(PACK))
from tools.comfy_host import in_process  # noqa: E402

in_process.enter(in_process.find_root(), "--cpu")
sys.path.insert(1, str(Path(__file__).resolve().parent))

import comfy.model_management  # noqa: E402
import comfy.model_patcher  # noqa: E402
import comfy.sampler_helpers  # noqa: E402
import folder_paths  # noqa: E402

import nodes  # noqa: E402

torch.set_num_threads(1)  # on a busy machine two threads of so small models mostly wait for each other
torch.use_deterministic_algorithms(True)


class Goldens(dict[str, Tensor]):
    """Tensors of a golden file; `under("base/")` gives the ones below a name, without that name; `header` the JSON."""

    def __init__(self, file: str) -> None:
        super().__init__(load_file(GOLDENS / file))
        with safe_open(GOLDENS / file, "pt") as opened:
            self.header: dict[str, Any] = json.loads(opened.metadata()["golden"])

    def under(self, prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in self.items() if name.startswith(prefix)}


@pytest.fixture(scope="session")
def goldens() -> Callable[[str], Goldens]:
    return lambda name: Goldens(f"{name}_dev.safetensors")


class Nodes:
    """`nodes.SomeNode(input=value)`: one node, executed by the host's own executor."""

    def __getattr__(self, node_id: str) -> Callable[..., tuple[Any, ...]]:
        return partial(in_process.run_node, node_id)


@pytest.fixture(scope="session", autouse=True)
def inference_mode() -> Iterator[None]:
    """As the host executes every graph."""
    with torch.inference_mode():
        yield


@dataclass(frozen=True)
class LoadedPack:
    """The pack as the host has loaded it, and all modules before and right after that: {module: {name: object}}."""

    name: str
    before: Mapping[str, Mapping[str, object]]
    after: Mapping[str, Mapping[str, object]]


def snapshot() -> dict[str, dict[str, object]]:
    modules = {name: dict(vars(module)) for name, module in sys.modules.items() if isinstance(module, ModuleType)}
    return modules | {"NODE_CLASS_MAPPINGS": dict(nodes.NODE_CLASS_MAPPINGS)}


@pytest.fixture(scope="session", autouse=True)
def loaded_pack() -> LoadedPack:
    in_process.load_nodes(*EXTRAS)
    before = snapshot()
    name = in_process.load_pack()
    return LoadedPack(name, before, snapshot())


@pytest.fixture(scope="session")
def host_nodes() -> Nodes:
    return Nodes()


@pytest.fixture(scope="session")
def ours(loaded_pack: LoadedPack) -> Callable[[str], ModuleType]:
    """`ours("pipelines.lora.dora")`: a module of the pack, as the host has loaded it."""
    return lambda name: importlib.import_module(f"{loaded_pack.name}.{name}")


@dataclass(frozen=True)
class Models:
    """A models folder that the host searches first. `save` writes a file into it and gives the name that nodes take."""

    folder: Path

    def save(self, kind: str, name: str, weights: Mapping[str, Tensor], config: object = None) -> str:
        path = self.path(kind, name)
        if path.suffix == ".safetensors":
            apart = {
                key: tensor.detach().clone(memory_format=torch.contiguous_format) for key, tensor in weights.items()
            }
            save_file(apart, path, {"config": json.dumps(config)} if config else None)
        else:
            torch.save(dict(weights), path)
        return name

    def path(self, kind: str, name: str) -> Path:
        path = self.folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    for kind in ("vae", "loras", "diffusion_models", "text_encoders", "checkpoints", "controlnet", "layer_model"):
        folder_paths.add_model_folder_path(kind, str(folder / kind), is_default=True)
    (folder / "input").mkdir()
    folder_paths.set_input_directory(str(folder / "input"))
    return Models(folder)


@pytest.fixture(scope="session")
def tiny(models: Models) -> ModuleType:
    """The tiny checkpoints, written into the models folder; `tiny.DORA` and the like name them."""
    from tools import tiny_checkpoints

    tiny_checkpoints.write(models.folder)
    return tiny_checkpoints


@pytest.fixture(autouse=True)
def nothing_left_loaded() -> Iterator[None]:
    """Every test begins and ends with no model on the host's mind."""
    yield
    comfy.model_management.unload_all_models()


@pytest.fixture
def close(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """`close(what, actual, expected, atol)`: no further apart than that; the distance goes into the test's record."""

    def check(what: str, actual: Tensor, expected: Tensor, atol: float) -> None:
        assert actual.shape == expected.shape
        error = (actual.double() - expected.double()).abs().max().item()
        record_property(what, f"{error:.2g} of {atol:g}")
        assert error <= atol, f"{what}: {error:.3g} apart, allowed are {atol:g}"

    return check


@pytest.fixture
def small(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Records an error and holds it against the promise."""

    def check(error: float, limit: float = 1e-3) -> None:
        record_property("worst layer, relative", f"{error:.2g} of {limit:g}")
        assert error <= limit

    return check


class OnHost:
    """A MODEL as the host has it while it samples: patched, injected, with whatever it brings along."""

    def __init__(self, patcher: Any) -> None:
        self.patcher = patcher
        self.network = patcher.model.diffusion_model

    def __call__(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        options = comfy.model_patcher.create_model_options_clone(self.patcher.model_options)
        comfy.sampler_helpers.prepare_model_patcher(self.patcher, {}, options)
        return self.network(x, t, context, transformer_options=options["transformer_options"])


@pytest.fixture(scope="session")
def on_host() -> Callable[..., AbstractContextManager[OnHost]]:
    """`with on_host(model) as loaded`: what the host does around sampling; unloaded again at the end.

    With room_for, in bytes, the host keeps no more than that in place and patches the other weights whenever it uses
    them, as on a card that is too small.
    """

    @contextmanager
    def load(patcher: Any, room_for: float | None = None) -> Iterator[OnHost]:
        extra = patcher.get_nested_additional_models()
        if room_for is None:
            comfy.model_management.load_models_gpu([patcher, *extra])
        for model in [patcher, *extra] if room_for is not None else ():
            model.partially_load(model.load_device, extra_memory=room_for)
        try:
            yield OnHost(patcher)
        finally:
            comfy.model_management.unload_all_models()
            for model in [patcher, *extra] if room_for is not None else ():
                model.detach()

    return load

"""A real ComfyUI with this pack, driven through its queue: one server for the folder, one of the oldest version.

The first is the ComfyUI in COMFYUI_ROOT, or the newest that `comfy_host` installs. What needs the oldest version is
skipped where COMFYUI_ROOT names another one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from queue_graphs import DEMO_MODELS, ROOT, TEST_NODES, Run, loaded_modules, queue_of  # noqa: E402

from tools import comfy_host  # noqa: E402
from tools import tiny_checkpoints as tiny  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """For every host that is started here: threads wait for each other longer than models of this size compute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="session")
def host() -> comfy_host.Host:
    return comfy_host.install()


@pytest.fixture(scope="session")
def oldest_host(host: comfy_host.Host) -> comfy_host.Host:
    """The oldest ComfyUI that this pack promises to work on."""
    if os.environ.get("COMFYUI_ROOT") and host.version != comfy_host.OLDEST:
        pytest.skip(f"needs ComfyUI {comfy_host.OLDEST}, COMFYUI_ROOT is ComfyUI {host.version}; unset it to run this")
    return comfy_host.install(comfy_host.OLDEST)


@pytest.fixture(scope="session")
def models(host: comfy_host.Host, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoints, written once."""
    folder = tmp_path_factory.mktemp("models")
    command = [host.python, str(ROOT / "tools" / "tiny_checkpoints.py"), str(folder)]
    subprocess.run(command, check=True, env=comfy_host.environment())
    return folder


@pytest.fixture(scope="session")
def input_folder(models: Path) -> Path:
    return (models / tiny.GAUSS_MASK).parent


@pytest.fixture(scope="session")
def started(host: comfy_host.Host, models: Path, input_folder: Path) -> Iterator[tuple[comfy_host.Server, set[str]]]:
    """The host with this pack and the nodes of the tests, and the modules that it had loaded at its start."""
    with comfy_host.Server(
        host, models=[models, DEMO_MODELS], custom_nodes=[TEST_NODES], input=input_folder
    ) as running:
        yield running, loaded_modules(running)


@pytest.fixture(scope="session")
def server(started: tuple[comfy_host.Server, set[str]]) -> comfy_host.Server:
    return started[0]


@pytest.fixture(scope="session")
def modules_at_start(started: tuple[comfy_host.Server, set[str]]) -> set[str]:
    return started[1]


@pytest.fixture(scope="module")
def plain_server(host: comfy_host.Host, models: Path) -> Iterator[comfy_host.Server]:
    """The same without this pack."""
    with comfy_host.Server(host, models=[models], custom_nodes=[TEST_NODES], pack=None) as running:
        yield running


@pytest.fixture(scope="module", params=["host", "oldest host"])
def any_server(request: pytest.FixtureRequest, models: Path, input_folder: Path) -> Iterator[comfy_host.Server]:
    """The ComfyUI of the other tests, and the oldest that this pack promises to work on."""
    if request.param == "host":
        yield request.getfixturevalue("server")
        return
    oldest = request.getfixturevalue("oldest_host")
    with comfy_host.Server(
        oldest, models=[models, DEMO_MODELS], custom_nodes=[TEST_NODES], input=input_folder
    ) as running:
        yield running


@pytest.fixture
def run(server: comfy_host.Server) -> Run:
    """Queues a graph on the server and waits for it; parts of graphs are put together."""
    return queue_of(server)


@pytest.fixture
def refused(run: Run) -> Callable[..., str]:
    """Queues a graph that must fail: the error's text."""

    def queue(*parts: dict[str, Any]) -> str:
        with pytest.raises(comfy_host.GraphError) as caught:
            run(*parts)
        return str(caught.value)

    return queue

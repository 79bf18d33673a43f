"""The table of imports is held: an import that no row allows is refused wherever it stands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACK = Path(__file__).parents[2]
PACKAGES = ("nodes", "pipelines", "tools", "demo/recipe")


@pytest.fixture
def copy(tmp_path):
    """The checkout's modules, table and checker in a folder whose name is no Python name, as the clone's is."""
    folder = tmp_path / "ComfyUI-RGBA-Video"
    for package in PACKAGES:
        shutil.copytree(PACK / package, folder / package, ignore=lambda place, names: _others(Path(place), names))
    for name in ("__init__.py", "pyproject.toml"):
        shutil.copy(PACK / name, folder)
    return folder


def _others(place, names):
    return [
        name for name in names if name == "__pycache__" or ((place / name).is_file() and Path(name).suffix != ".py")
    ]


def _check(folder):
    return subprocess.run([sys.executable, "-m", "tools.import_table"], cwd=folder, capture_output=True, text=True)


def _add(path, line):
    path.write_text(path.read_text() + f"\n\n{line}\n")


def test_the_checkout_keeps_the_table():
    run = _check(PACK)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("module", "line", "refused"),
    [
        ("pipelines.alpha.over", "from ..host.core import notices", "pipelines.host.core.notices"),
        ("pipelines.alpha.over", "import comfy.utils", "comfy"),
        (
            "pipelines.alpha.over",
            "def over_host():\n    from ..host.core import notices",
            "pipelines.host.core.notices",
        ),
        ("pipelines.alpha.over", "if TYPE_CHECKING:\n    from ..media import rates", "pipelines.media.rates"),
        ("pipelines.wan_alpha.latent_stats", "from ..transpixeler import halves", "pipelines.transpixeler.halves"),
        (
            "pipelines.host.wan_alpha.dora",
            "from ..layerdiffuse import layers",
            "pipelines.host.layerdiffuse.layers",
        ),
        ("pipelines.host.core.progress", "from ..wan_alpha import dora", "pipelines.host.wan_alpha.dora"),
        ("pipelines.host.core.progress", "from ...training import loop", "pipelines.training.loop"),
        ("pipelines.report.text", "from ...nodes import names", "nodes.names"),
        ("pipelines.report.text", "import tools.web_ui", "tools.web_ui"),
        ("pipelines.report.text", "import av", "av"),
        ("pipelines.training.loop", "import demo.recipe.clips", "demo.recipe.clips"),
        ("nodes.ellipses", "import comfy.utils", "comfy"),
        ("nodes.ellipses", "from comfy_api.v0_0_2 import io", "comfy_api"),
        ("nodes.ellipses", "from ..pipelines.training import loop", "pipelines.training.loop"),
        ("demo.recipe.clips", "import nodes.names", "nodes"),
        ("demo.recipe.clips", "import tools.web_ui", "tools.web_ui"),
        ("tools.web_ui", "import nodes.names", "nodes"),
    ],
)
def test_an_import_that_no_row_allows_is_refused(copy, module, line, refused):
    _add(copy / f"{module.replace('.', '/')}.py", line)
    run = _check(copy)
    assert run.returncode == 1
    (message,) = [line for line in run.stdout.splitlines() if ": imports " in line]
    assert message.startswith(f"{module}, line ")
    assert f": imports {refused}; " in message


def test_a_new_room_may_import_nothing_before_it_has_a_row(copy):
    room = copy / "pipelines" / "keying"
    room.mkdir()
    (room / "__init__.py").touch()
    (room / "chroma.py").write_text("from ..alpha import over\n")
    run = _check(copy)
    assert run.returncode == 1
    assert "pipelines.keying.chroma, line 1: imports pipelines.alpha.over; pipelines may import nothing" in run.stdout

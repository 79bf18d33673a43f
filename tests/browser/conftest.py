"""One real host and one page of its UI for all tests here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TEST_NODES = Path(__file__).resolve().parents[1] / "host" / "queue" / "packs" / "queue_test_nodes"
os.environ["OMP_NUM_THREADS"] = "1"  # threads wait for each other longer than models of this size compute


@pytest.fixture(scope="session")
def server():
    from tools.save_workflows import host_with_published_files

    with host_with_published_files(custom_nodes=[TEST_NODES]) as server:
        yield server


@pytest.fixture(scope="module")
def ui(server):
    """Not for longer than a module: Playwright's event loop forbids any other in this thread."""
    from tools.web_ui import WebUI

    with WebUI(server) as ui:
        yield ui


@pytest.fixture(scope="module")
def complaints(ui) -> list[str]:
    from console import complaints_of

    return complaints_of(ui.page)


@pytest.fixture(autouse=True)
def no_complaints(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves an error in the console of the page, but for the host's own."""
    said: list[str] = request.getfixturevalue("complaints") if "ui" in request.fixturenames else []
    yield
    lately = said.copy()
    said.clear()
    assert not lately, "\n".join(lately)


# The widgets ------------------------------------------------------------------------------------------------------


HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


@pytest.fixture(scope="module", params=["classic", "nodes 2.0"])
def renderer(ui, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of one of the two renderers, which draws the page."""
    from graph_page import NODES_2, RENDERER

    ui.page.set_viewport_size({"width": 1120, "height": 940})  # the fewer pixels to paint, the faster
    ui.page.evaluate(RENDERER, request.param == NODES_2)
    yield request.param
    ui.page.evaluate(RENDERER, False)
    ui.page.set_viewport_size(ui.viewport)


@pytest.fixture(scope="module")
def editor_page(ui, renderer: str):
    from editor_page import EditorPage

    return EditorPage(ui.page, renderer)


@pytest.fixture(scope="module")
def player_page(ui, renderer: str):
    from player_page import PlayerPage

    page = PlayerPage(ui.page, renderer)
    yield page
    page.reset()


@pytest.fixture
def editor(editor_page):
    """A fresh editor in an empty graph."""
    editor_page.reset()
    editor_page.add()
    return editor_page

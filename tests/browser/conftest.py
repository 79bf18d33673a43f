"""One real host and one page of its UI for all tests here; root installs Chromium, others see the command."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

TOOLS = str(Path(__file__).resolve().parents[2] / "tools")
if TOOLS not in sys.path:
    sys.path.insert(0, TOOLS)
os.environ["OMP_NUM_THREADS"] = "1"  # threads wait for each other longer than models of this size compute


@pytest.fixture(scope="session")
def server():
    from save_workflows import host_with_published_files

    with host_with_published_files() as server:
        yield server


@pytest.fixture(scope="module")
def ui(server):
    """Not for longer than a module: Playwright's event loop forbids any other in this thread."""
    from web_ui import WebUI

    with WebUI(server) as ui:
        yield ui


# The ellipse editor ------------------------------------------------------------------------------------------------


HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


@pytest.fixture(scope="module", params=["classic", "nodes 2.0"])
def editor_page(ui, request: pytest.FixtureRequest):
    """The page with one of the two renderers."""
    from editor_page import NODES_2, EditorPage

    set_to = "(on) => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', on)"
    ui.page.set_viewport_size({"width": 1120, "height": 940})  # the fewer pixels to paint, the faster
    ui.page.evaluate(set_to, request.param == NODES_2)
    yield EditorPage(ui.page, request.param)
    ui.page.evaluate(set_to, False)
    ui.page.set_viewport_size(ui.viewport)


@pytest.fixture
def editor(editor_page):
    """A fresh editor in an empty graph; afterwards nobody has complained."""
    editor_page.reset()
    editor_page.complaints.clear()
    editor_page.add()
    yield editor_page
    assert not editor_page.complaints

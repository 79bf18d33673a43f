"""Stills for the sequence loader, uploaded by its button and dropped on it, and loaded by the real host."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

NEW_NODE = """() => {
  app.graph.clear()
  const node = LiteGraph.createNode('RGBALoadSequence')
  app.graph.add(node)
  return node.widgets.map(({name}) => name)
}"""
PRESS = "() => app.graph.nodes[0].widgets.find(({name}) => name === 'upload').callback()"
DROP = """async (files) => {
  const data = new DataTransfer()
  for (const [name, bytes] of files) data.items.add(new File([new Uint8Array(bytes)], name))
  return app.graph.nodes[0].onDragDrop({dataTransfer: data})
}"""
CHOSEN = "(name) => app.graph.nodes[0].widgets[0].value === name"


@pytest.fixture
def stills(tmp_path) -> list[Path]:
    """A take of three frames whose sidecar says 24 frames a second."""
    files = [tmp_path / f"upload_v001.{number}.png" for number in (1001, 1002, 1003)]
    for index, path in enumerate(files):
        Image.new("RGBA", (8, 6), (255, 0, 0, 100 + index)).save(path)
    told = {
        "version": 1,
        "fps": {"num": 24, "den": 1},
        "passes": [{"pattern": "upload_v001.####.png", "association": "straight"}],
    }
    sidecar = tmp_path / "upload_v001.json"
    sidecar.write_text(json.dumps(told))
    return [*files, sidecar]


def loaded(server, name: str):
    inputs = {"file": name, "start_frame": 0, "frame_count": 0, "every_nth": 1}
    graph = {"1": {"class_type": "RGBALoadSequence", "inputs": inputs}}
    for output in (2, 3):
        graph[str(output)] = {"class_type": "PreviewAny", "inputs": {"source": ["1", output]}}
    with ThreadPoolExecutor(1) as beside_the_browser:  # Playwright's event loop owns this thread
        outputs = beside_the_browser.submit(server.run, graph).result().outputs
    return [outputs[str(output)]["text"][0] for output in (2, 3)]


def test_chosen_stills_get_a_folder_of_their_own_and_are_loaded(ui, server, stills):
    assert ui.page.evaluate(NEW_NODE)[0] == "file"
    for name in ("upload_v001", "upload_v001_2"):
        with ui.page.expect_file_chooser() as chooser:
            ui.page.evaluate(PRESS)
        chooser.value.set_files([str(path) for path in stills])
        ui.page.wait_for_function(CHOSEN, arg=name)
        assert loaded(server, name) == ["24.0", "3"]


def test_dropped_stills_are_taken_and_other_files_are_not(ui, server, stills):
    ui.page.evaluate(NEW_NODE)
    files = [["drop.0001.png", [*stills[0].read_bytes()]], ["notes.txt", [65]]]
    assert ui.page.evaluate(DROP, files) is True
    ui.page.wait_for_function(CHOSEN, arg="drop")
    assert loaded(server, "drop") == ["16.0", "1"]
    assert ui.page.evaluate(DROP, [["notes.txt", [65]]]) is False

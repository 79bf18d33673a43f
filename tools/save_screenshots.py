"""Pictures of both widgets for the README and the help pages, taken in the real UI: both renderers, both themes.

    python tools/save_screenshots.py

Writes web/docs/images/{editor,player}_{classic,nodes2}_{dark,light}.jpg.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

if not __package__:  # started as a file: the checkout takes the place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])
from tools import comfy_host

IMAGES = Path(__file__).resolve().parents[1] / "web" / "docs" / "images"
WIDTH, HEIGHT, FRAMES = 832, 480, 81
QUALITY = 82
RENDERERS = {"classic": False, "nodes2": True}
THEMES = ("dark", "light")


def pose(frame: int, cx: float, cy: float, rx: float, ry: float, angle: float = 0.0) -> dict[str, Any]:
    return {"frame": frame, "cx": cx, "cy": cy, "rx": rx, "ry": ry, "angle": angle, "ease": "ease"}


DRAWING = {
    "version": 1,
    "ellipses": [
        {
            "id": "a",
            "name": "parrot",
            "keyframes": [
                pose(0, 0.3, 0.55, 0.13, 0.3),
                pose(40, 0.5, 0.46, 0.15, 0.36, 18),
                pose(72, 0.72, 0.4, 0.15, 0.3, -12),
            ],
        },
        {"id": "b", "name": "perch", "keyframes": [pose(0, 0.2, 0.86, 0.16, 0.1)]},
    ],
}
EDITOR = {
    "1": {
        "class_type": "RGBAEllipseEditor",
        "inputs": {"width": WIDTH, "height": HEIGHT, "length": FRAMES, "fps": 16.0, "ellipses": json.dumps(DRAWING)},
    }
}
PLAYER = EDITOR | {
    "2": {"class_type": "MaskToImage", "inputs": {"mask": ["1", 1]}},
    "3": {
        "class_type": "EmptyImage",
        "inputs": {"width": WIDTH, "height": HEIGHT, "batch_size": FRAMES, "color": 0x2F7FD0},
    },
    "4": {"class_type": "RGBAJoin", "inputs": {"rgb": ["3", 0], "alpha": ["2", 0]}},
    "5": {"class_type": "RGBAPreview", "inputs": {"image": ["4", 0], "fps": 16.0}},
}
SHOW = """async ([graph, type, width, height]) => {
  await app.loadApiJson(graph, 'picture')
  const node = app.graph.nodes.find((each) => each.type === type)
  node.setSize([width, height])
  app.canvas.ds.scale = 1
  app.canvas.ds.offset = [90 - node.pos[0], 150 - node.pos[1]]
  app.canvas.setDirty(true, true)
}"""
SHOW_AGAIN = """async (type) => {
  const node = app.graph.nodes.find((each) => each.type === type)
  app.canvas.ds.offset = [90 - node.pos[0], 150 - node.pos[1]]
  app.canvas.setDirty(true, true)
}"""
BOX = """(type) => {
  const node = app.graph.nodes.find((each) => each.type === type)
  return {x: 80, y: 112, width: node.size[0] + 20, height: node.size[1] + 48}
}"""


def main() -> int:
    host = comfy_host.install()
    if Path(sys.executable).absolute() != Path(host.python).absolute():
        return subprocess.run([host.python, str(Path(__file__).resolve())]).returncode
    from PIL import Image

    from tools.web_ui import WebUI

    IMAGES.mkdir(parents=True, exist_ok=True)
    with comfy_host.Server(host) as server, WebUI(server, 760, 1120) as ui:
        page = ui.page

        def picture(name: str, type: str) -> None:
            page.wait_for_timeout(1500)  # the DOM widgets follow the canvas a few frames later
            png = page.screenshot(clip=page.evaluate(BOX, type))
            Image.open(io.BytesIO(png)).convert("RGB").save(IMAGES / f"{name}.jpg", quality=QUALITY)

        for renderer, on in RENDERERS.items():
            for theme in THEMES:
                page.evaluate(
                    """async ([on, theme]) => {
                      await app.extensionManager.setting.set('Comfy.VueNodes.Enabled', on)
                      await app.extensionManager.setting.set('Comfy.ColorPalette', theme)
                    }""",
                    [on, theme],
                )
                page.evaluate(SHOW, [EDITOR, "RGBAEllipseEditor", 520, 860])
                page.wait_for_timeout(900)  # the UI moves a fresh graph into view
                page.evaluate(SHOW_AGAIN, "RGBAEllipseEditor")
                page.locator(".rgba-ellipses [data-frame='40']:visible").first.click()
                picture(f"editor_{renderer}_{theme}", "RGBAEllipseEditor")
                page.evaluate(SHOW, [PLAYER, "RGBAPreview", 520, 560])
                page.evaluate("app.queuePrompt(0)")
                page.wait_for_function("() => document.querySelector('.rgba-player canvas')?.dataset.frame === '0'")
                page.evaluate(SHOW_AGAIN, "RGBAPreview")
                picture(f"player_{renderer}_{theme}", "RGBAPreview")
    return 0


if __name__ == "__main__":
    sys.exit(main())

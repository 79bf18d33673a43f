"""The player of RGBAPreview in a page of the real UI, with a clip that the host has really made."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from graph_page import RUN_MS, GraphPage
from playwright.sync_api import Locator

CLIP_FRAMES, WIDTH, HEIGHT = 9, 96, 64
COLOUR = 0x4080C0
MOVING = {
    "version": 1,
    "ellipses": [
        {
            "id": "a",
            "keyframes": [
                {"frame": 0, "cx": 0.25, "cy": 0.5, "rx": 0.2, "ry": 0.3},
                {"frame": 8, "cx": 0.75, "cy": 0.5, "rx": 0.2, "ry": 0.3},
            ],
        }
    ],
}
OPEN = """
async (graph) => {
  await app.loadApiJson(graph, 'clip')
  const node = app.graph.nodes.find(({type}) => type === 'RGBAPreview')
  app.canvas.ds.scale = 1
  app.canvas.ds.offset = [80 - node.pos[0], 120 - node.pos[1]]
  app.canvas.setDirty(true, true)
  return node.id
}
"""
PIXEL = "(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)"
PLAYED = """
(button, seconds) => {
  const canvas = button.closest('.rgba-player').querySelector('canvas')
  window.played = new Promise((done) => {
    button.addEventListener('click', () => {
      const begun = performance.now()
      const shown = []
      const look = () => shown.push([(performance.now() - begun) / 1000, Number(canvas.dataset.frame)])
      const looking = new MutationObserver(look)
      looking.observe(canvas, {attributeFilter: ['data-frame']})
      setTimeout(() => { looking.disconnect(); done(shown) }, 1000 * seconds)
    }, {once: true, capture: true})
  })
}
"""
SCRUBBED = """
(slider) => {
  const canvas = slider.closest('.rgba-player').querySelector('canvas')
  const scrubbed = window.scrubbed = {asked: [], waits: []}
  const ask = ({timeStamp}) => scrubbed.asked.push({frame: slider.value, since: timeStamp})
  slider.addEventListener('input', ask, {capture: true})
  const look = () => {
    const {asked, waits} = scrubbed
    const last = asked.findLastIndex(({frame}) => frame === canvas.dataset.frame)
    waits.push(...asked.splice(0, last + 1).map(({since}) => performance.now() - since))
    if (window.scrubbed === scrubbed) requestAnimationFrame(look)
    else slider.removeEventListener('input', ask, {capture: true})
  }
  look()
}
"""


def clip_graph(width: int = WIDTH, height: int = HEIGHT, frames: int = CLIP_FRAMES, fps: float = 16.0) -> dict:
    """A blue clip whose alpha is a moving ellipse; a plate that turns from red to green and a clip to compare with
    that turns from the same blue to black, both before the last frame."""

    def node(class_type: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": class_type, "inputs": inputs}

    def plain(color: int, count: int) -> dict[str, Any]:
        return node("EmptyImage", width=width, height=height, batch_size=count, color=color)

    drawing = {"width": width, "height": height, "length": frames, "fps": 16.0, "ellipses": json.dumps(MOVING)}
    return {
        "1": node("RGBAEllipseEditor", **drawing),
        "2": node("MaskToImage", mask=["1", 1]),
        "3": plain(COLOUR, frames),
        "4": node("RGBAJoin", rgb=["3", 0], alpha=["2", 0]),
        "5": plain(0xFF0000, frames - 1),
        "6": plain(0x00FF00, 1),
        "7": node("ImageBatch", image1=["5", 0], image2=["6", 0]),
        "8": plain(COLOUR, frames - 1),
        "9": plain(0, 1),
        "10": node("ImageBatch", image1=["8", 0], image2=["9", 0]),
        "11": node("RGBAPreview", image=["4", 0], fps=fps, plate=["7", 0], compare=["10", 0]),
    }


class PlayerPage(GraphPage):
    """A page with one player (or more)."""

    WIDGET = "rgba-player"

    def open(self, graph: dict[str, Any]) -> None:
        """Opens a graph and runs it; the first frame of its player stands alone in the view."""
        self.reset()
        self.id = self.page.evaluate(OPEN, graph)
        self.settled()
        self.run()
        self.loaded(next(node["inputs"]["length"] for node in graph.values() if "length" in node["inputs"]))

    def loaded(self, frames: int = CLIP_FRAMES) -> None:
        """Waits for the first frame of a clip of this length."""
        self.page.wait_for_function(
            """([frames, player]) => {
                 const shown = document.querySelector(`.${player} canvas`)?.dataset.frame === '0'
                 return shown && document.querySelector(`.${player} input[type=range]`)?.max === String(frames - 1)
               }""",
            arg=[frames, self.WIDGET],
            timeout=RUN_MS,
        )

    @property
    def canvas(self) -> Locator:
        return self.root.locator("canvas")

    @property
    def slider(self) -> Locator:
        return self.root.locator("input[type=range]")

    @property
    def frame(self) -> int:
        return int(self.canvas.get_attribute("data-frame") or -1)

    def at(self, frame: int) -> None:
        self.until(lambda: self.frame == frame, f"frame {frame} is shown")

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def choose(self, view: str, backdrop: str | None = None) -> None:
        self.root.locator("select").nth(0).select_option(view)
        if backdrop:
            self.root.locator("select").nth(1).select_option(backdrop)

    def shows(self, place: tuple[int, int], low: tuple[int, ...], high: tuple[int, ...] | None = None) -> None:
        """Waits until a pixel has a value, or one between two."""

        def there() -> bool:
            pixel = self.canvas.evaluate(PIXEL, place)
            return all(least <= value <= most for value, least, most in zip(pixel, low, high or low, strict=True))

        self.until(there, f"{place} is {low}" + (f" to {high}" if high else ""))

    def pixel_at(self, x: int, y: int) -> tuple[float, float]:
        """Where the middle of a pixel of the clip is on the screen."""
        box = self.canvas.bounding_box()
        assert box
        width, height = self.canvas.evaluate("({width, height}) => [width, height]")
        return box["x"] + box["width"] * (x + 0.5) / width, box["y"] + box["height"] * (y + 0.5) / height

    def played(self, seconds: float) -> list[tuple[float, int]]:
        """Presses Play, and pauses after a while: when which frame came to stand, in seconds since the click."""
        self.button("Play").evaluate(PLAYED, seconds)
        self.button("Play").click()
        shown = self.page.evaluate("window.played")
        self.button("Pause").click()
        return [(since, frame) for since, frame in shown]

    def scrubbed(self, seconds: float = 1.6) -> list[float]:
        """Drags the slider to its end and back. For every input: milliseconds until its frame, or that of a later
        input, stood on the canvas."""
        box = self.slider.bounding_box()
        assert box
        left, width, y = box["x"] + 8, box["width"] - 16, box["y"] + box["height"] / 2
        self.slider.evaluate(SCRUBBED)
        mouse = self.page.mouse
        mouse.move(left, y)
        mouse.down()
        begun = time.perf_counter()
        while (now := time.perf_counter() - begun) < seconds:
            mouse.move(left + width * (1 - math.cos(2 * math.pi * now / seconds)) / 2, y)
            time.sleep(max(0, 0.008 - (time.perf_counter() - begun - now)))
        mouse.up()
        self.until(lambda: self.page.evaluate("window.scrubbed.asked.length") == 0, "the last frame stands")
        return self.page.evaluate("(() => { const {waits} = window.scrubbed; window.scrubbed = null; return waits })()")

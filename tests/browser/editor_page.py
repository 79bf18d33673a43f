"""The ellipse editor in a page of the real UI, handled as a person does: by pointer and keyboard."""

from __future__ import annotations

import json
import math
import time
from itertools import pairwise
from typing import Any

from graph_page import GraphPage, middle
from playwright.sync_api import Locator, expect

NODE = "RGBAEllipseEditor"
ADD = """
async ({node, width, height, position}) => {
  const tracker = app.extensionManager.workflow.activeWorkflow.changeTracker
  app.canvas.ds.scale = 1
  app.canvas.ds.offset = [0, 0]
  const added = LiteGraph.createNode(node)
  added.pos = position
  app.graph.add(added)
  if (width) added.setSize([width, height ?? added.size[1]])
  app.canvas.setDirty(true, true)
  tracker.captureCanvasState()
  return added.id
}
"""


class EditorPage(GraphPage):
    """A page with one ellipse editor (or more); lengths are pixels of the frame unless they are called places."""

    WIDGET = "rgba-ellipses"

    # ---------------------------------------------------------------------------------------------- the graph

    def add(self, width: int = 440, height: int | None = 800, position: tuple[int, int] = (120, 80)) -> None:
        """A new editor node, shown at its size; the later calls are about it."""
        arguments = {"node": NODE, "width": width, "height": height, "position": position}
        self.id = self.page.evaluate(ADD, arguments)
        self.until(lambda: self.root.count() == 1, "one editor is on the page")
        self.settled()

    # ---------------------------------------------------------------------------------------------- the drawing

    @property
    def text(self) -> str:
        return self.in_node("return widget('ellipses').value")

    @property
    def drawing(self) -> dict[str, Any]:
        return json.loads(self.text)

    @property
    def ellipses(self) -> list[dict[str, Any]]:
        return self.drawing["ellipses"]

    def keyframes(self, ellipse: int = 0) -> list[dict[str, Any]]:
        return self.ellipses[ellipse]["keyframes"]

    def keyframe(self, ellipse: int = 0, index: int = 0) -> dict[str, Any]:
        return self.keyframes(ellipse)[index]

    def load(self, drawing: dict[str, Any] | str) -> None:
        """Puts a drawing into the widget as a workflow file does."""
        self.in_node(
            "widget('ellipses').value = argument", drawing if isinstance(drawing, str) else json.dumps(drawing)
        )
        self.page.evaluate("app.extensionManager.workflow.activeWorkflow.changeTracker.captureCanvasState()")
        self.frames()

    def number(self, name: str) -> float:
        return self.in_node("return widget(argument).value", name)

    # ---------------------------------------------------------------------------------------------- pointer and keys

    def handle(self, name: str, ellipse: str = "a") -> Locator:
        return self.root.locator(f'[data-handle="{name}"][data-ellipse="{ellipse}"]')

    def key_mark(self, frame: int) -> Locator:
        return self.root.locator(f'.track [data-frame="{frame}"]')

    def button(self, name: str) -> Locator:
        return self.root.locator(f'[data-action="{name}"]')

    def field(self, name: str) -> Locator:
        return self.root.locator(f'[data-field="{name}"]')

    def go_to(self, frame: int) -> None:
        """Types the number of a frame; it is the frame that is shown then."""
        self.field("frame").fill(str(frame))
        self.field("frame").press("Enter")
        expect(self.root.locator(".playhead")).to_have_attribute("aria-valuenow", str(frame))

    @property
    def board(self) -> Locator:
        return self.root.locator(".board")

    @property
    def scale(self) -> float:
        """Pixels on the screen per pixel of the frame."""
        box = self.root.locator(".frame").bounding_box()
        assert box
        return box["width"] / self.number("width")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the frame is on the screen."""
        box = self.root.locator(".frame").bounding_box()
        assert box
        return box["x"] + x * self.scale, box["y"] + y * self.scale

    def drag(self, what: Locator, dx: float, dy: float, *, keys: tuple[str, ...] = (), drop: bool = True) -> None:
        """Drags the middle of something by pixels of the frame."""
        scale = self.scale
        self.drag_on_screen(what, dx * scale, dy * scale, keys=keys, drop=drop)

    def drag_on_screen(
        self, what: Locator, dx: float, dy: float, *, keys: tuple[str, ...] = (), drop: bool = True
    ) -> None:
        x, y = middle(what)
        mouse, keyboard = self.page.mouse, self.page.keyboard
        mouse.move(x, y)
        mouse.down()
        for key in keys:
            keyboard.down(key)
        mouse.move(x + dx / 2, y + dy / 2)
        mouse.move(x + dx, y + dy)
        if drop:
            mouse.up()
        for key in keys:
            keyboard.up(key)
        self.frames()

    def frame_times(self, what: Locator, seconds: float = 2.0) -> tuple[list[float], int]:
        """Milliseconds between the page's frames while something is dragged in circles, with an event every 8 ms, and
        at how many places of the screen it was shown. It is dropped 40 pixels of the screen to the right."""
        x, y = middle(what)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        what.evaluate(
            """(dragged) => {
                 const seen = window.seen = {times: [], places: new Set()}
                 const next = (time) => {
                   if (window.seen !== seen) return
                   seen.times.push(time)
                   seen.places.add(dragged.getAttribute('cx') + ' ' + dragged.getAttribute('cy'))
                   requestAnimationFrame(next)
                 }
                 requestAnimationFrame(next)
               }"""
        )
        begun = time.perf_counter()
        while (now := time.perf_counter() - begun) < seconds:
            self.page.mouse.move(x + 40 * math.cos(5 * now), y + 40 * math.sin(5 * now))
            time.sleep(max(0, 0.008 - (time.perf_counter() - begun - now)))
        times, places = self.page.evaluate(
            "(() => { const {times, places} = window.seen; window.seen = null; return [times, places.size] })()"
        )
        self.page.mouse.move(x + 40, y)
        self.page.mouse.up()
        return [later - earlier for earlier, later in pairwise(times)], places

    def rested(self) -> None:
        """A burst of keys has become a step: this timer of the page is set after the editor's, and is longer."""
        self.page.evaluate("new Promise((done) => setTimeout(done, 450))")

    def undo(self, keys: str = "Control+z") -> None:
        """By the keyboard; waits until the graph is there again with a living editor."""
        before = self.text
        self.page.keyboard.press(keys)
        text = "return node && widget('ellipses').value"
        self.until(lambda: self.root.count() > 0 and self.in_node(text) not in (None, before), f"{keys} did something")
        self.settled()

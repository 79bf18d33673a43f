"""The ellipse editor in a page of the real UI, handled as a person does: by pointer and keyboard."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from playwright.sync_api import CDPSession, ConsoleMessage, Locator, Page

CLASSIC, NODES_2 = "classic", "nodes 2.0"
NODE = "RGBAEllipseEditor"
WAIT_MS = 20_000
POLL_MS = 40

NOISE = (
    "Failed to load resource: the server responded with a status of 404",  # the host looks for files of the user
    "ComfyApp graph accessed before initialization",
    "The legacy queue/history menu is deprecated",
    "ComfyApp.open_maskeditor is deprecated",
    "huggingface.co",  # the host's default graph; its models are not here
    "Ignored attempt to cancel a touchmove event",  # the host's own pinch
    "net::ERR_FAILED",  # what the tests keep from the network
)
"""What the host says without us."""

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
RESET = """
() => {
  app.canvas.setGraph(app.rootGraph ?? app.graph)
  app.graph.clear()
  app.graph.id = crypto.randomUUID()  // the host keeps the widgets' values of a graph without an id
  app.canvas.setDirty(true, true)
  const tracker = app.extensionManager.workflow.activeWorkflow.changeTracker
  tracker.captureCanvasState()
  tracker.undoQueue.length = 0
  tracker.redoQueue.length = 0
  document.activeElement?.blur?.()
}
"""
SETTLED = """
(limit) => new Promise((done) => {
  const end = performance.now() + limit
  let before = ''
  let same = 0
  const look = () => {
    const boxes = [...document.querySelectorAll('.rgba-ellipses, .rgba-ellipses .frame')]
      .map((each) => each.getBoundingClientRect()).filter(({width}) => width > 0)
    const now = boxes.map(({x, y, width, height}) => [x, y, width, height].join()).join(' ')
    same = now === before && boxes[0]?.width > 20 ? same + 1 : 0
    before = now
    if (same > 2 || performance.now() > end) done(same > 2 ? '' : now || 'no editor')
    else requestAnimationFrame(look)
  }
  look()
})
"""
STEPS = "() => app.extensionManager.workflow.activeWorkflow.changeTracker.undoQueue.length"
BLANK = {"nodes": [], "links": [], "groups": [], "config": {}, "extra": {}, "version": 0.4}


class EditorPage:
    """A page with one ellipse editor (or more); lengths are pixels of the frame unless they are called places."""

    def __init__(self, page: Page, renderer: str) -> None:
        self.page = page
        self.renderer = renderer
        self.complaints: list[str] = []
        self.id: int | str = 0
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(noise in message.text for noise in NOISE):
            self.complaints.append(message.text)

    # ---------------------------------------------------------------------------------------------- the graph

    def reset(self) -> None:
        """An empty graph with an empty history."""
        self.page.keyboard.up("Shift")
        self.page.evaluate(RESET)

    def add(self, width: int = 440, height: int | None = 800, position: tuple[int, int] = (120, 80)) -> None:
        """A new editor node, shown at its size; the later calls are about it."""
        arguments = {"node": NODE, "width": width, "height": height, "position": position}
        self.id = self.page.evaluate(ADD, arguments)
        self.until(lambda: self.root.count() == 1, "one editor is on the page")
        self.settled()

    def in_node(self, body: str, argument: Any = None) -> Any:
        """What a piece of JavaScript returns, given `node`, `widget(name)` and `argument`."""
        code = (
            "async ([id, argument]) => { const node = app.canvas.graph.getNodeById(id);"
            "const widget = (name) => node.widgets.find((each) => each.name === name);" + body + "}"
        )
        return self.page.evaluate(code, [self.id, argument])

    @property
    def root(self) -> Locator:
        return self.page.locator(".rgba-ellipses:visible")

    def settled(self) -> None:
        """Waits until every editor on the page stands still."""
        moving = self.page.evaluate(SETTLED, WAIT_MS)
        assert not moving, f"the editor did not come to rest on the page: {moving}"

    def frames(self, count: int = 2) -> None:
        """Waits for the page to draw."""
        self.page.evaluate(
            "(n) => new Promise((done) => { const next = () => (n-- ? requestAnimationFrame(next) : done()); next() })",
            count,
        )

    def until(self, holds: Callable[[], bool], claim: str) -> None:
        for _ in range(WAIT_MS // POLL_MS):
            if holds():
                return
            self.page.wait_for_timeout(POLL_MS)
        raise AssertionError(f"did not come true: {claim}")

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

    @property
    def steps(self) -> int:
        """How many steps the graph can be undone."""
        return self.page.evaluate(STEPS)

    @contextmanager
    def one_step(self, count: int = 1) -> Iterator[None]:
        before = self.steps
        yield
        self.until(lambda: self.steps >= before + count, f"{count} more steps to undo")
        assert self.steps == before + count

    # ---------------------------------------------------------------------------------------------- pointer and keys

    def handle(self, name: str, ellipse: str = "a") -> Locator:
        return self.root.locator(f'[data-handle="{name}"][data-ellipse="{ellipse}"]')

    def key_mark(self, frame: int) -> Locator:
        return self.root.locator(f'.track [data-frame="{frame}"]')

    def button(self, name: str) -> Locator:
        return self.root.locator(f'[data-action="{name}"]')

    def field(self, name: str) -> Locator:
        return self.root.locator(f'[data-field="{name}"]')

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

    def frame_times(self, what: Locator, seconds: float = 2.0) -> list[float]:
        """Milliseconds between the page's frames while something is dragged in circles, with an event every 8 ms."""
        x, y = middle(what)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.evaluate(
            """() => { const times = window.frameTimes = []
                 const next = (time) => { times.push(time); window.frameTimes === times && requestAnimationFrame(next) }
                 requestAnimationFrame(next) }"""
        )
        begun = time.perf_counter()
        while (now := time.perf_counter() - begun) < seconds:
            self.page.mouse.move(x + 40 * math.cos(5 * now), y + 40 * math.sin(5 * now))
            time.sleep(max(0, 0.008 - (time.perf_counter() - begun - now)))
        times = self.page.evaluate(
            "(() => { const times = window.frameTimes; window.frameTimes = null; return times })()"
        )
        self.page.mouse.up()
        return [later - earlier for earlier, later in pairwise(times)]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def rested(self) -> None:
        """A burst of keys has become a step."""
        self.page.wait_for_timeout(500)

    def undo(self, keys: str = "Control+z") -> None:
        """By the keyboard; waits until the graph is there again with a living editor."""
        before = self.text
        self.page.keyboard.press(keys)
        self.until(lambda: self.root.count() > 0 and self.text != before, f"{keys} changed the drawing")
        self.settled()

    def devtools(self) -> CDPSession:
        return self.page.context.new_cdp_session(self.page)


def middle(what: Locator) -> tuple[float, float]:
    """The middle of something on the screen; an error when it is not to be seen."""
    box = what.bounding_box()
    assert box and box["width"] > 1, f"not on the screen: {what}"
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

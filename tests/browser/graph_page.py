"""A graph in a page of the real UI with one node of ours, handled as a person does: by pointer and keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import CDPSession, Locator, Page, expect

CLASSIC, NODES_2 = "classic", "nodes 2.0"
WAIT_MS = 30_000
RUN_MS = 120_000
POLL_MS = 40
expect.set_options(timeout=WAIT_MS)

BLANK = {"nodes": [], "links": [], "groups": [], "config": {}, "extra": {}, "version": 0.4}
RESET = """
() => {
  app.canvas.setGraph(app.rootGraph ?? app.graph)
  app.graph.clear()
  app.graph.id = crypto.randomUUID()  // the host keeps the widgets' values of a graph without an id
  for (const id of Object.keys(app.nodeOutputs)) delete app.nodeOutputs[id]
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
    const boxes = [...document.querySelectorAll('.rgba-widget, .rgba-widget .frame, .rgba-widget .board canvas')]
      .map((each) => each.getBoundingClientRect()).filter(({width}) => width > 0)
    const now = boxes.map(({x, y, width, height}) => [x, y, width, height].join()).join(' ')
    same = now === before && boxes[0]?.width > 20 ? same + 1 : 0
    before = now
    if (same > 2 || performance.now() > end) done(same > 2 ? '' : now || 'no widget')
    else requestAnimationFrame(look)
  }
  look()
})
"""
RUN = """
(limit) => new Promise((done) => {
  for (const kind of ['execution_success', 'execution_error'])
    app.api.addEventListener(kind, ({detail}) => done({kind, ...detail}), {once: true})
  setTimeout(() => done({kind: 'no answer', errors: app.lastNodeErrors}), limit)
  app.queuePrompt(0)
})
"""
RENDERER = "(nodes_2) => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', nodes_2)"
ANOTHER_TAB = "app.extensionManager.command.execute('Comfy.NewBlankWorkflow')"
KEEP_DRAFTS = "(keep) => app.extensionManager.setting.set('Comfy.Workflow.Persist', keep)"
READY = "window.app?.isGraphReady && app.extensionManager?.workflow?.activeWorkflow && app.graph.nodes.length"


class GraphPage:
    """A page of the UI; `id` is the node of ours that the calls are about, `WIDGET` the class of what it shows."""

    WIDGET = "rgba-widget"

    def __init__(self, page: Page, renderer: str) -> None:
        self.page = page
        self.renderer = renderer
        self.id: int | str = 0
        page.set_default_timeout(WAIT_MS)

    @property
    def root(self) -> Locator:
        return self.page.locator(f".{self.WIDGET}:visible")

    # ------------------------------------------------------------------------------------------------- the page

    def settled(self) -> None:
        """Waits until every widget of ours on the page stands still."""
        moving = self.page.evaluate(SETTLED, WAIT_MS)
        assert not moving, f"the widget did not come to rest on the page: {moving}"

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

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def drag_place(self, start: tuple[float, float], dx: float, dy: float) -> None:
        """Drags what is at a place of the screen."""
        (x, y), mouse = start, self.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + dx / 2, y + dy / 2)
        mouse.move(x + dx, y + dy)
        mouse.up()
        self.frames()

    def devtools(self) -> CDPSession:
        return self.page.context.new_cdp_session(self.page)

    # ------------------------------------------------------------------------------------------------- the graph

    def reset(self) -> None:
        """An empty graph with an empty history."""
        self.page.keyboard.up("Shift")
        self.page.evaluate(RESET)

    def in_node(self, body: str, argument: Any = None) -> Any:
        """What a piece of JavaScript returns, given `node`, `widget(name)` and `argument`."""
        code = (
            "async ([id, argument]) => { const node = app.canvas.graph.getNodeById(id);"
            "const widget = (name) => node.widgets.find((each) => each.name === name);" + body + "}"
        )
        return self.page.evaluate(code, [self.id, argument])

    def corner(self) -> tuple[float, float]:
        """Where the node is taken to resize it."""
        x, y = self.in_node("return app.canvas.convertOffsetToCanvas([0, 1].map((k) => node.pos[k] + node.size[k]))")
        return x - 2, y - 2

    def select_node(self) -> None:
        """By a click on its title."""
        x, y = self.in_node("return app.canvas.convertOffsetToCanvas([node.pos[0] + 200, node.pos[1] - 15])")
        self.page.mouse.click(x, y)
        self.until(lambda: self.in_node("return app.canvas.selectedItems.has(node)"), "the node is selected")

    def slot(self, node: int | str, side: str, index: int) -> tuple[float, float]:
        """Where an input ("in") or output ("out") of a node is on the screen."""
        if self.renderer == NODES_2:
            return middle(self.page.locator(f'[data-slot-key="{node}-{side}-{index}"]'))
        x, y = self.page.evaluate(
            """([id, isInput, index]) => app.canvas.convertOffsetToCanvas(
                 app.canvas.graph.getNodeById(id).getConnectionPos(isInput, index))""",
            [node, side == "in", index],
        )
        return x, y

    def run(self) -> None:
        """Runs the graph, which succeeds."""
        answer = self.page.evaluate(RUN, RUN_MS)
        assert answer["kind"] == "execution_success", answer

    def prompt(self) -> dict[str, Any]:
        """What a run would send, {id: node}."""
        return self.page.evaluate("app.graphToPrompt().then(({output}) => output)")

    @property
    def steps(self) -> int:
        """How many steps the graph can be undone."""
        return self.page.evaluate("app.extensionManager.workflow.activeWorkflow.changeTracker.undoQueue.length")

    @contextmanager
    def one_step(self, count: int = 1) -> Iterator[None]:
        before = self.steps
        yield
        self.until(lambda: self.steps >= before + count, f"{count} more steps to undo")
        assert self.steps == before + count

    def drafted(self, value: float | str) -> None:
        """Waits until the host's draft of the workflow, which it writes a moment later, has this value in it."""
        kept = "(value) => Object.values(localStorage).some((draft) => draft.includes(value))"
        self.until(lambda: self.page.evaluate(kept, str(value)), f"{value} is in the draft")

    @contextmanager
    def kept_drafts(self) -> Iterator[None]:
        """As the host does by default: a workflow survives a reload of the page."""
        self.page.evaluate(KEEP_DRAFTS, True)
        try:
            yield
        finally:
            self.page.evaluate(KEEP_DRAFTS, False)

    def leave_and_come_back(self) -> None:
        """To a blank workflow and back, by the tabs."""
        here = self.page.evaluate("app.extensionManager.workflow.activeWorkflow.path")
        count = self.page.evaluate("app.graph.nodes.length")
        self.page.evaluate(ANOTHER_TAB)
        self.until(lambda: self.page.evaluate("app.graph.nodes.length") == 0, "a blank tab")
        self.page.get_by_text(here.removeprefix("workflows/").removesuffix(".json"), exact=True).first.click()
        self.until(lambda: self.page.evaluate("app.graph.nodes.length") == count, "the tab is back")
        self.settled()

    def reload(self) -> None:
        self.page.reload()
        self.page.wait_for_function(READY)
        self.settled()

    @contextmanager
    def other_renderer(self) -> Iterator[None]:
        """While the page is open, as by the setting of the host."""
        self.page.evaluate(RENDERER, self.renderer != NODES_2)
        try:
            yield
        finally:
            self.page.evaluate(RENDERER, self.renderer == NODES_2)

    def into_subgraph(self) -> None:
        """Makes a subgraph of the node and opens it, with the node at the place it had."""
        self.in_node("app.canvas.selectNode(node); app.graph.convertToSubgraph(new Set([node]))")
        self.until(
            lambda: self.page.evaluate("app.graph.nodes.some(({subgraph}) => subgraph)"), "the subgraph is there"
        )
        self.open_subgraph()

    def open_subgraph(self) -> None:
        """Shows the inside of the graph's subgraph, the node of ours at (120, 80)."""
        self.id = self.page.evaluate(
            """() => {
                 const outside = app.graph.nodes.find(({subgraph}) => subgraph)
                 app.canvas.openSubgraph(outside.subgraph, outside)
                 const node = app.canvas.graph.nodes.find(({type}) => type.startsWith('RGBA'))
                 node.pos = [120, 80]
                 return node.id
               }"""
        )
        self.page.evaluate("app.canvas.ds.scale = 1; app.canvas.ds.offset = [0, 0]; app.canvas.setDirty(true, true)")
        self.until(lambda: self.root.count() == 1, "the widget is on the page")
        self.settled()

    def out_of_subgraph(self) -> None:
        self.page.evaluate("app.canvas.setGraph(app.rootGraph ?? app.graph.rootGraph)")


def middle(what: Locator) -> tuple[float, float]:
    """The middle of something on the screen; an error when it is not to be seen."""
    box = what.bounding_box()
    assert box and box["width"] > 1, f"not on the screen: {what}"
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

"""The host's own web UI in a headless Chromium: graphs are built, saved, opened and photographed there.

    with Server(host, models=[...]) as server, WebUI(server) as ui:
        workflow = ui.build(graph)      # as the UI saves it
        ui.open(workflow)
        prompt = ui.prompt()            # as the UI queues it

The UI is the classic renderer in English with no tutorial, no tabs from an earlier visit, and a blank graph.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tools import comfy_host

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Locale": "en",
    "Comfy.VueNodes.Enabled": False,
    "Comfy.Workflow.Persist": False,
    "Comfy.Minimap.Visible": False,
    "Comfy.Graph.CanvasMenu": False,
    "Comfy.Graph.CanvasInfo": False,
    "Comfy.NodeBadge.NodeSourceBadgeMode": "None",
    "Comfy.NodeBadge.NodeLifeCycleBadgeMode": "None",
    "LiteGraph.Canvas.MinFontSizeForLOD": 0,
}
BLANK = {"nodes": [], "links": [], "groups": [], "config": {}, "extra": {}, "version": 0.4}
START_LIMIT_MS = 120_000

BUILD = """
async ({blank, graph, space}) => {
  await app.loadGraphData({...blank, id: graph.id}) // the UI remembers widget values by graph and node id
  const nodes = new Map()

  const create = ({name, type, title, values, height, color, bgcolor, collapsed}, width) => {
    const node = LiteGraph.createNode(type)
    if (!node) throw new Error(`${name}: the UI knows no node ${type}`)
    app.graph.add(node)
    for (const [key, value] of Object.entries(values)) {
      const widget = node.widgets?.find((each) => each.name === key)
      if (!widget) throw new Error(`${name}: ${type} has no widget ${key}`)
      const choices = widget.type === 'combo' ? widget.options?.values : null
      if (Array.isArray(choices) && !choices.includes(value)) throw new Error(`${name}.${key} does not offer ${value}`)
      widget.value = value
    }
    if (title) node.title = title
    if (color) [node.color, node.bgcolor] = [color, bgcolor]
    node.setSize([width, Math.max(height ?? 0, node.computeSize()[1])])
    nodes.set(name, node)
    return node
  }

  const stack = (descriptions, x, y, width) => {
    for (const description of descriptions) {
      const node = create(description, width)
      node.pos = [x, y + space.node_title]
      y += space.node_title + node.size[1] + space.gap
    }
    return y - space.gap
  }

  // Columns of groups and bare nodes; a group holds columns of nodes.
  let x = 0
  for (const {width, items} of graph.columns) {
    let y = 0
    for (const item of items) {
      if (!item.columns) {
        y = stack([item], x, y, width) + space.between
        continue
      }
      const count = item.columns.length
      const inner = (width - 2 * space.padding - (count - 1) * space.between) / count
      const top = y + space.group_title
      const ends = item.columns.map((column, index) =>
        stack(column, x + space.padding + index * (inner + space.between), top, inner))
      const group = new LGraphGroup(item.title)
      group.pos = [x, y]
      group.size = [width, Math.max(...ends) + space.padding - y]
      group.color = item.color
      app.graph.add(group)
      y += group.size[1] + space.between
    }
    x += width + space.between
  }

  for (const {source, output, target, input} of graph.links) {
    const from = nodes.get(source)
    const to = nodes.get(target)
    const out = from?.outputs?.findIndex((each) => each.name === output) ?? -1
    const into = to?.inputs?.findIndex((each) => each.name === input) ?? -1
    if (out < 0) throw new Error(`${source} has no output ${output}`)
    if (into < 0) throw new Error(`${target} has no input ${input}`)
    if (!from.connect(out, to, into)) throw new Error(`${source}.${output} does not fit ${target}.${input}`)
  }
  app.graph.updateExecutionOrder()
}
"""
OPEN = """
async (workflow) => {
  await app.loadGraphData(workflow)
  return app.graph.nodes
    .filter((node) => node.has_errors || !LiteGraph.registered_node_types[node.type])
    .map((node) => `${node.id} ${node.type}`)
}
"""
FIT = """
async ({width, margin}) => {
  const boxes = [...app.graph.nodes, ...app.graph.groups].map((each) => each.boundingRect ?? each._bounding)
  const left = Math.min(...boxes.map((box) => box[0])) - margin
  const top = Math.min(...boxes.map((box) => box[1])) - margin
  const right = Math.max(...boxes.map((box) => box[0] + box[2])) + margin
  const bottom = Math.max(...boxes.map((box) => box[1] + box[3])) + margin
  const {ds} = app.canvas
  ds.scale = width / (right - left)
  ds.offset = [-left, -top]
  app.canvas.setDirty(true, true)
  return Math.ceil((bottom - top) * ds.scale)
}
"""
NO_MENU_BUTTON = ".no-drag.fixed { visibility: hidden }"
SPACE = {"group_title": 44, "node_title": 30, "gap": 18, "padding": 14, "between": 40}


class WebUI:
    """A page of the UI on a running host; `errors` collects what its scripts threw."""

    def __init__(self, server: comfy_host.Server, width: int = 1600, height: int = 900, sharpness: int = 1) -> None:
        self.server = server
        self.viewport: ViewportSize = {"width": width, "height": height}
        self.sharpness = sharpness
        self.errors: list[str] = []
        self.page: Page

    def __enter__(self) -> WebUI:
        self.server.post("/settings", SETTINGS)
        program = chromium()
        self._playwright = sync_playwright().start()
        try:
            browser = self._playwright.chromium.launch(executable_path=program, args=list(FLAGS))
            self.page = browser.new_page(viewport=self.viewport, device_scale_factor=self.sharpness)
            self.page.on("pageerror", lambda error: self.errors.append(str(error)))
            self.page.goto(self.server.url, timeout=START_LIMIT_MS)
            ready = "window.app?.isGraphReady && window.app.extensionManager?.workflow?.activeWorkflow"
            self.page.wait_for_function(ready, timeout=START_LIMIT_MS)
        except BaseException:
            self._playwright.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._playwright.stop()

    def build(self, graph: dict[str, Any]) -> dict[str, Any]:
        """The graph put together by hand, then saved, opened and saved again: what the UI keeps."""
        self.page.evaluate(BUILD, {"blank": BLANK, "graph": graph, "space": SPACE})
        self.open(self.saved())
        return self.saved()

    def saved(self) -> dict[str, Any]:
        """The graph on the canvas as the UI saves it."""
        return json.loads(self.page.evaluate("JSON.stringify(app.graph.serialize())"))

    def open(self, workflow: dict[str, Any]) -> list[str]:
        """Opens a saved workflow; gives the nodes that this UI does not know."""
        return self.page.evaluate(OPEN, workflow)

    def prompt(self) -> dict[str, Any]:
        """The graph on the canvas in API format, as the UI queues it."""
        return json.loads(self.page.evaluate("app.graphToPrompt().then(({output}) => JSON.stringify(output))"))

    def picture(self, width: int = 1200, margin: int = 24) -> bytes:
        """The whole graph as a PNG `width * sharpness` pixels wide, without the UI around it."""
        self.page.evaluate("app.extensionManager.command.execute('Workspace.ToggleFocusMode')")
        try:
            height = self.page.evaluate(FIT, {"width": width, "margin": margin})
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.evaluate(FIT, {"width": width, "margin": margin})
            self.page.wait_for_timeout(700)  # the DOM widgets follow the canvas a few frames later
            return self.page.screenshot(style=NO_MENU_BUTTON)
        finally:
            self.page.evaluate("app.extensionManager.command.execute('Workspace.ToggleFocusMode')")
            self.page.set_viewport_size(self.viewport)


def chromium() -> str:
    """The browser's program, which `make test` installs. Errors: HostError."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise comfy_host.HostError("no Chromium on PATH; type: sudo apt-get install chromium")
    return found

"""The ellipse editor as a part of the graph: undo, copies, files, subgraphs, links, runs, broken drawings."""

from __future__ import annotations

import json
import re

import pytest
from editor_page import BLANK, NODE, NODES_2, WAIT_MS, EditorPage, middle

DRAWN = {
    "version": 1,
    "loop": True,
    "ellipses": [
        {"id": "x", "name": "bird", "keyframes": [{"frame": 0, "cx": 0.25, "cy": 0.75, "rx": 0.1, "ry": 0.2}]}
    ],
}
TRACKER = "app.extensionManager.workflow.activeWorkflow.changeTracker"


def queue(editor: EditorPage) -> dict:
    """Runs the graph from the page, as the button does; the host's answer to the run."""
    return editor.page.evaluate(
        """(limit) => new Promise((done) => {
             for (const kind of ['execution_success', 'execution_error'])
               app.api.addEventListener(kind, ({detail}) => done({kind, ...detail}), {once: true})
             setTimeout(() => done({kind: 'no answer', errors: app.lastNodeErrors}), limit)
             app.queuePrompt(0)
           })""",
        WAIT_MS,
    )


# ------------------------------------------------------------------------------------------------------ undo and redo


def test_undo_and_redo_step_through_gestures_and_the_editor_lives_on(editor: EditorPage):
    start = editor.text
    editor.drag(editor.handle("move"), 60, 0)
    once = editor.text
    editor.drag(editor.handle("se"), 20, 20)
    twice = editor.text
    editor.undo()
    assert editor.text == once
    editor.undo()
    assert editor.text == start
    editor.undo("Control+Shift+z")
    assert editor.text == once
    editor.undo("Control+y")
    assert editor.text == twice
    editor.undo()
    assert float(editor.field("cx").input_value()) == pytest.approx(
        json.loads(once)["ellipses"][0]["keyframes"][0]["cx"] * 832, abs=0.01
    )
    editor.drag(editor.handle("move"), 0, 50)
    assert editor.keyframe()["cy"] == pytest.approx(0.5 + 50 / 480, abs=2e-3), "the editor on the page is the node's"


def test_undo_keeps_the_frame_the_selection_the_view_and_the_focus(editor: EditorPage):
    editor.button("addEllipse").click()
    editor.field("frame").fill("32")
    editor.press("Enter")
    editor.board.focus()
    editor.page.mouse.move(*editor.place(300, 200))
    editor.page.mouse.wheel(0, -200)
    editor.frames()
    scale = editor.scale
    editor.drag(editor.handle("move", "b"), 30, 30)
    editor.undo()
    editor.until(
        lambda: editor.page.evaluate("document.activeElement.classList.contains('board')"), "the board has the focus"
    )
    assert editor.field("frame").input_value() == "32"
    assert editor.field("ellipse").input_value() == "b"
    assert editor.scale == pytest.approx(scale, rel=1e-3)
    assert [key["frame"] for key in editor.keyframes(1)] == [0]


def test_a_burst_of_keys_is_undone_as_one(editor: EditorPage):
    start = editor.text
    editor.board.focus()
    editor.press("ArrowRight", "ArrowRight", "ArrowRight", "Control+z")
    editor.until(lambda: editor.page.evaluate(f"{TRACKER}.redoQueue.length") == 1, "a step is taken back")
    editor.settled()
    assert editor.text == start
    assert editor.steps == 1, "what is left is the node itself"


def test_a_preset_size_is_undone_as_one(editor: EditorPage):
    editor.field("size").select_option("720x480x49")
    assert editor.number("length") == 49
    editor.board.focus()
    editor.page.keyboard.press("Control+z")
    editor.until(lambda: editor.number("length") == 81, "the length is back")
    assert (editor.number("width"), editor.number("height")) == (832, 480)


# --------------------------------------------------------------------------------------------------- copies and files


def test_a_copied_node_has_a_drawing_of_its_own(editor: EditorPage):
    editor.drag(editor.handle("move"), 60, 0)
    drawn = editor.text
    editor.in_node("app.canvas.selectNode(node); app.canvas.canvas.focus()")
    editor.press("Control+c")
    editor.page.mouse.move(800, 300)
    editor.press("Control+v")
    editor.until(lambda: editor.page.evaluate("app.graph.nodes.length") == 2, "the copy is there")
    copy = editor.page.evaluate("app.graph.nodes.map(({id}) => id).at(-1)")
    original, editor.id = editor.id, copy
    assert editor.text == drawn
    editor.in_node("node.pos = [580, 80]; app.canvas.setDirty(true, true)")
    editor.page.wait_for_timeout(300)
    roots = [root.bounding_box() for root in editor.root.all()]
    assert len(roots) == 2 and roots[0]["x"] != roots[1]["x"]
    boards = editor.root.locator('[data-handle="move"]')
    right = max(range(2), key=lambda k: middle(boards.nth(k))[0])
    x, y = middle(boards.nth(right))
    editor.page.mouse.move(x, y)
    editor.page.mouse.down()
    editor.page.mouse.move(x, y + 20)
    editor.page.mouse.move(x, y + 30)
    editor.page.mouse.up()
    assert editor.text != drawn
    editor.id = original
    assert editor.text == drawn


def test_a_workflow_gives_the_drawing_back_as_it_was_written(editor: EditorPage):
    editor.load(DRAWN)
    written = editor.text
    saved = editor.page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    assert saved["nodes"][0]["widgets_values"] == [832, 480, 81, 16, written]
    editor.page.evaluate("async (graph) => app.loadGraphData(graph)", BLANK)
    editor.page.evaluate("async (graph) => app.loadGraphData(graph)", saved)
    editor.settled()
    assert editor.text == written
    assert editor.field("name").input_value() == "bird"
    prompt = editor.page.evaluate("app.graphToPrompt().then(({output}) => output)")
    assert [node["inputs"]["ellipses"] for node in prompt.values()] == [written]
    editor.page.evaluate("async (prompt) => app.loadApiJson(prompt, 'drawing')", prompt)
    editor.page.wait_for_timeout(200)
    editor.id = editor.page.evaluate("app.graph.nodes[0].id")
    assert editor.text == written


def test_the_back_end_receives_the_drawing(editor: EditorPage):
    editor.in_node(
        """for (const [name, value] of [['width', 64], ['height', 64], ['length', 1]]) widget(name).value = value
           const [image, preview] = ['MaskToImage', 'PreviewImage'].map((type, k) => {
             const other = LiteGraph.createNode(type)
             other.pos = [700 + 300 * k, 100]
             app.graph.add(other)
             return other
           })
           node.connect(1, image, 0)
           image.connect(0, preview, 0)"""
    )
    editor.settled()
    editor.drag(editor.handle("move"), -24, 16)
    assert queue(editor)["kind"] == "execution_success"
    light = editor.page.evaluate(
        """async () => {
             const [file] = Object.values(app.nodeOutputs).flatMap(({images}) => images ?? [])
             const picture = new Image()
             picture.src = app.api.apiURL(`/view?${new URLSearchParams(file)}`)
             await picture.decode()
             const canvas = new OffscreenCanvas(64, 64)
             const context = canvas.getContext('2d')
             context.drawImage(picture, 0, 0)
             const {data} = context.getImageData(0, 0, 64, 64)
             const brightest = [...Array(64 * 64).keys()].filter((k) => data[4 * k] >= 253)
             const mean = (of) => brightest.map(of).reduce((sum, value) => sum + value) / brightest.length + 0.5
             return [mean((k) => k % 64), mean((k) => Math.floor(k / 64))]
           }"""
    )
    assert light == [pytest.approx(8, abs=0.6), pytest.approx(48, abs=0.6)]


def test_a_workflow_tab_and_a_reload_give_the_drawing_back(editor: EditorPage):
    """With drafts kept, as the host does by default; the page is loaded anew."""
    page = editor.page
    page.evaluate("app.extensionManager.setting.set('Comfy.Workflow.Persist', true)")
    try:
        page.evaluate("app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
        editor.add()
        editor.drag(editor.handle("move"), 60, 0)
        drawn = editor.text
        workflow = "app.extensionManager.workflow"
        here = page.evaluate(f"{workflow}.activeWorkflow.path")
        page.evaluate("app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
        editor.until(lambda: page.evaluate("app.graph.nodes.length") == 0, "a blank tab")
        page.get_by_text(here.removeprefix("workflows/").removesuffix(".json"), exact=True).first.click()
        editor.until(lambda: page.evaluate("app.graph.nodes.length") == 1, "the tab is back")
        editor.settled()
        assert editor.text == drawn
        editor.drag(editor.handle("move"), 0, 40)
        drawn = editor.text
        page.wait_for_timeout(700)  # the host writes its draft a moment later
        page.reload()
        page.wait_for_function(
            "window.app?.isGraphReady && app.extensionManager?.workflow?.activeWorkflow && app.graph.nodes.length"
        )
        editor.settled()
        assert editor.text == drawn
    finally:
        page.evaluate("app.extensionManager.setting.set('Comfy.Workflow.Persist', false)")


# ----------------------------------------------------------------------------------------------------------- the node


def test_the_editor_stretches_with_the_node(editor: EditorPage):
    before = editor.root.bounding_box()
    scale = editor.scale
    editor.in_node("node.setSize([700, 1000]); app.canvas.setDirty(true, true)")
    editor.settled()
    after = editor.root.bounding_box()
    assert before and after and after["width"] > before["width"] + 200 and after["height"] > before["height"] + 100
    assert editor.scale > 1.3 * scale
    editor.drag(editor.handle("move"), 40, 0)
    assert editor.keyframe()["cx"] == pytest.approx(0.5 + 40 / 832, abs=1e-3)


def test_nothing_is_cut_off_at_the_smallest_size(editor: EditorPage):
    editor.in_node("node.setSize([360, 100]); app.canvas.setDirty(true, true)")
    editor.settled()
    box = editor.root.bounding_box()
    assert box
    for part in (".toolbar", ".stage", ".timeline", ".inspector"):
        inner = editor.root.locator(part).bounding_box()
        assert inner and inner["height"] > 20
        assert inner["x"] >= box["x"] and inner["x"] + inner["width"] <= box["x"] + box["width"] + 0.5
        assert inner["y"] + inner["height"] <= box["y"] + box["height"] + 0.5


def test_a_collapsed_node_comes_back_with_its_editor(editor: EditorPage):
    editor.drag(editor.handle("move"), 60, 0)
    drawn = editor.text
    editor.in_node("node.collapse()")
    editor.until(lambda: editor.root.count() == 0, "the editor is hidden")
    editor.in_node("node.collapse()")
    editor.settled()
    assert editor.text == drawn
    editor.drag(editor.handle("move"), 0, 40)
    assert editor.keyframe()["cy"] > 0.55


def test_the_editor_works_inside_a_subgraph(editor: EditorPage):
    editor.drag(editor.handle("move"), 60, 0)
    drawn = editor.text
    editor.in_node("app.canvas.selectNode(node); app.graph.convertToSubgraph(new Set([node]))")
    editor.until(lambda: editor.page.evaluate("Boolean(app.graph.nodes[0]?.subgraph)"), "the subgraph is there")
    prompt = editor.page.evaluate("app.graphToPrompt().then(({output}) => output)")
    assert [each["inputs"]["ellipses"] for each in prompt.values()] == [drawn]
    editor.page.evaluate("app.canvas.openSubgraph(app.graph.nodes[0].subgraph, app.graph.nodes[0])")
    editor.page.evaluate("app.canvas.ds.scale = 1; app.canvas.ds.offset = [0, 0]; app.canvas.setDirty(true, true)")
    try:
        editor.id = editor.page.evaluate(f"app.canvas.graph.nodes.find(({{type}}) => type === '{NODE}').id")
        editor.in_node("node.pos = [120, 80]; app.canvas.setDirty(true, true)")
        editor.settled()
        assert editor.text == drawn
        with editor.one_step():
            editor.drag(editor.handle("move"), 0, 40)
        assert editor.keyframe()["cy"] > 0.55
        inside = editor.text
    finally:
        editor.page.evaluate("app.canvas.setGraph(app.rootGraph ?? app.graph.rootGraph)")
    prompt = editor.page.evaluate("app.graphToPrompt().then(({output}) => output)")
    assert [each["inputs"]["ellipses"] for each in prompt.values()] == [inside]


def test_a_linked_text_makes_the_editor_read_only(editor: EditorPage):
    editor.in_node(
        """const text = LiteGraph.createNode('PrimitiveStringMultiline')
           text.pos = [600, 100]
           app.graph.add(text)
           text.connect(0, node, node.inputs.findIndex(({name}) => name === 'ellipses'))
           app.canvas.setDirty(true, true)"""
    )
    editor.page.wait_for_timeout(300)
    before = editor.text
    if editor.renderer == NODES_2:  # classic hides the widget of a linked input
        assert "linked text" in editor.root.locator(".notice").inner_text()
        editor.drag_on_screen(editor.handle("move"), 40, 0)
        editor.press("ArrowRight", "Delete", "[")
        editor.rested()
        assert editor.field("cx").is_disabled() and editor.button("addEllipse").is_disabled()
    assert editor.text == before
    editor.in_node("node.disconnectInput(node.inputs.findIndex(({name}) => name === 'ellipses'))")
    editor.settled()
    editor.drag(editor.handle("move"), 40, 0)
    assert editor.text != before


def test_a_locked_canvas_locks_the_editor(editor: EditorPage):
    before = editor.text
    editor.board.focus()
    editor.page.evaluate("app.canvas.read_only = true")
    try:
        editor.press("ArrowRight", "]", "Delete")
        editor.rested()
        assert editor.text == before
    finally:
        editor.page.evaluate("app.canvas.read_only = false")


def test_changing_the_renderer_keeps_the_editor_alive(editor: EditorPage):
    change = "(on) => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', on)"
    other = editor.renderer != NODES_2
    editor.drag(editor.handle("move"), 60, 0)
    try:
        editor.page.evaluate(change, other)
        editor.settled()
        editor.drag(editor.handle("move"), 0, 48)
        after = editor.keyframe()
        assert (after["cx"], after["cy"]) == (pytest.approx(0.572, abs=2e-3), pytest.approx(0.6, abs=2e-3))
    finally:
        editor.page.evaluate(change, not other)
        editor.page.wait_for_timeout(300)


# ------------------------------------------------------------------------------------------------- what is no drawing


HOSTILE = {
    "nothing": ("", "expected JSON"),
    "no JSON": ("not JSON", "expected JSON"),
    "a list": ("[1, 2]", "expected an object, got a list"),
    "version 2": (json.dumps({"version": 2, "ellipses": []}), "expected version 1, got 2"),
    "NaN": (json.dumps(DRAWN).replace("0.25", "NaN"), "expected JSON"),
    "a wrong type": (json.dumps(DRAWN).replace("0.25", '"wide"'), 'cx: expected a number from -10 to 10, got "wide"'),
    "10,000 ellipses": (json.dumps({"version": 1, "ellipses": [None] * 10_000}), "1 to 64 ellipses, got 10000"),
    "markup": (json.dumps(DRAWN).replace("bird", "<img src=x onerror=window.attacked=1>" * 9), "a text of 0 to 200"),
    "10 MB": ("x" * 10_000_000, "expected at most 1000000 characters"),
    "400,000 brackets": ("[" * 400_000, "expected JSON"),
    "null": (None, "expected JSON as text, got null"),
    "a number": (5, "expected JSON as text, got 5"),
    "an object": ({"version": 1}, "expected JSON as text, got an object"),
}


def test_what_is_no_drawing_is_refused_with_the_reason_and_the_last_good_one_stays(editor: EditorPage):
    editor.load(DRAWN)
    editor.board.focus()
    notice = editor.root.locator(".notice")
    for name, (text, reason) in HOSTILE.items():
        good = editor.text
        editor.in_node("widget('ellipses').value = argument", text)
        editor.frames()
        assert editor.text == good, name
        assert reason in notice.inner_text(), name
        editor.press("ArrowRight", "Control")
        assert editor.text != good, f"after {name} the editor still works"
        editor.frames()
        assert not notice.is_visible(), name
    assert editor.page.evaluate("window.attacked") is None


def test_a_workflow_with_a_broken_drawing_opens(editor: EditorPage):
    saved = editor.page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    saved["nodes"][0]["widgets_values"][4] = '{"version": 1, "ellipses": []}'
    editor.page.evaluate("async (graph) => app.loadGraphData(graph)", saved)
    editor.settled()
    assert "expected 1 to 64 ellipses, got 0" in editor.root.locator(".notice").inner_text()
    assert len(editor.ellipses) == 1


def test_a_drawing_can_be_pasted_as_text(editor: EditorPage):
    page = editor.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for text, name in ((json.dumps(DRAWN), "bird"), ('{"ellipses": "none"}', "bird")):
        page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
        editor.board.focus()
        editor.press("Control+v")
        editor.until(lambda: editor.ellipses[0]["name"] == name, "the drawing is taken")  # noqa: B023
    editor.until(lambda: editor.root.locator(".notice").is_visible(), "the other one is refused")
    assert "expected the key version" in editor.root.locator(".notice").inner_text()
    assert page.evaluate("app.graph.nodes.length") == 1


# ---------------------------------------------------------------------------------------------------- the page around


def test_strings_are_chinese_where_the_host_is(editor: EditorPage):
    """The host opens the graph again when its language changes."""

    def speak(language: str, add: str) -> None:
        editor.page.evaluate(f"app.extensionManager.setting.set('Comfy.Locale', '{language}')")
        label = editor.page.locator(f'.rgba-ellipses [data-action="addEllipse"][aria-label="{add}"]')
        editor.until(lambda: label.count() == 1 and editor.root.count() == 1, f"the editor speaks {language}")

    try:
        speak("zh", "添加椭圆")
        assert editor.field("size").locator("option").first.inner_text() == "尺寸"
        assert editor.handle("rotate").get_attribute("aria-label") == "旋转"
    finally:
        speak("en", "Add an ellipse")


def test_the_editor_takes_the_colours_of_the_theme(editor: EditorPage):
    look = """() => { const {backgroundColor, color} = getComputedStyle(document.querySelector('.rgba-ellipses'))
                      return [backgroundColor, color] }"""
    setting = "app.extensionManager.setting.set('Comfy.ColorPalette', '{}')"

    def contrast() -> float:
        """How much brighter the surface is than the letters, -765 to 765."""
        surface, letters = map(brightness, editor.page.evaluate(look))
        return surface - letters

    try:
        for theme, holds in (("dark", lambda: contrast() < -300), ("light", lambda: contrast() > 300)):
            editor.page.evaluate(setting.format(theme))
            editor.until(holds, f"the editor is {theme}")
    finally:
        editor.page.evaluate(setting.format("dark"))


def brightness(colour: str) -> float:
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3]))


def test_without_our_javascript_the_node_takes_the_json_as_text(ui):
    """A second page that never gets our files, as a program that does not load them; in both renderers."""
    node = {"id": 1, "type": NODE, "pos": [100, 100], "size": [400, 400], "flags": {}, "order": 0, "mode": 0}
    values = [64, 64, 5, 16, json.dumps(DRAWN)]
    saved = {**BLANK, "nodes": [{**node, "inputs": [], "outputs": [], "properties": {}, "widgets_values": values}]}
    page = ui.page.context.browser.new_page()
    try:
        page.route("**/*RGBA*/**", lambda route: route.fulfill(body="", content_type="text/javascript"))
        page.goto(ui.server.url)
        page.wait_for_function("window.app?.isGraphReady && app.extensionManager?.workflow?.activeWorkflow")
        for nodes_2 in (False, True):
            page.evaluate("(on) => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', on)", nodes_2)
            page.evaluate("async (graph) => app.loadGraphData(graph)", saved)
            box = page.locator("textarea:visible").first
            box.wait_for()
            assert json.loads(box.input_value()) == DRAWN
            box.fill(json.dumps(DRAWN).replace("bird", "wing"))
            prompt = page.evaluate("app.graphToPrompt().then(({output}) => output)")
            assert json.loads(prompt["1"]["inputs"]["ellipses"])["ellipses"][0]["name"] == "wing"
            assert page.locator(".rgba-ellipses").count() == 0
    finally:
        page.evaluate("app.extensionManager.setting.set('Comfy.VueNodes.Enabled', false)")
        page.close()

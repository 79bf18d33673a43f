"""The ellipse editor as a part of the graph: undo, copies, files, subgraphs, links, runs, broken drawings."""

from __future__ import annotations

import json
import re

import pytest
from console import complaints_of
from editor_page import NODE, EditorPage
from graph_page import ANOTHER_TAB, BLANK, CLASSIC, NODES_2, RENDERER, middle
from playwright.sync_api import expect

DRAWN = {
    "version": 1,
    "loop": True,
    "ellipses": [
        {"id": "x", "name": "bird", "keyframes": [{"frame": 0, "cx": 0.25, "cy": 0.75, "rx": 0.1, "ry": 0.2}]}
    ],
}
TRACKER = "app.extensionManager.workflow.activeWorkflow.changeTracker"


SMALL = """
for (const [name, value] of [['width', 64], ['height', 64], ['length', 1]]) widget(name).value = value
const [image, preview] = ['MaskToImage', 'PreviewImage'].map((type, k) => {
  const other = LiteGraph.createNode(type)
  other.pos = [700 + 200 * k, 100]
  app.graph.add(other)
  return other
})
node.connect(1, image, 0)
image.connect(0, preview, 0)
"""
PREVIEWED = """
const [image, preview] = ['MaskToImage', 'RGBAPreview'].map((type, k) => {
  const other = LiteGraph.createNode(type)
  other.pos = [600 + 300 * k, 100]
  app.graph.add(other)
  return other
})
node.connect(1, image, 0)
image.connect(0, preview, preview.inputs.findIndex(({name}) => name === 'image'))
"""
LIGHT = """async () => {
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


def lit(editor: EditorPage) -> list[float]:
    """Runs the graph of SMALL; where its field is the brightest, in pixels."""
    editor.run()
    return editor.page.evaluate(LIGHT)


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
    editor.go_to(32)
    editor.board.focus()
    editor.page.mouse.move(*editor.place(300, 200))
    whole = editor.scale
    editor.page.mouse.wheel(0, -200)
    editor.until(lambda: editor.scale > 1.2 * whole, "the board is zoomed")
    scale = editor.scale
    editor.drag(editor.handle("move", "b"), 30, 30)
    editor.undo()
    editor.until(
        lambda: editor.page.evaluate("document.activeElement.classList.contains('board')"), "the board has the focus"
    )
    expect(editor.field("frame")).to_have_value("32")
    expect(editor.field("ellipse")).to_have_value("b")
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
    editor.select_node()
    editor.press("Control+c")
    editor.page.mouse.move(800, 300)
    editor.press("Control+v")
    editor.until(lambda: editor.page.evaluate("app.graph.nodes.length") == 2, "the copy is there")
    copy = editor.page.evaluate("app.graph.nodes.map(({id}) => id).at(-1)")
    original, editor.id = editor.id, copy
    assert editor.text == drawn
    editor.in_node("node.pos = [580, 80]; app.canvas.setDirty(true, true)")
    beside = (
        "[...document.querySelectorAll('.rgba-ellipses')].filter((one) => one.getBoundingClientRect().x > 570).length"
    )
    editor.until(lambda: editor.page.evaluate(beside) == 1, "the copy stands on the right")
    editor.settled()
    bodies = editor.root.locator('[data-handle="move"]').all()
    assert len(bodies) == 2
    editor.drag_on_screen(max(bodies, key=lambda body: middle(body)[0]), 0, 30)
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
    expect(editor.field("name")).to_have_value("bird")
    prompt = editor.prompt()
    assert [node["inputs"]["ellipses"] for node in prompt.values()] == [written]
    editor.page.evaluate("async (prompt) => app.loadApiJson(prompt, 'drawing')", prompt)
    editor.until(lambda: editor.page.evaluate("app.graph.nodes.length") == 1, "the graph is there")
    editor.id = editor.page.evaluate("app.graph.nodes[0].id")
    editor.until(lambda: editor.text == written, "the drawing is the prompt's")


def test_the_back_end_receives_the_drawing(editor: EditorPage):
    editor.in_node(SMALL)
    editor.settled()
    editor.drag(editor.handle("move"), -24, 16)
    assert lit(editor) == [pytest.approx(8, abs=0.6), pytest.approx(48, abs=0.6)]


def test_a_workflow_tab_and_a_reload_give_the_drawing_back(editor: EditorPage):
    page = editor.page
    with editor.kept_drafts():
        page.evaluate(ANOTHER_TAB)
        editor.add()
        editor.drag(editor.handle("move"), 60, 0)
        drawn = editor.text
        editor.leave_and_come_back()
        assert editor.text == drawn
        editor.drag(editor.handle("move"), 0, 40)
        drawn = editor.text
        editor.drafted(editor.keyframe()["cy"])
        editor.reload()
        assert editor.text == drawn


# ----------------------------------------------------------------------------------------------------------- the node


def test_the_editor_stretches_with_the_corner_of_its_node(editor: EditorPage):
    before = editor.root.bounding_box()
    scale = editor.scale
    editor.drag_place(editor.corner(), 260, 50)
    editor.until(lambda: editor.scale > 1.3 * scale, "the editor is larger")
    editor.settled()
    after = editor.root.bounding_box()
    assert before and after
    grown = after["width"] - before["width"], after["height"] - before["height"]
    assert grown == (pytest.approx(260, abs=3), pytest.approx(50, abs=3))
    assert editor.in_node("return [...node.pos]") == [120, 80], "the node itself stays"
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
    editor.select_node()
    editor.press("Alt+c")
    editor.until(lambda: editor.root.count() == 0, "the editor is hidden")
    editor.press("Alt+c")
    editor.settled()
    assert editor.text == drawn
    editor.drag(editor.handle("move"), 0, 40)
    assert editor.keyframe()["cy"] > 0.55


def test_the_editor_works_inside_a_subgraph(editor: EditorPage):
    editor.drag(editor.handle("move"), 60, 0)
    drawn = editor.text
    try:
        editor.into_subgraph()
        assert [each["inputs"]["ellipses"] for each in editor.prompt().values()] == [drawn]
        assert editor.text == drawn
        with editor.one_step():
            editor.drag(editor.handle("move"), 0, 40)
        assert editor.keyframe()["cy"] > 0.55
        inside = editor.text
    finally:
        editor.out_of_subgraph()
    assert [each["inputs"]["ellipses"] for each in editor.prompt().values()] == [inside]


def test_a_linked_text_rules_the_run_and_the_editor_is_read_only(editor: EditorPage):
    """The link is drawn from the output of a text to the input of the editor, both at its place on the screen."""
    editor.in_node(SMALL)
    text = editor.in_node(
        """const text = LiteGraph.createNode('PrimitiveStringMultiline')
           text.pos = [640, 400]
           app.graph.add(text)
           text.widgets[0].value = argument
           app.canvas.setDirty(true, true)
           return text.id""",
        json.dumps(DRAWN),
    )
    editor.settled()
    before = editor.text
    assert lit(editor) == [pytest.approx(32, abs=0.6)] * 2
    index = editor.in_node("return node.inputs.findIndex(({name}) => name === 'ellipses')")
    (x, y), (left, top) = editor.slot(text, "out", 0), editor.slot(editor.id, "in", index)
    editor.drag_place((x, y), left - x, top - y)
    editor.until(lambda: editor.in_node("return node.inputs[argument].link != null", index), "the text is linked")
    assert editor.prompt()[str(editor.id)]["inputs"]["ellipses"] == [str(text), 0]
    if editor.renderer == NODES_2:
        notice = editor.root.locator(".notice")
        editor.until(lambda: "linked text" in notice.inner_text(), "the editor says so")
        editor.until(editor.button("addEllipse").is_disabled, "its buttons are disabled")
        expect(editor.field("cx")).to_be_disabled()
        editor.drag_on_screen(editor.handle("move"), 40, 0)
        editor.press("ArrowRight", "Delete", "[")
        editor.rested()
    else:
        editor.until(lambda: editor.root.count() == 0, "the classic canvas hides it")
    assert editor.text == before
    assert lit(editor) == [pytest.approx(16, abs=0.6), pytest.approx(48, abs=0.6)]
    editor.in_node("node.disconnectInput(argument)", index)
    editor.settled()
    editor.until(editor.button("addEllipse").is_enabled, "the editor works again")
    editor.drag(editor.handle("move"), 20, 0)
    assert editor.text != before
    assert editor.prompt()[str(editor.id)]["inputs"]["ellipses"] == editor.text


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
    editor.drag(editor.handle("move"), 60, 0)
    with editor.other_renderer():
        editor.settled()
        editor.drag(editor.handle("move"), 0, 48)
        after = editor.keyframe()
        assert (after["cx"], after["cy"]) == (pytest.approx(0.572, abs=2e-3), pytest.approx(0.6, abs=2e-3))
    editor.settled()
    editor.drag(editor.handle("move"), -60, 0)
    assert editor.keyframe()["cx"] == pytest.approx(0.5, abs=2e-3)


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
        expect(notice, name).to_contain_text(reason)
        editor.press("ArrowRight", "Control")
        assert editor.text != good, f"after {name} the editor still works"
        editor.frames()
        expect(notice, name).to_be_hidden()
    assert editor.page.evaluate("window.attacked") is None


def test_a_workflow_with_a_broken_drawing_opens(editor: EditorPage):
    saved = editor.page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    saved["nodes"][0]["widgets_values"][4] = '{"version": 1, "ellipses": []}'
    editor.page.evaluate("async (graph) => app.loadGraphData(graph)", saved)
    editor.settled()
    expect(editor.root.locator(".notice")).to_contain_text("expected 1 to 64 ellipses, got 0")
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
    expect(editor.root.locator(".notice")).to_contain_text("expected the key version")
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
        expect(editor.field("size").locator("option").first).to_have_text("尺寸")
        expect(editor.handle("rotate")).to_have_attribute("aria-label", "旋转")
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


def test_without_our_javascript_the_nodes_take_text_and_run(ui):
    """A second page that never gets our files, as a program that does not load them; in both renderers."""
    node = {"id": 1, "type": NODE, "pos": [100, 100], "size": [400, 400], "flags": {}, "order": 0, "mode": 0}
    values = [64, 64, 5, 16, json.dumps(DRAWN)]
    saved = {**BLANK, "nodes": [{**node, "inputs": [], "outputs": [], "properties": {}, "widgets_values": values}]}
    page = ui.page.context.browser.new_page()
    try:
        complaints = complaints_of(page)
        plain = EditorPage(page, CLASSIC)
        plain.id = 1
        page.route("**/*RGBA*/**", lambda route: route.fulfill(body="", content_type="text/javascript"))
        page.goto(ui.server.url)
        page.wait_for_function("window.app?.isGraphReady && app.extensionManager?.workflow?.activeWorkflow")
        for nodes_2 in (False, True):
            page.evaluate(RENDERER, nodes_2)
            page.evaluate("async (graph) => app.loadGraphData(graph)", saved)
            box = page.locator("textarea:visible").first
            box.wait_for()
            expect(box).to_have_value(values[4])
            box.fill(json.dumps(DRAWN).replace("bird", "wing"))
            prompt = plain.prompt()
            assert json.loads(prompt["1"]["inputs"]["ellipses"])["ellipses"][0]["name"] == "wing"
            expect(page.locator(".rgba-widget")).to_have_count(0)
            plain.in_node(PREVIEWED)
            plain.run()
            shown = "Object.values(app.nodeOutputs).flatMap(({rgba_preview}) => rgba_preview ?? [])"
            assert [entry["clip"] for entry in page.evaluate(shown)] == [5]
        assert not complaints, "\n".join(complaints)
    finally:
        page.evaluate(RENDERER, False)
        page.close()

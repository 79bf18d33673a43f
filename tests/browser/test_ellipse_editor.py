"""The ellipse editor on the classic canvas and in Nodes 2.0, by real pointer and keyboard events."""

from __future__ import annotations

import sys
from statistics import median

import pytest
from editor_page import EditorPage
from graph_page import middle
from playwright.sync_api import expect

WIDTH, HEIGHT = 832, 480
START = {"cx": 0.5, "cy": 0.5, "rx": 0.25, "ry": 0.4}
NEAR = 0.6
"""Pixels of the frame: the pointer stands on whole pixels of the screen."""


def pixels(keyframe: dict[str, float]) -> dict[str, float]:
    return {name: keyframe[name] * (WIDTH if name in ("cx", "rx") else HEIGHT) for name in ("cx", "cy", "rx", "ry")}


def near(value: float | list[float], tolerance: float = NEAR) -> object:
    return pytest.approx(value, abs=tolerance)


# ------------------------------------------------------------------------------------------------------- the pointer


def test_dragging_an_ellipse_moves_it_and_neither_node_nor_canvas(editor: EditorPage):
    where = "return [[...node.pos], [...node.size], app.canvas.ds.scale, [...app.canvas.ds.offset]]"
    before = editor.in_node(where)
    with editor.one_step():
        editor.drag(editor.handle("move"), 60, -30)
    moved = pixels(editor.keyframe())
    assert (moved["cx"], moved["cy"]) == (near(476), near(210))
    assert (moved["rx"], moved["ry"]) == (near(208, 0.01), near(192, 0.01))
    assert editor.in_node(where) == before


def test_each_corner_handle_resizes_against_the_opposite_corner(editor: EditorPage):
    for corner, x, y in (("nw", -1, -1), ("ne", 1, -1), ("sw", -1, 1), ("se", 1, 1)):
        before = pixels(editor.keyframe())
        with editor.one_step():
            editor.drag(editor.handle(corner), 20 * x, -30 * y)
        after = pixels(editor.keyframe())
        assert (after["rx"] - before["rx"], after["ry"] - before["ry"]) == (near(10), near(-15)), corner
        stayed, was = ([pose["cx"] - x * pose["rx"], pose["cy"] - y * pose["ry"]] for pose in (after, before))
        assert stayed == near(was), corner


def test_shift_keeps_the_ratio_and_alt_the_centre(editor: EditorPage):
    editor.drag(editor.handle("se"), -60, -20, keys=("Shift",))
    after = pixels(editor.keyframe())
    assert after["rx"] / after["ry"] == near(208 / 192, 0.001)
    assert (after["cx"] - after["rx"], after["cy"] - after["ry"]) == (near(208), near(48))
    editor.drag(editor.handle("se"), -30, -10, keys=("Alt",))
    again = pixels(editor.keyframe())
    assert (again["cx"], again["cy"]) == (near(after["cx"], 0.01), near(after["cy"], 0.01))
    assert (again["rx"], again["ry"]) == (near(after["rx"] - 30), near(after["ry"] - 10))
    editor.drag(editor.handle("nw"), 30, 5, keys=("Shift", "Alt"))
    both = pixels(editor.keyframe())
    assert (both["cx"], both["rx"] / both["ry"]) == (near(after["cx"], 0.01), near(again["rx"] / again["ry"], 0.001))


def test_the_knob_rotates_clockwise_and_shift_snaps_to_15_degrees(editor: EditorPage):
    with editor.one_step():
        editor.drag(editor.handle("rotate"), 100, 0)
    angle = editor.keyframe()["angle"]
    assert 10 < angle < 40 and angle % 15 != 0
    editor.drag(editor.handle("rotate"), 60, 20, keys=("Shift",))
    assert editor.keyframe()["angle"] % 15 == 0
    assert pixels(editor.keyframe())["rx"] == near(208, 0.01)


def test_turns_add_up_beyond_half_a_turn(editor: EditorPage):
    x, y = editor.place(416, 240)
    editor.page.mouse.move(*middle(editor.handle("rotate")))
    editor.page.mouse.down()
    for dx, dy in ((60, -60), (80, 0), (60, 60), (0, 80), (-60, 60), (-80, 0), (-60, -60), (0, -80), (60, -60)):
        editor.page.mouse.move(x + dx, y + dy)
    editor.page.mouse.up()
    assert editor.keyframe()["angle"] == near(405, 2)


def test_the_softness_handle_sets_the_softness(editor: EditorPage):
    with editor.one_step():
        editor.drag(editor.handle("softness"), 104, 0)
    assert editor.keyframe()["softness"] == near(1.5, 0.01)
    assert pixels(editor.keyframe())["rx"] == near(208, 0.01)


def test_a_click_changes_nothing(editor: EditorPage):
    before, steps = editor.text, editor.steps
    for handle in ("move", "se", "rotate"):
        editor.handle(handle).click()
    assert (editor.text, editor.steps) == (before, steps)


def test_escape_gives_a_drag_up(editor: EditorPage):
    before, steps = editor.text, editor.steps
    editor.drag(editor.handle("move"), 80, 40, drop=False)
    expect(editor.field("cx")).not_to_have_value("416")
    editor.press("Escape")
    editor.page.mouse.move(5, 5)
    editor.page.mouse.up()
    editor.frames()
    assert (editor.text, editor.steps) == (before, steps)
    expect(editor.field("cx")).to_have_value("416")


def test_a_drag_may_end_far_outside(editor: EditorPage):
    box = editor.root.bounding_box()
    assert box
    editor.drag_on_screen(editor.handle("move"), box["width"], 0)
    assert editor.keyframe()["cx"] > 1.5
    editor.page.mouse.move(300, 300)
    assert editor.keyframe()["cx"] > 1.5


def test_touch_and_pen_drag_like_a_mouse(editor: EditorPage):
    x, y = middle(editor.handle("move"))
    scale, send = editor.scale, editor.devtools().send
    path = [{"x": x + k * 25 * scale, "y": y + k * 10 * scale} for k in range(5)]
    for kind, places in (("touchStart", path[:1]), *(("touchMove", [place]) for place in path), ("touchEnd", [])):
        send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    after = pixels(editor.keyframe())
    assert (after["cx"], after["cy"]) == (near(516), near(280))
    editor.frames()
    pen = {"pointerType": "pen", "button": "left", "clickCount": 1, "force": 0.5}
    back = path[::-1]
    for kind, place in (("mousePressed", back[0]), *(("mouseMoved", to) for to in back), ("mouseReleased", back[-1])):
        send("Input.dispatchMouseEvent", {"type": kind, **place, **pen, "buttons": int(kind != "mouseReleased")})
    after = pixels(editor.keyframe())
    assert (after["cx"], after["cy"]) == (near(416), near(240))


def test_a_second_finger_gives_the_drag_up(editor: EditorPage):
    before, steps = editor.text, editor.steps
    x, y = editor.place(416, 240)
    send = editor.devtools().send
    one, two = {"x": x - 20, "y": y, "id": 0}, {"x": x + 20, "y": y, "id": 1}
    send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [one]})
    send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{**one, "y": y + 30}]})
    send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [one, two]})
    send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{**one, "x": x - 40}, {**two, "x": x + 40}]})
    send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    editor.frames()
    assert (editor.text, editor.steps) == (before, steps)
    expect(editor.field("cx")).to_have_value("416")


# ------------------------------------------------------------------------------------------------------- the keyboard


def test_arrow_keys_move_by_a_pixel_and_with_shift_by_ten_and_a_burst_is_one_step(editor: EditorPage):
    editor.board.focus()
    with editor.one_step():
        editor.press("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowLeft", "Shift+ArrowDown")
        editor.rested()
    after = pixels(editor.keyframe())
    assert (after["cx"], after["cy"]) == (near(416 + 2 - 10, 1e-3), near(240 - 1 + 10, 1e-3))
    heard = editor.root.locator('[role="status"]').text_content()
    assert heard == "subject: centre 408, 249; size 416 by 384; angle 0"


def test_arrow_keys_work_the_handle_that_has_the_focus(editor: EditorPage):
    editor.handle("se").focus()
    editor.press("Shift+ArrowRight", "ArrowDown")
    editor.handle("rotate").focus()
    editor.press("ArrowRight", "ArrowUp")
    editor.handle("softness").focus()
    editor.press("Shift+ArrowUp")
    editor.rested()
    after = editor.keyframe()
    assert (pixels(after)["rx"], pixels(after)["ry"]) == (near(213, 0.01), near(192.5, 0.01))
    assert (after["angle"], after["softness"]) == (2, near(1.1, 1e-6))


def test_brackets_turn(editor: EditorPage):
    editor.board.focus()
    editor.press("]", "]", "[", "Shift+]")
    editor.rested()
    assert editor.keyframe()["angle"] == 15


def test_plain_keys_stay_out_of_the_hosts_shortcuts(editor: EditorPage):
    editor.board.focus()
    editor.press("w", "n", "m", "r", "q", "Delete", "Backspace")
    editor.frames()
    assert editor.page.evaluate("app.extensionManager.sidebarTab.activeSidebarTabId") is None
    assert editor.in_node("return node !== null")
    assert len(editor.ellipses) == 1
    expect(editor.root.locator(".notice")).to_contain_text("at least one ellipse")


def test_everything_is_reached_by_tab_and_has_a_name(editor: EditorPage):
    editor.root.locator("select").first.focus()
    reached = []
    for _ in range(60):
        seen = editor.page.evaluate(
            """() => { const element = document.activeElement
                 const label = element.closest('label')?.querySelector('span')?.textContent
                 return [element.closest('.rgba-ellipses') !== null,
                   element.getAttribute('data-action') ?? element.getAttribute('data-field')
                     ?? element.getAttribute('data-handle') ?? element.getAttribute('data-frame')
                     ?? element.classList[0],
                   element.getAttribute('aria-label') ?? label ?? ''] }"""
        )
        if not seen[0]:
            break
        assert seen[2].strip(), f"{seen[1]} has no name"
        reached.append(seen[1])
        editor.press("Tab")
    fields = [
        "size",
        "motion",
        "background",
        "cx",
        "cy",
        "rx",
        "ry",
        "angle",
        "softness",
        "weight",
        "frame",
        "ease",
        "name",
    ]
    handles = ["board", "move", "nw", "ne", "sw", "se", "rotate", "softness"]
    actions = ["field", "onion", "fitView", "copyKey", "removeKey", "loop", "addEllipse", "duplicateEllipse"]
    missing = {*fields, *handles, *actions, "playhead", "0"} - set(reached)
    assert not missing, f"not reached by Tab: {missing}; reached: {reached}"


def test_the_lists_are_worked_by_arrow_keys(editor: EditorPage):
    editor.field("size").focus()
    with editor.one_step():
        editor.press("ArrowDown", "ArrowDown", "ArrowDown", "Enter")  # the first one opens the list
        editor.until(lambda: editor.number("width") == 480, "the second size is taken")
    assert editor.number("height") == 832
    editor.field("motion").focus()
    with editor.one_step():
        editor.press("ArrowDown", "End", "ArrowUp", "Enter")
    assert [key["weight"] for key in editor.keyframes()] == [0, 1], "the last preset but one fades in"
    editor.field("ease").focus()
    with editor.one_step():
        editor.press("ArrowDown")
    assert editor.keyframe()["ease"] == "ease"


# ------------------------------------------------------------------------------------------------------- the numbers


def test_every_number_can_be_typed_and_is_one_step(editor: EditorPage):
    typed = {"cx": "300", "cy": "100.5", "rx": "52", "ry": "240", "angle": "-30", "softness": "0.5", "weight": "0.25"}
    units = {"cx": WIDTH, "rx": WIDTH, "cy": HEIGHT, "ry": HEIGHT}
    with editor.one_step(len(typed)):
        for field, text in typed.items():
            editor.field(field).click()
            editor.press("Control+a")
            editor.page.keyboard.type(text)
            editor.press("Enter")
        editor.rested()
    for field, text in typed.items():
        assert editor.keyframe()[field] == near(float(text) / units.get(field, 1), 1e-6), field


def test_a_number_out_of_range_is_refused_with_the_range(editor: EditorPage):
    before = editor.text
    editor.field("weight").fill("1.5")
    expect(editor.field("weight")).to_have_attribute("aria-invalid", "true")
    assert "0 to 1" in (editor.field("weight").get_attribute("title") or "")
    editor.board.focus()
    editor.rested()
    assert editor.text == before
    expect(editor.field("weight")).to_have_value("1")


def test_the_frame_can_be_typed(editor: EditorPage):
    editor.go_to(21)
    expect(editor.root.locator(".playhead")).to_have_attribute("aria-valuetext", "Frame 21 of 80, latent frame 6 of 20")


def test_what_is_being_typed_survives_a_redraw(editor: EditorPage):
    editor.field("frame").fill("21")
    editor.in_node("widget('fps').value = 24; widget('fps').callback?.(24)")
    editor.frames(4)
    editor.press("Enter")
    editor.frames()
    expect(editor.root.locator(".playhead")).to_have_attribute("aria-valuenow", "21")


def test_ctrl_z_in_a_number_field_is_the_graphs(editor: EditorPage):
    editor.field("cx").fill("300")
    editor.press("Enter")
    editor.rested()
    editor.field("cx").focus()
    editor.undo()
    assert editor.keyframe()["cx"] == 0.5


# ------------------------------------------------------------------------------------------------------- ellipses


def test_several_ellipses_are_added_duplicated_selected_and_deleted(editor: EditorPage):
    with editor.one_step():
        editor.button("addEllipse").click()
    with editor.one_step():
        editor.button("duplicateEllipse").click()
    assert [each["id"] for each in editor.ellipses] == ["a", "b", "c"]
    editor.drag(editor.handle("move", "c"), 120, 60)
    assert editor.keyframe(2)["cx"] > editor.keyframe(1)["cx"] + 0.1
    x, y = editor.place(WIDTH * 0.5 - 195, HEIGHT * 0.5)
    editor.page.mouse.click(x, y)
    editor.frames()
    expect(editor.field("ellipse")).to_have_value("a")
    editor.press("PageDown")
    editor.frames()
    expect(editor.field("ellipse")).to_have_value("b")
    with editor.one_step():
        editor.press("Delete")
    assert [each["id"] for each in editor.ellipses] == ["a", "c"]
    with editor.one_step():
        editor.button("removeEllipse").click()
    assert [each["id"] for each in editor.ellipses] == ["a"]
    editor.frames()
    expect(editor.button("removeEllipse")).to_be_disabled()


def test_a_small_ellipse_is_reached_through_a_large_selected_one(editor: EditorPage):
    small = {"frame": 0, "cx": 0.45, "cy": 0.5, "rx": 0.05, "ry": 0.05}
    editor.load(
        {
            "version": 1,
            "ellipses": [{"id": "s", "keyframes": [small]}, {"id": "a", "keyframes": [{"frame": 0, **START}]}],
        }
    )
    editor.field("ellipse").select_option("a")
    editor.drag(editor.handle("move", "s"), 30, 0)
    assert pixels(editor.keyframe(0))["cx"] == near(0.45 * WIDTH + 30)
    assert editor.keyframe(1)["cx"] == 0.5


def test_a_name_is_text_and_never_markup(editor: EditorPage):
    name = "<img src=x onerror=window.attacked=1>"
    editor.field("name").fill(name)
    editor.press("Enter")
    editor.frames()
    assert editor.ellipses[0]["name"] == name
    assert editor.page.evaluate("window.attacked") is None
    expect(editor.root.locator("img")).to_have_count(0)
    assert name in (editor.handle("move").get_attribute("aria-label") or "")


# ------------------------------------------------------------------------------------------------------- the view


def test_the_wheel_zooms_to_the_cursor_while_the_editor_has_the_focus(editor: EditorPage):
    editor.board.focus()
    scale = editor.scale
    x, y = editor.place(200, 100)
    editor.page.mouse.move(x, y)
    editor.page.mouse.wheel(0, -300)
    editor.until(lambda: editor.scale > 1.3 * scale, "the board is zoomed")
    assert editor.place(200, 100) == (near(x, 1), near(y, 1))
    assert editor.page.evaluate("app.canvas.ds.scale") == 1
    editor.drag(editor.handle("move"), 40, 20)
    assert pixels(editor.keyframe())["cx"] == near(456)
    editor.button("fitView").click()
    editor.frames()
    assert editor.scale == near(scale, 1e-3)


def test_the_wheel_is_the_canvass_without_the_focus_and_with_ctrl(editor: EditorPage):
    for focus in (False, True):
        if focus:
            editor.board.focus()
            editor.page.keyboard.down("Control")
        before = editor.page.evaluate("app.canvas.ds.scale")
        inner = editor.in_node("return document.querySelector('.rgba-ellipses .frame').offsetWidth")
        box = editor.board.bounding_box()
        assert box
        editor.page.mouse.move(box["x"] + 30, box["y"] + 30)
        editor.page.mouse.wheel(0, -100)
        editor.page.keyboard.up("Control")
        editor.until(lambda: editor.page.evaluate("app.canvas.ds.scale") > before, "the canvas zooms")  # noqa: B023
        editor.settled()
        assert editor.in_node("return document.querySelector('.rgba-ellipses .frame').offsetWidth") == inner


def test_dragging_the_empty_board_pans(editor: EditorPage):
    x, y = editor.place(0, 0)
    mouse = editor.page.mouse
    mouse.move(x + 4, y + 4)
    mouse.down()
    mouse.move(x + 20, y + 14)
    mouse.move(x + 34, y + 24)
    mouse.up()
    editor.frames()
    assert editor.place(0, 0) == (near(x + 30, 1), near(y + 20, 1))
    assert editor.page.evaluate("[...app.canvas.ds.offset]") == [0, 0]


def test_the_middle_button_pans_the_canvas(editor: EditorPage):
    box = editor.board.bounding_box()
    assert box
    mouse = editor.page.mouse
    mouse.move(box["x"] + 60, box["y"] + 60)
    mouse.down(button="middle")
    mouse.move(box["x"] + 80, box["y"] + 70)
    mouse.move(box["x"] + 100, box["y"] + 90)
    mouse.up(button="middle")
    editor.until(lambda: editor.page.evaluate("app.canvas.ds.offset[0]") > 10, "the canvas pans")


def test_space_hands_the_keyboard_to_the_canvas(editor: EditorPage):
    editor.board.focus()
    editor.page.keyboard.down("Space")
    assert editor.page.evaluate("app.canvas.read_only")
    before = editor.text
    editor.drag(editor.handle("move"), 60, 0)
    editor.page.keyboard.up("Space")
    assert editor.text == before
    assert not editor.page.evaluate("app.canvas.read_only")


def test_a_right_click_opens_the_menu_of_the_node(editor: EditorPage):
    editor.handle("move").click(button="right")
    menu = editor.page.locator(".litecontextmenu, .p-contextmenu, [role=menu]").first
    menu.wait_for(state="visible")

    def closed() -> bool:
        """A menu that is still being opened does not heed the first Escape."""
        editor.press("Escape")
        editor.page.mouse.click(5, 500)
        return not menu.is_visible()

    editor.until(closed, "the menu is closed")


def test_the_pointer_hits_at_any_zoom_of_the_canvas(editor: EditorPage):
    """The canvas is zoomed by the wheel beside the node."""
    zoom = "app.canvas.ds.scale"
    for count, (turn, reached) in enumerate(((100, lambda scale: scale < 0.65), (-100, lambda scale: scale > 1.2)), 1):
        while not reached(before := editor.page.evaluate(zoom)):
            editor.page.mouse.move(60, 60)
            editor.page.mouse.wheel(0, turn)
            editor.until(lambda: editor.page.evaluate(zoom) != before, "the canvas zooms")
        editor.settled()
        editor.drag(editor.handle("move"), 50, 25)
        after = pixels(editor.keyframe())
        assert (after["cx"], after["cy"]) == (near(416 + 50 * count, 1.5), near(240 + 25 * count, 1.5))


@pytest.mark.timed
def test_ten_ellipses_are_dragged_smoothly(editor: EditorPage):
    """The goal is 60 frames a second; twice the time is allowed here, where others share the machine."""
    spread = [{"frame": 0, "cx": 0.08 + 0.09 * k, "cy": 0.5, "rx": 0.06 + 0.01 * k, "ry": 0.2} for k in range(10)]
    editor.load({"version": 1, "ellipses": [{"id": chr(97 + k), "keyframes": [pose]} for k, pose in enumerate(spread)]})
    start, scale = pixels(editor.keyframe()), editor.scale
    times, places = editor.frame_times(editor.handle("move", "a"))
    frame_ms = median(times)
    rate = f"a median of {frame_ms:.1f} ms a frame ({len(times)} frames, {places} places)"
    sys.stdout.write(f"{editor.renderer}: 10 ellipses dragged at {rate}\n")
    dropped = pixels(editor.keyframe())
    assert (dropped["cx"], dropped["cy"]) == (near(start["cx"] + 40 / scale), near(start["cy"]))
    assert [each["keyframes"][0]["cx"] for each in editor.ellipses[1:]] == [pose["cx"] for pose in spread[1:]]
    assert places > 10, "the frames show it on its way"
    assert frame_ms <= 2 * 1000 / 60 + 0.5

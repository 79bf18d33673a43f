"""Keyframes: the timeline of the ellipse editor, presets, onion skin, and the picture of the field."""

from __future__ import annotations

import base64
import io
import json
import math

import pytest
from editor_page import EditorPage
from graph_page import middle
from PIL import Image
from playwright.sync_api import expect

NEAR = 0.6


def frames(editor: EditorPage, ellipse: int = 0) -> list[int]:
    return [keyframe["frame"] for keyframe in editor.keyframes(ellipse)]


def now(editor: EditorPage) -> int:
    editor.frames()
    return int(editor.root.locator(".playhead").get_attribute("aria-valuenow") or -1)


def frame_width(editor: EditorPage) -> float:
    """Pixels on the screen per pixel frame of the timeline, by two keyframes 40 frames apart."""
    return (middle(editor.key_mark(40))[0] - middle(editor.key_mark(0))[0]) / 40


@pytest.fixture
def two_keys(editor: EditorPage) -> EditorPage:
    editor.go_to(40)
    editor.drag(editor.handle("move"), 100, 0)
    assert frames(editor) == [0, 40]
    return editor


def test_a_change_at_another_frame_makes_a_keyframe_there(editor: EditorPage):
    editor.go_to(40)
    with editor.one_step():
        editor.drag(editor.handle("move"), 100, 0)
    assert [round(key["cx"], 2) for key in editor.keyframes()] == [0.5, 0.62]
    editor.go_to(20)
    assert float(editor.field("cx").input_value()) == pytest.approx(466, abs=NEAR)


def test_a_keyframe_is_dragged_and_with_alt_copied_and_with_shift_snapped(two_keys: EditorPage):
    editor, width = two_keys, frame_width(two_keys)
    with editor.one_step():
        editor.drag_on_screen(editor.key_mark(40), 13 * width, 0)
    assert frames(editor) == [0, 53] and now(editor) == 53
    with editor.one_step():
        editor.drag_on_screen(editor.key_mark(53), -30 * width, 0, keys=("Alt",))
    assert frames(editor) == [0, 23, 53]
    editor.drag_on_screen(editor.key_mark(23), 6.4 * width, 0, keys=("Shift",))
    assert frames(editor) == [0, 28, 53]
    editor.drag_on_screen(editor.key_mark(28), -28 * width, 0)
    assert frames(editor)[0] == 0 and len(frames(editor)) == 3, "a keyframe is not dragged onto another"


def test_the_ruler_scrubs_and_a_click_on_a_keyframe_goes_there(two_keys: EditorPage):
    editor = two_keys
    (start, y), width, steps = middle(editor.key_mark(0)), frame_width(editor), editor.steps
    editor.page.mouse.move(start + 4 * width, y - 36)
    editor.page.mouse.down()
    editor.frames()
    assert now(editor) == 4
    editor.page.mouse.move(start + 61 * width, y - 36)
    editor.page.mouse.up()
    editor.frames()
    assert now(editor) == 61
    editor.key_mark(40).click()
    editor.frames()
    assert now(editor) == 40
    assert editor.steps == steps


def test_a_double_click_on_the_track_adds_a_keyframe(two_keys: EditorPage):
    (x, y), width = middle(two_keys.key_mark(0)), frame_width(two_keys)
    with two_keys.one_step():
        two_keys.page.mouse.dblclick(x + 20 * width, y)
    assert frames(two_keys) == [0, 20, 40]


def test_buttons_add_copy_paste_and_delete_keyframes(two_keys: EditorPage):
    editor = two_keys
    editor.go_to(60)
    with editor.one_step():
        editor.button("addKey").click()
    assert frames(editor) == [0, 40, 60]
    editor.button("previousKey").click()
    editor.button("previousKey").click()
    assert now(editor) == 0 and editor.button("previousKey").is_disabled()
    editor.button("copyKey").click()
    editor.go_to(72)
    with editor.one_step():
        editor.button("pasteKey").click()
    assert frames(editor) == [0, 40, 60, 72]
    assert editor.keyframe(0, 3)["cx"] == 0.5
    with editor.one_step():
        editor.button("removeKey").click()
    assert frames(editor) == [0, 40, 60]
    expect(editor.button("removeKey"), "there is no keyframe here any more").to_be_disabled()


def test_keyframes_are_moved_and_deleted_by_keys(two_keys: EditorPage):
    editor = two_keys
    editor.key_mark(40).focus()
    editor.press("ArrowRight", "Shift+ArrowRight", "ArrowLeft")
    assert frames(editor) == [0, 44]
    with editor.one_step():
        editor.press("Delete")
    assert frames(editor) == [0]
    editor.key_mark(0).focus()
    editor.press("Delete")
    editor.frames()
    assert frames(editor) == [0]
    expect(editor.root.locator(".notice")).to_contain_text("at least one keyframe")


def test_the_board_steps_through_the_frames_by_keys(two_keys: EditorPage):
    editor = two_keys
    editor.board.focus()
    editor.press("End")
    editor.frames()
    assert now(editor) == 80
    editor.press(",", ",", ".", "k")
    assert frames(editor) == [0, 40, 79]
    editor.root.locator(".playhead").focus()
    editor.press("Home", "ArrowRight", "PageUp", "Shift+ArrowRight")
    editor.frames()
    assert now(editor) == 9


def test_ease_rules_the_way_to_the_next_keyframe(editor: EditorPage):
    start = {"frame": 0, "cx": 0.5, "cy": 0.5, "rx": 0.2, "ry": 0.2}
    editor.load({"version": 1, "ellipses": [{"id": "a", "keyframes": [start, {**start, "frame": 40, "cx": 0.1}]}]})
    editor.go_to(10)
    for ease, u in (("hold", 0), ("ease", 3 / 16 - 2 / 64), ("linear", 0.25)):
        with editor.one_step():
            editor.field("ease").select_option(ease)
        editor.frames()
        assert editor.keyframe()["ease"] == ease
        assert float(editor.field("cx").input_value()) == pytest.approx((0.5 - 0.4 * u) * 832, abs=0.01)


def test_loop_is_part_of_the_drawing(editor: EditorPage):
    with editor.one_step():
        editor.button("loop").click()
    assert editor.drawing["loop"] is True
    editor.frames()
    expect(editor.button("loop")).to_have_attribute("aria-pressed", "true")


def test_the_timeline_shows_pixel_frames_and_latent_frames(editor: EditorPage):
    labels = editor.root.locator(".track .labels text").all_text_contents()
    assert labels[:2] == ["Frame", "Latent"]
    pairs = list(zip(labels[2::2], labels[3::2], strict=True))
    assert ("0", "0") in pairs and ("40", "10") in pairs and ("80", "20") in pairs
    expect(editor.key_mark(0)).to_have_attribute("aria-label", "Keyframe at frame 0, latent frame 0, Linear")


def test_presets_give_the_selected_ellipse_its_keyframes(editor: EditorPage):
    with editor.one_step():
        editor.field("motion").select_option("leftToRight")
    assert frames(editor) == [0, 80]
    assert editor.keyframe(0, 0)["cx"] < 0.3 and editor.keyframe(0, 1)["cx"] > 0.7
    editor.field("motion").select_option("portrait")
    assert frames(editor) == [0] and editor.keyframe()["ry"] > editor.keyframe()["rx"]


def test_the_onion_skin_shows_the_keyframes_before_and_after(two_keys: EditorPage):
    editor = two_keys
    editor.go_to(20)
    expect(editor.root.locator("[data-onion]")).to_have_count(0)
    editor.button("onion").click()
    editor.frames()
    ghosts = {name: editor.root.locator(f'[data-onion="{name}"]') for name in ("previous", "next")}
    xs = {name: middle(ghost)[0] for name, ghost in ghosts.items()}
    assert xs["previous"] == pytest.approx(editor.place(416, 0)[0], abs=1)
    assert xs["next"] == pytest.approx(editor.place(516, 0)[0], abs=1)


def test_size_presets_set_the_three_numbers_and_keep_the_drawing(editor: EditorPage):
    before = editor.text
    names = editor.field("size").locator("option").evaluate_all("(all) => all.map(({value}) => value).filter(Boolean)")
    assert names == ["832x480", "480x832", "640x624", "624x640", "1280x720", "720x480x49", "848x480x79"]
    for name in [*names[1:], names[0]]:
        width, height, length = [*map(int, name.split("x")), 81][:3]
        with editor.one_step():
            editor.field("size").select_option(name)
        assert [editor.number(each) for each in ("width", "height", "length")] == [width, height, length]
        assert editor.text == before
        editor.frames()
        box = editor.root.locator(".frame").bounding_box()
        assert box and box["width"] / box["height"] == pytest.approx(width / height, rel=0.01)
        expect(editor.field("cx")).to_have_value(f"{width / 2:g}")
        expect(editor.root.locator(".playhead")).to_have_attribute("aria-valuemax", str(length - 1))


def test_a_change_of_resolution_is_followed(editor: EditorPage):
    editor.in_node("widget('width').value = 416; widget('height').value = 640")
    editor.until(lambda: editor.field("cx").input_value() == "208", "the editor shows the new size")
    editor.drag(editor.handle("move"), 0, 64)
    after = editor.keyframe()
    assert (after["cx"], after["cy"]) == (pytest.approx(0.5, abs=1e-3), pytest.approx(0.6, abs=2e-3))
    box = editor.root.locator(".frame").bounding_box()
    assert box and box["height"] > box["width"]


def test_the_tint_is_one_minus_the_gaussian_field(editor: EditorPage):
    pose = {"frame": 0, "cx": 0.4, "cy": 0.55, "rx": 0.2, "ry": 0.15, "angle": 30, "softness": 1.2, "weight": 0.8}
    editor.load({"version": 1, "ellipses": [{"id": "a", "keyframes": [pose]}]})
    url = editor.root.locator(".tint").evaluate("(canvas) => canvas.toDataURL()")
    alpha = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).getchannel("A")
    assert alpha.size == (104, 60), "the latent grid of 832 x 480"
    empty = alpha.getpixel((103, 0))
    assert empty > 60
    for column, row in ((41, 33), (30, 30), (60, 40), (20, 50)):
        field = 1 - alpha.getpixel((column, row)) / empty
        assert field == pytest.approx(gaussian(pose, column, row, 104, 60), abs=0.02)
    editor.button("field").click()
    editor.frames()
    expect(editor.root.locator(".tint")).to_be_hidden()


def test_the_tint_follows_a_drag_before_it_ends(editor: EditorPage):
    """Where the subject was it becomes empty, and where it goes clear."""

    def empty() -> list[int]:
        """How strong the tint is in the middle of the frame, and 336 pixels to the right of it."""
        read = "(canvas) => [52, 94].map((x) => canvas.getContext('2d').getImageData(x, 30, 1, 1).data[3])"
        return editor.root.locator(".tint").evaluate(read)

    (x, y), scale, before = middle(editor.handle("move")), editor.scale, editor.text
    editor.until(lambda: empty()[0] < 10 and empty()[1] > 60, "the subject is in the middle")
    editor.page.mouse.move(x, y)
    editor.page.mouse.down()
    editor.page.mouse.move(x + 168 * scale, y)
    editor.until(lambda: min(empty()) > 15 and max(empty()) < 45, "it is between the two")
    editor.page.mouse.move(x + 336 * scale, y)
    editor.until(lambda: empty()[0] > 60 and empty()[1] < 10, "it is at the right")
    assert editor.text == before, "the drag has not ended"
    editor.page.mouse.up()
    assert editor.text != before


def gaussian(pose: dict[str, float], column: int, row: int, width: int, height: int) -> float:
    """By hand, from the node contract; the floor of this ellipse is below what eight bits show."""
    x, y = column + 0.5 - pose["cx"] * width, row + 0.5 - pose["cy"] * height
    cos, sin = math.cos(math.radians(pose["angle"])), math.sin(math.radians(pose["angle"]))
    along = (x * cos + y * sin) / (pose["rx"] * width * pose["softness"])
    across = (y * cos - x * sin) / (pose["ry"] * height * pose["softness"])
    return pose["weight"] * math.exp(-(along**2 + across**2) / 2)


def test_many_keyframes_and_a_long_clip_stay_usable(editor: EditorPage):
    keyframes = [{"frame": 8 * k, "cx": 0.5, "cy": 0.5, "rx": 0.2, "ry": 0.2} for k in range(1000)]
    editor.in_node("widget('length').value = 8193")
    editor.until(lambda: editor.field("frame").get_attribute("max") == "8192", "the editor shows the new length")
    editor.load(json.dumps({"version": 1, "ellipses": [{"id": "a", "keyframes": keyframes}]}))
    editor.board.focus()
    editor.press("End")
    editor.frames()
    editor.button("addKey").click()
    editor.frames()
    expect(editor.root.locator(".notice")).to_contain_text("at most 1000 keyframes")
    assert len(editor.keyframes()) == 1000

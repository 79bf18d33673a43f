"""Pictures behind the drawing, none of which needs a run, and the fit to their alpha."""

from __future__ import annotations

import io
import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from editor_page import EditorPage
from PIL import Image

WIDTH, HEIGHT = 208, 120
RED, GREEN = (255, 0, 0, 255), (0, 255, 0, 255)

LOAD = """
const [type, field, file] = argument
const loader = LiteGraph.createNode(type)
loader.pos = [600, 100]
app.graph.add(loader)
const own = loader.widgets.find(({name}) => name === field)
own.value = file
own.callback?.(file)
let last = loader
if (type === 'LoadVideo') {
  last = LiteGraph.createNode('GetVideoComponents')
  last.pos = [600, 500]
  app.graph.add(last)
  loader.connect(0, last, 0)
}
last.connect(0, node, node.inputs.findIndex(({name}) => name === 'background'))
"""
PIXEL = (
    """(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x * canvas.width, y * canvas.height, 1, 1).data]"""
)


def ellipse_alpha(cx: float, cy: float, rx: float, ry: float, angle: float) -> np.ndarray:
    """1 inside the ellipse, lengths in fractions of the frame."""
    j, i = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    x, y = i - cx * WIDTH, j - cy * HEIGHT
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along, across = (x * cos + y * sin) / (rx * WIDTH), (y * cos - x * sin) / (ry * HEIGHT)
    return (along**2 + across**2 <= 1).astype(np.uint8) * 255


def cut_out(**ellipse: float) -> Image.Image:
    picture = np.full((HEIGHT, WIDTH, 4), 200, np.uint8)
    picture[..., 3] = ellipse_alpha(**ellipse)
    return Image.fromarray(picture)


ELLIPSE = {"cx": 0.35, "cy": 0.6, "rx": 0.2, "ry": 0.25, "angle": 20}


@pytest.fixture(scope="module")
def files(server) -> Path:
    """The host's input folder with pictures and a clip with alpha in it."""
    folder = server.input
    Image.new("RGBA", (WIDTH, HEIGHT), RED).save(folder / "red.png")
    Image.new("RGBA", (WIDTH, HEIGHT), GREEN).save(folder / "green.png")
    cut_out(**ELLIPSE).save(folder / "cut_out.png")
    clip(folder / "moving.webm")
    return folder


def clip(path: Path, frames: int = 17) -> None:
    """VP9 with alpha: a disc from the left to the right, on a picture that goes from black to white."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libvpx-vp9", rate=Fraction(16))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuva420p"
        stream.options = {"g": "1", "deadline": "realtime", "cpu-used": "8", "crf": "4", "b": "0"}
        for k in range(frames):
            u = k / (frames - 1)
            picture = np.full((HEIGHT, WIDTH, 4), round(255 * u), np.uint8)
            picture[..., 3] = ellipse_alpha(0.25 + 0.5 * u, 0.5, 0.1, 0.2, 0)
            frame = av.VideoFrame.from_ndarray(picture, format="rgba").reformat(format="yuva420p")
            frame.pts = k
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def backdrop(editor: EditorPage, x: float = 0.5, y: float = 0.5) -> list[int]:
    return editor.root.locator(".backdrop").evaluate(PIXEL, [x, y])


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def drop(editor: EditorPage, path: Path) -> None:
    """As a file manager drops it."""
    box = editor.board.bounding_box()
    assert box
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    tools = editor.devtools()
    for kind in ("dragEnter", "dragOver", "drop"):
        tools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def fitted(editor: EditorPage) -> list[dict]:
    before = editor.text
    editor.until(lambda: editor.button("fitAlpha").is_enabled(), "there is something to fit")
    editor.button("fitAlpha").click()
    editor.until(lambda: editor.text != before, "the fit is there")
    return editor.keyframes()


def test_a_picture_before_the_node_is_the_background_without_a_run_and_follows_its_file(
    editor: EditorPage, files: Path
):
    editor.in_node(LOAD, ["LoadImage", "image", "red.png"])
    editor.until(lambda: backdrop(editor) == list(RED), "the picture is behind the drawing")
    editor.in_node(
        """const own = app.graph.nodes.find(({type}) => type === 'LoadImage').widgets[0]
           own.value = 'green.png'
           own.callback(own.value)"""
    )
    editor.until(lambda: backdrop(editor) == list(GREEN), "the other picture is behind the drawing")
    editor.in_node("node.disconnectInput(node.inputs.findIndex(({name}) => name === 'background'))")
    editor.until(lambda: backdrop(editor)[3] == 0, "nothing is behind the drawing")


def test_a_picture_is_found_through_the_nodes_between(editor: EditorPage, files: Path):
    editor.in_node(
        """const [load, invert] = ['LoadImage', 'ImageInvert'].map((type) => {
             const other = LiteGraph.createNode(type)
             app.graph.add(other)
             return other
           })
           load.widgets[0].value = 'green.png'
           load.widgets[0].callback('green.png')
           load.connect(0, invert, 0)
           invert.connect(0, node, node.inputs.findIndex(({name}) => name === 'background'))"""
    )
    editor.until(lambda: backdrop(editor) == list(GREEN), "the picture is behind the drawing")


def test_what_an_earlier_run_has_shown_is_the_background(editor: EditorPage):
    """Of the same output as the background, by a preview beside the editor."""
    editor.in_node(
        """const [empty, preview] = ['EmptyImage', 'PreviewImage'].map((type, k) => {
             const other = LiteGraph.createNode(type)
             other.pos = [600, 100 + 300 * k]
             app.graph.add(other)
             return other
           })
           const size = {width: 64, height: 48, color: 0x3264c8}
           for (const each of empty.widgets) each.value = size[each.name] ?? each.value
           empty.connect(0, preview, 0)
           empty.connect(0, node, node.inputs.findIndex(({name}) => name === 'background'))"""
    )
    editor.frames()
    assert backdrop(editor)[3] == 0, "there is nothing before the run"
    editor.run()
    editor.until(lambda: backdrop(editor) == [0x32, 0x64, 0xC8, 255], "the colour is behind the drawing")


def test_the_frame_of_a_video_before_the_node_is_the_background(editor: EditorPage, files: Path):
    editor.in_node(LOAD, ["LoadVideo", "file", "moving.webm"])

    def shown(frame: int) -> bool:
        light, *_, alpha = backdrop(editor, 0.25 + 0.5 * frame / 16)
        return abs(light - 255 * frame / 16) < 12 and alpha > 240

    for frame in (16, 4):
        editor.go_to(frame)
        editor.until(lambda frame=frame: shown(frame), f"frame {frame} is shown")


def test_a_dropped_picture_is_the_background(editor: EditorPage, files: Path):
    drop(editor, files / "red.png")
    editor.until(lambda: backdrop(editor) == list(RED), "the picture is behind the drawing")
    assert editor.page.evaluate("app.graph.nodes.length") == 1, "the host has not made a node of it"
    editor.drag(editor.handle("move"), 30, 0)
    editor.undo()
    editor.until(lambda: backdrop(editor) == list(RED), "it is there after an undo")
    editor.field("background").select_option("none")
    editor.until(lambda: backdrop(editor)[3] == 0, "nothing is behind the drawing")


def test_what_is_no_picture_is_not_taken(editor: EditorPage, files: Path):
    drop(editor, files / "moving.webm")
    editor.until(lambda: "Only pictures" in editor.root.locator(".notice").inner_text(), "the reason is shown")
    (files / "broken.png").write_bytes(b"\x89PNG no picture")
    drop(editor, files / "broken.png")
    editor.until(lambda: "could not be read" in editor.root.locator(".notice").inner_text(), "the reason is shown")


def test_a_pasted_picture_is_the_background(editor: EditorPage):
    page = editor.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async (bytes) => navigator.clipboard.write([
             new ClipboardItem({'image/png': new Blob([new Uint8Array(bytes)], {type: 'image/png'})})])""",
        list(png(Image.new("RGB", (WIDTH, HEIGHT), RED[:3]))),
    )
    editor.board.focus()
    editor.press("Control+v")
    editor.until(lambda: backdrop(editor) == list(RED), "the picture is behind the drawing")
    assert page.evaluate("app.graph.nodes.length") == 1


def test_a_picture_can_be_opened_from_a_file(editor: EditorPage, files: Path):
    with editor.page.expect_file_chooser() as chooser:
        editor.field("background").select_option("file")
    chooser.value.set_files(files / "green.png")
    editor.until(lambda: backdrop(editor) == list(GREEN), "the picture is behind the drawing")


@pytest.mark.parametrize("source", ["the graph", "a dropped file"])
def test_an_ellipse_is_fitted_to_alpha(editor: EditorPage, files: Path, source: str):
    if source == "the graph":
        editor.in_node(LOAD, ["LoadImage", "image", "cut_out.png"])
        (keyframe,) = fitted(editor)
    else:
        with editor.one_step():
            drop(editor, files / "cut_out.png")
            (keyframe,) = fitted(editor)
    for name, tolerance in {"cx": 0.005, "cy": 0.005, "rx": 0.01, "ry": 0.01, "angle": 2}.items():
        assert keyframe[name] == pytest.approx(ELLIPSE[name], abs=tolerance), name


def test_a_clip_with_alpha_gives_a_keyframe_for_each_latent_frame(editor: EditorPage, files: Path):
    editor.in_node("widget('length').value = 17")
    editor.in_node(LOAD, ["LoadVideo", "file", "moving.webm"])
    keyframes = fitted(editor)
    assert [key["frame"] for key in keyframes] == [0, 4, 8, 12, 16]
    for key in keyframes:
        assert key["cx"] == pytest.approx(0.25 + 0.5 * key["frame"] / 16, abs=0.02)
        assert (key["rx"], key["ry"]) == (pytest.approx(0.1, abs=0.02), pytest.approx(0.2, abs=0.03))


def test_an_opaque_picture_is_refused_for_a_fit(editor: EditorPage, files: Path):
    before = editor.text
    drop(editor, files / "red.png")
    editor.until(lambda: editor.button("fitAlpha").is_enabled(), "there is a picture")
    editor.button("fitAlpha").click()
    editor.until(lambda: "opaque everywhere" in editor.root.locator(".notice").inner_text(), "the reason is shown")
    assert editor.text == before

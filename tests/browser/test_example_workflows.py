"""The example graphs, in the real UI and on the real host with tiny models under the published names."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from PIL import Image

from tools import comfy_host
from tools.example_graphs import GRAPHS, Graph, Link
from tools.save_workflows import PICTURE_BYTES, PICTURE_WIDTH, as_text, saved, without_the_visit
from tools.tiny_picture_models import TEXT

WIDTH, HEIGHT, LENGTH = 48, 32, 9
WINDOWED = {"wan_alpha_v2_161_frames": 161, "wan_alpha_v2_loop": 81}
"""Graphs in context windows keep their length, or there would be one window."""
PICTURES = [graph.name for graph in GRAPHS if graph.name.startswith("layerdiffuse")]
LENGTHS = {**WINDOWED, **dict.fromkeys(PICTURES, 1)}
SIZES = {"transpixeler_image_to_video": (64, 48), **dict.fromkeys(PICTURES, (64, 64))}
"""The learned positions of the tiny CogVideoX-5B-I2V are for this size alone."""
MOCHI, LARGER, DELIVER = "transpixeler_mochi", "upscale_and_interpolate_rgba", "deliver"
CLIP_LENGTH, CLIP_SIZE = 12, (96, 64)
"""Of the clip that stands in the input folder."""

every_graph = pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
every_sampling_graph = pytest.mark.parametrize(
    "graph",
    [graph for graph in GRAPHS if graph.name not in (MOCHI, LARGER, DELIVER)],
    ids=lambda graph: graph.name,
)


def opened(ui, graph: Graph) -> dict:
    """The file on the canvas."""
    workflow = json.loads(saved(graph.name).read_text(encoding="utf-8"))
    unknown = ui.open(workflow)
    assert not unknown and not ui.errors
    return workflow


def without_new_outputs(workflow: dict, graph: Graph) -> dict:
    """The workflow less the unconnected outputs that the host's own nodes have here behind those in the file."""
    file = json.loads(saved(graph.name).read_text(encoding="utf-8"))
    for node, known in zip(workflow["nodes"], file["nodes"]):
        if not node["type"].startswith("RGBA"):
            count = len(known["outputs"])
            new = [output for output in node["outputs"][count:] if output["links"]]
            node["outputs"] = node["outputs"][:count] + new
    return workflow


@every_graph
def test_the_ui_saves_the_described_graph_as_the_file(ui, graph):
    workflow = without_new_outputs(without_the_visit(ui.build(graph.description())), graph)
    assert as_text(workflow) == saved(graph.name).read_text(encoding="utf-8"), "run: python tools/save_workflows.py"


@every_graph
def test_opening_and_saving_changes_nothing(ui, graph):
    workflow = opened(ui, graph)
    assert without_new_outputs(without_the_visit(ui.saved()), graph) == workflow


@every_graph
def test_the_opened_file_queues_the_described_values_and_links(ui, graph):
    opened(ui, graph)
    prompt = ui.prompt()
    ids = {node.name: str(index) for index, node in enumerate(graph.nodes, start=1)}
    outputs = {str(node["id"]): [output["name"] for output in node["outputs"]] for node in ui.saved()["nodes"]}
    for node in graph.nodes:
        if node.type == "MarkdownNote":
            assert ids[node.name] not in prompt
            continue
        queued = prompt[ids[node.name]]
        assert queued["class_type"] == node.type
        for name, value in node.inputs.items():
            if isinstance(value, Link):
                source = ids[value.source]
                assert queued["inputs"][name] == [source, outputs[source].index(value.output)]
            elif name != "control_after_generate":  # the UI's own, not queued
                assert queued["inputs"][name] == value


@every_graph
def test_no_two_nodes_overlap_and_each_group_holds_its_nodes(ui, graph):
    workflow = opened(ui, graph)
    title = 30
    boxes = {}
    for node in workflow["nodes"]:
        (x, y), (width, height) = node["pos"], node["size"]
        boxes[node["id"]] = (x, y - title, x + width, y + height)
    for first, (left, top, right, bottom) in boxes.items():
        for second, other in boxes.items():
            apart = right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
            assert first == second or apart, f"nodes {first} and {second} overlap"
        for group in workflow["groups"]:
            x, y, width, height = group["bounding"]
            inside = x < left and right < x + width and y < top and bottom < y + height
            outside = right <= x or x + width <= left or bottom <= y or y + height <= top
            assert inside or outside, f"node {first} lies across the border of {group['title']}"


def run(server, prompt: dict) -> comfy_host.Finished:
    with ThreadPoolExecutor(1) as beside_the_browser:  # Playwright's event loop owns this thread
        return beside_the_browser.submit(server.run, prompt, timeout=120).result()


@every_sampling_graph
def test_runs_through_and_writes_rgba_frames(ui, server, graph):
    opened(ui, graph)
    length, size = LENGTHS.get(graph.name, LENGTH), SIZES.get(graph.name, (WIDTH, HEIGHT))
    seen = len(server.log)
    prompt = small(ui.prompt(), length, size)
    finished = run(server, with_tiny_loaders(prompt) if graph.name in PICTURES else prompt)

    frames = [file for file in finished.files if len(file.suffixes) == 2]  # name_v001.1001.png, not what nodes show
    assert [frame.suffixes[0] for frame in frames] == [f".{number}" for number in range(1001, 1001 + length)]
    pictures = [Image.open(frame) for frame in frames]
    assert {(picture.mode, picture.size) for picture in pictures} == {("RGBA", size)}
    low, high = pictures[length // 2].getchannel("A").getextrema()
    assert low < high, "alpha is the same everywhere"
    (preview,) = (shown["rgba_preview"][0] for shown in finished.outputs.values() if "rgba_preview" in shown)
    assert ((preview["width"], preview["height"]), preview["clip"]) == (size, length)
    said = server.log[seen:]
    assert ("Using context windows" in said) == (graph.name in WINDOWED)
    assert ("Detected mixed precision quantization" in said) == (graph.name == "wan_alpha_v2_low_vram")


def named(name: str) -> Graph:
    (graph,) = (graph for graph in GRAPHS if graph.name == name)
    return graph


def test_a_clip_becomes_larger_and_has_more_frames(ui, server):
    opened(ui, named(LARGER))
    finished = run(server, ui.prompt())
    frames = [Image.open(file) for file in finished.files if file.suffix == ".png"]
    assert len(frames) == 2 * CLIP_LENGTH - 1
    assert {(frame.mode, frame.size) for frame in frames} == {("RGBA", tuple(2 * side for side in CLIP_SIZE))}
    assert frames[0].getchannel("A").getextrema() == (0, 255)


def test_a_clip_is_delivered_to_three_targets_with_a_report(ui, server):
    graph = named(DELIVER)
    opened(ui, graph)
    finished = run(server, ui.prompt())
    names = [file.name for file in finished.files]
    assert {"deliver_after_effects_v001.mov", "deliver_web_v001.webm"} <= {*names}
    assert sum(name.endswith(".exr") for name in names) == CLIP_LENGTH
    shown = [key for output in finished.outputs.values() for key in output]
    assert "rgba_preview" in shown and shown.count("images") >= 5


def test_the_mochi_graph_is_valid_and_stops_where_a_stand_in_is_no_mochi(ui, server):
    """The host loads no tiny Mochi, so Wan's stands under its name."""
    opened(ui, named(MOCHI))
    with pytest.raises(comfy_host.GraphError, match=r"RGBAApplyTransPixeler.*Mochi"):
        run(server, small(ui.prompt(), 7))


def small(prompt: dict, length: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> dict:
    """The prompt in a small size. The tiny text encoder stands in for T5 and UMT5-XXL, which no native loader takes as
    tiny ones; for CogVideoX it pads to 226 tokens, as the native one does."""
    padded = {}
    for name, node in prompt.items():
        inputs = node["inputs"]
        for key, value in (("width", size[0]), ("height", size[1]), ("length", length)):
            if isinstance(inputs.get(key), int):
                inputs[key] = value
        if node["class_type"] == "CLIPLoader":
            if inputs["type"] == "cogvideox":
                options = {"clip": [name, 0], "min_padding": 0, "min_length": 226}
                padded = {"padded": {"class_type": "T5TokenizerOptions", "inputs": options}}
            node |= {"class_type": "RGBALoadTextEncoder", "inputs": {"text_encoder_name": inputs["clip_name"]}}
    for node in prompt.values():
        if node["class_type"] == "CLIPTextEncode" and padded:
            node["inputs"]["clip"] = ["padded", 0]
    return prompt | padded


def with_tiny_loaders(prompt: dict) -> dict:
    """The host's loaders know SD 1.5, SDXL and Flux's VAE by their widths, and their text encoders are not tiny."""
    loaders = {"CheckpointLoaderSimple": "QueueTestCheckpoint", "VAELoader": "QueueTestVAE"}
    for draw, node in enumerate(prompt.values()):
        node["class_type"] = loaders.get(node["class_type"], node["class_type"])
        if node["class_type"] == "CLIPTextEncode":
            node |= {"class_type": "QueueTestConditioning", "inputs": {"draw": draw, "width": TEXT}}
    return prompt


def test_the_template_browser_finds_every_graph(server):
    assert sorted(server.get("/workflow_templates")[comfy_host.PACK_NAME]) == sorted(graph.name for graph in GRAPHS)


@every_graph
def test_the_template_browser_finds_a_small_picture(server, graph):
    address = f"{server.url}/api/workflow_templates/{comfy_host.PACK_NAME}/{graph.name}.jpg"  # where the UI looks
    with urllib.request.urlopen(address, timeout=30) as answer:
        picture = answer.read()
    assert len(picture) <= PICTURE_BYTES
    assert Image.open(BytesIO(picture)).width == PICTURE_WIDTH

"""Bad input through the queue: the error names the node and the input, and nothing is lost or half-written."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from queue_graphs import (
    advanced,
    base,
    decode,
    drawing,
    ellipses,
    everything_in,
    file_name,
    keep,
    ksampler,
    node,
    queue_of,
    rgba_vae,
    save,
    shift,
    sidecar,
)
from safetensors.torch import load_file, save_file

from tools import comfy_host
from tools import tiny_checkpoints as tiny


class Code:
    """Runs when it is unpickled by a reader that allows it: writes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.marker)!r}, 'w')",)


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("marker") / "the code ran"


@pytest.fixture(scope="module")
def bad_files(models: Path, marker: Path) -> None:
    """Files of every bad kind, in the folders where the nodes look."""
    dora = load_file(models / tiny.DORA)
    wider = {name: torch.zeros([side + 16 if side in (tiny.WIDTH, tiny.FFN) else side for side in tensor.shape])
             for name, tensor in dora.items()}  # fmt: skip
    save_file(wider, models / "loras" / "of_another_model.safetensors")
    speed = load_file(models / tiny.SPEED)
    save_file(
        {name: tensor.repeat_interleave(2, -1) if "lora_down" in name else tensor for name, tensor in speed.items()},
        models / "loras" / "speed_of_another_model.safetensors",
    )
    name = "blocks.1.ffn.0.lora_A.default.weight"
    save_file(dora | {name: dora[name][1:].clone()}, models / "loras" / "of_two_ranks.safetensors")
    for source, name in (
        (tiny.DORA, "loras/cut.safetensors"),
        (tiny.DECODERS, "vae/cut.bin"),
        (tiny.VAE, "vae/cut.safetensors"),
    ):
        whole = (models / source).read_bytes()
        (models / name).write_bytes(whole[: len(whole) // 2])
    torch.save({"vae_fgr.decoder.conv1.weight": Code(marker)}, models / "vae" / "code.bin")
    (models / "vae" / "old_code.bin").write_bytes(pickle.dumps({"weight": Code(marker)}))
    torch.save(Code(marker), models / "input" / "code.pt")


@pytest.fixture
def refused_and_untouched(server: comfy_host.Server, bad_files: None):
    """Queues a graph that must fail; the output folder must be as before: the error's text."""

    def queue(*parts):
        before = everything_in(server.output)
        with pytest.raises(comfy_host.GraphError) as caught:
            queue_of(server)(*parts)
        assert everything_in(server.output) == before
        return str(caught.value)

    return queue


def clip(**more):
    inputs = {"frames": 5, "width": 64, "height": 48, "channels": 4, "draw": 1, "still": False} | more
    return {"clip": node("QueueTestClip", **inputs)}


def encoded(**more):
    vae = rgba_vae(tiny.ALPHA_VAE)
    inputs = {"image": ["clip", 0], "rgba_vae": ["vae", 0], "background": "black"} | more
    return vae | {"encode": node("RGBAEncode", **inputs)} | keep("encode", "never")


def with_dora(name, **more):
    inputs = {
        "model": ["model", 0],
        "dora_name": name,
        "strength": 1.0,
        "speed_lora_name": "none",
        "speed_strength": 1.0,
    }
    return (
        base()
        | {"dora": node("RGBAApplyDoRA", **(inputs | {"apply": "auto"} | more))}
        | ksampler("dora")
        | keep("sample", "never")
    )


def with_vae(vae_name, weights_name):
    loader = node("RGBALoadWanAlphaVAE", vae_name=vae_name, weights_name=weights_name)
    return base() | ksampler("model") | {"vae": loader} | decode() | save("never")


MASK = {"mask": node("QueueTestMask", frames=3, width=64, height=48, value=0.5)}
WIDE = {"mask": node("QueueTestMask", frames=9, width=72, height=48, value=0.5)}
SUBJECT_13 = ellipses(length=13)
VAE = file_name(tiny.VAE)
DECODERS = file_name(tiny.DECODERS)

CASES = {
    "frames at encode": (
        [clip(frames=6), encoded()],
        "RGBAEncode (node encode): image must have a length of 4n + 1 frames, got 6; use 5 or 9",
    ),
    "size at encode": (
        [clip(width=60), encoded()],
        "RGBAEncode (node encode): image must have .* multiples of 8, got 60 x 48; use 56 x 48 or 64 x 48",
    ),
    "encode with decoders": (
        [clip(), encoded(), rgba_vae(tiny.DECODERS)],
        "RGBAEncode (node encode): this rgba_vae .* no feature merge block. Load Wan-Alpha-VAE.bin",
    ),
    "size at fit": (
        [clip(width=60), {"fit": node("RGBAFitEllipses", image=["clip", 0])}, keep("fit", "never", output=1)],
        "RGBAFitEllipses (node fit): .* multiples of 8, got 60 x 48",
    ),
    "mask too short": (
        [clip(), MASK, encoded(mask=["mask", 0])],
        "RGBAEncode (node encode): mask has 3 frames of 64 x 48, image has 5 frames of 64 x 48",
    ),
    "width of the drawing": (
        [ellipses(width=72), keep("ellipse", "never", output=1)],
        "RGBAEllipseEditor (node ellipse): The clip must have .* multiples of 16, got 72 x 48; use 64 x 48 or 80 x 48",
    ),
    "length of the drawing": (
        [ellipses(length=10), keep("ellipse", "never", output=1)],
        "RGBAEllipseEditor (node ellipse): The clip must have a length of 4n + 1 frames, got 10; use 9 or 13",
    ),
    "width where the model samples": (
        [base(width=72), WIDE, shift(subject=("mask", 0)), ksampler(), keep("sample", "never")],
        "KSampler (node sample): latent_image for Wan 2.1 must have .* multiples of 16, got 72 x 48; use",
    ),
    "height where the model samples with a DoRA alone": (
        [with_dora(file_name(tiny.DORA)), base(height=40)],
        "KSampler (node sample): latent_image for Wan 2.1 must have .* multiples of 16, got 64 x 40; use",
    ),
    "height where a shifted noise is sampled": (
        [base(height=40), ellipses(), advanced(noise="shift"), shift(on="noise"), keep("sample", "never")],
        "SamplerCustomAdvanced (node sample): latent_image for Wan 2.1 must have .* multiples of 16, got 64 x 40; use",
    ),
    "subject too long": (
        [base(), SUBJECT_13, shift(), ksampler(), keep("sample", "never")],
        "KSampler (node sample): The subject must have 9 frames of 64 x 48 .* or 3 frames .* got 13 frames of 64 x 48",
    ),
    "DoRA of another model": (
        [with_dora("of_another_model.safetensors")],
        "RGBAApplyDoRA (node dora): dora_name of_another_model.safetensors was made for .* another size: .*64.*48",
    ),
    "speed LoRA of another model": (
        [with_dora(file_name(tiny.DORA), speed_lora_name="speed_of_another_model.safetensors")],
        "RGBAApplyDoRA (node dora): speed_lora_name speed_of_another_model.safetensors was made for .* another size: ",
    ),
    "DoRA of two ranks": (
        [with_dora("of_two_ranks.safetensors")],
        "RGBAApplyDoRA (node dora): dora_name of_two_ranks.safetensors: blocks.1.ffn.0: expected up [out, r] and down "
        "[r, in] .*[96, 4] and [3, 48]",
    ),
    "DoRA cut off": (
        [with_dora("cut.safetensors")],
        "RGBAApplyDoRA (node dora): dora_name cut.safetensors: .* download it again",
    ),
    "speed LoRA cut off": (
        [with_dora(file_name(tiny.DORA), speed_lora_name="cut.safetensors")],
        "RGBAApplyDoRA (node dora): speed_lora_name cut.safetensors: .* download it again",
    ),
    "DoRA of another kind": (
        [with_dora(file_name(tiny.SPEED))],
        "RGBAApplyDoRA (node dora): .*dora_name wants a Wan-Alpha DoRA, .*speed_lora_name",
    ),
    "speed LoRA of another kind": (
        [with_dora(file_name(tiny.DORA), speed_lora_name=file_name(tiny.DORA_COMFY))],
        "RGBAApplyDoRA (node dora): .*speed_lora_name wants .*dora_name",
    ),
    "decoders cut off": (
        [with_vae(VAE, "cut.bin")],
        "RGBALoadWanAlphaVAE (node vae): weights_name cut.bin: .* download it again",
    ),
    "VAE cut off": (
        [with_vae("cut.safetensors", DECODERS)],
        "RGBALoadWanAlphaVAE (node vae): vae_name cut.safetensors: .*again",
    ),
    "VAE of another kind": (
        [with_vae(DECODERS, VAE)],
        "RGBALoadWanAlphaVAE (node vae): .*vae_name wants .*Wan 2.1 VAE.*rgba_tiny_decoder.bin is",
    ),
    "pickle with code": (
        [with_vae(VAE, "code.bin")],
        "RGBALoadWanAlphaVAE (node vae): weights_name code.bin: .* reading it would run code, so it was not opened",
    ),
    "old pickle with code": (
        [with_vae(VAE, "old_code.bin")],
        "RGBALoadWanAlphaVAE (node vae): weights_name old_code.bin: .* reading it would run code, so it was not opened",
    ),
    "mask with code": (
        [{"subject": node("RGBALoadSubject", file="code.pt")}, keep("subject", "never")],
        "RGBALoadSubject (node subject): file code.pt: .* reading it would run code, so it was not opened",
    ),
    "subject outside the input folder": (
        [{"subject": node("RGBALoadSubject", file="../input/gauss_mask")}, keep("subject", "never")],
        "RGBALoadSubject (node subject): Value not in list: file: ",
    ),
    "no number in a latent": (
        [
            base(),
            {"nan": node("QueueTestNaN", samples=["latent", 0], frame=0)},
            rgba_vae(),
            decode("nan"),
            save("never"),
        ],
        "RGBADecode (node decode): samples holds NaN or infinity",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_error_names_the_node_and_the_input(refused_and_untouched, case):
    graphs, expected = CASES[case]
    pattern = ".*".join(re.escape(part) for part in expected.split(".*"))
    assert re.match(pattern, refused_and_untouched(*graphs))


def test_a_pickle_with_code_would_have_run_it_where_it_is_allowed(tmp_path):
    """Else the tests above would say nothing about it."""
    torch.save(Code(tmp_path / "ran"), tmp_path / "file")
    with open(tmp_path / "file", "rb"):
        torch.load(tmp_path / "file", weights_only=False)
    assert (tmp_path / "ran").exists()


def test_no_code_has_run(refused_and_untouched, marker):
    for case in ("pickle with code", "old pickle with code", "mask with code"):
        assert "code" in refused_and_untouched(*CASES[case][0])
    assert not marker.exists()


@pytest.mark.parametrize("prefix", ["../x", "/x", "C:\\x", "a/../../x", "..\\x", "%year%/../../x", "a//x", "nul", ""])
def test_a_prefix_outside_the_output_folder_is_refused(server, refused_and_untouched, prefix):
    around = {path.name for path in server.output.parent.iterdir()}
    error = refused_and_untouched(clip(), save(prefix, "clip"))
    assert error.startswith(
        "RGBASaveSequence (node save): filename_prefix wants folders and a name under the output folder"
    )
    assert {path.name for path in server.output.parent.iterdir()} == around


def test_tokens_of_the_host_are_filled_in_between_slashes(run, server):
    files = run(clip(), save("tokens/%width%x%height%/at_%width%", "clip")).files
    assert {file.parent for file in files} == {server.output / "tokens" / "64x48" / "at_64_v001"}


POSE = {"frame": 0, "cx": 0.5, "cy": 0.5, "rx": 0.2, "ry": 0.2}
MARKUP = "<img src=x onerror=alert(1)></script>"
DRAWINGS = {
    "{": "expected JSON",
    "[" * 100_000: "expected JSON",
    '{"version": 1, "ellipses": []}': "ellipses: expected 1 to 64 ellipses, got 0",
    '{"version": 2, "ellipses": []}': "version: expected version 1, got 2; update the pack",
    drawing([{"id": "a", "keyframes": [{"frame": 0, "cx": "0.5", "cy": 0.5, "rx": 1, "ry": 1}]}]): (
        'ellipses[0].keyframes[0].cx: expected a number from -10 to 10, got "0.5"'
    ),
    '{"version": 1, "ellipses": [{"id": "a", "keyframes": [{"frame": 0, "cx": 1e999, "cy": 0, "rx": 1, "ry": 1}]}]}': (
        "ellipses[0].keyframes[0].cx: expected a number from -10 to 10, got Infinity"
    ),
    drawing([{"id": "a", "keyframes": [{"frame": 0, "cx": 0, "cy": 0, "rx": 1, "ry": 1, "x": 1}]}]): (
        "ellipses[0].keyframes[0]: expected no keys but"
    ),
    " " * 1_000_001: "drawing: expected at most 1000000 characters, got 1000001",
    drawing() + " " * 10_000_000: "drawing: expected at most 1000000 characters, got 10000",
    drawing([None] * 10_000): "ellipses: expected 1 to 64 ellipses, got 10000",
    drawing().replace("0.5", "NaN"): "NaN is not a JSON number",
    drawing([{"id": "a", "name": MARKUP * 6, "keyframes": [POSE]}]): (
        "ellipses[0].name: expected a text of 0 to 200 characters, got"
    ),
}


@pytest.mark.parametrize("text", DRAWINGS, ids=range(len(DRAWINGS)))
def test_a_hostile_drawing_is_refused_before_anything_runs(server, refused_and_untouched, text):
    ran = len(server.get("/history"))
    error = refused_and_untouched(ellipses(text=text), keep("ellipse", "never", output=1))
    assert error.startswith("RGBAEllipseEditor (node ellipse): ") and "ellipses" in error.split(": ", 1)[1]
    assert DRAWINGS[text] in error
    assert len(server.get("/history")) == ran


def test_a_linked_text_that_is_no_drawing_fails_in_the_run_with_the_reason(refused):
    text = {"text": node("PrimitiveStringMultiline", value='{"version": 1, "ellipses": []}')}
    linked = ellipses()
    linked["ellipse"]["inputs"]["ellipses"] = ["text", 0]
    error = refused(text, linked, keep("ellipse", "never", output=1))
    assert error.startswith("RGBAEllipseEditor (node ellipse): ellipses: expected 1 to 64 ellipses, got 0")


def test_markup_in_a_name_is_a_name(run):
    named = drawing([{"id": "a", "name": MARKUP, "keyframes": [POSE]}])
    assert run(ellipses(text=named), keep("ellipse", "named", output=1)).files


def test_a_picture_that_is_no_number_keeps_the_finished_frames_and_says_where(server, refused):
    nan = {"nan": node("QueueTestNaN", samples=["latent", 0], frame=5)}
    error = refused(base(), nan, save("nan", "nan", output=1))
    assert re.match(r"RGBASaveSequence \(node save\): Frame 1006: .*1 of 1024 are NaN", error)
    take = server.output / "nan_v001"
    assert sorted(path.name for path in take.iterdir()) == [
        *(f"nan_v001.{1001 + k}.png" for k in range(5)),
        "nan_v001.json",
    ]
    told = sidecar([take / "nan_v001.json"])
    assert told["complete"] is False and told["frames"]["count"] == 5


def test_an_unknown_node_and_an_unknown_file_are_named(refused_and_untouched):
    ours = {"odd": node("NoSuchNode") | {"_meta": {"title": "my node"}}}
    assert refused_and_untouched(ours).startswith("my node (node odd, NoSuchNode): ")
    assert "dora_name: 'no.safetensors' not in" in refused_and_untouched(with_dora("no.safetensors"))


def test_a_graph_with_one_bad_output_fails_though_the_host_would_run_the_others(refused):
    error = refused(clip(), keep("clip", "good"), ellipses(text="{"), keep("ellipse", "bad", output=1))
    assert error.startswith("RGBAEllipseEditor (node ellipse): ")


def test_the_next_graph_runs_after_an_error(run, refused_and_untouched):
    refused_and_untouched(*CASES["no number in a latent"][0])
    assert len(run(clip(), save("after_an_error", "clip")).files) == 6


def test_refuse_refuses_a_name_that_exists_before_anything_runs(server, run, refused_and_untouched):
    run(clip(), save("taken", "clip"))
    ran = len(server.get("/history"))
    again = save("taken", "clip")
    again["save"]["inputs"]["existing"] = "refuse"
    assert "taken_v001 exists in" in refused_and_untouched(clip(), again)
    assert len(server.get("/history")) == ran

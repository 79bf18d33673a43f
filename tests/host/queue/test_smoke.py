"""Every node of the pack through the queue, on the newest host and on the oldest."""

from __future__ import annotations

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from queue_graphs import (
    RUN_LIMIT_S,
    Run,
    base,
    decode,
    ellipses,
    file_name,
    keep,
    kept,
    ksampler,
    node,
    pictures,
    queue_of,
    rgba_vae,
    save,
    shift,
    sidecar,
)

from tools import comfy_host
from tools import tiny_checkpoints as tiny
from tools import tiny_picture_models as models

DEMOS = Path(__file__).parents[3] / "demo"
DEMO = json.loads((DEMOS / "graph_api.json").read_text())
JOINT_DEMO = json.loads((DEMOS / "transpixeler_api.json").read_text())
PROMPT = {
    "description": "A parrot spreads its wings.",
    "shot": "medium shot",
    "style": "realistic",
    "motion": "none",
    "quality": "none",
    "labels": "before",
    "language": "en",
    "model": "Wan-Alpha",
}
CLIP = {"clip": node("QueueTestClip", frames=9, width=64, height=48, channels=4, draw=3, still=False)}

SEQUENCE = {
    "image": ["clip", 0],
    "passes": "rgba",
    "start_frame": 1001,
    "padding": 4,
    "fps": 23.976,
    "existing": "new version",
    "compression": 4,
}

V1 = (
    base(),
    {
        "text encoder": node("RGBALoadTextEncoder", text_encoder_name=file_name(tiny.TEXT_ENCODER)),
        "prompt": node("RGBATransparentPrompt", **PROMPT),
        "positive": node("CLIPTextEncode", clip=["text encoder", 0], text=["prompt", 0]),
        "dora": node(
            "RGBAApplyDoRA",
            model=["model", 0],
            dora_name=file_name(tiny.DORA_COMFY),
            strength=1.0,
            speed_lora_name=file_name(tiny.SPEED),
            speed_strength=1.0,
            apply="auto",
        ),
        "sd3": node("ModelSamplingSD3", model=["dora", 0], shift=5.0),
        "rgb vae": node("VAELoader", vae_name=file_name(tiny.RGB_CHANNEL)),
        "alpha vae": node("VAELoader", vae_name=file_name(tiny.ALPHA_CHANNEL)),
        "vae": node("RGBAVAEFromPair", rgb_vae=["rgb vae", 0], alpha_vae=["alpha vae", 0]),
    },
    ksampler("sd3", steps=4, seed=129212191626761, sampler_name="uni_pc"),
    decode(),
    save("smoke/v1", passes="rgba + matte"),
    {"said": node("QueueTestText", text=["prompt", 0])},
)
FRAMES_OF_DEMO = {name: node for name, node in DEMO.items() if name != "animation"}
V2 = comfy_host.set_inputs(FRAMES_OF_DEMO, ["save.filename_prefix=smoke/v2", "seed.noise_seed=11"])
VIDEO_TO_VIDEO = (
    CLIP,
    base(),
    rgba_vae(tiny.ALPHA_VAE),
    ellipses(),
    shift(),
    {"encode": node("RGBAEncode", image=["clip", 0], rgba_vae=["vae", 0], background="green")},
    ksampler(denoise=0.5, latent_image=["encode", 0]),
    decode(),
    save("smoke/v2v", format="png 16-bit"),
    {"told": node("QueueTestText", text=["save", 1])},
)
RELEASED_MASK = (
    base(width=32, height=32, length=81),
    {"subject": node("RGBALoadSubject", file="gauss_mask")},
    shift(subject=("subject", 0), rounding="bfloat16"),
    ksampler(),
    keep("sample", "released_mask"),
)
FIT = (
    CLIP,
    base(),
    {
        "fit": node("RGBAFitEllipses", image=["clip", 0]),
        "drawn": node("RGBAEllipsesToSubject", ellipses=["fit", 0], width=64, height=48, length=9),
        "noise": node("RandomNoise", noise_seed=5),
        "guider": node("BasicGuider", model=["model", 0], conditioning=["positive", 0]),
        "unipc": node("RGBAFlowUniPC", steps=3, shift=5.0),
        "sample": node(
            "SamplerCustomAdvanced",
            noise=["shift", 0],
            guider=["guider", 0],
            sampler=["unipc", 0],
            sigmas=["unipc", 1],
            latent_image=["latent", 0],
        ),
    },
    shift(on="noise", subject=("fit", 1)),
    rgba_vae(tiny.DECODERS_SAFE),
    {
        "split vae": node("RGBASplitVAE", rgba_vae=["vae", 0]),
        "native": node("VAEDecode", samples=["sample", 0], vae=["split vae", 1]),
    },
    keep("drawn", "drawn"),
    keep("fit", "fitted", output=1),
    keep("native", "alpha_picture"),
)
SPLIT_AND_JOIN = (
    CLIP,
    {
        "split": node("RGBASplit", image=["clip", 0]),
        "by mask": node("RGBAJoin", rgb=["split", 0], mask=["split", 1]),
        "by alpha": node("RGBAJoin", rgb=["split", 0], alpha=["split", 2]),
        "render": node("RGBARender", image=["clip", 0], mode="soft", color="#ff8000", threshold=0.0),
        "player": node("RGBAPreview", image=["by mask", 0], fps=16.0, compare=["clip", 0]),
    },
    keep("clip", "clip"),
    keep("by mask", "by_mask"),
    keep("by alpha", "by_alpha"),
    keep("render", "render"),
)
ALPHA_WORK = (
    CLIP,
    ellipses(),
    {
        "premultiplied": node("RGBAPremultiply", image=["clip", 0]),
        "straight": node("RGBAUnpremultiply", image=["premultiplied", 0]),
        "matte": node(
            "RGBAMatte",
            image=["clip", 0],
            black=0.02,
            white=0.98,
            gamma=1.0,
            choke=1,
            grow=1,
            feather=1.0,
            fill_holes=20,
            despeckle=20,
        ),
        "bleed": node("RGBAEdgeBleed", image=["matte", 0], below=0.05),
        "unmatte": node("RGBAUnmatte", image=["bleed", 0], strength=0.5),
        "plate": node("QueueTestClip", frames=1, width=64, height=48, channels=3, draw=4, still=True),
        "decontaminate": node(
            "RGBADecontaminate", image=["unmatte", 0], background=["plate", 0], gain=1.1, choke=0.5, reading="choke"
        ),
        "despill": node("RGBADespill", image=["decontaminate", 0], key="blue", limit="maximum", strength=1.0),
        "resize": node("RGBAResize", image=["despill", 0], width=40, height=40, filter="bicubic", fit="pad"),
        "crop": node("RGBACrop", image=["resize", 0], x=-4, y=2, width=36, height=30),
        "retime": node("RGBARetime", image=["crop", 0], from_fps=16.0, to_fps=24.0, method="blend"),
        "over": node(
            "RGBACompositeOver",
            foreground=["retime", 0],
            background=["plate", 0],
            space="linear",
            mode="soft",
            x=5,
            y=-3,
            scale=1.5,
        ),
        "report": node("RGBAReport", image=["clip", 0]),
        "clips": node("RGBAClips", image=["clip", 0], count=3),
        "short": node("RGBAEllipsesToSubject", ellipses=["ellipse", 0], width=64, height=48, length=1),
        "best": node("RGBAPickBest", image=["clips", 0], seeds=5, rule="ellipse agreement", subject=["short", 0]),
        "said": node("QueueTestText", text=["report", 5]),
        "ranked": node("QueueTestText", text=["best", 1]),
    },
    keep("clip", "clip"),
    keep("straight", "straight"),
    keep("retime", "retimed"),
    keep("over", "composite"),
    keep("best", "best"),
    keep("best", "sheet", output=2),
)
TRANSPIXELER = (
    base(),
    {
        "model": node("RGBALoadCogVideoX", model_name=file_name(tiny.COGVIDEOX_I2V)),
        "joint": node(
            "RGBAApplyTransPixeler",
            model=["model", 0],
            weights_name=file_name(tiny.COGVIDEOX_LORA),
            strength=1.0,
            text_to_alpha="blocked (paper)",
            rgb_to_alpha=True,
            same_noise="auto",
        ),
        "vae": node("VAELoader", vae_name=file_name(tiny.VAE)),
        "picture": node("QueueTestClip", frames=1, width=64, height=48, channels=4, draw=3, still=True),
        "first": node(
            "RGBAJointFirstFrame",
            positive=["positive", 0],
            negative=["negative", 0],
            vae=["vae", 0],
            image=["picture", 0],
            width=64,
            height=48,
            length=9,
        ),
        "reference": node("RGBACogVideoXSampler", method="dpm", steps=2, dynamic_cfg=False),
        "sample": node(
            "SamplerCustom",
            model=["joint", 0],
            add_noise=True,
            noise_seed=7,
            cfg=6.0,
            positive=["first", 0],
            negative=["first", 1],
            sampler=["reference", 0],
            sigmas=["reference", 1],
            latent_image=["first", 2],
        ),
        "halves": node("RGBASplitJoint", samples=["sample", 0]),
        "colour": node("RGBAJointLatent", rgb=["halves", 0], alpha=["halves", 1], keep="alpha"),
        "again": node(
            "RGBASampleJoint",
            model=["joint", 0],
            positive=["first", 0],
            negative=["first", 1],
            latent_image=["colour", 0],
            seed=5,
            steps=2,
            cfg=4.0,
            sampler_name="euler",
            scheduler="simple",
            denoise=1.0,
        ),
        "decode": node("RGBADecodeJoint", rgb=["again", 0], alpha=["again", 1], vae=["vae", 0], alpha_from="mean"),
    },
    save("smoke/transpixeler"),
    keep("halves", "alpha_before", output=1),
    keep("again", "alpha_after", output=1),
)
XL_DRAWN = {"positive": ["positive", 0], "negative": ["negative", 0]}
SAMPLED = {"seed": 7, "steps": 1, "cfg": 3.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
LAYERDIFFUSE = (
    base(),
    {
        "sd15": node("QueueTestCheckpoint", ckpt_name=file_name(models.SD15)),
        "sdxl": node("QueueTestCheckpoint", ckpt_name=file_name(models.SDXL)),
        "picture": node("QueueTestClip", frames=1, width=64, height=64, channels=4, draw=3, still=True),
        "hidden": node(
            "RGBAEncodeLayerDiffuse",
            image=["picture", 0],
            vae=["sdxl", 2],
            weights_name=file_name(models.ENCODER),
            offset_scale=0.0,
            padding=True,
        ),
        "transparent": node(
            "RGBAApplyLayerDiffuse", model=["sdxl", 0], weights_name=file_name(models.XL_ATTN), strength=1.0
        ),
        "image": node("KSampler", model=["transparent", 0], latent_image=["hidden", 0], **XL_DRAWN, **SAMPLED),
        "blend": node(
            "RGBALayerDiffuseCondition",
            model=["sdxl", 0],
            **XL_DRAWN,
            weights_name=file_name(models.XL_FG2BLE),
            latent=["image", 0],
            strength=1.0,
        ),
        "blended": node(
            "KSampler",
            model=["blend", 0],
            positive=["blend", 1],
            negative=["blend", 2],
            latent_image=["hidden", 0],
            **SAMPLED,
        ),
        "joint": node(
            "RGBALayerDiffuseJoint",
            model=["sd15", 0],
            weights_name=file_name(models.SD15_BG2FG),
            strength=1.0,
            foreground=["positive", 0],
            image=["picture", 0],
        ),
        "empty": node("EmptyLatentImage", width=64, height=64, batch_size=["joint", 1]),
        "layers": node("KSampler", model=["joint", 0], latent_image=["empty", 0], **XL_DRAWN, **SAMPLED),
        "split": node("RGBASplitLayers", samples=["layers", 0], layers=["joint", 1]),
        "rgb": node("VAEDecode", samples=["split", 0], vae=["sd15", 2]),
        "decode": node(
            "RGBADecodeLayerDiffuse",
            samples=["split", 0],
            rgb=["rgb", 0],
            weights_name=file_name(models.DECODER),
            ensemble=True,
        ),
    },
    save("smoke/layerdiffuse"),
    keep("blended", "blended"),
    keep("split", "last", output=2),
)
VIDEO = {"image": ["clip", 0], "fps": 23.976}
FILES_SAVED = (
    CLIP,
    {
        "exr": node("RGBASaveSequence", **SEQUENCE, filename_prefix="smoke/exr", format="exr half"),
        "video": node(
            "RGBASaveVideo",
            **VIDEO,
            filename_prefix="smoke/video",
            format="prores 4444",
            association="premultiplied",
            bleed=False,
        ),
        "animation": node("RGBASaveAnimation", **VIDEO, filename_prefix="smoke/animation", format="webp", loop=0),
        "sheet": node("RGBASaveSpriteSheet", **VIDEO, filename_prefix="smoke/sheet", columns=3, max_size=4096),
        "delivered": node("RGBADeliver", **VIDEO, filename_prefix="smoke/delivered", target="OBS"),
    },
    keep("clip", "saved"),
)
ALL_FRAMES = {"start_frame": 0, "frame_count": 0, "every_nth": 1}
FILES_LOADED = (
    {
        "sequence": node("RGBALoadSequence", file="smoke/exr_v001 [output]", **ALL_FRAMES),
        "video": node("RGBALoadVideo", file="smoke/video_v001.mov [output]", **ALL_FRAMES),
        "of the host": node("LoadVideo", file="smoke/delivered_obs_v001.webm [output]"),
        "from video": node("RGBAFromVideo", video=["of the host", 0]),
    },
    keep("sequence", "sequence"),
    keep("video", "video"),
    keep("from video", "from_video"),
)
EVERY_GRAPH = [
    *V1,
    V2,
    *VIDEO_TO_VIDEO,
    *RELEASED_MASK,
    *FIT,
    *SPLIT_AND_JOIN,
    *ALPHA_WORK,
    *TRANSPIXELER,
    *LAYERDIFFUSE,
]
EVERY_GRAPH += [*FILES_SAVED, *FILES_LOADED]


@pytest.fixture
def any_run(any_server: comfy_host.Server) -> Run:
    return queue_of(any_server)


def test_these_graphs_hold_every_node_of_the_pack(any_server):
    module = f"custom_nodes.{comfy_host.PACK_NAME}"
    ours = {name for name, info in any_server.get("/object_info").items() if info["python_module"] == module}
    assert ours == ours & {each["class_type"] for graph in EVERY_GRAPH for each in graph.values()}
    assert len(ours) >= 28


def test_v1_pair_writes_rgba_and_matte(any_server, any_run):
    finished = any_run(*V1)
    take = any_server.output / "smoke" / "v1_v001"
    names = [f"v1_v001_{each}.{1001 + k}.png" for each in ("rgba", "matte") for k in range(9)]
    assert [file.name for file in finished.files] == [*names, "v1_v001.json"]
    assert [file.parent for file in finished.files] == [take / "rgba"] * 9 + [take / "matte"] * 9 + [take]
    rgba, matte = (
        np.stack([np.asarray(Image.open(f)) for f in part]) for part in (finished.files[:9], finished.files[9:18])
    )
    assert rgba.shape == (9, 48, 64, 4) and rgba.dtype == np.uint8
    assert np.array_equal(matte, rgba[..., 3])
    told = sidecar(finished.files)
    assert told["complete"] is True and told["seed"] == [129212191626761]
    assert finished.outputs["said"]["text"] == [
        "Medium shot. Realistic style. A parrot spreads its wings. The background of this video is transparent."
    ]


def test_v2_of_the_demo_writes_frames_that_pillow_and_opencv_read_alike(any_server, any_run):
    finished = any_run(V2)
    take = any_server.output / "smoke" / "v2_v001"
    assert finished.files == [*(take / f"v2_v001.{1001 + k}.png" for k in range(17)), take / "v2_v001.json"]
    frames = pictures(finished.files)
    assert frames.shape == (17, 96, 96, 4) and frames.dtype == np.uint8
    for file, frame in zip(finished.files, frames, strict=False):
        assert np.array_equal(cv2.imread(str(file), cv2.IMREAD_UNCHANGED), frame[..., [2, 1, 0, 3]])


def test_the_demo_paints_what_was_asked_for_where_the_ellipse_is(any_run):
    prompt = "prompt.description=A solid red square drifts to the right."
    frames = pictures(any_run(comfy_host.set_inputs(V2, ["save.filename_prefix=smoke/asked", prompt])).files) / 255
    alpha = frames[..., 3]
    y, x = np.mgrid[:96, :96] + 0.5
    centres = 96 * np.linspace(0.36, 0.64, 17)[:, None, None]
    inside = (x - centres) ** 2 + (y - 48) ** 2 < (96 * 0.24) ** 2
    assert alpha[inside].mean() > 3 * alpha[~inside].mean()
    red, green, blue = frames[alpha > 0.9][:, :3].mean(axis=0)
    assert red > 2 * max(green, blue)


def test_the_demo_of_transpixeler_makes_a_clip(any_run):
    frames = pictures(any_run(JOINT_DEMO).files)
    assert frames.shape == (17, 96, 96, 4) and np.ptp(frames[..., 3]) > 200


def test_transpixeler_makes_rgba_frames_and_colours_them_anew(any_run):
    files = any_run(*TRANSPIXELER).files
    assert (kept(files, "alpha_after") - kept(files, "alpha_before")).abs().max() < 1e-4
    frames = pictures(files)
    assert frames.shape == (9, 48, 64, 4) and frames[..., 3].std() > 1


def test_layerdiffuse_encodes_samples_blends_and_makes_layers(any_run):
    files = any_run(*LAYERDIFFUSE).files
    assert kept(files, "blended").shape == kept(files, "last").shape == (1, 4, 8, 8)
    frames = pictures(files)
    assert frames.shape == (1, 64, 64, 4) and frames[..., 3].std() > 1


def test_the_sidecar_says_what_the_frames_are_and_what_graph_made_them(any_server, any_run):
    told = sidecar(any_run(comfy_host.set_inputs(V2, ["save.filename_prefix=smoke/sidecar"])).files)
    assert {key: told[key] for key in ("name", "complete", "width", "height", "padding", "bit_depth", "seed")} == {
        "name": "sidecar_v001",
        "complete": True,
        "width": 96,
        "height": 96,
        "padding": 4,
        "bit_depth": 8,
        "seed": [11],
    }
    assert told["frames"] == {"first": 1001, "last": 1017, "count": 17}
    assert told["fps"] == {"num": 16, "den": 1, "value": 16.0}
    assert told["alpha"] == "1 = opaque" and told["color"]["space"] == "sRGB"
    assert [each["pattern"] for each in told["passes"]] == ["sidecar_v001.####.png"]
    assert [each["association"] for each in told["passes"]] == ["straight"]
    assert told["graph"]["prompt"]["noise"]["inputs"]["noise_seed"] == 11
    assert Image.open(any_server.output / "smoke/sidecar_v001/sidecar_v001.1001.png").text.keys() == {"prompt"}


def test_frames_are_numbered_from_any_start_with_any_padding(any_server, any_run):
    files = any_run(CLIP, save("smoke/numbered", "clip", start_frame=7, padding=6)).files
    take = any_server.output / "smoke" / "numbered_v001"
    assert files == [
        *(take / f"numbered_v001.{number:06d}.png" for number in range(7, 16)),
        take / "numbered_v001.json",
    ]
    told = sidecar(files)
    assert told["frames"] == {"first": 7, "last": 15, "count": 9} and told["padding"] == 6
    (only,) = told["passes"]
    assert only["pattern"] == "numbered_v001.######.png"
    assert [only["printf"] % number for number in range(7, 16)] == [file.name for file in files[:-1]]


def test_the_workflow_that_the_web_ui_sends_along_is_in_the_sidecar_and_in_the_first_frame(any_server):
    workflow = {
        "version": 0.4,
        "nodes": [{"id": 3, "type": "RGBASaveSequence", "title": "säve", "widgets_values": [1e-3]}],
    }
    body = {"prompt": CLIP | save("smoke/workflow", "clip"), "extra_data": {"extra_pnginfo": {"workflow": workflow}}}
    prompt_id = any_server.post("/prompt", body)["prompt_id"]
    deadline = time.monotonic() + RUN_LIMIT_S
    while prompt_id not in any_server.get("/history"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    take = any_server.output / "smoke" / "workflow_v001"
    told = sidecar([take / "workflow_v001.json"])
    assert told["complete"] is True
    assert told["graph"]["workflow"] == workflow
    assert told["graph"]["prompt"].keys() == body["prompt"].keys()
    first, second = (Image.open(take / f"workflow_v001.{number}.png").text for number in (1001, 1002))
    assert json.loads(first["workflow"]) == workflow
    assert second == {}


def test_video_to_video_writes_16_bits_and_tells_where(any_server, any_run):
    finished = any_run(*VIDEO_TO_VIDEO)
    frames = np.stack([cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in finished.files[:-1]])
    assert frames.shape == (9, 48, 64, 4) and frames.dtype == np.uint16
    assert len(np.unique(frames & 255)) > 200  # more than 8 bits stretched to 16
    assert sidecar(finished.files)["bit_depth"] == 16
    assert finished.outputs["told"]["text"] == [str(any_server.output / "smoke" / "v2v_v001")]


def test_a_released_mask_shifts_81_frames(any_run):
    latent = kept(any_run(*RELEASED_MASK).files, "released_mask")
    assert latent.shape == (1, 16, 21, 4, 4) and latent.isfinite().all()


def test_a_fit_gives_ellipses_a_subject_and_a_shifted_noise(any_run):
    files = any_run(*FIT).files
    fitted, drawn = kept(files, "fitted"), kept(files, "drawn")
    assert fitted.shape == (3, 6, 8) and drawn.shape == (9, 48, 64)
    assert (float(fitted.min()), float(fitted.max())) == (0.0, 1.0)
    assert kept(files, "alpha_picture").reshape(-1, 48, 64, 3).shape[0] == 9


def test_split_and_join_give_the_clip_back_by_either_way(any_run):
    finished = any_run(*SPLIT_AND_JOIN)
    files = finished.files
    assert finished.outputs["player"]
    clip, render = kept(files, "clip"), kept(files, "render")
    assert kept(files, "by_mask").allclose(clip, atol=1e-6)
    assert kept(files, "by_alpha").allclose(clip, atol=1e-6)
    red = clip[..., 0] * clip[..., 3] + 1 - clip[..., 3]  # the background's red is 1
    assert render.shape == (9, 48, 64, 3) and render[..., 0].allclose(red, atol=1e-6)


def test_alpha_work_changes_clips_composites_them_and_picks_the_best(any_run):
    finished = any_run(*ALPHA_WORK)
    files = finished.files
    clip, straight, best = kept(files, "clip"), kept(files, "straight"), kept(files, "best")
    seen = clip[..., 3] > 0
    assert straight[seen].allclose(clip[seen], atol=1e-6)
    assert kept(files, "retimed").shape == (14, 30, 36, 4)
    composite = kept(files, "composite")
    assert composite.shape == (14, 48, 64, 4) and composite[..., 3].eq(1).all()
    assert any(best.equal(each) for each in clip.chunk(3))
    assert kept(files, "sheet").shape[-1] == 3
    assert finished.outputs["said"]["text"][0].startswith("9 frames of 64 x 48")
    assert len(finished.outputs["ranked"]["text"][0].splitlines()) == 3
    assert finished.outputs["report"]["images"] and finished.outputs["best"]["images"]


def test_every_kind_of_file_is_written_and_what_has_soft_alpha_is_loaded_again(any_run):
    saved = any_run(*FILES_SAVED)
    wanted = {"video_v001.mov", "animation_v001.webp", "sheet_v001.png", "sheet_v001.json", "delivered_obs_v001.webm"}
    assert wanted <= {path.name for path in saved.files}
    clip, loaded = kept(saved.files, "saved"), any_run(*FILES_LOADED).files
    seen = clip[..., 3:] > 0.05
    assert float((kept(loaded, "sequence") - clip).abs().where(seen, 0).max()) < 0.01
    assert float((kept(loaded, "video")[..., 3] - clip[..., 3]).abs().max()) < 0.01
    over_black = (each[..., :3] * each[..., 3:] for each in (kept(loaded, "video"), clip))
    assert float((next(over_black) - next(over_black)).abs().mean()) < 0.01
    assert float((kept(loaded, "from_video")[..., 3] - clip[..., 3]).abs().mean()) < 0.1


def test_a_rate_may_be_a_whole_number_that_another_node_gives(any_server):
    """The host refuses a link of another type than the input's before anything runs."""
    whole = {"whole": node("PrimitiveInt", value=24)}
    saved = queue_of(any_server)(CLIP, whole, save("smoke/rate", "clip", fps=["whole", 0]))
    assert sidecar(saved.files)["fps"] == {"num": 24, "den": 1, "value": 24}

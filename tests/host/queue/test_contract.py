"""The node contract, as other people's workflows and tools rely on it: what the host tells about our nodes."""

from __future__ import annotations

from typing import Any

import pytest

from tools import comfy_host
from tools import tiny_checkpoints as tiny
from tools import tiny_picture_models as models

COLORS = ["black", "blue", "green", "cyan", "red", "magenta", "yellow", "white"]
SHIFT = [("subject", "MASK"), ("mean_shift", 0.05), ("subject_is", ["subject = 1", "mask = 1 - alpha"])]
SHIFT += [("rounding", ["float32", "bfloat16"])]
SIZE = [("width", "INT"), ("height", "INT"), ("length", "INT")]
IMAGE = [("image", "IMAGE")]
MASK = [("mask", "MASK")]
WEIGHTS = [("weights_name", "COMBO")]
PROMPTS = [(name, "CONDITIONING") for name in ("positive", "negative")]
TARGETS = ["After Effects / Premiere", "DaVinci", "Nuke", "Final Cut", "Unity", "Unreal", "Godot", "OBS", "web"]
FRAMES = [("start_frame", 0), ("frame_count", 0), ("every_nth", 1)]
LOADED = [*IMAGE, *MASK, ("fps", "FLOAT"), ("frame_count", "INT"), ("audio", "AUDIO")]

# node id: (required inputs, optional ones, outputs). An input is a type, the default of a number, or a combo's options;
# a combo of files is "COMBO". What a node has beyond this is optional and comes behind.
CONTRACT: dict[str, tuple[list[tuple[str, Any]], list[tuple[str, Any]], list[tuple[str, str]]]] = {
    "RGBALoadTextEncoder": ([("text_encoder_name", "COMBO")], [], [("clip", "CLIP")]),
    "RGBALoadWanAlphaVAE": ([("vae_name", "COMBO"), ("weights_name", "COMBO")], [], [("rgba_vae", "RGBA_VAE")]),
    "RGBAVAEFromPair": ([("rgb_vae", "VAE"), ("alpha_vae", "VAE")], [], [("rgba_vae", "RGBA_VAE")]),
    "RGBASplitVAE": ([("rgba_vae", "RGBA_VAE")], [], [("rgb_vae", "VAE"), ("alpha_vae", "VAE")]),
    "RGBADecode": (
        [("samples", "LATENT"), ("rgba_vae", "RGBA_VAE"), ("tile_size", 0)],
        [],
        [("image", "IMAGE"), ("rgb", "IMAGE"), ("mask", "MASK")],
    ),
    "RGBAEncode": ([*IMAGE, ("rgba_vae", "RGBA_VAE"), ("background", COLORS)], MASK, [("samples", "LATENT")]),
    "RGBAApplyDoRA": (
        [
            ("model", "MODEL"),
            ("dora_name", "COMBO"),
            ("strength", 1.0),
            ("speed_lora_name", "COMBO"),
            ("speed_strength", 1.0),
            ("apply", ["auto", "merged", "unmerged"]),
        ],
        [],
        [("model", "MODEL")],
    ),
    "RGBAMeanShift": ([("model", "MODEL"), *SHIFT], [], [("model", "MODEL")]),
    "RGBAMeanShiftNoise": ([("noise", "NOISE"), *SHIFT], [], [("noise", "NOISE")]),
    "RGBALoadSubject": ([("file", "COMBO")], [], [("subject", "MASK")]),
    "RGBAFlowUniPC": ([("steps", 4), ("shift", 5.0)], [], [("sampler", "SAMPLER"), ("sigmas", "SIGMAS")]),
    "RGBATransparentPrompt": (
        [
            ("description", "STRING"),
            *((name, "COMBO") for name in ("shot", "style", "motion", "quality")),
            ("labels", ["before", "after"]),
            ("language", ["en", "zh"]),
            ("model", ["Wan-Alpha", "TransPixeler"]),
        ],
        [],
        [("prompt", "STRING")],
    ),
    "RGBAApplyTransPixeler": (
        [
            ("model", "MODEL"),
            ("weights_name", "COMBO"),
            ("strength", 1.0),
            ("text_to_alpha", ["as released", "blocked (paper)", "open"]),
            ("rgb_to_alpha", "BOOLEAN"),
            ("same_noise", ["auto", "on", "off"]),
        ],
        [],
        [("model", "MODEL")],
    ),
    "RGBALoadCogVideoX": ([("model_name", "COMBO")], [], [("model", "MODEL")]),
    "RGBACogVideoXSampler": (
        [("method", ["ddim", "dpm"]), ("steps", 50), ("dynamic_cfg", "BOOLEAN")],
        [],
        [("sampler", "SAMPLER"), ("sigmas", "SIGMAS")],
    ),
    "RGBASampleJoint": (
        [
            ("model", "MODEL"),
            *((name, "CONDITIONING") for name in ("positive", "negative")),
            ("latent_image", "LATENT"),
            ("seed", 0),
            ("steps", 50),
            ("cfg", 6.0),
            *((name, "COMBO") for name in ("sampler_name", "scheduler")),
            ("denoise", 1.0),
        ],
        [],
        [("rgb", "LATENT"), ("alpha", "LATENT")],
    ),
    "RGBAJointLatent": (
        [("rgb", "LATENT"), ("keep", ["none", "rgb", "alpha"])],
        [("alpha", "LATENT")],
        [("samples", "LATENT")],
    ),
    "RGBASplitJoint": ([("samples", "LATENT")], [], [("rgb", "LATENT"), ("alpha", "LATENT")]),
    "RGBADecodeJoint": (
        [("rgb", "LATENT"), ("alpha", "LATENT"), ("vae", "VAE"), ("alpha_from", ["max", "mean", "red"])],
        [],
        [("image", "IMAGE"), ("rgb", "IMAGE"), ("mask", "MASK")],
    ),
    "RGBAJointFirstFrame": (
        [*((name, "CONDITIONING") for name in ("positive", "negative")), ("vae", "VAE"), *IMAGE, *SIZE],
        MASK,
        [("positive", "CONDITIONING"), ("negative", "CONDITIONING"), ("latent", "LATENT")],
    ),
    "RGBAApplyLayerDiffuse": ([("model", "MODEL"), *WEIGHTS, ("strength", 1.0)], [], [("model", "MODEL")]),
    "RGBALayerDiffuseCondition": (
        [("model", "MODEL"), *PROMPTS, *WEIGHTS, ("latent", "LATENT"), ("strength", 1.0)],
        [("blended", "LATENT")],
        [("model", "MODEL"), *PROMPTS],
    ),
    "RGBALayerDiffuseJoint": (
        [("model", "MODEL"), *WEIGHTS, ("strength", 1.0)],
        [*((name, "CONDITIONING") for name in ("foreground", "background", "blended")), *IMAGE, *MASK],
        [("model", "MODEL"), ("layers", "INT")],
    ),
    "RGBASplitLayers": (
        [("samples", "LATENT"), ("layers", 3)],
        [],
        [(name, "LATENT") for name in ("foreground", "background", "blended")],
    ),
    "RGBADecodeLayerDiffuse": (
        [("samples", "LATENT"), ("rgb", "IMAGE"), *WEIGHTS, ("ensemble", "BOOLEAN")],
        [],
        [*IMAGE, ("rgb", "IMAGE"), *MASK],
    ),
    "RGBAEncodeLayerDiffuse": (
        [*IMAGE, ("vae", "VAE"), *WEIGHTS, ("offset_scale", 0.0), ("padding", "BOOLEAN")],
        MASK,
        [("samples", "LATENT")],
    ),
    "RGBAEllipseEditor": (
        [*SIZE, ("fps", 16.0), ("ellipses", "STRING")],
        [("background", "IMAGE")],
        [("ellipses", "RGBA_ELLIPSES"), ("subject", "MASK"), *SIZE, ("fps", "FLOAT")],
    ),
    "RGBAEllipsesToSubject": ([("ellipses", "RGBA_ELLIPSES"), *SIZE], [], [("subject", "MASK")]),
    "RGBAFitEllipses": (IMAGE, MASK, [("ellipses", "RGBA_ELLIPSES"), ("subject", "MASK")]),
    "RGBAJoin": ([("rgb", "IMAGE")], [*MASK, ("alpha", "IMAGE")], IMAGE),
    "RGBASplit": (IMAGE, MASK, [("rgb", "IMAGE"), ("mask", "MASK"), ("alpha", "IMAGE")]),
    "RGBARender": (
        [*IMAGE, ("mode", ["soft", "hard"]), ("color", "COLOR"), ("threshold", 0.0)],
        MASK,
        [("rgb", "IMAGE")],
    ),
    "RGBACompositeOver": (
        [
            *((name, "IMAGE") for name in ("foreground", "background")),
            ("space", ["display", "linear"]),
            ("mode", ["soft", "hard"]),
            ("x", 0),
            ("y", 0),
            ("scale", 1.0),
        ],
        MASK,
        IMAGE,
    ),
    "RGBAMatte": (
        [
            *IMAGE,
            ("black", 0.0),
            ("white", 1.0),
            ("gamma", 1.0),
            ("choke", 0),
            ("grow", 0),
            ("feather", 0.0),
            ("fill_holes", 0),
            ("despeckle", 0),
        ],
        MASK,
        IMAGE,
    ),
    "RGBAEdgeBleed": ([*IMAGE, ("below", 0.05)], MASK, IMAGE),
    "RGBAUnmatte": ([*IMAGE, ("strength", 1.0)], [*MASK, ("plate", "IMAGE")], IMAGE),
    "RGBADecontaminate": ([*IMAGE, ("background", "IMAGE"), ("gain", 1.1), ("choke", 0.5)], MASK, IMAGE),
    "RGBADespill": (
        [*IMAGE, ("key", ["green", "blue", "red"]), ("limit", ["average", "maximum"]), ("strength", 1.0)],
        MASK,
        IMAGE,
    ),
    "RGBAPremultiply": (IMAGE, MASK, IMAGE),
    "RGBAUnpremultiply": (IMAGE, MASK, IMAGE),
    "RGBAResize": (
        [
            *IMAGE,
            ("width", 832),
            ("height", 480),
            ("filter", ["bicubic", "bilinear", "nearest"]),
            ("fit", ["stretch", "pad", "crop"]),
        ],
        MASK,
        IMAGE,
    ),
    "RGBACrop": ([*IMAGE, ("x", 0), ("y", 0), ("width", 832), ("height", 480)], MASK, IMAGE),
    "RGBARetime": ([*IMAGE, ("from_fps", 16.0), ("to_fps", 24.0), ("method", ["hold", "blend"])], MASK, IMAGE),
    "RGBAClips": ([*IMAGE, ("count", 1)], MASK, IMAGE),
    "RGBAReport": (
        IMAGE,
        MASK,
        [
            *((name, "FLOAT") for name in ("coverage", "holes", "flicker", "edge_width", "flow_difference")),
            ("report", "STRING"),
            ("plot", "IMAGE"),
        ],
    ),
    "RGBAPickBest": (
        [*IMAGE, ("seeds", 0), ("rule", ["fewest holes", "coverage", "flicker", "ellipse agreement"])],
        [*MASK, ("subject", "MASK")],
        [*IMAGE, ("ranking", "STRING"), ("contact_sheet", "IMAGE")],
    ),
    "RGBASaveSequence": (
        [
            *IMAGE,
            ("filename_prefix", "STRING"),
            ("format", ["png 8-bit", "png 16-bit", "exr half", "exr float", "tiff 16-bit", "tga"]),
            ("passes", ["rgba", "rgba + matte", "fg + matte + processed + comp"]),
            ("start_frame", 1001),
            ("padding", 4),
            ("fps", 16.0),
            ("existing", ["new version", "refuse", "overwrite"]),
            ("compression", "INT"),
        ],
        MASK,
        [*IMAGE, ("path", "STRING")],
    ),
    "RGBAPreview": ([*IMAGE, ("fps", 16.0)], [*MASK, ("plate", "IMAGE"), ("compare", "IMAGE")], []),
    "RGBALoadSequence": ([("file", "COMBO"), *FRAMES], [], LOADED),
    "RGBASaveVideo": (
        [
            *IMAGE,
            ("filename_prefix", "STRING"),
            ("format", ["prores 4444", "prores 4444 xq", "webm vp9", "hevc alpha", "ffv1", "stacked mp4"]),
            ("association", ["straight", "premultiplied"]),
            ("fps", 16.0),
        ],
        [*MASK, ("audio", "AUDIO")],
        [*IMAGE, ("path", "STRING")],
    ),
    "RGBASaveAnimation": (
        [*IMAGE, ("filename_prefix", "STRING"), ("format", ["webp", "apng", "gif"]), ("fps", 16.0), ("loop", 0)],
        MASK,
        [*IMAGE, ("path", "STRING")],
    ),
    "RGBASaveSpriteSheet": (
        [*IMAGE, ("filename_prefix", "STRING"), ("columns", 0), ("max_size", 4096), ("fps", 16.0)],
        MASK,
        [*IMAGE, ("path", "STRING")],
    ),
    "RGBADeliver": (
        [*IMAGE, ("target", TARGETS), ("filename_prefix", "STRING"), ("fps", 16.0)],
        [*MASK, ("audio", "AUDIO")],
        [*IMAGE, ("path", "STRING")],
    ),
    "RGBALoadVideo": ([("file", "COMBO"), *FRAMES], [], LOADED),
    "RGBAFromVideo": (
        [("video", "VIDEO")],
        [],
        [*IMAGE, *MASK, ("fps", "FLOAT"), ("audio", "AUDIO"), ("frame_count", "INT")],
    ),
}


@pytest.fixture(scope="module")
def nodes(server):
    module = f"custom_nodes.{comfy_host.PACK_NAME}"
    return {name: info for name, info in server.get("/object_info").items() if info["python_module"] == module}


def test_the_contract_lists_every_node(nodes):
    assert nodes.keys() == CONTRACT.keys()


@pytest.mark.parametrize("name", CONTRACT)
def test_inputs_and_outputs_are_the_contract(nodes, name):
    required, optional, outputs = CONTRACT[name]
    found = nodes[name]["input"]
    assert list(found["required"]) == [key for key, _ in required]
    assert list(found.get("optional", {}))[: len(optional)] == [key for key, _ in optional]
    for key, wanted in required:
        _compare(name, key, *found["required"][key], wanted)
    for key, wanted in optional:
        _compare(name, key, *found["optional"][key], wanted)
    assert list(zip(nodes[name]["output_name"], nodes[name]["output"], strict=True)) == outputs


def _compare(name, key, kind, options, wanted):
    if isinstance(wanted, str):
        assert kind == wanted
    elif isinstance(wanted, list):
        assert kind == "COMBO"
        assert options["options"] == wanted
    else:
        number = "FLOAT,INT" if key.endswith("fps") else "FLOAT" if isinstance(wanted, float) else "INT"
        assert (kind, options["default"]) == (number, wanted)


def test_the_steps_and_limits_of_the_mean_shift(nodes):
    for name in ("RGBAMeanShift", "RGBAMeanShiftNoise"):
        options = nodes[name]["input"]["required"]["mean_shift"][1]
        assert (options["min"], options["max"], options["step"]) == (0.0, 0.3, 0.005)


def test_no_speed_lora_is_the_first_choice(nodes):
    assert nodes["RGBAApplyDoRA"]["input"]["required"]["speed_lora_name"][1]["options"][0] == "none"


def test_files_are_listed_where_they_lie(nodes):
    def listed(name, key):
        return nodes[name]["input"]["required"][key][1]["options"]

    assert "rgba_tiny_decoder.bin" in listed("RGBALoadWanAlphaVAE", "weights_name")
    assert "rgba_tiny_t2v.safetensors" in listed("RGBALoadWanAlphaVAE", "weights_name")  # from loras
    assert "rgba_tiny_t2v.safetensors" not in listed("RGBALoadWanAlphaVAE", "vae_name")
    assert "gauss_mask" in listed("RGBALoadSubject", "file")
    of_every_folder = listed("RGBADecodeLayerDiffuse", "weights_name")
    for path in (models.DECODER, models.FLUX_LORA, tiny.DECODERS):  # from layer_model, loras and vae
        assert path.split("/")[1] in of_every_folder


@pytest.mark.parametrize("name", CONTRACT)
def test_everything_is_explained(nodes, name):
    info = nodes[name]
    inputs = {key: spec[1] for part in ("required", "optional") for key, spec in info["input"].get(part, {}).items()}
    assert [key for key, options in inputs.items() if not options.get("tooltip")] == []
    assert all(info["output_tooltips"]) and len(info["output_tooltips"]) == len(info["output"])
    assert info["description"] and info["search_aliases"] and info["display_name"] != name
    assert info["category"].split("/")[0] == "RGBA video" and info["category"].count("/") == 1
    assert not info["essentials_category"]


@pytest.mark.parametrize("name", CONTRACT)
def test_every_mask_says_its_polarity(nodes, name):
    info = nodes[name]
    inputs = [spec for part in ("required", "optional") for spec in info["input"].get(part, {}).values()]
    masks = [options["tooltip"] for kind, options in inputs if kind == "MASK"]
    masks += [text for kind, text in zip(info["output"], info["output_tooltips"], strict=True) if kind == "MASK"]
    assert all("1 = subject" in text or "1 = transparent" in text for text in masks)

"""What Wan-Alpha's graphs share: its models, prompt, ellipse, samplers, decode and output."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .description import Group, Link, Node, Value, link
from .files import BASE, DECODERS, DORA_V2, SPEED, TEXT_ENCODER, VAE
from .parts import (
    BLUE,
    ELLIPSE,
    GREEN,
    MODELS,
    OUTPUT,
    PROMPT,
    SAMPLING,
    SEED,
    clean_edges,
    empty_latent,
    note,
    player,
    saved_frames,
)


def models(*vae: Node, base: str = BASE, dora: str = DORA_V2) -> Group:
    unet = {"unet_name": base, "weight_dtype": "default"}
    adapters = {"dora_name": dora, "strength": 1, "speed_lora_name": SPEED, "speed_strength": 1, "apply": "auto"}
    clip = {"clip_name": TEXT_ENCODER, "type": "wan", "device": "default"}
    return Group(
        "Models",
        MODELS,
        [
            [
                Node("base", "UNETLoader", unet, title="Wan 2.1 T2V 14B"),
                Node("dora", "RGBAApplyDoRA", {"model": link("base.MODEL"), **adapters}),
                Node("clip", "CLIPLoader", clip, title="Text encoder (UMT5-XXL)"),
                *vae,
            ]
        ],
    )


def alpha_vae(weights: str = DECODERS) -> Node:
    return Node("vae", "RGBALoadWanAlphaVAE", {"vae_name": VAE, "weights_name": weights})


def prompt(description: str, *, motion: str = "none", side_by_side: bool = False) -> Group:
    inputs = {"description": description, "shot": "medium shot", "style": "realistic", "motion": motion}
    words = {"quality": "high", "labels": "before", "language": "en", "model": "Wan-Alpha"}
    encode = {"clip": link("clip.CLIP"), "text": link("prompt.prompt")}
    recipe = Node("prompt", "RGBATransparentPrompt", {**inputs, **words}, height=310, colors=GREEN)
    positive = Node("positive", "CLIPTextEncode", encode, title="Positive", colors=GREEN)
    return Group("Prompt", PROMPT, [[recipe], [positive]] if side_by_side else [[recipe, positive]])


def ellipse(width: int, height: int, length: int, drawing: str) -> Group:
    inputs = {"width": width, "height": height, "length": length, "fps": 16, "ellipses": drawing}
    return Group("Ellipse", ELLIPSE, [[Node("ellipse", "RGBAEllipseEditor", inputs, height=800, colors=BLUE)]])


def drawing(name: str, *keyframes: Mapping[str, float | str], loop: bool = False) -> str:
    """One ellipse as the editor's JSON, a keyframe to a line."""
    lines = ",\n".join(f"    {json.dumps(dict(keyframe))}" for keyframe in keyframes)
    head = f'{{"version": 1, "loop": {json.dumps(loop)}, "ellipses": ['
    return f'{head}\n  {{"id": "a", "name": {json.dumps(name)}, "keyframes": [\n{lines}]}}]}}'


def flow_shift() -> Node:
    return Node("shift", "ModelSamplingSD3", {"model": link("dora.model"), "shift": 5}, title="Flow shift")


def mean_shift(model: str, subject: str) -> Node:
    inputs = {"model": link(model), "subject": link(subject), "mean_shift": 0.05, "subject_is": "subject = 1"}
    return Node("mean_shift", "RGBAMeanShift", {**inputs, "rounding": "float32"}, colors=BLUE)


def latent_of_the_drawing(batch_size: int = 1) -> Node:
    return empty_latent(link("ellipse.width"), link("ellipse.height"), link("ellipse.length"), batch_size)


def no_negative() -> Node:
    inputs = {"conditioning": link("positive.CONDITIONING")}
    return Node("negative", "ConditioningZeroOut", inputs, title="Negative (unused at cfg 1)")


def ksampler(model: str, latent: str, denoise: float = 1) -> Node:
    inputs = {
        "model": link(model), "positive": link("positive.CONDITIONING"), "negative": link("negative.CONDITIONING"),
        "latent_image": link(latent), "seed": SEED, "control_after_generate": "fixed", "steps": 4, "cfg": 1,
        "sampler_name": "ipndm", "scheduler": "simple", "denoise": denoise,
    }  # fmt: skip
    return Node("sample", "KSampler", inputs)


def reference_sampling(batch_size: int = 1) -> Group:
    guider = {"model": link("mean_shift.model"), "conditioning": link("positive.CONDITIONING")}
    sample = {
        "noise": link("noise.NOISE"), "guider": link("guider.GUIDER"), "sampler": link("unipc.sampler"),
        "sigmas": link("unipc.sigmas"), "latent_image": link("latent.LATENT"),
    }  # fmt: skip
    return Group(
        "Sampling",
        SAMPLING,
        [
            [
                mean_shift("dora.model", "ellipse.subject"),
                Node("noise", "RandomNoise", {"noise_seed": SEED, "control_after_generate": "fixed"}),
                Node("unipc", "RGBAFlowUniPC", {"steps": 4, "shift": 5}),
                latent_of_the_drawing(batch_size),
            ],
            [
                Node("guider", "BasicGuider", guider),
                Node("sample", "SamplerCustomAdvanced", sample),
                note("sampler_note", "Sampler", REFERENCE_SAMPLER_NOTE, 190),
            ],
        ],
    )


def decoded(samples: str, tile_size: int = 0) -> Node:
    inputs = {"samples": link(samples), "rgba_vae": link("vae.rgba_vae"), "tile_size": tile_size}
    return Node("decode", "RGBADecode", inputs)


def output(name: str, samples: str, fps: Value | Link, tile_size: int = 0) -> Group:
    note_below = note("output_note", "What comes out", OUTPUT_NOTE.format(name=name), 260)
    edges = [decoded(samples, tile_size), *clean_edges("decode.image"), note_below]
    return Group("Output", OUTPUT, [edges, [saved_frames(name, "bleed.image", fps), player("bleed.image", fps)]])


REFERENCE_SAMPLER_NOTE = """
    The reference's recipe: 4 steps with the speed LoRA, no cfg, shift 5, mean shift 0.05. The flow shift is in the
    noise levels of *Flow UniPC*, so the model needs no node for it.

    Without the speed LoRA: 50 steps, and *CFGGuider* at 5 with a negative prompt.
"""
SAMPLER_NOTE = """
    **ipndm, simple, 4 steps, cfg 1, shift 5.** Of the host's samplers, ipndm comes closest to the reference's UniPC: on
    a toy model their results are 0.0001 apart on average; euler is 0.0041 off, uni_pc (as in the official ComfyUI
    graph) 0.0052. The reference's own is *Flow UniPC* with SamplerCustomAdvanced.
"""
OUTPUT_NOTE = """
    *RGBA decode* gives straight RGBA. It warns when alpha is nearly all opaque or empty, and says why that may be.

    *Noise off alpha*: below 0.02 it is empty, above 0.98 it is solid. *Bleed RGBA edges* carries colour outward under
    low alpha, so that no filter or codec finds another one there. Bypass both for the bare decode.

    *Save RGBA sequence* writes `output/rgba/{name}_v001/{name}_v001.1001.png` and so on, a new version for each run,
    and a JSON beside them with frame rate, size, seed and graph.

    *RGBA preview* plays the clip over a checkerboard, black, white or any colour, and shows alpha alone.
"""

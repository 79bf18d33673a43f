"""Wan-Alpha: a prompt alone, a drawn ellipse, little memory, video to video, long clips and loops."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .description import Column, Graph, Group, Link, Node, Value, link
from .files import (
    ALPHA_VAE,
    BASE,
    BASE_FP8,
    COLOUR_CLIP,
    DECODERS,
    DORA_V1,
    DORA_V2,
    MATTE_CLIP,
    PHA_VAE,
    RGB_VAE,
    SPEED,
    TEXT_ENCODER,
    V2_FILES,
    VAE,
)
from .parts import (
    BLUE,
    CLIP,
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
    paragraphs,
    player,
    read_me,
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


def wan_alpha_v1() -> Graph:
    story = """
        A prompt in, 81 RGBA frames out: 5 s at 16 fps. Version 1 decides by itself where the subject is; version 2 lets
        you place it.

        The two VAEs decode the same latent, one to colour and one to alpha. If yours come from htdong/Wan-Alpha_ComfyUI
        their names end in `.safetensors.safetensors`: the same files.
    """
    files = [BASE, TEXT_ENCODER, RGB_VAE, PHA_VAE, DORA_V1, SPEED]
    pair = {"rgb_vae": link("rgb_vae.VAE"), "alpha_vae": link("alpha_vae.VAE")}
    vaes = [
        Node("rgb_vae", "VAELoader", {"vae_name": RGB_VAE}, title="VAE for colour"),
        Node("alpha_vae", "VAELoader", {"vae_name": PHA_VAE}, title="VAE for alpha"),
        Node("vae", "RGBAVAEFromPair", pair),
    ]
    left = [flow_shift(), no_negative(), empty_latent(832, 480, 81)]
    right = [ksampler("shift.MODEL", "latent.LATENT"), note("sampler_note", "Sampler", SAMPLER_NOTE, 190)]
    lantern = prompt("A red paper lantern sways in the wind, its light shining through the thin paper.")
    return Graph(
        "wan_alpha_v1",
        [
            Column(420, [models(*vaes, dora=DORA_V1)]),
            Column(440, [lantern, read_me("Wan-Alpha v1", story, files, 470)]),
            Column(680, [Group("Sampling", SAMPLING, [left, right])]),
            Column(720, [output("wan_alpha_v1", "sample.LATENT", 16)]),
        ],
    )


def wan_alpha_v2_ellipse() -> Graph:
    story = """
        A prompt and an ellipse in, 81 RGBA frames out. The ellipse says where the subject is, frame by frame; around it
        the mean of the initial noise is raised a little, and the model leaves that part empty.

        The ellipse node sets width, height, length and frame rate of the whole graph.
    """
    path = drawing(
        "parrot",
        {"frame": 0, "cx": 0.28, "cy": 0.55, "rx": 0.16, "ry": 0.34, "ease": "ease"},
        {"frame": 48, "cx": 0.6, "cy": 0.45, "rx": 0.24, "ry": 0.36, "angle": -10, "ease": "ease"},
        {"frame": 80, "cx": 0.7, "cy": 0.5, "rx": 0.2, "ry": 0.36},
    )
    return _with_ellipse(
        "wan_alpha_v2_ellipse",
        read_me("Wan-Alpha v2 with an ellipse", story, [BASE, *V2_FILES], 450),
        models(alpha_vae()),
        prompt("A green parrot takes off and flies to the right, wings spread wide.", motion="strong"),
        ellipse(832, 480, 81, path),
    )


def wan_alpha_v2_low_vram() -> Graph:
    story = """
        The v2 graph for small cards: an fp8 base, 640 x 352, 49 frames (3 s), and a decode in tiles.

        *apply: auto* adds DoRA and speed LoRA beside the fp8 weights instead of baking them in, where rounding would
        eat much of them. **GGUF** works the same way: put the Unet loader of your GGUF pack in the place of *Wan 2.1
        T2V 14B*.

        Still too much? Shorten *length* (4n + 1), then the size (multiples of 16). With memory to spare, *tile_size* 0
        decodes whole frames, which cannot show seams.
    """
    still = drawing("jellyfish", {"frame": 0, "cx": 0.5, "cy": 0.5, "rx": 0.22, "ry": 0.42})
    return _with_ellipse(
        "wan_alpha_v2_low_vram",
        read_me("Wan-Alpha v2 on little memory", story, [BASE_FP8, *V2_FILES], 540),
        models(alpha_vae(), base=BASE_FP8),
        prompt("A glowing blue jellyfish drifts and pulses, its veil half transparent.", motion="gentle"),
        ellipse(640, 352, 49, still),
        tile_size=256,
    )


def _with_ellipse(name: str, read_me: Node, models: Group, prompt: Group, ellipse: Group, tile_size: int = 0) -> Graph:
    return Graph(
        name,
        [
            Column(420, [models, read_me]),
            Column(520, [prompt, ellipse]),
            Column(680, [reference_sampling()]),
            Column(720, [output(name, "sample.output", link("ellipse.fps"), tile_size)]),
        ],
    )


def wan_alpha_v2v() -> Graph:
    story = """
        An RGBA clip in, a new RGBA clip out: KSampler keeps what *denoise* leaves of the encoded clip.

        The clip comes as two videos of one size and length from the input folder: colour, and its matte in grey (white
        = opaque). Set *Length* to 4n + 1 frames that they have. For a still, put *Load Image* in their place, its MASK
        into *mask* of Join RGBA, and *Length* to 1.

        DoRA and VAE belong together: for v1 it is `wan_alpha_2.1_rgba_lora.safetensors` with `Wan-Alpha-VAE.bin`.
    """
    denoise = """
        **denoise** 0.6 starts at sigma 0.91, 0.3 at 0.69: the higher, the less of the clip is kept.

        Below 1 **nothing is shifted**: part of the clip is in the noise and says where the subject is. *Mean shift* is
        there for denoise 1, where the clip gives only its place, through the fitted ellipses.
    """
    files = [BASE, TEXT_ENCODER, VAE, ALPHA_VAE, DORA_V2, SPEED]
    join = {"rgb": link("colour_frames.images"), "alpha": link("matte_frames.images")}
    trim = {"image": link("join.image"), "batch_index": 0, "length": 81}
    scale = {"image": link("trim.IMAGE"), "upscale_method": "lanczos", "width": 832, "height": 480, "crop": "center"}
    encode = {"image": link("scale.IMAGE"), "rgba_vae": link("vae.rgba_vae"), "background": "black"}
    videos = [
        Node("colour", "LoadVideo", {"file": COLOUR_CLIP}, title="Colour", height=280),
        Node("matte", "LoadVideo", {"file": MATTE_CLIP}, title="Matte", height=280),
    ]
    frames = [
        Node("colour_frames", "GetVideoComponents", {"video": link("colour.VIDEO")}, title="Colour frames"),
        Node("matte_frames", "GetVideoComponents", {"video": link("matte.VIDEO")}, title="Matte frames"),
        Node("join", "RGBAJoin", join),
        Node("trim", "ImageFromBatch", trim, title="Length"),
        Node("scale", "ImageScale", scale, title="Size"),
    ]
    left = [
        Node("encode", "RGBAEncode", encode),
        flow_shift(),
        mean_shift("shift.MODEL", "fit.subject"),
        no_negative(),
    ]
    right = [
        ksampler("mean_shift.model", "encode.samples", denoise=0.6),
        note("sampler_note", "Sampler", SAMPLER_NOTE, 190),
    ]
    fit = Node("fit", "RGBAFitEllipses", {"image": link("scale.IMAGE")}, colors=BLUE)
    robot = prompt("A robot made of brushed copper waves at the camera.", motion="gentle", side_by_side=True)
    return Graph(
        "wan_alpha_v2v",
        [
            Column(420, [models(alpha_vae(ALPHA_VAE)), read_me("Wan-Alpha, video to video", story, files, 520)]),
            Column(680, [Group("Clip", CLIP, [videos, frames]), robot]),
            Column(
                680,
                [
                    Group("Sampling", SAMPLING, [left, right]),
                    Group("Ellipse", ELLIPSE, [[fit], [note("denoise_note", "Denoise", denoise, 160)]]),
                ],
            ),
            Column(720, [output("wan_alpha_v2v", "sample.LATENT", link("colour_frames.fps"))]),
        ],
    )


def wan_alpha_v2_161_frames() -> Graph:
    story = """
        Ten seconds: 161 frames in windows of 81, the length that Wan was trained on. The ellipse goes through all of
        them, so the subject goes where you draw it.
    """
    windows = """
        **Wan Context Windows** samples 81 frames at a time and blends the 30 that two windows share. The windows move
        from step to step, so that seams do not stay in one place.
    """
    path = drawing(
        "koi",
        {"frame": 0, "cx": 0.22, "cy": 0.6, "rx": 0.16, "ry": 0.22, "angle": 0, "ease": "ease"},
        {"frame": 80, "cx": 0.62, "cy": 0.38, "rx": 0.18, "ry": 0.22, "angle": -20, "ease": "ease"},
        {"frame": 160, "cx": 0.76, "cy": 0.6, "rx": 0.16, "ry": 0.22, "angle": 20},
    )
    return _in_windows(
        "wan_alpha_v2_161_frames",
        read_me("Wan-Alpha v2, 161 frames", story, [BASE, *V2_FILES], 420),
        prompt("A koi carp swims in a wide curve, its fins trailing like silk.", motion="gentle"),
        ellipse(832, 480, 161, path),
        {"context_length": 81, "context_overlap": 30, "context_schedule": "standard_uniform", "closed_loop": False},
        windows,
    )


def wan_alpha_v2_loop() -> Graph:
    story = """
        A loop without a seam: 81 frames that run on from the last into the first, for games, titles and web pages. The
        drawing loops too: with `"loop": true` the last keyframe leads back to the first.
    """
    windows = """
        **Wan Context Windows**, *looped_uniform* with *closed_loop*: windows of 49 frames run over the end into the
        beginning. A window must be shorter than the clip, or there is no loop; long windows hold together better.
    """
    ring = drawing(
        "flame",
        {"frame": 0, "cx": 0.46, "cy": 0.55, "rx": 0.18, "ry": 0.36, "ease": "ease"},
        {"frame": 27, "cx": 0.54, "cy": 0.55, "rx": 0.2, "ry": 0.4, "ease": "ease"},
        {"frame": 54, "cx": 0.5, "cy": 0.52, "rx": 0.16, "ry": 0.42, "ease": "ease"},
        loop=True,
    )
    return _in_windows(
        "wan_alpha_v2_loop",
        read_me("Wan-Alpha v2, a seamless loop", story, [BASE, *V2_FILES], 420),
        prompt("An orange flame burns calmly, its tongues half transparent.", motion="gentle"),
        ellipse(832, 480, 81, ring),
        {"context_length": 49, "context_overlap": 20, "context_schedule": "looped_uniform", "closed_loop": True},
        windows,
    )


FREENOISE = """
    *freenoise* repeats noise so that windows look alike. *Mean shift (model)* is added behind it and stays on its
    ellipse; *Mean shift (noise)* would be carried along.
"""


def _in_windows(
    name: str, read_me: Node, prompt: Group, ellipse: Group, windows: Mapping[str, Value], windows_note: str
) -> Graph:
    inputs: dict[str, Value | Link] = {
        "model": link("shift.MODEL"), **windows, "context_stride": 1, "fuse_method": "pyramid", "freenoise": True,
        "retain_first_frame": False, "split_conds_to_windows": False,
    }  # fmt: skip
    left = [
        flow_shift(),
        Node("windows", "WanContextWindowsManual", inputs, colors=BLUE),
        mean_shift("windows.MODEL", "ellipse.subject"),
        no_negative(),
        latent_of_the_drawing(),
    ]
    text = "\n\n".join(map(paragraphs, [windows_note, FREENOISE, SAMPLER_NOTE]))
    right = [ksampler("mean_shift.model", "latent.LATENT"), note("windows_note", "Windows and sampler", text, 300)]
    return Graph(
        name,
        [
            Column(420, [models(alpha_vae()), read_me]),
            Column(520, [prompt, ellipse]),
            Column(680, [Group("Sampling", SAMPLING, [left, right])]),
            Column(720, [output(name, "sample.LATENT", link("ellipse.fps"))]),
        ],
    )


GRAPHS = (
    wan_alpha_v1(),
    wan_alpha_v2_ellipse(),
    wan_alpha_v2_low_vram(),
    wan_alpha_v2v(),
    wan_alpha_v2_161_frames(),
    wan_alpha_v2_loop(),
)

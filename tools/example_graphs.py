"""The example graphs in words: their nodes, values, links and columns. `save_workflows.py` builds and saves them.

A graph is columns from left to right; a column holds notes and groups from top to bottom, a group holds nodes. File
names are the published ones.
"""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool

MODELS, PROMPT, ELLIPSE, CLIP, SAMPLING, OUTPUT = "#3f789e", "#8A8", "#88A", "#b58b2a", "#b06634", "#A88"
GREEN, BLUE, YELLOW = ("#232", "#353"), ("#223", "#335"), ("#432", "#000")


@dataclass(frozen=True)
class Link:
    """The output of another node: its name here and the output's name."""

    source: str
    output: str


@dataclass(frozen=True)
class Node:
    """name  what links call it
    inputs   widget values and links, by the node's own input names; what is left out keeps the node's default
    height   at least this many pixels
    """

    name: str
    type: str
    inputs: Mapping[str, Value | Link]
    title: str = ""
    height: int = 0
    colors: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Group:
    """Its columns stand side by side."""

    title: str
    color: str
    columns: Sequence[Sequence[Node]]


@dataclass(frozen=True)
class Column:
    width: int
    items: Sequence[Group | Node]


@dataclass(frozen=True)
class File:
    """Its folder below `models`, its size where that is known, its repository on Hugging Face."""

    folder: str
    size: str
    source: str


@dataclass(frozen=True)
class Graph:
    name: str
    columns: Sequence[Column]

    @property
    def id(self) -> str:
        """The UI gives every graph a random one; ours stays the same."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"rgba-video/{self.name}"))

    @property
    def nodes(self) -> list[Node]:
        items = [item for column in self.columns for item in column.items]
        stacks = [stack for item in items for stack in (item.columns if isinstance(item, Group) else [[item]])]
        return [node for stack in stacks for node in stack]

    def description(self) -> dict[str, Any]:
        """What `WebUI.build` takes."""
        return {
            "id": self.id,
            "columns": [{"width": c.width, "items": [_item(item) for item in c.items]} for c in self.columns],
            "links": [
                {"source": value.source, "output": value.output, "target": node.name, "input": name}
                for node in self.nodes
                for name, value in node.inputs.items()
                if isinstance(value, Link)
            ],
        }


def _item(item: Group | Node) -> dict[str, Any]:
    if isinstance(item, Group):
        columns = [[_item(node) for node in column] for column in item.columns]
        return {"title": item.title, "color": item.color, "columns": columns}
    color, background = item.colors
    values = {name: value for name, value in item.inputs.items() if not isinstance(value, Link)}
    names = {"name": item.name, "type": item.type, "title": item.title}
    return names | {"values": values, "height": item.height, "color": color, "bgcolor": background}


def link(text: str) -> Link:
    """`link("unet.MODEL")`: the output MODEL of the node called unet."""
    source, _, output = text.partition(".")
    return Link(source, output)


# --------------------------------------------------------------------------------------------------------------------
# The published files
# --------------------------------------------------------------------------------------------------------------------

COMFY_ORG = "Comfy-Org/Wan_2.1_ComfyUI_repackaged"
V2, VAES, KIJAI = "htdong/Wan-Alpha-v2.0", "htdong/Wan-Alpha-VAE", "Kijai/WanVideo_comfy"

BASE, BASE_FP8 = "wan2.1_t2v_14B_fp16.safetensors", "wan2.1_t2v_14B_fp8_scaled.safetensors"
TEXT_ENCODER = "umt5_xxl_fp8_e4m3fn_scaled.safetensors"
VAE, DECODERS, ALPHA_VAE = "wan_2.1_vae.safetensors", "decoder.bin", "Wan-Alpha-v2-VAE.bin"
RGB_VAE, PHA_VAE = "wan_alpha_2.1_vae_rgb_channel.safetensors", "wan_alpha_2.1_vae_alpha_channel.safetensors"
DORA_V1, DORA_V2 = "wan_alpha_2.1_rgba_lora.safetensors", "t2v.safetensors"
SPEED = "lightx2v_T2V_14B_cfg_step_distill_v2_lora_rank64_bf16.safetensors"

COGVIDEOX, COGVIDEOX_I2V, TRANSPIXAR = "zai-org/CogVideoX-5b", "zai-org/CogVideoX-5b-I2V", "wileewang/TransPixar"
MOCHI_ORG, T5_ORG = "Comfy-Org/mochi_preview_repackaged", "comfyanonymous/flux_text_encoders"

COG_BASE = tuple(f"CogVideoX-5b-{n:05}-of-00002.safetensors" for n in (1, 2))
COG_I2V_BASE = tuple(f"CogVideoX-5b-I2V-{n:05}-of-00003.safetensors" for n in (1, 2, 3))
COG_LORA, COG_VAE, T5 = "cogvideox_rgba_lora.safetensors", "cogvideox_vae.safetensors", "t5xxl_fp16.safetensors"
WAN_SMALL, WAN_JOINT_LORA = "wan2.1_t2v_1.3B_fp16.safetensors", "wan2.1_1.3B_rgba_joint_lora.safetensors"
MOCHI_BASE, MOCHI_VAE = "mochi_preview_bf16.safetensors", "mochi_vae.safetensors"
MOCHI_LORA = "mochi_rgba_lora.ckpt"
UPSCALER, INTERPOLATOR = "RealESRGAN_x2plus.pth", "rife_v4.26.safetensors"
WEIGHTS = "diffusion_pytorch_model"
RENAMED, OWN = "{}, `{}`, renamed", "your own training: none is published"

XL_BASE, SD15_BASE = "sd_xl_base_1.0.safetensors", "v1-5-pruned-emaonly-fp16.safetensors"
SCRIBBLE = "control_v11p_sd15_scribble_fp16.safetensors"
FLUX_BASE, CLIP_L, FLUX_VAE = "flux1-dev.safetensors", "clip_l.safetensors", "ae.safetensors"
XL_ATTN, XL_BG2BLE, XL_BGBLE2FG = (
    f"layer_xl_{name}.safetensors" for name in ("transparent_attn", "bg2ble", "bgble2fg")
)
SD15_JOINT = "layer_sd15_joint.safetensors"
XL_DECODER, SD15_DECODER = (f"{name}vae_transparent_decoder.safetensors" for name in ("", "layer_sd15_"))
FLUX_LAYERS, FLUX_TRANSPARENT_VAE = "layerlora.safetensors", "TransparentVAE.pth"
LAYERDIFFUSION, FLUX_LAYERDIFFUSE = "LayerDiffusion/layerdiffusion-v1", "RedAIGC/Flux-version-LayerDiffuse"

FILES = {
    BASE: File("diffusion_models", "28.6 GB", COMFY_ORG),
    BASE_FP8: File("diffusion_models", "14.3 GB", COMFY_ORG),
    TEXT_ENCODER: File("text_encoders", "6.7 GB", COMFY_ORG),
    VAE: File("vae", "254 MB", COMFY_ORG),
    DECODERS: File("vae", "", V2),
    ALPHA_VAE: File("vae", "", VAES),
    RGB_VAE: File("vae", "254 MB", COMFY_ORG),
    PHA_VAE: File("vae", "254 MB", COMFY_ORG),
    DORA_V1: File("loras", "312 MB", COMFY_ORG),
    DORA_V2: File("loras", "312 MB", V2),
    SPEED: File("loras", "630 MB", KIJAI),
    **{
        name: File("diffusion_models", "", RENAMED.format(source, f"transformer/{name.replace(prefix, WEIGHTS)}"))
        for names, source, prefix in (
            (COG_BASE, COGVIDEOX, "CogVideoX-5b"),
            (COG_I2V_BASE, COGVIDEOX_I2V, "CogVideoX-5b-I2V"),
        )
        for name in names
    },
    COG_LORA: File("loras", "", TRANSPIXAR),
    COG_VAE: File("vae", "", RENAMED.format(COGVIDEOX, f"vae/{WEIGHTS}.safetensors")),
    T5: File("text_encoders", "9.8 GB", T5_ORG),
    WAN_SMALL: File("diffusion_models", "2.8 GB", COMFY_ORG),
    WAN_JOINT_LORA: File("loras", "", OWN),
    MOCHI_BASE: File("diffusion_models", "20 GB", MOCHI_ORG),
    MOCHI_VAE: File("vae", "", MOCHI_ORG),
    MOCHI_LORA: File("loras", "", OWN),
    UPSCALER: File("upscale_models", "67 MB", "the releases of github.com/xinntao/Real-ESRGAN"),
    INTERPOLATOR: File("frame_interpolation", "23 MB", "Comfy-Org/frame_interpolation"),
    XL_BASE: File("checkpoints", "6.9 GB", "stabilityai/stable-diffusion-xl-base-1.0"),
    SD15_BASE: File("checkpoints", "2.1 GB", "Comfy-Org/stable-diffusion-v1-5-archive"),
    SCRIBBLE: File("controlnet", "723 MB", "comfyanonymous/ControlNet-v1-1_fp16_safetensors"),
    FLUX_BASE: File("diffusion_models", "23.8 GB", "black-forest-labs/FLUX.1-dev"),
    CLIP_L: File("text_encoders", "246 MB", T5_ORG),
    FLUX_VAE: File("vae", "335 MB", "black-forest-labs/FLUX.1-dev"),
    FLUX_LAYERS: File("loras", "", FLUX_LAYERDIFFUSE),
    FLUX_TRANSPARENT_VAE: File("layer_model", "", FLUX_LAYERDIFFUSE),
    **{
        name: File("layer_model", "", LAYERDIFFUSION)
        for name in (XL_ATTN, XL_BG2BLE, XL_BGBLE2FG, XL_DECODER, SD15_JOINT, SD15_DECODER)
    },
}

COLOUR_CLIP, MATTE_CLIP, PICTURE = "clip_colour.mp4", "clip_matte.mp4", "picture_rgba.png"
RGBA_CLIP = "clip_rgba.mov"
BACKGROUND, SKETCH = "background.png", "sketch.png"
V2_FILES = (TEXT_ENCODER, VAE, DECODERS, DORA_V2, SPEED)

# --------------------------------------------------------------------------------------------------------------------
# What the graphs share
# --------------------------------------------------------------------------------------------------------------------


def paragraphs(text: str) -> str:
    """Wrapped lines as Markdown paragraphs."""
    return "\n\n".join(" ".join(each.split()) for each in inspect.cleandoc(text).split("\n\n"))


def note(name: str, title: str, text: str, height: int) -> Node:
    return Node(name, "MarkdownNote", {"text": paragraphs(text)}, title=title, height=height, colors=YELLOW)


def read_me(title: str, story: str, files: Sequence[str], height: int) -> Node:
    parts = [f"# {title}", paragraphs(story), *(["## Files"] if files else [])]
    for folder in dict.fromkeys(FILES[name].folder for name in files):
        here = [name for name in files if FILES[name].folder == folder]
        lines = [", ".join(part for part in (f"`{n}`", FILES[n].size, f"from {FILES[n].source}") if part) for n in here]
        parts += [f"**models/{folder}**", "\n".join(f"- {line}" for line in lines)]
    return Node("read_me", "MarkdownNote", {"text": "\n\n".join(parts)}, title="Read me", height=height, colors=YELLOW)


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


def empty_latent(width: Value | Link, height: Value | Link, length: Value | Link, batch_size: int = 1) -> Node:
    inputs = {"width": width, "height": height, "length": length, "batch_size": batch_size}
    return Node("latent", "EmptyHunyuanLatentVideo", inputs, title="Empty video latent")


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


def clean_edges(image: str) -> list[Node]:
    """Noise off both ends of alpha, and no foreign colour under it: `bleed.image`."""
    levels = {"image": link(image), "black": 0.02, "white": 0.98}
    return [
        Node("levels", "RGBAMatte", levels, title="Noise off alpha"),
        Node("bleed", "RGBAEdgeBleed", {"image": link("levels.image"), "below": 0.05}),
    ]


def saved_frames(name: str, image: str, fps: Value | Link) -> Node:
    inputs = {
        "image": link(image), "filename_prefix": f"rgba/{name}", "format": "png 8-bit", "passes": "rgba",
        "start_frame": 1001, "padding": 4, "fps": fps, "existing": "new version", "compression": 1,
    }  # fmt: skip
    return Node("save", "RGBASaveSequence", inputs, colors=GREEN)


def player(image: str, fps: Value | Link) -> Node:
    return Node("preview", "RGBAPreview", {"image": link(image), "fps": fps}, height=420)


def decoded(samples: str, tile_size: int = 0) -> Node:
    inputs = {"samples": link(samples), "rgba_vae": link("vae.rgba_vae"), "tile_size": tile_size}
    return Node("decode", "RGBADecode", inputs)


def output(name: str, samples: str, fps: Value | Link, tile_size: int = 0) -> Group:
    note_below = note("output_note", "What comes out", OUTPUT_NOTE.format(name=name), 260)
    edges = [decoded(samples, tile_size), *clean_edges("decode.image"), note_below]
    return Group("Output", OUTPUT, [edges, [saved_frames(name, "bleed.image", fps), player("bleed.image", fps)]])


SEED = 42

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

# --------------------------------------------------------------------------------------------------------------------
# The graphs
# --------------------------------------------------------------------------------------------------------------------


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


# --------------------------------------------------------------------------------------------------------------------
# TransPixeler
# --------------------------------------------------------------------------------------------------------------------

JOINT_OUTPUT_NOTE = """
    *Decode joint* decodes RGB and alpha apart; alpha is the largest of its three channels, as the reference has it.

    The colour is straight, but it stands on a soft backdrop, which shows in half transparent places.

    *Save RGBA sequence* writes `output/rgba/{name}_v001/{name}_v001.1001.png` and so on, a new version for each run,
    and a JSON beside them.
"""
COG_SAMPLER_NOTE = """
    **euler, simple, 50 steps, cfg 6** is the reference's DDIM. Its demo program samples with DPM: *CogVideoX sampler*
    with SamplerCustom, between *Joint latent* and *Split joint latent*.

    The preview shows RGB on the left and alpha on the right. Two domains are twice the frames and about four times the
    attention.
"""
NOT_TRAINED_FOR_IT = """
    **Experimental.** The published weights learned to make both domains together, from noise. That they make one from
    the other is our use of them: try several seeds.
"""


def joint_models(base: Node, weights: str, clip: str, kind: str, vae: str) -> Group:
    """Base, TransPixeler, text encoder and VAE; `base` has the output MODEL or model."""
    source = "base.MODEL" if base.type == "UNETLoader" else "base.model"
    adapter = {"model": link(source), "weights_name": weights, "strength": 1, "text_to_alpha": "blocked (paper)"}
    encoder = {"clip_name": clip, "type": kind, "device": "default"}
    return Group(
        "Models",
        MODELS,
        [
            [
                base,
                Node("joint_model", "RGBAApplyTransPixeler", {**adapter, "rgb_to_alpha": True, "same_noise": "auto"}),
                Node("clip", "CLIPLoader", encoder, title="Text encoder"),
                Node("vae", "VAELoader", {"vae_name": vae}, title="VAE"),
            ]
        ],
    )


def cogvideox_models(base: str = COG_BASE[0]) -> Group:
    return joint_models(Node("base", "RGBALoadCogVideoX", {"model_name": base}), COG_LORA, T5, "cogvideox", COG_VAE)


def joint_prompt(description: str, negative: str = "", *, motion: str = "none", side_by_side: bool = False) -> Group:
    inputs = {"description": description, "shot": "medium shot", "style": "realistic", "motion": motion}
    words = {"quality": "high", "labels": "before", "language": "en", "model": "TransPixeler"}
    clip = {"clip": link("clip.CLIP")}
    recipe = Node("prompt", "RGBATransparentPrompt", {**inputs, **words}, height=310, colors=GREEN)
    positive = {**clip, "text": link("prompt.prompt")}
    stack = [
        recipe,
        Node("positive", "CLIPTextEncode", positive, title="Positive", colors=GREEN),
        Node("negative", "CLIPTextEncode", {**clip, "text": negative}, title="Negative", height=110),
    ]
    return Group("Prompt", PROMPT, [stack[:1], stack[1:]] if side_by_side else [stack])


def sample_joint(latent: str, recipe: Mapping[str, Value], model: str = "joint_model.model", source: str = "") -> Node:
    """`recipe` has steps, cfg, sampler_name and scheduler; `source` names the node of both conditionings, if one."""
    texts = [f"{source}.{name}" if source else f"{name}.CONDITIONING" for name in ("positive", "negative")]
    inputs = {
        "model": link(model), "positive": link(texts[0]), "negative": link(texts[1]), "latent_image": link(latent),
        "seed": SEED, "control_after_generate": "fixed", **recipe, "denoise": 1,
    }  # fmt: skip
    return Node("sample", "RGBASampleJoint", inputs, colors=BLUE)


COG_RECIPE = {"steps": 50, "cfg": 6, "sampler_name": "euler", "scheduler": "simple"}


def joint_output(name: str, fps: Value | Link, joined: Node | None = None) -> Group:
    """Decode, save and preview. `joined` puts the given half back instead of the decoded one; its output is `image`.

    A VAE decodes 4n + 1 frames, so of the given frames as many are taken as came out: `given`.
    """
    decode = {"rgb": link("sample.rgb"), "alpha": link("sample.alpha"), "vae": link("vae.VAE"), "alpha_from": "max"}
    parts = [Node("decode", "RGBADecodeJoint", decode)]
    if joined is not None:
        trim = {"image": link("frames.IMAGE"), "batch_index": 0, "length": link("size.batch_size")}
        parts += [
            Node("size", "GetImageSize", {"image": link("decode.rgb")}, title="Decoded length"),
            Node("given", "ImageFromBatch", trim, title="As many given frames"),
            joined,
        ]
    image = f"{parts[-1].name}.image"
    saver = saved_frames(name, image, fps)
    note_below = note("output_note", "What comes out", JOINT_OUTPUT_NOTE.format(name=name), 210)
    return Group("Output", OUTPUT, [[*parts, saver, note_below], [player(image, fps)]])


def transpixeler_cogvideox() -> Graph:
    name = "transpixeler_cogvideox"
    story = """
        A prompt in, 49 RGBA frames out: 6 s at 8 fps. CogVideoX-5B makes colour and alpha in one run; TransPixeler's
        LoRA, which acts on the alpha frames alone, has taught it what they are.

        The model is diffusers' own, in two files. Save both under these names, or any others that end in
        `-00001-of-00002` and `-00002-of-00002`.
    """
    files = [*COG_BASE, COG_LORA, T5, COG_VAE]
    sampling = [
        empty_latent(720, 480, 49),
        sample_joint("latent.LATENT", COG_RECIPE),
        note("sampler_note", "Sampler", COG_SAMPLER_NOTE, 170),
    ]
    return Graph(
        name,
        [
            Column(420, [cogvideox_models(), read_me("TransPixeler on CogVideoX-5B", story, files, 480)]),
            Column(440, [joint_prompt("A cloud of dust bursts apart in slow motion, isolated.", motion="strong")]),
            Column(420, [Group("Sampling", SAMPLING, [sampling])]),
            Column(720, [joint_output(name, 8)]),
        ],
    )


def transpixeler_wan() -> Graph:
    name = "transpixeler_wan"
    story = """
        A prompt in, 33 RGBA frames out: 2 s at 16 fps, on the small Wan 2.1. **No weights are published for it**: this
        is for files that were trained with the `wan` branch of TransPixeler's code, at the size that it trains.
    """
    sampler = """
        **uni_pc, simple, 30 steps, cfg 5, shift 5.** The reference's own UniPC is *Flow UniPC* with SamplerCustom,
        between *Joint latent* and *Split joint latent*.

        *same_noise: auto* gives each domain its own noise here, because Wan was trained so; for CogVideoX and Mochi
        they share one.
    """
    base = Node("base", "UNETLoader", {"unet_name": WAN_SMALL, "weight_dtype": "default"}, title="Wan 2.1 T2V 1.3B")
    shift = {"model": link("joint_model.model"), "shift": 5}
    recipe = {"steps": 30, "cfg": 5, "sampler_name": "uni_pc", "scheduler": "simple"}
    sampling = [
        Node("shift", "ModelSamplingSD3", shift, title="Flow shift"),
        empty_latent(832, 480, 33),
        sample_joint("latent.LATENT", recipe, model="shift.MODEL"),
        note("sampler_note", "Sampler", sampler, 160),
    ]
    negative = "blurry, overexposed, low quality, still picture, subtitles, watermark"
    files = [WAN_SMALL, WAN_JOINT_LORA, TEXT_ENCODER, VAE]
    models = joint_models(base, WAN_JOINT_LORA, TEXT_ENCODER, "wan", VAE)
    return Graph(
        name,
        [
            Column(420, [models, read_me("TransPixeler on Wan 2.1", story, files, 410)]),
            Column(440, [joint_prompt("A glass marble rolls over the floor and spins.", negative, motion="gentle")]),
            Column(420, [Group("Sampling", SAMPLING, [sampling])]),
            Column(720, [joint_output(name, 16)]),
        ],
    )


def transpixeler_mochi() -> Graph:
    name = "transpixeler_mochi"
    story = """
        A prompt in, 37 RGBA frames out: 1.2 s at 30 fps, on Mochi 1. **No weights are published for it**: this is for
        files that were trained with TransPixeler's code, which trains this size. The checkpoint that it writes goes
        into models/loras as it is; the name here is an example.
    """
    sampler = """
        **euler, linear_quadratic, 64 steps, cfg 4.5**: the reference's noise levels and steps. Text cannot see alpha,
        in the release too.
    """
    base = Node("base", "UNETLoader", {"unet_name": MOCHI_BASE, "weight_dtype": "default"}, title="Mochi 1")
    recipe = {"steps": 64, "cfg": 4.5, "sampler_name": "euler", "scheduler": "linear_quadratic"}
    size = {"width": 848, "height": 480, "length": 37, "batch_size": 1}
    sampling = [
        Node("latent", "EmptyMochiLatentVideo", size, title="Empty video latent"),
        sample_joint("latent.LATENT", recipe),
        note("sampler_note", "Sampler", sampler, 110),
    ]
    files = [MOCHI_BASE, MOCHI_LORA, T5, MOCHI_VAE]
    models = joint_models(base, MOCHI_LORA, T5, "mochi", MOCHI_VAE)
    return Graph(
        name,
        [
            Column(420, [models, read_me("TransPixeler on Mochi 1", story, files, 390)]),
            Column(440, [joint_prompt("Thick white steam rises from a cup of tea.", motion="gentle")]),
            Column(420, [Group("Sampling", SAMPLING, [sampling])]),
            Column(720, [joint_output(name, 30)]),
        ],
    )


def _footage(file: str, title: str) -> Group:
    """A video of the input folder as `frames.IMAGE`, 49 frames of 720 x 480; `components.fps` is its rate."""
    trim = {"image": link("components.images"), "batch_index": 0, "length": 49}
    scale = {"image": link("trim.IMAGE"), "upscale_method": "lanczos", "width": 720, "height": 480, "crop": "center"}
    video = [
        Node("video", "LoadVideo", {"file": file}, title=title, height=280),
        Node("components", "GetVideoComponents", {"video": link("video.VIDEO")}, title="Frames"),
    ]
    frames = [
        Node("trim", "ImageFromBatch", trim, title="Length"),
        Node("frames", "ImageScale", scale, title="Size"),
        Node("encode", "VAEEncode", {"pixels": link("frames.IMAGE"), "vae": link("vae.VAE")}),
    ]
    return Group(title, CLIP, [video, frames])


def transpixeler_alpha_for_a_clip() -> Graph:
    name = "transpixeler_alpha_for_a_clip"
    story = """
        Footage in, its alpha out: the encoded clip is the RGB half and stays as it is, *Joint latent* with *keep: rgb*
        lets the sampler make the alpha half alone. The colour that is saved is the footage's own.

        It works best on what the model knows: one subject over a soft, even background, 720 x 480, up to 49
        frames. Lengths are 4n + 1: of other clips the last frames are left out.
    """
    joint = {"rgb": link("encode.LATENT"), "keep": "rgb"}
    sampling = [
        Node("latent", "RGBAJointLatent", joint, colors=BLUE),
        sample_joint("latent.samples", COG_RECIPE),
        note("experimental_note", "Experimental", NOT_TRAINED_FOR_IT, 110),
    ]
    join = {"rgb": link("given.IMAGE"), "mask": link("decode.mask")}
    joined = Node("join", "RGBAJoin", join, title="Footage with its alpha")
    files = [*COG_BASE, COG_LORA, T5, COG_VAE]
    return Graph(
        name,
        [
            Column(420, [cogvideox_models(), read_me("Alpha for a clip", story, files, 480)]),
            Column(680, [_footage(COLOUR_CLIP, "Footage"), joint_prompt("A dancer turns around.", side_by_side=True)]),
            Column(420, [Group("Sampling", SAMPLING, [sampling])]),
            Column(720, [joint_output(name, link("components.fps"), joined)]),
        ],
    )


def transpixeler_colour_for_a_matte() -> Graph:
    name = "transpixeler_colour_for_a_matte"
    story = """
        A matte in, colour that fits it out: the encoded matte (grey, white = opaque) is the alpha half and stays as it
        is, *Joint latent* with *keep: alpha* lets the sampler make the RGB half alone. The alpha that is saved is the
        matte's own.
    """
    joint = {"rgb": link("empty.LATENT"), "alpha": link("encode.LATENT"), "keep": "alpha"}
    size = {"width": 720, "height": 480, "length": 49, "batch_size": 1}
    sampling = [
        Node("empty", "EmptyHunyuanLatentVideo", size, title="Empty video latent"),
        Node("latent", "RGBAJointLatent", joint, colors=BLUE),
        sample_joint("latent.samples", COG_RECIPE),
        note("experimental_note", "Experimental", NOT_TRAINED_FOR_IT, 110),
    ]
    join = {"rgb": link("decode.rgb"), "alpha": link("given.IMAGE")}
    joined = Node("join", "RGBAJoin", join, title="Colour with its matte")
    files = [*COG_BASE, COG_LORA, T5, COG_VAE]
    return Graph(
        name,
        [
            Column(420, [cogvideox_models(), read_me("Colour for a matte", story, files, 450)]),
            Column(680, [_footage(MATTE_CLIP, "Matte"), joint_prompt("A ball of gold rolls by.", side_by_side=True)]),
            Column(420, [Group("Sampling", SAMPLING, [sampling])]),
            Column(720, [joint_output(name, link("components.fps"), joined)]),
        ],
    )


def transpixeler_image_to_video() -> Graph:
    name = "transpixeler_image_to_video"
    story = """
        An RGBA picture in, 49 RGBA frames out that begin with it. *First frame* stands its colour before the RGB frames
        and its alpha before the alpha frames. A picture without alpha works too: then the model makes alpha by itself.

        **Experimental.** The paper describes this, but no weights for it are published: the LoRA here is that for text
        to video, on the image to video model.
    """
    join = {"rgb": link("picture.IMAGE"), "mask": link("picture.MASK")}
    scale = {"image": link("join.image"), "upscale_method": "lanczos", "width": 720, "height": 480, "crop": "center"}
    first = {
        "positive": link("positive.CONDITIONING"), "negative": link("negative.CONDITIONING"), "vae": link("vae.VAE"),
        "image": link("scale.IMAGE"), "width": 720, "height": 480, "length": 49,
    }  # fmt: skip
    picture = [Node("picture", "LoadImage", {"image": PICTURE}, title="Picture", height=320)]
    sized = [Node("join", "RGBAJoin", join), Node("scale", "ImageScale", scale, title="Size")]
    sampling = [
        Node("first", "RGBAJointFirstFrame", first, colors=BLUE),
        sample_joint("first.latent", COG_RECIPE, source="first"),
        note("sampler_note", "Sampler", COG_SAMPLER_NOTE, 170),
    ]
    files = [*COG_I2V_BASE, COG_LORA, T5, COG_VAE]
    models = cogvideox_models(COG_I2V_BASE[0])
    bird = joint_prompt("The bird shakes its feathers.", side_by_side=True)
    return Graph(
        name,
        [
            Column(420, [models, read_me("RGBA image to video", story, files, 530)]),
            Column(680, [Group("Picture", CLIP, [picture, sized]), bird]),
            Column(420, [Group("Sampling", SAMPLING, [sampling])]),
            Column(720, [joint_output(name, 8)]),
        ],
    )


# --------------------------------------------------------------------------------------------------------------------
# LayerDiffuse
# --------------------------------------------------------------------------------------------------------------------

TRANSPARENT_OUTPUT_NOTE = """
    *LayerDiffuse decode* takes the latent and the picture that VAE Decode made of it: straight RGBA, without a grey
    fringe. *Bleed RGBA edges* puts the subject's own colour under the last traces of alpha; bypass it to see what the
    network had there.

    *Save RGBA sequence* writes `output/rgba/{name}_v001/{name}_v001.1001.png`, the next run `_v002`, and a JSON beside
    it.
"""


def checkpoint(name: str, title: str) -> Node:
    return Node("base", "CheckpointLoaderSimple", {"ckpt_name": name}, title=title)


def text(name: str, words: str, title: str, clip: str = "base.CLIP") -> Node:
    colors = ("", "") if name == "negative" else GREEN
    return Node(name, "CLIPTextEncode", {"clip": link(clip), "text": words}, title=title, height=110, colors=colors)


def empty_picture(width: int, height: int, pictures: Value | Link = 1, type: str = "EmptyLatentImage") -> Node:
    inputs = {"width": width, "height": height, "batch_size": pictures}
    return Node("latent", type, inputs, title="Empty latent")


def picture_sampler(
    model: str, recipe: Mapping[str, Value], name: str = "sample", latent: str = "latent.LATENT", texts: str = "",
    title: str = "",
) -> Node:  # fmt: skip
    """`recipe` as for `sample_joint`; `texts` names the node of both conditionings, if one."""
    positive, negative = (f"{texts}.{each}" if texts else f"{each}.CONDITIONING" for each in ("positive", "negative"))
    inputs = {
        "model": link(model), "positive": link(positive), "negative": link(negative), "latent_image": link(latent),
        "seed": SEED, "control_after_generate": "fixed", **recipe, "denoise": 1,
    }  # fmt: skip
    return Node(name, "KSampler", inputs, title=title)


def layer_picture(layer: str, samples: str) -> Node:
    """A layer without alpha, as `rgb_LAYER.IMAGE`."""
    inputs = {"samples": link(samples), "vae": link("base.VAE")}
    return Node(f"rgb_{layer}", "VAEDecode", inputs, title=f"{layer.capitalize()} picture")


def transparent_output(
    name: str,
    samples: str,
    vae: str,
    decoder: str,
    *more: Node,
    below: Sequence[Node] = (),
    before: Sequence[Node] = (),
) -> Group:
    """Decode, bleed, save and preview; `before` stands above them, `more` behind the save, `below` the preview."""
    decode = {"samples": link(samples), "rgb": link("rgb.IMAGE"), "weights_name": decoder, "ensemble": True}
    return Group(
        "Output",
        OUTPUT,
        [
            [
                *before,
                Node("rgb", "VAEDecode", {"samples": link(samples), "vae": link(vae)}),
                Node("decode", "RGBADecodeLayerDiffuse", decode, colors=BLUE),
                Node("bleed", "RGBAEdgeBleed", {"image": link("decode.image"), "below": 0.05}),
                saved_frames(name, "bleed.image", 16),
                *more,
            ],
            [
                player("bleed.image", 16),
                *below,
                note("output_note", "What comes out", TRANSPARENT_OUTPUT_NOTE.format(name=name), 190),
            ],
        ],
    )


XL_RECIPE = {"steps": 25, "cfg": 5, "sampler_name": "dpmpp_2m_sde", "scheduler": "karras"}
XL_LAYERS_RECIPE = {"steps": 25, "cfg": 5, "sampler_name": "euler_ancestral", "scheduler": "karras"}
LOW_QUALITY = "bad quality, blurry, text, watermark"


def layerdiffuse_sdxl() -> Graph:
    name = "layerdiffuse_sdxl"
    story = """
        A prompt in, one transparent picture out. LayerDiffuse teaches SDXL to hide alpha in its latent; *LayerDiffuse
        decode* finds it there.

        Any SDXL checkpoint that is not far from the original works, with its LoRAs and ControlNets.
    """
    applied = {"model": link("base.MODEL"), "weights_name": XL_ATTN, "strength": 1}
    models = [checkpoint(XL_BASE, "SDXL"), Node("applied", "RGBAApplyLayerDiffuse", applied, colors=BLUE)]
    texts = [
        text("positive", "A glass of iced tea with a slice of lemon, photo, high quality.", "Positive"),
        text("negative", LOW_QUALITY, "Negative"),
    ]
    sampling = [empty_picture(1024, 1024), picture_sampler("applied.model", XL_RECIPE)]
    return Graph(
        name,
        [
            Column(
                420,
                [
                    Group("Models", MODELS, [models]),
                    read_me("LayerDiffuse on SDXL", story, [XL_BASE, XL_ATTN, XL_DECODER], 330),
                ],
            ),
            Column(420, [Group("Prompt", PROMPT, [texts]), Group("Sampling", SAMPLING, [sampling])]),
            Column(720, [transparent_output(name, "sample.LATENT", "base.VAE", XL_DECODER)]),
        ],
    )


def layerdiffuse_sd15_layers() -> Graph:
    name = "layerdiffuse_sd15_layers"
    story = """
        Foreground, background and the blended picture in one run of SD 1.5, each with a prompt of its own: three
        pictures in one batch that see each other. *layers* sets the batch.

        A native ControlNet steers all three: here a sketch, white lines on black. Bypass *Apply ControlNet* to do
        without.
    """
    joint = {
        "model": link("base.MODEL"), "weights_name": SD15_JOINT, "strength": 1,
        "foreground": link("of_foreground.CONDITIONING"), "background": link("of_background.CONDITIONING"),
        "blended": link("of_blended.CONDITIONING"),
    }  # fmt: skip
    control = {
        "positive": link("positive.CONDITIONING"), "negative": link("negative.CONDITIONING"),
        "control_net": link("control_net.CONTROL_NET"), "image": link("sketch.IMAGE"), "strength": 0.8,
        "start_percent": 0, "end_percent": 1,
    }  # fmt: skip
    models = [checkpoint(SD15_BASE, "SD 1.5"), Node("joint", "RGBALayerDiffuseJoint", joint, colors=BLUE)]
    texts = [
        text("of_foreground", "A man sitting, full body, photo, high quality.", "Foreground"),
        text("of_background", "An old city street, photo, high quality.", "Background"),
        text("of_blended", "A man sitting in an old city street, photo, high quality.", "Blended"),
        text("positive", "photo, high quality", "Positive (of layers without a prompt)"),
        text("negative", LOW_QUALITY, "Negative"),
    ]
    sketch = [
        Node("sketch", "LoadImage", {"image": SKETCH}, title="Sketch", height=320),
        Node("control_net", "ControlNetLoader", {"control_net_name": SCRIBBLE}),
        Node("controlled", "ControlNetApplyAdvanced", control, title="Apply ControlNet"),
    ]
    recipe = {"steps": 25, "cfg": 7, "sampler_name": "dpmpp_2m", "scheduler": "karras"}
    sampling = [
        empty_picture(512, 512, link("joint.layers")),
        picture_sampler("joint.model", recipe, texts="controlled"),
    ]
    split = Node("split", "RGBASplitLayers", {"samples": link("sample.LATENT"), "layers": link("joint.layers")})
    over = {
        "foreground": link("bleed.image"), "background": link("rgb_background.IMAGE"), "space": "display",
        "mode": "soft", "x": 0, "y": 0, "scale": 1,
    }  # fmt: skip
    others = [
        layer_picture("background", "split.background"),
        layer_picture("blended", "split.blended"),
        Node("over", "RGBACompositeOver", over),
    ]
    shown = [
        Node(
            "show_over", "PreviewImage", {"images": link("over.image")}, title="Foreground over background", height=250
        ),
        Node("show_blended", "PreviewImage", {"images": link("rgb_blended.IMAGE")}, title="Blended", height=250),
    ]
    files = [SD15_BASE, SD15_JOINT, SD15_DECODER, SCRIBBLE]
    return Graph(
        name,
        [
            Column(420, [Group("Models", MODELS, [models]), read_me("Layers on SD 1.5", story, files, 400)]),
            Column(420, [Group("Prompts", PROMPT, [texts])]),
            Column(420, [Group("ControlNet", CLIP, [sketch]), Group("Sampling", SAMPLING, [sampling])]),
            Column(
                720,
                [
                    transparent_output(
                        name, "split.foreground", "base.VAE", SD15_DECODER, *others, below=shown, before=[split]
                    )
                ],
            ),
        ],
    )


def layerdiffuse_foreground_on_background() -> Graph:
    name = "layerdiffuse_foreground_on_background"
    story = """
        A background in, a transparent foreground that belongs there out: first SDXL paints the subject into the
        background, then it takes the foreground out of what it painted, light and scale included.
    """
    sampler = """
        **euler_ancestral** or **uni_pc** for the second step: its authors saw artefacts with DPM++ samplers. The
        latents of the given layers travel in the conditionings, so connect both to the sampler.
    """
    blend = {
        "model": link("base.MODEL"), "positive": link("positive.CONDITIONING"),
        "negative": link("negative.CONDITIONING"), "latent": link("encode.LATENT"), "weights_name": XL_BG2BLE,
        "strength": 1,
    }  # fmt: skip
    extract = blend | {"blended": link("blended.LATENT"), "weights_name": XL_BGBLE2FG}
    scale = {
        "image": link("picture.IMAGE"),
        "upscale_method": "lanczos",
        "width": 1024,
        "height": 1024,
        "crop": "center",
    }
    background = [
        Node("picture", "LoadImage", {"image": BACKGROUND}, title="Background", height=320),
        Node("scale", "ImageScale", scale, title="Size"),
        Node("encode", "VAEEncode", {"pixels": link("scale.IMAGE"), "vae": link("base.VAE")}),
    ]
    texts = [
        text("positive", "An astronaut in a garden, photo, high quality.", "Positive"),
        text("negative", LOW_QUALITY, "Negative"),
    ]
    first = [
        Node("blend", "RGBALayerDiffuseCondition", blend, title="1. Into the background", colors=BLUE),
        picture_sampler("blend.model", XL_LAYERS_RECIPE, "blended", texts="blend", title="Blended picture"),
    ]
    second = [
        Node("extract", "RGBALayerDiffuseCondition", extract, title="2. The foreground alone", colors=BLUE),
        picture_sampler("extract.model", XL_LAYERS_RECIPE, "foreground", texts="extract", title="Foreground"),
    ]
    over = {
        "foreground": link("bleed.image"), "background": link("scale.IMAGE"), "space": "display", "mode": "soft",
        "x": 0, "y": 0, "scale": 1,
    }  # fmt: skip
    composite = [
        Node("over", "RGBACompositeOver", over),
        layer_picture("blended", "blended.LATENT"),
    ]
    shown = [
        Node("show_over", "PreviewImage", {"images": link("over.image")}, title="Over the background", height=250),
        Node(
            "show_blended", "PreviewImage", {"images": link("rgb_blended.IMAGE")}, title="As it was painted", height=250
        ),
    ]
    files = [XL_BASE, XL_BG2BLE, XL_BGBLE2FG, XL_DECODER]
    return Graph(
        name,
        [
            Column(
                420,
                [
                    Group("Model", MODELS, [[checkpoint(XL_BASE, "SDXL")]]),
                    Group("Background", CLIP, [background]),
                    read_me("A foreground on a given background", story, files, 330),
                ],
            ),
            Column(
                700,
                [
                    Group("Prompt", PROMPT, [texts]),
                    Group(
                        "Sampling",
                        SAMPLING,
                        [
                            [empty_picture(1024, 1024), *first],
                            [note("sampler_note", "Sampler", sampler, 106), *second],
                        ],
                    ),
                ],
            ),
            Column(
                720,
                [transparent_output(name, "foreground.LATENT", "base.VAE", XL_DECODER, *composite, below=shown)],
            ),
        ],
    )


def layerdiffuse_flux() -> Graph:
    name = "layerdiffuse_flux"
    story = """
        A prompt in, one transparent picture out, on Flux.1 dev: its LayerDiffuse is a LoRA, and a transparent VAE for
        latents of 16 channels.
    """
    applied = {"model": link("base.MODEL"), "weights_name": FLUX_LAYERS, "strength": 1}
    clip = {"clip_name1": CLIP_L, "clip_name2": T5, "type": "flux", "device": "default"}
    models = [
        Node("base", "UNETLoader", {"unet_name": FLUX_BASE, "weight_dtype": "default"}, title="Flux.1 dev"),
        Node("applied", "RGBAApplyLayerDiffuse", applied, colors=BLUE),
        Node("clip", "DualCLIPLoader", clip, title="Text encoders"),
        Node("vae", "VAELoader", {"vae_name": FLUX_VAE}, title="VAE"),
    ]
    texts = [
        text("words", "A glass perfume bottle, studio photo, high quality.", "Prompt", clip="clip.CLIP"),
        Node("positive", "FluxGuidance", {"conditioning": link("words.CONDITIONING"), "guidance": 3.5}),
        Node(
            "negative", "ConditioningZeroOut", {"conditioning": link("words.CONDITIONING")},
            title="Negative (unused at cfg 1)",
        ),
    ]  # fmt: skip
    recipe = {"steps": 30, "cfg": 1, "sampler_name": "euler", "scheduler": "simple"}
    sampling = [
        empty_picture(1024, 1024, type="EmptySD3LatentImage"),
        picture_sampler("applied.model", recipe),
    ]
    files = [FLUX_BASE, CLIP_L, T5, FLUX_VAE, FLUX_LAYERS, FLUX_TRANSPARENT_VAE]
    return Graph(
        name,
        [
            Column(420, [Group("Models", MODELS, [models]), read_me("LayerDiffuse on Flux", story, files, 400)]),
            Column(420, [Group("Prompt", PROMPT, [texts]), Group("Sampling", SAMPLING, [sampling])]),
            Column(720, [transparent_output(name, "sample.LATENT", "vae.VAE", FLUX_TRANSPARENT_VAE)]),
        ],
    )


# --------------------------------------------------------------------------------------------------------------------
# Alpha work and delivery
# --------------------------------------------------------------------------------------------------------------------


def best_of_seeds() -> Graph:
    name = "best_of_seeds"
    story = """
        Four clips of one prompt and one drawing, in one batch; *Pick best RGBA* ranks them and passes the best one on,
        with a contact sheet of all of them.

        Rules: the fewest holes in the subject, the most coverage, the least flicker, or, as here, alpha where the
        ellipse was drawn. A clip without a living alpha always comes last.

        *batch_size* and *count* are the same number. Little memory? Leave both at 2, and run again with another seed.
    """
    path = drawing(
        "parrot",
        {"frame": 0, "cx": 0.28, "cy": 0.55, "rx": 0.16, "ry": 0.34, "ease": "ease"},
        {"frame": 80, "cx": 0.7, "cy": 0.5, "rx": 0.2, "ry": 0.36},
    )
    clips = {"image": link("decode.image"), "count": 4}
    best = {
        "image": link("clips.image"),
        "seeds": SEED,
        "rule": "ellipse agreement",
        "subject": link("ellipse.subject"),
    }
    picked = [
        decoded("sample.output"),
        Node("clips", "RGBAClips", clips),
        Node("best", "RGBAPickBest", best, height=480, colors=BLUE),
        Node("ranking", "PreviewAny", {"source": link("best.ranking")}, title="Ranking", height=200),
    ]
    edges = [*clean_edges("best.image"), saved_frames(name, "bleed.image", link("ellipse.fps"))]
    return Graph(
        name,
        [
            Column(420, [models(alpha_vae()), read_me("The best of four seeds", story, [BASE, *V2_FILES], 500)]),
            Column(520, [prompt("A green parrot takes off and flies to the right."), ellipse(832, 480, 81, path)]),
            Column(680, [reference_sampling(batch_size=4)]),
            Column(720, [Group("Pick", CLIP, [picked, [*edges, player("bleed.image", link("ellipse.fps"))]])]),
        ],
    )


def upscale_and_interpolate_rgba() -> Graph:
    name = "upscale_and_interpolate_rgba"
    story = """
        Any node for RGB works on RGBA: bleed the edges, split, the **same** node on colour and on alpha, join. Here an
        upscale model and a frame interpolation model, both the host's own: twice as large, twice as many frames.

        *Bleed RGBA edges* comes first: what is hidden under alpha 0 would be drawn into the edge.

        Frames are doubled to 2n - 1; *fps* of the saver and of the preview is twice the clip's.
    """
    upscale, between = {"upscale_model": link("upscaler.UPSCALE_MODEL")}, {"interp_model": link("between.INTERP_MODEL")}
    both = [
        [
            Node(f"large_{half}", "ImageUpscaleWithModel", {**upscale, "image": link(f"split.{half}")}, title=up),
            Node(
                f"smooth_{half}",
                "FrameInterpolate",
                {**between, "images": link(f"large_{half}.IMAGE"), "multiplier": 2},
                title=on,
            ),
        ]
        for half, up, on in (
            ("rgb", "Upscale colour", "Interpolate colour"),
            ("alpha", "Upscale alpha", "Interpolate alpha"),
        )
    ]
    loaders = [
        Node("upscaler", "UpscaleModelLoader", {"model_name": UPSCALER}),
        Node("between", "FrameInterpolationModelLoader", {"model_name": INTERPOLATOR}),
    ]
    apart = [
        rgba_clip(),
        Node("edges", "RGBAEdgeBleed", {"image": link("clip.image"), "below": 0.05}),
        Node("split", "RGBASplit", {"image": link("edges.image")}),
    ]
    join = {"rgb": link("smooth_rgb.IMAGE"), "alpha": link("smooth_alpha.IMAGE")}
    together = [Node("join", "RGBAJoin", join), *clean_edges("join.image"), saved_frames(name, "bleed.image", 32)]
    return Graph(
        name,
        [
            Column(420, [read_me("Upscale and interpolate RGBA", story, [UPSCALER, INTERPOLATOR], 330)]),
            Column(420, [Group("Models", MODELS, [loaders]), Group("Clip", CLIP, [apart])]),
            Column(680, [Group("The same nodes on colour and on alpha", SAMPLING, both)]),
            Column(720, [Group("Output", OUTPUT, [together, [player("bleed.image", 32)]])]),
        ],
    )


def deliver() -> Graph:
    name = "deliver"
    story = """
        A finished RGBA clip out to everybody who takes it. A target sets all of it: format, straight or premultiplied,
        colour, numbering and tags. Every file is decoded again and compared before it gets its name.

        Any clip goes in: the output of a sampling graph, a video with alpha, or *Load RGBA sequence*.
    """
    targets_note = """
        **After Effects / Premiere** (and DaVinci, Final Cut, Unity): ProRes 4444, straight. **Nuke**: EXR half, linear,
        premultiplied; it wants `pip install "OpenEXR>=3.5"`. **web**: WebM for Chrome and Firefox, and HEVC or a
        stacked mp4 for Safari.

        The others are Unreal, Godot and OBS. Bypass what you do not need.
    """
    look_note = """
        *Report on RGBA* counts coverage, holes, flicker and the width of the soft edge. The composite stands over a
        plain grey: connect your plate to *background*, and compare `display` with `linear`.
    """
    targets = ("After Effects / Premiere", "Nuke", "web")
    sound = {"fps": link("clip.fps"), "audio": link("clip.audio")}
    files = [
        Node(
            target,
            "RGBADeliver",
            {"image": link("bleed.image"), "target": target, "filename_prefix": f"rgba/{name}", **sound},
            title=f"Deliver: {target}",
            colors=GREEN,
        )
        for target in targets
    ]
    grey = {"width": 832, "height": 480, "batch_size": 1, "color": 0x808080}
    over = {
        "foreground": link("bleed.image"), "background": link("plate.IMAGE"), "space": "display", "mode": "soft",
        "x": 0, "y": 0, "scale": 1,
    }  # fmt: skip
    looks = [
        Node("report", "RGBAReport", {"image": link("bleed.image")}, height=560),
        Node("plate", "EmptyImage", grey, title="Plate"),
        Node("over", "RGBACompositeOver", over),
        note("look_note", "Look first", look_note, 120),
    ]
    return Graph(
        name,
        [
            Column(
                420,
                [read_me("Deliver", story, [], 230), Group("Clip", CLIP, [[rgba_clip(), *clean_edges("clip.image")]])],
            ),
            Column(
                720,
                [
                    Group(
                        "Look",
                        ELLIPSE,
                        [
                            looks,
                            [
                                player("bleed.image", link("clip.fps")),
                                Node(
                                    "seen",
                                    "PreviewImage",
                                    {"images": link("over.image")},
                                    title="Over the plate",
                                    height=300,
                                ),
                            ],
                        ],
                    )
                ],
            ),
            Column(420, [Group("Deliver", OUTPUT, [[*files, note("targets_note", "Targets", targets_note, 160)]])]),
        ],
    )


def rgba_clip() -> Node:
    inputs = {"file": RGBA_CLIP, "start_frame": 0, "frame_count": 0, "every_nth": 1}
    return Node("clip", "RGBALoadVideo", inputs, height=420)


GRAPHS: tuple[Graph, ...] = (
    wan_alpha_v1(),
    wan_alpha_v2_ellipse(),
    wan_alpha_v2_low_vram(),
    wan_alpha_v2v(),
    wan_alpha_v2_161_frames(),
    wan_alpha_v2_loop(),
    transpixeler_cogvideox(),
    transpixeler_wan(),
    transpixeler_mochi(),
    transpixeler_alpha_for_a_clip(),
    transpixeler_colour_for_a_matte(),
    transpixeler_image_to_video(),
    layerdiffuse_sdxl(),
    layerdiffuse_sd15_layers(),
    layerdiffuse_foreground_on_background(),
    layerdiffuse_flux(),
    best_of_seeds(),
    upscale_and_interpolate_rgba(),
    deliver(),
)

"""LayerDiffuse: transparent pictures on SDXL and Flux, layers on SD 1.5, a foreground on a given background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .description import Column, Graph, Group, Link, Node, Value, link
from .files import (
    BACKGROUND,
    CLIP_L,
    FLUX_BASE,
    FLUX_LAYERS,
    FLUX_TRANSPARENT_VAE,
    FLUX_VAE,
    SCRIBBLE,
    SD15_BASE,
    SD15_DECODER,
    SD15_JOINT,
    SKETCH,
    T5,
    XL_ATTN,
    XL_BASE,
    XL_BG2BLE,
    XL_BGBLE2FG,
    XL_DECODER,
)
from .parts import BLUE, CLIP, GREEN, MODELS, OUTPUT, PROMPT, SAMPLING, SEED, note, player, read_me, saved_frames

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
    """`recipe` as for `transpixeler.sample_joint`; `texts` names the node of both conditionings, if one."""
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


GRAPHS = (
    layerdiffuse_sdxl(),
    layerdiffuse_sd15_layers(),
    layerdiffuse_foreground_on_background(),
    layerdiffuse_flux(),
)

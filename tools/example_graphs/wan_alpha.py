"""Wan-Alpha: a prompt alone, a drawn ellipse, little memory, video to video."""

from __future__ import annotations

from .description import Column, Graph, Group, Node, link
from .files import (
    ALPHA_VAE,
    BASE,
    BASE_FP8,
    COLOUR_CLIP,
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
from .parts import BLUE, CLIP, ELLIPSE, SAMPLING, empty_latent, note, read_me, video_frames
from .wan_alpha_parts import (
    SAMPLER_NOTE,
    alpha_vae,
    drawing,
    ellipse,
    flow_shift,
    ksampler,
    mean_shift,
    models,
    no_negative,
    output,
    prompt,
    reference_sampling,
)


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
        video_frames("colour_frames", "colour.VIDEO", "Colour frames"),
        video_frames("matte_frames", "matte.VIDEO", "Matte frames"),
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


GRAPHS = (wan_alpha_v1(), wan_alpha_v2_ellipse(), wan_alpha_v2_low_vram(), wan_alpha_v2v())

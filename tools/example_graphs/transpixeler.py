"""TransPixeler: a prompt on CogVideoX, Wan and Mochi, alpha for a clip, colour for a matte, a picture that moves."""

from __future__ import annotations

from collections.abc import Mapping

from .description import Column, Graph, Group, Link, Node, Value, link
from .files import (
    COG_BASE,
    COG_I2V_BASE,
    COG_LORA,
    COG_VAE,
    COLOUR_CLIP,
    MATTE_CLIP,
    MOCHI_BASE,
    MOCHI_LORA,
    MOCHI_VAE,
    PICTURE,
    T5,
    TEXT_ENCODER,
    VAE,
    WAN_JOINT_LORA,
    WAN_SMALL,
)
from .parts import (
    BLUE,
    CLIP,
    GREEN,
    MODELS,
    OUTPUT,
    PROMPT,
    SAMPLING,
    SEED,
    empty_latent,
    note,
    player,
    read_me,
    saved_frames,
    video_frames,
)

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
        video_frames("components", "video.VIDEO", "Frames"),
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


GRAPHS = (
    transpixeler_cogvideox(),
    transpixeler_wan(),
    transpixeler_mochi(),
    transpixeler_alpha_for_a_clip(),
    transpixeler_colour_for_a_matte(),
    transpixeler_image_to_video(),
)

"""The host's node API, imported in this place alone, and the sockets and inputs that many nodes share."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, InputImpl, io, ui

from ..pipelines.latent_grid.size_rule import WAN_DIT

__all__ = [
    "ComfyExtension",
    "Ellipses",
    "RGBAVAESocket",
    "VideoFromFile",
    "category",
    "clip_inputs",
    "clips_input",
    "io",
    "or_whole",
    "size_inputs",
    "ui",
]

ROOT = "RGBA video"

VideoFromFile = InputImpl.VideoFromFile
RGBAVAESocket = io.Custom("RGBA_VAE")
Ellipses = io.Custom("RGBA_ELLIPSES")

IMAGE_OUT = "Straight RGBA frames: colour as it is, alpha in channel 4, 1 = opaque, all 0 to 1."
RGB_OUT = "The colour alone, straight (not multiplied by alpha), 3 channels."
MASK_OUT = "1 - alpha: 1 = transparent, as the host's Load Image and Join Image with Alpha have it."
SUBJECT_OUT = "The Gaussian field: 1 = subject, 0 = empty frame (the other way round than a mask of alpha)."


def category(name: str) -> str:
    """A menu below the pack's own."""
    return f"{ROOT}/{name}"


def or_whole(number: io.Float.Input) -> io.Input:
    """The same input, which takes a link from a whole number too; what comes may be an int."""
    return io.MultiType.Input(number, [io.Int])


def clip_inputs(image: str = "Frames in RGBA (straight) or RGB, 0 to 1.") -> list[io.Input]:
    """`image` and the optional `mask` that gives or replaces its alpha."""
    return [
        io.Image.Input("image", tooltip=image),
        io.Mask.Input(
            "mask",
            optional=True,
            tooltip="1 - alpha (1 = transparent); gives or replaces the image's alpha. One frame repeats over the "
            "clip. Left open, the image's own alpha counts, and RGB is opaque.",
        ),
    ]


def clips_input(each: str) -> io.Input:
    """`clips`: how a batch of frames divides; the last of a node's inputs."""
    return io.Int.Input(
        "clips",
        default=1,
        min=1,
        max=4096,
        optional=True,
        tooltip=f"How many clips of one length the batch holds, one after the other; {each}",
    )


def size_inputs() -> list[io.Input]:
    """Width, height and length of a Wan clip."""
    return [
        io.Int.Input(
            "width",
            default=832,
            min=WAN_DIT.multiple,
            max=8192,
            step=WAN_DIT.multiple,
            tooltip="Width in pixels, a multiple of 16.",
        ),
        io.Int.Input(
            "height",
            default=480,
            min=WAN_DIT.multiple,
            max=8192,
            step=WAN_DIT.multiple,
            tooltip="Height in pixels, a multiple of 16.",
        ),
        io.Int.Input(
            "length",
            default=81,
            min=1,
            max=8193,
            step=WAN_DIT.frames,
            tooltip="Frames, 4n + 1: 81 are 5 s at 16 fps.",
        ),
    ]

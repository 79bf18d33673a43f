"""Alpha work: colour and alpha apart and together again, and the papers' renders."""

from __future__ import annotations

from typing import Any

from ..pipelines.alpha.render import hard_render, soft_render
from ..pipelines.host.pictures import background_color, rgb_and_alpha, rgba, with_alpha
from .schema import IMAGE_OUT, MASK_OUT, RGB_OUT, category, clip_inputs, io

MENU = category("alpha work")


class RGBAJoin(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAJoin",
            display_name="Join RGBA",
            category=MENU,
            description="Puts an alpha channel on colour: from a mask (1 - alpha) or from a grey clip (1 = opaque).",
            search_aliases=["alpha", "matte", "transparency", "merge alpha", "set alpha", "combine"],
            inputs=[
                io.Image.Input(
                    "rgb",
                    tooltip="The colour, straight. Its own alpha stays only if neither mask nor alpha is connected.",
                ),
                io.Mask.Input(
                    "mask", optional=True, tooltip="1 - alpha: 1 = transparent. One frame repeats over the clip."
                ),
                io.Image.Input(
                    "alpha",
                    optional=True,
                    tooltip="Alpha as a grey clip, 1 = opaque (white); the mean of its channels. Wins over mask.",
                ),
            ],
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(cls, rgb: Any, mask: Any = None, alpha: Any = None) -> io.NodeOutput:
        return io.NodeOutput(rgba(rgb, mask) if alpha is None else with_alpha(rgb, alpha))


class RGBASplit(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBASplit",
            display_name="Split RGBA",
            category=MENU,
            description="Takes RGBA apart: any node for RGB can work on colour and on alpha, and Join RGBA after it.",
            search_aliases=["alpha", "matte", "separate", "channels", "extract alpha"],
            inputs=clip_inputs(),
            outputs=[
                io.Image.Output("rgb", tooltip=RGB_OUT),
                io.Mask.Output("mask", tooltip=MASK_OUT),
                io.Image.Output("alpha", tooltip="Alpha as a grey clip of 3 channels, 1 = opaque (white)."),
            ],
        )

    @classmethod
    def execute(cls, image: Any, mask: Any = None) -> io.NodeOutput:
        rgb, alpha = rgb_and_alpha(image, mask)
        return io.NodeOutput(rgb.contiguous(), 1 - alpha[..., 0], alpha.repeat(1, 1, 1, 3))


class RGBARender(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBARender",
            display_name="Render RGBA over a colour",
            category=MENU,
            description="The papers' two renders over a plain colour. Soft blends by alpha; hard keeps every pixel "
            "that is visible at all and paints the rest.",
            search_aliases=["composite", "background colour", "flatten", "soft render", "hard render", "over"],
            inputs=[
                *clip_inputs()[:1],
                io.Combo.Input(
                    "mode",
                    options=["soft", "hard"],
                    tooltip="soft: colour * alpha + background * (1 - alpha). hard: colour where alpha > threshold.",
                ),
                io.Color.Input("color", default="#000000", tooltip="The background, #rrggbb in sRGB."),
                io.Float.Input(
                    "threshold",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.001,
                    round=False,
                    tooltip="hard only: alpha above it is visible. 0 is the paper's, 0.004 ignores 8-bit noise.",
                ),
                *clip_inputs()[1:],
            ],
            outputs=[io.Image.Output("rgb", tooltip="The rendered frames, opaque, 3 channels.")],
        )

    @classmethod
    def execute(cls, image: Any, mode: str, color: str, threshold: float, mask: Any = None) -> io.NodeOutput:
        rgb, alpha = rgb_and_alpha(image, mask)
        background = background_color(color)
        if mode == "soft":
            return io.NodeOutput(soft_render(rgb, alpha, background))
        return io.NodeOutput(hard_render(rgb, alpha, background, threshold))


NODES: list[type[io.ComfyNode]] = [RGBAJoin, RGBASplit, RGBARender]

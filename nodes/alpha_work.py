"""Alpha work: colour and alpha apart and together again, composites, edges and mattes put right, size and time, and
what a clip's alpha is worth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from ..pipelines.alpha.bleed import edge_bleed
from ..pipelines.alpha.composite import MODES, SPACES
from ..pipelines.alpha.decontaminate import READINGS, decontaminate
from ..pipelines.alpha.despill import KEYS, LIMITS, despill
from ..pipelines.alpha.matte import Repair, repaired
from ..pipelines.alpha.render import hard_render, soft_render
from ..pipelines.alpha.resize import FILTERS, FITS, crop, resize_to_fit
from ..pipelines.alpha.retime import METHODS
from ..pipelines.host.pictures.frames import changed, frames_of, gathered
from ..pipelines.host.pictures.image_and_mask import (
    background_color,
    copy_clip,
    frame_count,
    in_clips,
    mask_of,
    rgba,
    with_alpha,
)
from ..pipelines.media.rates import exact_rate
from ..pipelines.report.rules import RULES
from .schema import IMAGE_OUT, MASK_OUT, RGB_OUT, category, clip_inputs, clips_input, io, or_whole, ui

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
    def execute(cls, rgb: Tensor, mask: Tensor | None = None, alpha: Tensor | None = None) -> io.NodeOutput:
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
    def execute(cls, image: Tensor, mask: Tensor | None = None) -> io.NodeOutput:
        joined = rgba(image, mask)
        rgb, alpha = joined.split((3, 1), dim=-1)
        return io.NodeOutput(copy_clip(rgb), mask_of(joined), copy_clip(alpha.expand(-1, -1, -1, 3)))


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
                    options=list(MODES),
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
    def execute(
        cls, image: Tensor, mode: str, color: str, threshold: float, mask: Tensor | None = None
    ) -> io.NodeOutput:
        render = soft_render if mode == "soft" else partial(hard_render, threshold=threshold)
        background = background_color(color)
        frames = (render(frame[..., :3], frame[..., 3:], background) for frame in frames_of(image, mask))
        return io.NodeOutput(gathered(frames, frame_count(image, mask)))


class RGBACompositeOver(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBACompositeOver",
            display_name="Composite RGBA over",
            category=MENU,
            description="Lays RGBA over a colour, a plate or a clip, where you want it and as large as you want it, "
            "blended in display values or in linear light.",
            search_aliases=["over", "merge", "plate", "background", "porter-duff", "alpha composite", "layer"],
            inputs=[
                io.Image.Input("foreground", tooltip="What lies in front, RGBA (straight): a frame or a clip, 0 to 1."),
                io.Image.Input(
                    "background",
                    tooltip="What lies behind, RGBA (straight) or opaque RGB: a frame or a clip. It gives the size.",
                ),
                io.Combo.Input(
                    "space",
                    options=list(SPACES),
                    tooltip="display: colours are blended as they are stored, as browsers, games and the models do. "
                    "linear: as amounts of light, as Nuke and Fusion do.",
                ),
                io.Combo.Input(
                    "mode",
                    options=list(MODES),
                    tooltip="soft: by alpha. hard: whole wherever alpha is above 0, to see what hides at the edge.",
                ),
                io.Int.Input(
                    "x",
                    default=0,
                    min=-16384,
                    max=16384,
                    tooltip="Pixels from the background's left side to the foreground's.",
                ),
                io.Int.Input(
                    "y",
                    default=0,
                    min=-16384,
                    max=16384,
                    tooltip="Pixels from the background's top to the foreground's.",
                ),
                io.Float.Input(
                    "scale",
                    default=1.0,
                    min=0.01,
                    max=16.0,
                    step=0.01,
                    tooltip="Size of the foreground; its upper left corner stays. 1 keeps its pixels as they are.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="1 - alpha of the foreground (1 = transparent); gives or replaces its alpha. One frame "
                    "repeats over the clip.",
                ),
            ],
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(
        cls,
        foreground: Tensor,
        background: Tensor,
        space: str,
        mode: str,
        x: int,
        y: int,
        scale: float,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.host.pictures import alpha_work

        return io.NodeOutput(alpha_work.composited(foreground, mask, background, space, mode, x, y, scale))


class RGBAMatte(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAMatte",
            display_name="Refine RGBA matte",
            category=MENU,
            description="Puts an alpha channel right: black and white point, gamma, specks, holes, choke, grow and "
            "feather, in this order. Colour stays.",
            search_aliases=["choke", "erode", "dilate", "feather", "levels", "despeckle", "fill holes", "shrink mask"],
            inputs=[
                *clip_inputs()[:1],
                io.Float.Input(
                    "black",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.005,
                    round=False,
                    tooltip="Alpha up to this becomes 0. 0.02 takes the noise off the background.",
                ),
                io.Float.Input(
                    "white",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.005,
                    round=False,
                    tooltip="Alpha from this on becomes 1. 0.98 makes a solid subject solid.",
                ),
                io.Float.Input(
                    "gamma",
                    default=1.0,
                    min=0.1,
                    max=10.0,
                    step=0.01,
                    tooltip="Above 1 the soft part is more opaque, below 1 less; 0 and 1 stay.",
                ),
                io.Int.Input(
                    "choke", default=0, min=0, max=256, tooltip="The subject shrinks by so many pixels on every side."
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=0,
                    max=256,
                    tooltip="Then it grows by so many pixels. Bleed the edges first, or it shows hidden colour.",
                ),
                io.Float.Input(
                    "feather",
                    default=0.0,
                    min=0.0,
                    max=256.0,
                    step=0.1,
                    tooltip="Softens the edge: sigma of a Gaussian, in pixels.",
                ),
                io.Int.Input(
                    "fill_holes",
                    default=0,
                    min=0,
                    max=16777216,
                    tooltip="Holes of at most so many pixels are filled. 0 leaves them.",
                ),
                io.Int.Input(
                    "despeckle",
                    default=0,
                    min=0,
                    max=16777216,
                    tooltip="Specks of at most so many pixels are taken away. 0 leaves them.",
                ),
                *clip_inputs()[1:],
            ],
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        black: float,
        white: float,
        gamma: float,
        choke: int,
        grow: int,
        feather: float,
        fill_holes: int,
        despeckle: int,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        repair = Repair(black, white, gamma, despeckle, fill_holes, choke, grow, feather)
        return io.NodeOutput(changed(image, mask, lambda rgb, alpha: (rgb, repaired(alpha, repair))))


class RGBAEdgeBleed(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAEdgeBleed",
            display_name="Bleed RGBA edges",
            category=MENU,
            description="Carries the subject's colour outward under low alpha, so that scaling, mip-maps and codecs "
            "leave no dark or coloured fringe. Alpha and visible colour stay.",
            search_aliases=["edge extend", "edge padding", "alpha bleeding", "dilate colour", "fringe", "halo"],
            inputs=[
                *clip_inputs()[:1],
                io.Float.Input(
                    "below",
                    default=0.05,
                    min=0.0,
                    max=1.0,
                    step=0.005,
                    round=False,
                    tooltip="Colour at an alpha of this or more stays; below it, the fainter a pixel the less its own "
                    "colour counts. 0 touches only what is fully transparent.",
                ),
                *clip_inputs()[1:],
            ],
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(cls, image: Tensor, below: float, mask: Tensor | None = None) -> io.NodeOutput:
        return io.NodeOutput(changed(image, mask, lambda rgb, alpha: (edge_bleed(rgb, alpha, below), alpha)))


class RGBAUnmatte(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAUnmatte",
            display_name="Un-matte RGBA",
            category=MENU,
            description="Takes the backdrop out of soft edges: the colour of the subject alone, where it was seen "
            "before a background. TransPixeler's colour needs it.",
            search_aliases=["remove background colour", "foreground colour", "halo", "fringe", "defringe", "unblend"],
            inputs=[
                *clip_inputs("Frames whose colour was seen before a backdrop, 0 to 1.")[:1],
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of the backdrop is taken out: 1 all of it, 0 nothing.",
                ),
                *clip_inputs()[1:],
                io.Image.Input(
                    "plate",
                    optional=True,
                    tooltip="The backdrop: a frame or a clip in the same size. Left open, it is estimated from where "
                    "the frame is empty.",
                ),
                io.Float.Input(
                    "empty_below",
                    default=0.004,
                    min=0.0,
                    max=0.5,
                    step=0.001,
                    round=False,
                    optional=True,
                    tooltip="Without a plate: alpha up to this shows the backdrop alone. 0.004 is one level of 8 bits.",
                ),
            ],
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        strength: float,
        mask: Tensor | None = None,
        plate: Tensor | None = None,
        empty_below: float = 0.004,
    ) -> io.NodeOutput:
        from ..pipelines.host.pictures import alpha_work

        return io.NodeOutput(alpha_work.unmatted(image, mask, plate, strength, empty_below))


class RGBADecontaminate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBADecontaminate",
            display_name="Decontaminate RGBA",
            category=MENU,
            description="TransPixeler's preparation of training clips: a background takes the place of colour at and "
            "beyond the subject's edge. Alpha stays. To free an edge from its backdrop, see Un-matte RGBA.",
            search_aliases=["colour decontamination", "transpixeler", "prepare data", "edge colour"],
            inputs=[
                *clip_inputs()[:1],
                io.Image.Input("background", tooltip="A frame or a clip in the same size; the paper's is blurred."),
                io.Float.Input(
                    "gain",
                    default=1.1,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    tooltip="Contrast of the refined mask; 1.1 is the paper's.",
                ),
                io.Float.Input(
                    "choke",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="The point about which, or from which, the mask is stretched; 0.5 is the paper's.",
                ),
                *clip_inputs()[1:],
                io.Combo.Input(
                    "reading",
                    options=list(READINGS),
                    optional=True,
                    tooltip="The paper leaves the mask open. levels: gain about choke. choke: nothing below choke, the "
                    "rest stretched.",
                ),
            ],
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        background: Tensor,
        gain: float,
        choke: float,
        mask: Tensor | None = None,
        reading: str = READINGS[0],
    ) -> io.NodeOutput:
        def cleaned(rgb: Tensor, alpha: Tensor, behind: Tensor) -> tuple[Tensor, Tensor]:
            return decontaminate(rgb, alpha, behind, gain, choke, reading), alpha

        return io.NodeOutput(changed(image, mask, cleaned, background=background))


class RGBADespill(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBADespill",
            display_name="Despill RGBA",
            category=MENU,
            description="Takes the light of a green, blue or red screen off the subject. Greys, and colours in which "
            "the key does not stand out, stay.",
            search_aliases=["spill suppression", "green screen", "blue screen", "chroma key", "green edge"],
            inputs=[
                *clip_inputs()[:1],
                io.Combo.Input("key", options=list(KEYS), tooltip="The colour of the screen."),
                io.Combo.Input(
                    "limit",
                    options=list(LIMITS),
                    tooltip="What the key's channel may be at most. average: the mean of the other two. maximum: the "
                    "larger of them, which is milder (yellow and cyan stay).",
                ),
                io.Float.Input(
                    "strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip="1 takes off all of it, 0 nothing."
                ),
                *clip_inputs()[1:],
            ],
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(cls, image: Tensor, key: str, limit: str, strength: float, mask: Tensor | None = None) -> io.NodeOutput:
        return io.NodeOutput(changed(image, mask, lambda rgb, alpha: (despill(rgb, key, limit, strength), alpha)))


class RGBAPremultiply(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAPremultiply",
            display_name="Premultiply RGBA",
            category=MENU,
            description="Straight to premultiplied: colour times alpha. This pack's other nodes want straight colour.",
            search_aliases=["associated alpha", "premult", "pma", "multiply alpha"],
            inputs=clip_inputs(),
            outputs=[io.Image.Output("image", tooltip="Premultiplied RGBA: colour * alpha, alpha in channel 4.")],
        )

    @classmethod
    def execute(cls, image: Tensor, mask: Tensor | None = None) -> io.NodeOutput:
        from ..pipelines.host.pictures import alpha_work

        return io.NodeOutput(alpha_work.premultiplied(image, mask))


class RGBAUnpremultiply(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAUnpremultiply",
            display_name="Unpremultiply RGBA",
            category=MENU,
            description="Premultiplied to straight: colour divided by alpha. Takes dark edges off a picture that was "
            "premultiplied with black.",
            search_aliases=["unassociated alpha", "unpremult", "straight", "divide alpha", "dark edges"],
            inputs=clip_inputs("Frames in premultiplied RGBA, 0 to 1."),
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(cls, image: Tensor, mask: Tensor | None = None) -> io.NodeOutput:
        from ..pipelines.host.pictures import alpha_work

        return io.NodeOutput(alpha_work.unpremultiplied(image, mask))


class RGBAResize(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAResize",
            display_name="Resize RGBA",
            category=MENU,
            description="Another size, filtered on premultiplied colour, so that hidden colours never show at an edge.",
            search_aliases=["scale", "upscale", "downscale", "resample", "fit", "letterbox"],
            inputs=[
                *clip_inputs()[:1],
                io.Int.Input("width", default=832, min=1, max=16384, tooltip="Width of the result in pixels."),
                io.Int.Input("height", default=480, min=1, max=16384, tooltip="Height of the result in pixels."),
                io.Combo.Input(
                    "filter",
                    options=list(FILTERS),
                    tooltip="bicubic: sharp. bilinear: soft, never rings. nearest: for pixel art. All but the last "
                    "average when they shrink.",
                ),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    tooltip="stretch: distorted if need be. pad: the whole frame, with transparent bars. crop: filled, "
                    "the sides cut off.",
                ),
                *clip_inputs()[1:],
            ],
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(
        cls, image: Tensor, width: int, height: int, filter: str, fit: str, mask: Tensor | None = None
    ) -> io.NodeOutput:
        frames = (resize_to_fit(frame, height, width, filter, fit) for frame in frames_of(image, mask))
        return io.NodeOutput(gathered(frames, frame_count(image, mask)))


class RGBACrop(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBACrop",
            display_name="Crop RGBA",
            category=MENU,
            description="Cuts a part out of every frame. What reaches beyond the frame is transparent, so it also adds "
            "room around a subject.",
            search_aliases=["trim", "cut", "pad", "canvas size", "extend"],
            inputs=[
                *clip_inputs()[:1],
                io.Int.Input("x", default=0, min=-16384, max=16384, tooltip="Left side of the part, in pixels."),
                io.Int.Input("y", default=0, min=-16384, max=16384, tooltip="Top of the part, in pixels."),
                io.Int.Input("width", default=832, min=1, max=16384, tooltip="Width of the part in pixels."),
                io.Int.Input("height", default=480, min=1, max=16384, tooltip="Height of the part in pixels."),
                *clip_inputs()[1:],
            ],
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(
        cls, image: Tensor, x: int, y: int, width: int, height: int, mask: Tensor | None = None
    ) -> io.NodeOutput:
        frames = (crop(frame, x, y, width, height) for frame in frames_of(image, mask))
        return io.NodeOutput(gathered(frames, frame_count(image, mask)))


class RGBARetime(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBARetime",
            display_name="Retime RGBA",
            category=MENU,
            description="The same duration at another frame rate: frames held, or blended on premultiplied colour.",
            search_aliases=["fps", "frame rate", "convert fps", "16 to 24", "frame blending", "duplicate frames"],
            inputs=[
                *clip_inputs()[:1],
                or_whole(
                    io.Float.Input(
                        "from_fps",
                        default=16.0,
                        min=0.01,
                        max=1000.0,
                        step=0.001,
                        round=False,
                        tooltip="Frames per second of the clip; Wan's is 16.",
                    )
                ),
                or_whole(
                    io.Float.Input(
                        "to_fps",
                        default=24.0,
                        min=0.01,
                        max=1000.0,
                        step=0.001,
                        round=False,
                        tooltip="Frames per second of the result; 23.976, 29.97 and 59.94 are 24000/1001 and so on.",
                    )
                ),
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    tooltip="hold: every frame is one of the clip's. blend: in between, two are mixed.",
                ),
                *clip_inputs()[1:],
                clips_input("each is retimed by itself."),
            ],
            outputs=[io.Image.Output("image", tooltip=IMAGE_OUT)],
        )

    @classmethod
    def execute(
        cls, image: Tensor, from_fps: float, to_fps: float, method: str, mask: Tensor | None = None, clips: int = 1
    ) -> io.NodeOutput:
        from ..pipelines.host.pictures import alpha_work

        return io.NodeOutput(
            alpha_work.retimed_clips(image, mask, clips, exact_rate(float(from_fps)), exact_rate(float(to_fps)), method)
        )


class RGBAClips(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAClips",
            display_name="RGBA clips",
            category=MENU,
            description="Takes a batch apart into a list of clips of one length; the nodes that follow work on each.",
            search_aliases=["batch to list", "split batch", "list of clips", "unbatch"],
            inputs=[
                *clip_inputs("A batch of clips, one after the other: RGBA (straight) or RGB frames, 0 to 1.")[:1],
                io.Int.Input(
                    "count", default=1, min=1, max=4096, tooltip="How many clips there are: the latent's batch size."
                ),
                *clip_inputs()[1:],
            ],
            outputs=[io.Image.Output("image", tooltip="A list of clips in straight RGBA.", is_output_list=True)],
        )

    @classmethod
    def execute(cls, image: Tensor, count: int, mask: Tensor | None = None) -> io.NodeOutput:
        return io.NodeOutput(list(in_clips(rgba(image, mask), count)))


class RGBAReport(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAReport",
            display_name="Report on RGBA",
            category=MENU,
            description="Numbers about a clip's alpha: coverage, holes, flicker, edge width, and whether it moves with "
            "the colour; a text and a plot over the frames.",
            search_aliases=["quality", "metrics", "measure", "holes", "flicker", "coverage", "alpha stats", "score"],
            is_output_node=True,
            inputs=[
                *clip_inputs(),
                io.Boolean.Input(
                    "flow",
                    default=True,
                    optional=True,
                    tooltip="Measure the RGB-alpha flow difference too: slow, and wants OpenCV.",
                ),
            ],
            outputs=[
                io.Float.Output("coverage", tooltip="Share of the frame that is visible, 0 to 1."),
                io.Float.Output("holes", tooltip="Share of the filled subject that is hole, 0 to 1; less is better."),
                io.Float.Output("flicker", tooltip="VBench's score of alpha, 0 to 1; 1 = it does not change at all."),
                io.Float.Output("edge_width", tooltip="Width of the soft edge in pixels; 0 = hard."),
                io.Float.Output(
                    "flow_difference", tooltip="How far alpha moves apart from the colour, in pixels a frame."
                ),
                io.String.Output("report", tooltip="All of it in words."),
                io.Image.Output("plot", tooltip="The numbers over the frames, as a picture."),
            ],
        )

    @classmethod
    def execute(cls, image: Tensor, mask: Tensor | None = None, flow: bool = True) -> io.NodeOutput:
        from ..pipelines.host.pictures import reports

        found, words, plot = reports.reported(image, mask, flow)
        numbers = found.visible, found.holes, found.steadiness, found.edge_width, found.flow
        return io.NodeOutput(*numbers, words, plot, ui=ui.PreviewImage(plot, cls=cls))


class RGBAPickBest(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAPickBest",
            display_name="Pick best RGBA",
            category=MENU,
            description="Ranks a list of clips by one rule and passes the best one on, with the ranking and a contact "
            "sheet. A dead alpha always comes last.",
            search_aliases=["best seed", "seed search", "select best", "rank", "compare seeds", "choose"],
            is_output_node=True,
            is_input_list=True,
            inputs=[
                *clip_inputs("A list of clips, RGBA (straight), from RGBA clips or from a list of seeds.")[:1],
                io.Int.Input(
                    "seeds",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    tooltip="The seed of each clip, as a list, to name it in the ranking; or the one seed of a batch.",
                ),
                io.Combo.Input(
                    "rule",
                    options=list(RULES),
                    tooltip="fewest holes: in the subject. coverage: most is visible. flicker: alpha changes least. "
                    "ellipse agreement: alpha is inside the drawn ellipses.",
                ),
                *clip_inputs()[1:],
                io.Mask.Input(
                    "subject",
                    optional=True,
                    tooltip="For ellipse agreement: the drawn field on the pixel grid, 1 = subject.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip="The best clip, straight RGBA."),
                io.String.Output("ranking", tooltip="A line for each clip, the best first."),
                io.Image.Output("contact_sheet", tooltip="The middle frame of each clip, the best first."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Sequence[Tensor],
        seeds: Sequence[int],
        rule: Sequence[str],
        mask: Sequence[Tensor] = (),
        subject: Sequence[Tensor] = (),
    ) -> io.NodeOutput:
        from ..pipelines.host.pictures import reports

        best, ranking, sheet = reports.picked(image, seeds, rule[0], mask, subject)
        return io.NodeOutput(best, ranking, sheet, ui=ui.PreviewImage(sheet, cls=cls))


NODES: list[type[io.ComfyNode]] = [
    RGBAJoin,
    RGBASplit,
    RGBARender,
    RGBACompositeOver,
    RGBAMatte,
    RGBAEdgeBleed,
    RGBAUnmatte,
    RGBADecontaminate,
    RGBADespill,
    RGBAPremultiply,
    RGBAUnpremultiply,
    RGBAResize,
    RGBACrop,
    RGBARetime,
    RGBAClips,
    RGBAReport,
    RGBAPickBest,
]

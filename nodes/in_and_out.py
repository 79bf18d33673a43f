"""In and out: RGBA frames to files that a compositor opens."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..pipelines.alpha.render import COLORS, soft_render
from ..pipelines.host.output import graph_of, output_path, prefix_problem, save, saved, seeds_of
from ..pipelines.host.pictures import fitting, in_clips, rgb_and_alpha, rgba
from ..pipelines.host.preview import shown
from ..pipelines.host.progress import steps
from ..pipelines.media.passes import PASS_SETS
from ..pipelines.media.plan import Plan
from ..pipelines.media.rates import exact_rate
from ..pipelines.media.stills import STILLS
from ..pipelines.media.takes import EXISTING
from .schema import IMAGE_OUT, category, clip_inputs, clips_input, io

MENU = category("in and out")
BLACK = COLORS["black"]


class RGBASaveSequence(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBASaveSequence",
            display_name="Save RGBA sequence",
            category=MENU,
            description="Numbered frames with alpha, a folder for each take, and a sidecar that says what they are. "
            "Correctly rounded; an interrupt leaves whole files only.",
            search_aliases=["png", "sequence", "export", "save image", "alpha", "frames", "vfx"],
            is_output_node=True,
            inputs=[
                *clip_inputs()[:1],
                io.String.Input(
                    "filename_prefix",
                    default="rgba/clip",
                    tooltip="Folders and a name below the output folder: shots/parrot gives shots/parrot_v001/"
                    "parrot_v001.1001.png. The host's tokens, such as %year%, work.",
                ),
                io.Combo.Input(
                    "format",
                    options=list(STILLS),
                    tooltip="PNG is straight alpha by its specification; only the processed pass is premultiplied.",
                ),
                io.Combo.Input(
                    "passes",
                    options=list(PASS_SETS),
                    tooltip="rgba: one picture. matte: alpha as grey, linear. fg: straight colour. processed: "
                    "premultiplied. comp: over a checkerboard. Several passes get a folder each.",
                ),
                io.Int.Input("start_frame", default=1001, min=0, max=9999999, tooltip="Number of the first frame."),
                io.Int.Input("padding", default=4, min=1, max=10, tooltip="Digits of a frame number: 4 gives .1001."),
                io.Float.Input(
                    "fps",
                    default=16.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    round=False,
                    tooltip="Frames per second for the sidecar; 23.976, 29.97 and 59.94 become 24000/1001 and so on.",
                ),
                io.Combo.Input(
                    "existing",
                    options=list(EXISTING),
                    tooltip="new version: _v002 after _v001. refuse: an error if the name exists. overwrite: the "
                    "newest version is replaced, frame by frame.",
                ),
                io.Int.Input(
                    "compression", default=4, min=0, max=9, tooltip="0 is fastest, 9 smallest; the picture is the same."
                ),
                *clip_inputs()[1:],
                clips_input("each gets its own take (_b02 ...)."),
            ],
            outputs=[
                io.Image.Output("image", tooltip=IMAGE_OUT),
                io.String.Output("path", tooltip="The folder of the take; one line for each clip of a batch."),
            ],
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None, existing: str | None = None) -> bool | str:
        return prefix_problem(filename_prefix, existing) or True

    @classmethod
    def execute(
        cls,
        image: Any,
        filename_prefix: str,
        format: str,
        passes: str,
        start_frame: int,
        padding: int,
        fps: float,
        existing: str,
        compression: int,
        mask: Any = None,
        clips: int = 1,
    ) -> io.NodeOutput:
        frames = rgba(image, mask)
        plan = partial(
            Plan,
            still=STILLS[format](compression),
            fps=exact_rate(fps),
            passes=PASS_SETS[passes],
            start=start_frame,
            padding=padding,
            seeds=seeds_of(cls.hidden),
            graph=graph_of(cls.hidden),
        )
        plans = save(output_path(filename_prefix, frames), existing, in_clips(frames, clips), plan)
        folders = "\n".join(str(each.take.folder) for each in plans)
        return io.NodeOutput(frames, folders, ui=saved(plans, len(frames) // clips))


class RGBAPreview(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAPreview",
            display_name="Preview RGBA",
            category=MENU,
            description="A player for transparent clips: over a checkerboard, black, white, a colour or a plate; alpha "
            "alone, colour alone, or the difference to another clip. Writes to the temp folder only.",
            search_aliases=["player", "view", "checkerboard", "transparent", "alpha", "compare", "video preview"],
            is_output_node=True,
            inputs=[
                *clip_inputs()[:1],
                io.Float.Input(
                    "fps",
                    default=16.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    round=False,
                    tooltip="Frames per second, exact.",
                ),
                *clip_inputs()[1:],
                io.Image.Input(
                    "plate", optional=True, tooltip="What stands behind the clip: a frame or a clip in the same size."
                ),
                io.Image.Input(
                    "compare",
                    optional=True,
                    tooltip="An RGBA clip or frame in the same size, for the view of differences.",
                ),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, image: Any, fps: float, mask: Any = None, plate: Any = None, compare: Any = None) -> io.NodeOutput:
        clip = rgba(image, mask)
        behind = None if plate is None else soft_render(*rgb_and_alpha(fitting("plate", plate, clip)), BLACK)
        other = None if compare is None else rgba(fitting("compare", compare, clip))
        step = steps(sum(len(frames) for frames in (clip, behind, other) if frames is not None))
        return io.NodeOutput(ui=shown(clip, behind, other, exact_rate(fps), step))


NODES: list[type[io.ComfyNode]] = [RGBASaveSequence, RGBAPreview]

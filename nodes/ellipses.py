"""Ellipses: where the subject is, drawn or found, as the field that the mean shift takes."""

from __future__ import annotations

from torch import Tensor

from ..pipelines.alpha.coverage import coverage
from ..pipelines.ellipse.drawing import Drawing, Ellipse, Keyframe, parse_drawing
from ..pipelines.ellipse.field import subject
from ..pipelines.ellipse.fit import fit, fit_to_drawing
from ..pipelines.host.core.notices import warn
from ..pipelines.host.core.progress import steps
from ..pipelines.host.pictures.image_and_mask import rgb_and_alpha
from ..pipelines.latent_grid.size_rule import WAN_DIT
from .schema import SUBJECT_OUT, Ellipses, category, clip_inputs, io, or_whole, size_inputs

MENU = category("ellipses")
CENTRED = Drawing((Ellipse("a", "subject", (Keyframe(frame=0, cx=0.5, cy=0.5, rx=0.25, ry=0.4),)),)).to_json()


class RGBAEllipseEditor(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAEllipseEditor",
            display_name="Transparency ellipses",
            category=MENU,
            description="Says where the subject is, frame by frame, as ellipses with keyframes, and sets the size of "
            "the whole graph. Wan-Alpha v2 leaves the rest of the frame empty.",
            search_aliases=["ellipse", "mask editor", "gauss mask", "position", "keyframes", "draw"],
            inputs=[
                *size_inputs(),
                or_whole(
                    io.Float.Input(
                        "fps", default=16.0, min=0.01, max=1000.0, step=0.01, tooltip="Frames per second; Wan makes 16."
                    )
                ),
                io.Image.Input("background", optional=True, tooltip="A picture to draw over; it changes nothing."),
                io.String.Input(
                    "ellipses",
                    default=CENTRED,
                    multiline=True,
                    tooltip="The drawing as JSON, version 1: lengths are fractions of the frame, angles are degrees "
                    "clockwise, frames count from 0.",
                ),
            ],
            outputs=[
                Ellipses.Output("ellipses", tooltip="The drawing, for other nodes."),
                io.Mask.Output("subject", tooltip=SUBJECT_OUT),
                io.Int.Output("width", tooltip="The width in pixels, for the empty latent."),
                io.Int.Output("height", tooltip="The height in pixels, for the empty latent."),
                io.Int.Output("length", tooltip="The number of frames, for the empty latent."),
                io.Float.Output("fps", tooltip="Frames per second, for the saver."),
            ],
        )

    @classmethod
    def validate_inputs(cls, ellipses: str | None = None) -> bool | str:
        return _problem(ellipses)

    @classmethod
    def execute(
        cls, width: int, height: int, length: int, fps: float, ellipses: str, background: Tensor | None = None
    ) -> io.NodeOutput:
        WAN_DIT.check("The clip", width, height, length)
        drawing = parse_drawing(ellipses)
        return io.NodeOutput(
            drawing, subject(drawing, length, height, width, on_frame=steps(length)), width, height, length, float(fps)
        )


class RGBAEllipsesToSubject(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAEllipsesToSubject",
            display_name="Ellipses to subject",
            category=MENU,
            description="The Gaussian field of a drawing at another size or length; drawings are in fractions.",
            search_aliases=["gauss mask", "ellipse to mask"],
            inputs=[Ellipses.Input("ellipses", tooltip="A drawing from the editor or from a fit."), *size_inputs()],
            outputs=[io.Mask.Output("subject", tooltip=SUBJECT_OUT)],
        )

    @classmethod
    def execute(cls, ellipses: Drawing, width: int, height: int, length: int) -> io.NodeOutput:
        WAN_DIT.check("The clip", width, height, length)
        return io.NodeOutput(subject(ellipses, length, height, width, on_frame=steps(length)))


class RGBAFitEllipses(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAFitEllipses",
            display_name="Fit ellipses to alpha",
            category=MENU,
            description="One ellipse per latent frame from an existing alpha clip, as the reference's script finds it.",
            search_aliases=["gauss mask", "mask to ellipse", "track", "gen_gaussian_mask"],
            inputs=clip_inputs("RGBA frames, or RGB with a mask; width and height are multiples of 8."),
            outputs=[
                Ellipses.Output("ellipses", tooltip="The fit as a drawing: latent frame k is a keyframe at frame 4k."),
                io.Mask.Output("subject", tooltip=SUBJECT_OUT + " On the latent grid, as the reference computes it."),
            ],
        )

    @classmethod
    def execute(cls, image: Tensor, mask: Tensor | None = None) -> io.NodeOutput:
        alpha = rgb_and_alpha(image, mask)[1]
        if coverage(alpha).opaque == 1:
            warn("Alpha is opaque everywhere, so the fit is the whole frame: connect RGBA frames or a mask.")
        fitted = fit(alpha[..., 0])
        if not any(fitted.ellipses):
            warn("Alpha is empty in every frame, so there is nothing to fit. The mask is probably inverted.")
        if fitted.dropped_frames:
            warn(
                f"{fitted.dropped_frames} frames after the last 4n + 1 were left out, as the reference leaves them out."
            )
        return io.NodeOutput(fit_to_drawing(fitted), fitted.subject)


def _problem(ellipses: str | None) -> bool | str:
    """True, or why the text is no drawing: shown before anything runs. A linked text is not known yet."""
    if ellipses is None:
        return True
    try:
        parse_drawing(ellipses)
    except ValueError as problem:
        return str(problem)
    return True


NODES: list[type[io.ComfyNode]] = [RGBAEllipseEditor, RGBAEllipsesToSubject, RGBAFitEllipses]

"""In and out: RGBA frames to files that a compositor opens."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor

from ..pipelines.host.core.progress import steps
from ..pipelines.host.files.input_folder import chosen_path, fingerprint, input_problem, sequences, videos
from ..pipelines.host.pictures.image_and_mask import fitting, in_clips, mask_of, rgba
from ..pipelines.media.passes import PASS_SETS
from ..pipelines.media.rates import exact_rate
from ..pipelines.media.stills.exr import KINDS
from ..pipelines.media.stills.formats import STILLS, Light
from ..pipelines.media.stills.gamut import SPACES
from ..pipelines.media.takes.names import EXISTING
from ..pipelines.media.takes.plan import Plan
from ..pipelines.media.targets import TARGETS
from ..pipelines.media.video.animation import UNITS, Animation
from ..pipelines.media.video.formats import VIDEO_FORMATS
from ..pipelines.media.video.sprite_sheet import PLAYBACK, SheetPlan
from .schema import IMAGE_OUT, MASK_OUT, VideoFromFile, category, clip_inputs, clips_input, io, or_whole

if TYPE_CHECKING:
    from ..pipelines.host.core.sockets import Audio, VideoInput

MENU = category("in and out")


def prefix_input(example: str) -> io.Input:
    return io.String.Input(
        "filename_prefix",
        default="rgba/clip",
        tooltip=f"Folders and a name below the output folder: {example} The host's tokens, such as %year% and "
        "%date:yyyy-MM-dd%, work.",
    )


def fps_input(tooltip: str) -> io.Input:
    return or_whole(io.Float.Input("fps", default=16.0, min=0.01, max=1000.0, step=0.001, round=False, tooltip=tooltip))


def frame_inputs(start: str, least: int = 0) -> list[io.Input]:
    """Which frames of a file are loaded; `least` is the lowest number that the first may have."""
    return [
        io.Int.Input("start_frame", default=0, min=least, max=9999999, tooltip=start),
        io.Int.Input("frame_count", default=0, min=0, max=9999999, tooltip="How many frames; 0 takes all of them."),
        io.Int.Input(
            "every_nth", default=1, min=1, max=1000, tooltip="1 takes every frame, 2 every other; fps falls with it."
        ),
    ]


def association_input(tooltip: str) -> io.Input:
    return io.Combo.Input("association", options=["auto", "straight", "premultiplied"], optional=True, tooltip=tooltip)


def clip_outputs(audio: str) -> list[io.Output]:
    return [
        io.Image.Output("image", tooltip=IMAGE_OUT),
        io.Mask.Output("mask", tooltip=MASK_OUT),
        io.Float.Output("fps", tooltip="Frames per second of what is loaded."),
        io.Int.Output("frame_count", tooltip="How many frames are loaded."),
        io.Audio.Output("audio", tooltip=audio),
    ]


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
                prefix_input("shots/parrot gives shots/parrot_v001/parrot_v001.1001.png."),
                io.Combo.Input(
                    "format",
                    options=list(STILLS),
                    tooltip="png: straight, opens everywhere. exr: light, premultiplied, for compositing. tiff: "
                    "straight, 16 bit. tga: straight, 8 bit, for game engines. Every file is read back and compared.",
                ),
                io.Combo.Input(
                    "passes",
                    options=list(PASS_SETS),
                    tooltip="rgba: one picture. matte: alpha as grey, linear. fg: straight colour. processed: "
                    "premultiplied. comp: over a checkerboard. Several passes get a folder each.",
                ),
                io.Int.Input("start_frame", default=1001, min=0, max=9999999, tooltip="Number of the first frame."),
                io.Int.Input("padding", default=4, min=1, max=10, tooltip="Digits of a frame number: 4 gives .1001."),
                fps_input("Frames per second for the sidecar; 23.976, 29.97 and 59.94 become 24000/1001 and so on."),
                io.Combo.Input(
                    "existing",
                    options=list(EXISTING),
                    tooltip="new version: _v002 after _v001. refuse: an error if the name exists. overwrite: the "
                    "newest version is replaced, frame by frame.",
                ),
                io.Int.Input(
                    "compression",
                    default=1,
                    min=0,
                    max=9,
                    tooltip="PNG: 0 stores, 1 compresses what gains by it, 9 is smallest. TIFF and TGA: 0 stores, more "
                    "compresses. EXR, zip and zips: 0 stores; zip: 1 is quick, 2 to 9 usually a little "
                    "smaller. The picture is the same.",
                ),
                *clip_inputs()[1:],
                clips_input("each gets its own take (_b02 ...)."),
                io.Combo.Input(
                    "color_space",
                    options=list(SPACES),
                    optional=True,
                    tooltip="EXR only: the light that is stored. Linear Rec.709 for most, ACEScg for a show in ACES.",
                ),
                io.Boolean.Input(
                    "emissive",
                    default=False,
                    optional=True,
                    tooltip="EXR only: keep colour where alpha is 0, as light that covers nothing (fire, glow).",
                ),
                io.Combo.Input(
                    "exr_compression",
                    options=list(KINDS),
                    optional=True,
                    tooltip="EXR only. zip: small. zips: each line alone, for Nuke. piz: for grain. dwaa: lossy.",
                ),
                io.Boolean.Input(
                    "exr_layers",
                    default=False,
                    optional=True,
                    tooltip="EXR only: several passes as layers of one file instead of a folder each.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip=IMAGE_OUT),
                io.String.Output("path", tooltip="The folder of the take; one line for each clip of a batch."),
            ],
        )

    @classmethod
    def validate_inputs(
        cls, filename_prefix: str | None = None, existing: str | None = None, format: str | None = None
    ) -> bool | str:
        from ..pipelines.host.files import output_folder

        return output_folder.prefix_problem(filename_prefix, existing) or output_folder.still_problem(format) or True

    @classmethod
    def execute(
        cls,
        image: Tensor,
        filename_prefix: str,
        format: str,
        passes: str,
        start_frame: int,
        padding: int,
        fps: float,
        existing: str,
        compression: int,
        mask: Tensor | None = None,
        clips: int = 1,
        color_space: str = "linear Rec.709",
        emissive: bool = False,
        exr_compression: str = "zip",
        exr_layers: bool = False,
    ) -> io.NodeOutput:
        from ..pipelines.host.core import running_graph
        from ..pipelines.host.files import output_folder

        frames = rgba(image, mask)
        output_folder.warn_if_premultiplied(frames)
        plan = partial(
            Plan,
            still=STILLS[format](compression, Light(color_space, emissive, exr_compression)),
            layers=exr_layers and format.startswith("exr"),
            fps=exact_rate(float(fps)),
            passes=PASS_SETS[passes],
            start=start_frame,
            padding=padding,
            seeds=running_graph.seeds(cls.hidden),
            graph=running_graph.running(cls.hidden),
        )
        done = output_folder.save_sequence(
            output_folder.filled_prefix(filename_prefix, frames), existing, in_clips(frames, clips), plan
        )
        return io.NodeOutput(frames, done.paths, ui=done.ui)


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
                fps_input("Frames per second, exact."),
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
    def execute(
        cls,
        image: Tensor,
        fps: float,
        mask: Tensor | None = None,
        plate: Tensor | None = None,
        compare: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.host.pictures import preview

        clip = rgba(image, mask)
        behind = None if plate is None else rgba(fitting("plate", plate, clip))
        other = None if compare is None else rgba(fitting("compare", compare, clip))
        step = steps(sum(len(frames) for frames in (clip, behind, other) if frames is not None))
        return io.NodeOutput(ui=preview.shown(clip, behind, other, exact_rate(float(fps)), step))


class RGBALoadSequence(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBALoadSequence",
            display_name="Load RGBA sequence",
            category=MENU,
            description="Numbered stills with alpha (PNG, EXR, TIFF, TGA, PSD and others) as straight RGBA frames: a "
            "take of Save RGBA sequence, any folder with one sequence, or a single still.",
            search_aliases=["load", "exr", "png", "tiff", "psd", "dpx", "image sequence", "frames", "import", "folder"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=sequences(),
                    tooltip="A folder with stills, or one still, below the host's input folder; a name that ends in "
                    "[output] lies in the output folder.",
                ),
                *frame_inputs(
                    "Number of the first frame, as in the file's name, below 0 too; 0 begins with the first there is, "
                    "whatever its number.",
                    least=-9999999,
                ),
                association_input(
                    "auto: as the sidecar, the EXR or the TIFF says; PNG and TGA are straight. Or say it yourself."
                ),
                or_whole(
                    io.Float.Input(
                        "fps",
                        default=0.0,
                        min=0.0,
                        max=1000.0,
                        step=0.001,
                        round=False,
                        optional=True,
                        tooltip="Frames per second of the files; 0 takes the sidecar's rate, 16 where there is none.",
                    )
                ),
                io.Combo.Input(
                    "window",
                    options=["display", "data"],
                    optional=True,
                    tooltip="EXR. display: the frame that was meant, with nothing outside of what was rendered. data: "
                    "all that was rendered, overscan included.",
                ),
                io.String.Input(
                    "layer",
                    default="",
                    optional=True,
                    tooltip="EXR: the layer or part that is loaded; empty takes the picture. Errors list the layers.",
                ),
            ],
            outputs=clip_outputs("None: stills have no sound."),
        )

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool | str:
        return input_problem(file) or True

    @classmethod
    def fingerprint_inputs(cls, file: str, **_: object) -> str:
        return fingerprint(file)

    @classmethod
    def execute(
        cls,
        file: str,
        start_frame: int,
        frame_count: int,
        every_nth: int,
        association: str = "auto",
        fps: float = 0.0,
        window: str = "display",
        layer: str = "",
    ) -> io.NodeOutput:
        from ..pipelines.host.files import footage

        said = None if association == "auto" else association
        image, rate = footage.load_sequence(
            file, start_frame, frame_count, every_nth, said, float(fps), window, layer.strip()
        )
        return io.NodeOutput(image, mask_of(image), float(rate), len(image), None)


class RGBASaveVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBASaveVideo",
            display_name="Save RGBA video",
            category=MENU,
            description="A video with alpha, in one file: ProRes 4444, WebM VP9, HEVC, FFV1, or colour above alpha in "
            "an mp4. Tagged, with exact frame rate and sound, and read back before it gets its name.",
            search_aliases=[
                "prores",
                "webm",
                "vp9",
                "hevc",
                "ffv1",
                "mov",
                "mp4",
                "stacked alpha",
                "save video",
                "export",
            ],
            is_output_node=True,
            inputs=[
                *clip_inputs()[:1],
                prefix_input("shots/parrot gives shots/parrot_v001.mov."),
                io.Combo.Input(
                    "format",
                    options=list(VIDEO_FORMATS),
                    tooltip="prores 4444 for editing, xq for the most of it. webm vp9 for Chrome, Firefox and OBS. "
                    "hevc alpha for Safari. ffv1: lossless, 16 bit. stacked mp4: alpha below colour, plays everywhere.",
                ),
                io.Combo.Input(
                    "association",
                    options=["straight", "premultiplied"],
                    tooltip="straight: colour as it is. premultiplied: colour times alpha, for programs that expect "
                    "it; their edges show which one they took.",
                ),
                fps_input("Frames per second, exact; 23.976, 29.97 and 59.94 become 24000/1001 and so on."),
                *clip_inputs()[1:],
                io.Audio.Input("audio", optional=True, tooltip="Sound from the first frame on; cut at the last one."),
                clips_input("each gets its own file (_b02 ...)."),
                io.Boolean.Input(
                    "bleed",
                    default=True,
                    optional=True,
                    tooltip="straight only: colour runs on where alpha is 0, so that compression brings no foreign "
                    "colour to the edge. Off keeps the colour that is there.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip=IMAGE_OUT),
                io.String.Output("path", tooltip="The file; one line for each clip of a batch."),
            ],
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None, format: str | None = None) -> bool | str:
        from ..pipelines.host.files import output_folder

        return output_folder.video_name_problem(filename_prefix, format) or True

    @classmethod
    def execute(
        cls,
        image: Tensor,
        filename_prefix: str,
        format: str,
        association: str,
        fps: float,
        mask: Tensor | None = None,
        audio: Audio | None = None,
        clips: int = 1,
        bleed: bool = True,
    ) -> io.NodeOutput:
        from ..pipelines.host.core import running_graph
        from ..pipelines.host.files import output_folder
        from ..pipelines.media.video.write_video import VideoPlan

        frames = rgba(image, mask)
        output_folder.warn_if_premultiplied(frames)
        text = running_graph.texts(cls.hidden)
        plan = VideoPlan(VIDEO_FORMATS[format], exact_rate(float(fps)), association, bleed, text=text)
        done = output_folder.save_video(
            output_folder.filled_prefix(filename_prefix, frames), in_clips(frames, clips), plan, audio
        )
        return io.NodeOutput(frames, done.paths, ui=done.ui)


class RGBASaveAnimation(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBASaveAnimation",
            display_name="Save RGBA animation",
            category=MENU,
            description="An animated WebP, APNG or GIF in the rate that you ask for: 24 frames a second take one "
            "second. Read back before it gets its name.",
            search_aliases=["webp", "apng", "gif", "sticker", "animated", "export", "loop"],
            is_output_node=True,
            inputs=[
                *clip_inputs()[:1],
                prefix_input("shots/parrot gives shots/parrot_v001.webp."),
                io.Combo.Input(
                    "format",
                    options=list(UNITS),
                    tooltip="webp: small, soft alpha. apng: soft alpha, exact delays, opens wherever PNG does. gif: "
                    "alpha is on or off, 256 colours.",
                ),
                fps_input("Frames per second; delays are spread so that the average is exact."),
                io.Int.Input("loop", default=0, min=0, max=65535, tooltip="How often it plays; 0 is for ever."),
                *clip_inputs()[1:],
                clips_input("each gets its own file (_b02 ...)."),
                io.Int.Input(
                    "quality",
                    default=100,
                    min=1,
                    max=100,
                    optional=True,
                    tooltip="WebP only: 100 is lossless; below it colour is lossy and smaller, alpha stays exact.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip=IMAGE_OUT),
                io.String.Output("path", tooltip="The file; one line for each clip of a batch."),
            ],
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        from ..pipelines.host.files import output_folder

        return output_folder.prefix_problem(filename_prefix, None) or True

    @classmethod
    def execute(
        cls,
        image: Tensor,
        filename_prefix: str,
        format: str,
        fps: float,
        loop: int,
        mask: Tensor | None = None,
        clips: int = 1,
        quality: int = 100,
    ) -> io.NodeOutput:
        from ..pipelines.host.files import output_folder

        frames = rgba(image, mask)
        output_folder.warn_if_premultiplied(frames)
        plan = Animation(format, exact_rate(float(fps)), loop, quality)
        done = output_folder.save_animation(
            output_folder.filled_prefix(filename_prefix, frames), in_clips(frames, clips), plan
        )
        return io.NodeOutput(frames, done.paths, ui=done.ui)


class RGBASaveSpriteSheet(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBASaveSpriteSheet",
            display_name="Save RGBA sprite sheet",
            category=MENU,
            description="All frames in one PNG, and a JSON that says where they are, as Aseprite writes it: trimmed to "
            "one box, with room between frames, and no black under alpha.",
            search_aliases=["atlas", "texture", "game", "flipbook", "aseprite", "godot", "unity", "sprites"],
            is_output_node=True,
            inputs=[
                *clip_inputs()[:1],
                prefix_input("shots/parrot gives shots/parrot_v001.png and .json."),
                io.Int.Input("columns", default=0, min=0, max=4096, tooltip="0 makes the sheet as square as it gets."),
                io.Int.Input(
                    "max_size",
                    default=4096,
                    min=64,
                    max=32768,
                    tooltip="The most pixels that a side may have; 4096 is what every GPU takes. Larger is refused.",
                ),
                fps_input("Frames per second, for the JSON: durations whose sum is exact."),
                *clip_inputs()[1:],
                clips_input("each gets its own sheet (_b02 ...)."),
                io.Boolean.Input(
                    "trim",
                    default=True,
                    optional=True,
                    tooltip="Leaves out the empty borders that all frames share; the JSON says where the frame was.",
                ),
                io.Int.Input(
                    "gap",
                    default=2,
                    min=0,
                    max=64,
                    optional=True,
                    tooltip="Pixels between frames, so that no filter reaches the neighbour.",
                ),
                io.Combo.Input(
                    "playback",
                    options=list(PLAYBACK),
                    optional=True,
                    tooltip="For the JSON's frame tag. ping-pong: forth and back; the frames are there once.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip=IMAGE_OUT),
                io.String.Output("path", tooltip="The file; one line for each clip of a batch."),
            ],
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        from ..pipelines.host.files import output_folder

        return output_folder.prefix_problem(filename_prefix, None) or True

    @classmethod
    def execute(
        cls,
        image: Tensor,
        filename_prefix: str,
        columns: int,
        max_size: int,
        fps: float,
        mask: Tensor | None = None,
        clips: int = 1,
        trim: bool = True,
        gap: int = 2,
        playback: str = "loop",
    ) -> io.NodeOutput:
        from ..pipelines.host.files import output_folder

        frames = rgba(image, mask)
        output_folder.warn_if_premultiplied(frames)
        plan = SheetPlan(exact_rate(float(fps)), columns, max_size, trim, gap, playback)
        done = output_folder.save_sheet(
            output_folder.filled_prefix(filename_prefix, frames), in_clips(frames, clips), plan
        )
        return io.NodeOutput(frames, done.paths, ui=done.ui)


class RGBADeliver(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBADeliver",
            display_name="Deliver RGBA",
            category=MENU,
            description="Writes what a program takes: format, straight or premultiplied, colour, numbering and tags "
            "are set by the target. Every file is read back.",
            search_aliases=["export", "preset", "after effects", "nuke", "unity", "obs", "web", "save", "delivery"],
            is_output_node=True,
            inputs=[
                *clip_inputs()[:1],
                io.Combo.Input(
                    "target",
                    options=list(TARGETS),
                    tooltip="Editors and Unity: ProRes 4444. Nuke: EXR half. Unreal: PNG sequence. Godot: sprite "
                    "sheet. OBS: WebM, premultiplied. web: WebM, and HEVC or stacked mp4 for Safari.",
                ),
                prefix_input("shots/parrot gives shots/parrot_unity_v001.mov, or a folder of such a name."),
                fps_input("Frames per second, exact; 23.976, 29.97 and 59.94 become 24000/1001 and so on."),
                *clip_inputs()[1:],
                io.Audio.Input("audio", optional=True, tooltip="Sound for the targets that are videos."),
                clips_input("each gets its own files (_b02 ...)."),
            ],
            outputs=[
                io.Image.Output("image", tooltip=IMAGE_OUT),
                io.String.Output("path", tooltip="The files or folders; one line for each."),
            ],
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None, target: str | None = None) -> bool | str:
        from ..pipelines.host.files import delivery

        return delivery.problem(filename_prefix, target) or True

    @classmethod
    def execute(
        cls,
        image: Tensor,
        target: str,
        filename_prefix: str,
        fps: float,
        mask: Tensor | None = None,
        audio: Audio | None = None,
        clips: int = 1,
    ) -> io.NodeOutput:
        from ..pipelines.host.files import delivery, output_folder

        frames = rgba(image, mask)
        output_folder.warn_if_premultiplied(frames)
        prefix = output_folder.filled_prefix(filename_prefix, frames)
        done = delivery.deliver(target, prefix, in_clips(frames, clips), exact_rate(float(fps)), audio, cls.hidden)
        return io.NodeOutput(frames, done.paths, ui=done.ui)


class RGBALoadVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBALoadVideo",
            display_name="Load RGBA video",
            category=MENU,
            description="A video with its alpha as straight RGBA frames: ProRes 4444, WebM VP9 and VP8 (whose alpha "
            "most loaders lose), HEVC, FFV1, colour above alpha, WebP, GIF, APNG; and its sound.",
            search_aliases=["load", "prores", "webm", "vp9", "mov", "mp4", "alpha", "stacked", "import", "video"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=videos(),
                    upload=io.UploadType.video,
                    tooltip="A video below the host's input folder; a name that ends in [output] lies in the output "
                    "folder.",
                ),
                *frame_inputs("How many frames to leave out at the beginning."),
                association_input(
                    "auto: as the tag rgba_association in the file says, else straight. Or say it yourself."
                ),
                io.Combo.Input(
                    "layout",
                    options=[
                        "auto",
                        "plain",
                        "stacked",
                        "colour below alpha",
                        "colour left of alpha",
                        "colour right of alpha",
                        "fill and key",
                    ],
                    optional=True,
                    tooltip="Where alpha is. stacked: below the colour, in a picture twice as high. fill and key: a "
                    "video track of its own. auto: as the tag rgba_layout says, else plain.",
                ),
            ],
            outputs=clip_outputs("The sound that goes with these frames; None where there is none."),
        )

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool | str:
        return input_problem(file) or True

    @classmethod
    def fingerprint_inputs(cls, file: str, **_: object) -> str:
        return fingerprint(file)

    @classmethod
    def execute(
        cls,
        file: str,
        start_frame: int,
        frame_count: int,
        every_nth: int,
        association: str = "auto",
        layout: str = "auto",
    ) -> io.NodeOutput:
        from ..pipelines.host.files import footage
        from ..pipelines.media.video.read_video import Wanted

        said = None if association == "auto" else association
        place = None if layout == "auto" else "colour above alpha" if layout == "stacked" else layout
        wanted = Wanted(start_frame, frame_count, every_nth, said, place)
        image, rate, audio = footage.load_video(chosen_path(file), wanted)
        return io.NodeOutput(image, mask_of(image), float(rate), len(image), audio)


class RGBAFromVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAFromVideo",
            display_name="RGBA from video",
            category=MENU,
            description="A VIDEO of the host as straight RGBA frames. The alpha of VP9 is kept, which the host's own "
            "way loses.",
            search_aliases=["get video components", "video to images", "alpha", "webm", "vp9"],
            inputs=[
                io.Video.Input("video", tooltip="From Load Video, Create Video and the like; a cut one stays cut.")
            ],
            outputs=[
                io.Image.Output("image", tooltip=IMAGE_OUT),
                io.Mask.Output("mask", tooltip=MASK_OUT),
                io.Float.Output("fps", tooltip="Frames per second."),
                io.Audio.Output("audio", tooltip="The sound that goes with these frames; None where there is none."),
                io.Int.Output("frame_count", tooltip="How many frames there are."),
            ],
        )

    @classmethod
    def execute(cls, video: VideoInput) -> io.NodeOutput:
        from ..pipelines.host.files import footage

        image, rate, audio = footage.from_video(video, VideoFromFile)
        return io.NodeOutput(image, mask_of(image), float(rate), audio, len(image))


NODES: list[type[io.ComfyNode]] = [
    RGBASaveSequence,
    RGBAPreview,
    RGBALoadSequence,
    RGBASaveVideo,
    RGBASaveAnimation,
    RGBASaveSpriteSheet,
    RGBADeliver,
    RGBALoadVideo,
    RGBAFromVideo,
]

"""Alpha work and delivery: the best of many clips, larger and smoother ones, files for everybody."""

from __future__ import annotations

from .description import Column, Graph, Group, Node, link
from .files import BASE, INTERPOLATOR, RGBA_CLIP, UPSCALER, V2_FILES
from .parts import (
    BLUE,
    CLIP,
    ELLIPSE,
    GREEN,
    MODELS,
    OUTPUT,
    SAMPLING,
    SEED,
    clean_edges,
    note,
    player,
    read_me,
    saved_frames,
)
from .wan_alpha_parts import alpha_vae, decoded, drawing, ellipse, models, prompt, reference_sampling


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


GRAPHS = (
    best_of_seeds(),
    upscale_and_interpolate_rgba(),
    deliver(),
)

"""Wan-Alpha in context windows: long clips and loops."""

from __future__ import annotations

from collections.abc import Mapping

from .description import Column, Graph, Group, Link, Node, Value, link
from .files import BASE, V2_FILES
from .parts import BLUE, SAMPLING, note, paragraphs, read_me
from .wan_alpha_parts import (
    SAMPLER_NOTE,
    alpha_vae,
    drawing,
    ellipse,
    flow_shift,
    ksampler,
    latent_of_the_drawing,
    mean_shift,
    models,
    no_negative,
    output,
    prompt,
)


def wan_alpha_v2_161_frames() -> Graph:
    story = """
        Ten seconds: 161 frames in windows of 81, the length that Wan was trained on. The ellipse goes through all of
        them, so the subject goes where you draw it.
    """
    windows = """
        **Wan Context Windows** samples 81 frames at a time and blends the 30 that two windows share. The windows move
        from step to step, so that seams do not stay in one place.
    """
    path = drawing(
        "koi",
        {"frame": 0, "cx": 0.22, "cy": 0.6, "rx": 0.16, "ry": 0.22, "angle": 0, "ease": "ease"},
        {"frame": 80, "cx": 0.62, "cy": 0.38, "rx": 0.18, "ry": 0.22, "angle": -20, "ease": "ease"},
        {"frame": 160, "cx": 0.76, "cy": 0.6, "rx": 0.16, "ry": 0.22, "angle": 20},
    )
    return _in_windows(
        "wan_alpha_v2_161_frames",
        read_me("Wan-Alpha v2, 161 frames", story, [BASE, *V2_FILES], 420),
        prompt("A koi carp swims in a wide curve, its fins trailing like silk.", motion="gentle"),
        ellipse(832, 480, 161, path),
        {"context_length": 81, "context_overlap": 30, "context_schedule": "standard_uniform", "closed_loop": False},
        windows,
    )


def wan_alpha_v2_loop() -> Graph:
    story = """
        A loop without a seam: 81 frames that run on from the last into the first, for games, titles and web pages. The
        drawing loops too: with `"loop": true` the last keyframe leads back to the first.
    """
    windows = """
        **Wan Context Windows**, *looped_uniform* with *closed_loop*: windows of 49 frames run over the end into the
        beginning. A window must be shorter than the clip, or there is no loop; long windows hold together better.
    """
    ring = drawing(
        "flame",
        {"frame": 0, "cx": 0.46, "cy": 0.55, "rx": 0.18, "ry": 0.36, "ease": "ease"},
        {"frame": 27, "cx": 0.54, "cy": 0.55, "rx": 0.2, "ry": 0.4, "ease": "ease"},
        {"frame": 54, "cx": 0.5, "cy": 0.52, "rx": 0.16, "ry": 0.42, "ease": "ease"},
        loop=True,
    )
    return _in_windows(
        "wan_alpha_v2_loop",
        read_me("Wan-Alpha v2, a seamless loop", story, [BASE, *V2_FILES], 420),
        prompt("An orange flame burns calmly, its tongues half transparent.", motion="gentle"),
        ellipse(832, 480, 81, ring),
        {"context_length": 49, "context_overlap": 20, "context_schedule": "looped_uniform", "closed_loop": True},
        windows,
    )


FREENOISE = """
    *freenoise* repeats noise so that windows look alike. *Mean shift (model)* is added behind it and stays on its
    ellipse; *Mean shift (noise)* would be carried along.
"""


def _in_windows(
    name: str, read_me: Node, prompt: Group, ellipse: Group, windows: Mapping[str, Value], windows_note: str
) -> Graph:
    inputs: dict[str, Value | Link] = {
        "model": link("shift.MODEL"), **windows, "context_stride": 1, "fuse_method": "pyramid", "freenoise": True,
        "retain_first_frame": False, "split_conds_to_windows": False,
    }  # fmt: skip
    left = [
        flow_shift(),
        Node("windows", "WanContextWindowsManual", inputs, colors=BLUE),
        mean_shift("windows.MODEL", "ellipse.subject"),
        no_negative(),
        latent_of_the_drawing(),
    ]
    text = "\n\n".join(map(paragraphs, [windows_note, FREENOISE, SAMPLER_NOTE]))
    right = [ksampler("mean_shift.model", "latent.LATENT"), note("windows_note", "Windows and sampler", text, 300)]
    return Graph(
        name,
        [
            Column(420, [models(alpha_vae()), read_me]),
            Column(520, [prompt, ellipse]),
            Column(680, [Group("Sampling", SAMPLING, [left, right])]),
            Column(720, [output(name, "sample.LATENT", link("ellipse.fps"))]),
        ],
    )


GRAPHS = (wan_alpha_v2_161_frames(), wan_alpha_v2_loop())

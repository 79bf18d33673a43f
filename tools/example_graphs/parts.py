"""What graphs of several methods share: colours, seed, notes, an empty latent, clean edges, saver and player."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from .description import Link, Node, Value, link
from .files import FILES

MODELS, PROMPT, ELLIPSE, CLIP, SAMPLING, OUTPUT = "#3f789e", "#8A8", "#88A", "#b58b2a", "#b06634", "#A88"
GREEN, BLUE, YELLOW = ("#232", "#353"), ("#223", "#335"), ("#432", "#000")
SEED = 42


def paragraphs(text: str) -> str:
    """Wrapped lines as Markdown paragraphs."""
    return "\n\n".join(" ".join(each.split()) for each in inspect.cleandoc(text).split("\n\n"))


def note(name: str, title: str, text: str, height: int) -> Node:
    return Node(name, "MarkdownNote", {"text": paragraphs(text)}, title=title, height=height, colors=YELLOW)


def read_me(title: str, story: str, files: Sequence[str], height: int) -> Node:
    parts = [f"# {title}", paragraphs(story), *(["## Files"] if files else [])]
    for folder in dict.fromkeys(FILES[name].folder for name in files):
        here = [name for name in files if FILES[name].folder == folder]
        lines = [", ".join(part for part in (f"`{n}`", FILES[n].size, f"from {FILES[n].source}") if part) for n in here]
        parts += [f"**models/{folder}**", "\n".join(f"- {line}" for line in lines)]
    return Node("read_me", "MarkdownNote", {"text": "\n\n".join(parts)}, title="Read me", height=height, colors=YELLOW)


def empty_latent(width: Value | Link, height: Value | Link, length: Value | Link, batch_size: int = 1) -> Node:
    inputs = {"width": width, "height": height, "length": length, "batch_size": batch_size}
    return Node("latent", "EmptyHunyuanLatentVideo", inputs, title="Empty video latent")


def video_frames(name: str, video: str, title: str) -> Node:
    """A native node that is taller on newer hosts, which give it more outputs: there is room for them on all hosts."""
    return Node(name, "GetVideoComponents", {"video": link(video)}, title=title, height=106)


def clean_edges(image: str) -> list[Node]:
    """Noise off both ends of alpha, and no foreign colour under it: `bleed.image`."""
    levels = {"image": link(image), "black": 0.02, "white": 0.98}
    return [
        Node("levels", "RGBAMatte", levels, title="Noise off alpha"),
        Node("bleed", "RGBAEdgeBleed", {"image": link("levels.image"), "below": 0.05}),
    ]


def saved_frames(name: str, image: str, fps: Value | Link) -> Node:
    inputs = {
        "image": link(image), "filename_prefix": f"rgba/{name}", "format": "png 8-bit", "passes": "rgba",
        "start_frame": 1001, "padding": 4, "fps": fps, "existing": "new version", "compression": 1,
    }  # fmt: skip
    return Node("save", "RGBASaveSequence", inputs, colors=GREEN)


def player(image: str, fps: Value | Link) -> Node:
    return Node("preview", "RGBAPreview", {"image": link(image), "fps": fps}, height=420)

"""A tiny file of each format that is written or read here, to be damaged."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
import torch
from av.error import FFmpegError
from PIL import Image
from torch import Tensor

from pipelines.media.footage import OPENABLE
from pipelines.media.passes import PASS_SETS
from pipelines.media.stills.exr import KINDS
from pipelines.media.stills.formats import STILLS, Light
from pipelines.media.stills.image_file import library
from pipelines.media.takes.names import Take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.sequence import write_sequence
from pipelines.media.video.animation import SUFFIXES, Animation, write_animation
from pipelines.media.video.formats import VIDEO_FORMATS, video_problem
from pipelines.media.video.sound import Sound
from pipelines.media.video.write_video import VideoPlan, write_video

RATE = Fraction(24)
TAKE = "take"
"""The seed that is a folder: its sidecar is what is damaged."""

PILLOW = {
    ".png": [{"mode": mode} for mode in ("1", "L", "LA", "P", "RGB", "I;16")],
    ".tif": [
        {"mode": "RGBA", "compression": "tiff_lzw"},
        {"mode": "RGB", "compression": "jpeg"},
        {"mode": "L", "compression": "packbits"},
        {"mode": "CMYK"},
        {"mode": "1", "compression": "group4"},
        {"mode": "P", "compression": "tiff_adobe_deflate"},
        {"mode": "F"},
    ],
    ".tga": [{"mode": "RGBA", "rle": True}, {"mode": "L"}, {"mode": "P"}],
    ".jpg": [{"mode": "RGB"}, {"mode": "L", "progressive": True}, {"mode": "CMYK"}],
    ".webp": [{"mode": "RGBA", "lossless": True}, {"mode": "RGBA"}],
    ".avif": [{"mode": "RGBA"}],
    ".bmp": [{"mode": "RGB"}, {"mode": "P"}],
    ".gif": [{"mode": "P"}],
}
LAYOUTS = (
    ("TIFF tiles", ".tif", 16, False, 1),
    ("TIFF planes", ".tif", 0, True, 1),
    ("TIFF tiles planes", ".tif", 16, True, 1),
    ("TIFF pages", ".tif", 0, False, 2),
    ("EXR parts", ".exr", 0, False, 2),
    ("EXR tiles", ".exr", 16, False, 1),
)
"""Name, suffix, side of a tile, whether each channel is a plane, and how many pictures."""

ENCODERS = {
    ".avi": ("ffv1", "bgra"),
    ".ts": ("mpeg2video", "yuv420p"),
    ".mxf": ("mpeg2video", "yuv420p"),
    ".wmv": ("wmv2", "yuv420p"),
    ".mkv": ("utvideo", "gbrap"),
    ".mov": ("qtrle", "argb"),
    ".nut": ("rawvideo", "rgba"),
}


def make_seeds(folder: Path) -> dict[str, Path]:
    """{name: file, or for TAKE a folder}; formats that this machine cannot write are left out."""
    makers: list[Callable[[Path], dict[str, Path]]] = [
        _stills,
        _pictures,
        _layouts,
        _by_hand,
        _videos,
        _animations,
        _others,
    ]
    seeds: dict[str, Path] = {}
    for index, maker in enumerate(makers):
        (inside := folder / str(index)).mkdir(parents=True)
        seeds |= maker(inside)
    return {name: path for name, path in seeds.items() if path.is_dir() or path.suffix.lower() in OPENABLE}


def _clip(frames: int, height: int = 10, width: int = 12) -> Tensor:
    return torch.rand(frames, height, width, 4, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05


def _stills(folder: Path) -> dict[str, Path]:
    settings = [(name, None) for name in STILLS if not name.startswith("exr")]
    settings += [(name, Light(kind=kind)) for name, kind in product(("exr half", "exr float"), KINDS)]
    seeds = {}
    for index, (name, light) in enumerate(settings):
        take = Take(folder / f"take_{index}", f"take_{index}")
        take.folder.mkdir()
        plan = Plan(take, STILLS[name](1, light), RATE)
        write_sequence(_clip(1), plan)
        (file,) = take.folder.glob(f"*.{plan.still.suffix}")
        seeds[f"{name} {light.kind if light else ''}".strip()] = file
    take = Take(folder / "take", "take")
    take.folder.mkdir()
    write_sequence(_clip(2), Plan(take, STILLS["png 8-bit"](1, None), RATE, PASS_SETS["rgba"]))
    return {**seeds, TAKE: take.folder}


def _pictures(folder: Path) -> dict[str, Path]:
    seeds = {}
    pixels = (_clip(1)[0].numpy() * 255).astype(np.uint8)
    for suffix, kinds in PILLOW.items():
        for options in kinds:
            options = dict(options)
            mode = options.pop("mode")
            name = " ".join(["Pillow", suffix[1:], mode, *map(str, options.values())])
            path = folder / f"{len(seeds)}{suffix}"
            picture = Image.fromarray(pixels, "RGBA")
            picture = picture.convert("L").convert("I;16") if mode == "I;16" else _in_mode(picture, mode)
            try:
                picture.save(path, **options)
            except (OSError, KeyError):  # this Pillow was built without the format
                continue
            seeds[name] = path
    return seeds


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    return picture if mode == "RGBA" else picture.convert("L" if mode == "F" else "RGB").convert(mode)


def _layouts(folder: Path) -> dict[str, Path]:
    """TIFF in tiles and in planes, and EXR of several parts and of tiles, by OpenImageIO."""
    oiio = library()
    seeds = {}
    for name, suffix, tile, planes, parts in LAYOUTS:
        path = folder / f"{len(seeds)}{suffix}"
        specs = []
        for part in range(parts):
            spec = oiio.ImageSpec(40, 40, 4, "half" if suffix == ".exr" else "uint16")
            spec.channelnames = ("R", "G", "B", "A")
            spec.alpha_channel = 3
            spec.tile_width = spec.tile_height = tile
            spec.attribute("compression", "zip")
            if planes:
                spec.attribute("planarconfig", "separate")
                spec.attribute("tiff:RowsPerStrip", 40)
            if parts > 1:
                spec.attribute("oiio:subimagename", ("rgba", "depth")[part])
            specs.append(spec)
        pixels = _clip(1, 40, 40)[0].numpy()
        output = oiio.ImageOutput.create(str(path))
        opened = output.open(str(path), tuple(specs)) if parts > 1 else output.open(str(path), specs[0])
        for part in range(parts):
            opened = opened and (part == 0 or output.open(str(path), specs[part], "AppendSubimage"))
            opened = opened and output.write_image(pixels)
        output.close()
        if opened:
            seeds[name] = path
    return seeds


def _by_hand(folder: Path) -> dict[str, Path]:
    """Formats that neither Pillow nor we write: a picture of 4 x 2."""
    radiance = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 4\n" + bytes([90, 80, 70, 129]) * 8
    photoshop = struct.pack(">4sH6xHIIHH12xH", b"8BPS", 1, 4, 2, 4, 8, 3, 0) + bytes(range(32))
    masks = struct.pack("<4I", *(255 << shift for shift in (16, 8, 0, 24)))
    fields = struct.pack("<IiiHHIIiiII", 108, 4, 2, 1, 32, 3, 32, 0, 0, 0, 0) + masks + bytes(52)
    fields = b"BM" + struct.pack("<IHHI", 154, 0, 0, 122) + fields + bytes(range(32))
    dpx = bytearray(2048)
    struct.pack_into(">4sI8s", dpx, 0, b"SDPX", 2048, b"V1.0")
    struct.pack_into(">II", dpx, 16, 2048 + 32, 1)
    struct.pack_into(">HHII", dpx, 768, 0, 1, 4, 2)
    struct.pack_into(">BBBBHHI", dpx, 800, 51, 2, 2, 8, 0, 0, 2048)
    seeds: dict[str, Path] = {}
    seeds["BMP fields"] = folder / "fields.bmp"
    seeds["BMP fields"].write_bytes(fields)
    for suffix, data in ((".hdr", radiance), (".psd", photoshop), (".dpx", bytes(dpx) + bytes(range(32)))):
        seeds[suffix[1:]] = folder / f"picture{suffix}"
        seeds[suffix[1:]].write_bytes(data)
    return seeds


def _videos(folder: Path) -> dict[str, Path]:
    seeds = {}
    sound = Sound(torch.zeros(2, 4000), 48000)
    for name in (name for name in VIDEO_FORMATS if video_problem(name) is None):
        seeds[name] = folder / f"{len(seeds)}.{VIDEO_FORMATS[name].suffix}"
        write_video(_clip(3, 16, 16), seeds[name], VideoPlan(VIDEO_FORMATS[name], RATE, sound=sound))
    return seeds


def _animations(folder: Path) -> dict[str, Path]:
    seeds = {}
    for name, suffix in (*SUFFIXES.items(), ("apng", "apng")):
        seeds[f"{name} .{suffix}"] = folder / f"{len(seeds)}.{suffix}"
        write_animation(_clip(3), seeds[f"{name} .{suffix}"], Animation(name, RATE))
    return seeds


def _others(folder: Path) -> dict[str, Path]:
    """Videos of other programs."""
    seeds = {}
    pixels = (_clip(3, 16, 16).numpy() * 255).astype(np.uint8)
    for suffix, (codec, pixel_format) in ENCODERS.items():
        path = folder / f"other{suffix}"
        try:
            with av.open(str(path), "w") as file:
                stream = file.add_stream(codec, rate=25)
                stream.width, stream.height, stream.pix_fmt = 16, 16, pixel_format
                for frame in pixels:
                    file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgba").reformat(format=pixel_format)))
                file.mux(stream.encode(None))
        except (FFmpegError, ValueError):  # this FFmpeg was built without the encoder, or the container has it not
            continue
        seeds[f"{codec} {suffix}"] = path
    return seeds

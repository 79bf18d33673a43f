"""Saves the example graphs and their pictures from the host's real web UI: `example_workflows/*.json` and `*.jpg`.

    python tools/save_workflows.py [NAME ...]

The published files stand in the host's model folders as tiny ones under the same names, so its menus offer them. What
is saved is what every UI saves, less what belongs to the visit: the view and the UI's version.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if not __package__:  # started as a file: the checkout takes the place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])
from tools import comfy_host
from tools import example_graphs as graphs
from tools import tiny_checkpoints as tiny
from tools import tiny_picture_models as picture_models

FOLDER = comfy_host.PACK / "example_workflows"
PICTURE_WIDTH, PICTURE_BYTES = 1200, 150_000

STAND_INS = {
    graphs.BASE: tiny.DIT,
    graphs.TEXT_ENCODER: tiny.TEXT_ENCODER,
    graphs.VAE: tiny.VAE,
    graphs.DECODERS: tiny.DECODERS,
    graphs.ALPHA_VAE: tiny.ALPHA_VAE,
    graphs.RGB_VAE: tiny.RGB_CHANNEL,
    graphs.PHA_VAE: tiny.ALPHA_CHANNEL,
    graphs.DORA_V1: tiny.DORA_COMFY,
    graphs.DORA_V2: tiny.DORA,
    graphs.SPEED: tiny.SPEED,
    **dict.fromkeys(graphs.COG_BASE, tiny.COGVIDEOX),
    **dict.fromkeys(graphs.COG_I2V_BASE, tiny.COGVIDEOX_I2V),
    graphs.COG_LORA: tiny.COGVIDEOX_LORA,
    graphs.COG_VAE: tiny.VAE,
    graphs.T5: tiny.TEXT_ENCODER,
    graphs.WAN_SMALL: tiny.DIT,
    graphs.WAN_JOINT_LORA: tiny.WAN_LORA,
    graphs.MOCHI_BASE: tiny.DIT,
    graphs.MOCHI_VAE: tiny.VAE,
    graphs.MOCHI_LORA: tiny.MOCHI_LORA,
    graphs.XL_BASE: picture_models.SDXL,
    graphs.SD15_BASE: picture_models.SD15,
    graphs.SCRIBBLE: picture_models.SD15_CONTROLNET,
    graphs.FLUX_BASE: picture_models.FLUX,
    graphs.CLIP_L: tiny.TEXT_ENCODER,
    graphs.FLUX_VAE: picture_models.FLUX_VAE,
    graphs.XL_ATTN: picture_models.XL_ATTN,
    graphs.XL_BG2BLE: picture_models.XL_BG2BLE,
    graphs.XL_BGBLE2FG: picture_models.XL_BGBLE2FG,
    graphs.XL_DECODER: picture_models.DECODER,
    graphs.SD15_JOINT: picture_models.SD15_JOINT,
    graphs.SD15_DECODER: picture_models.DECODER,
    graphs.FLUX_LAYERS: picture_models.FLUX_LORA,
    graphs.FLUX_TRANSPARENT_VAE: picture_models.FLUX_TRANSPARENT_VAE,
    graphs.UPSCALER: tiny.UPSCALER,
    graphs.INTERPOLATOR: tiny.INTERPOLATOR,
}
"""No tiny Mochi can be loaded by the host, and no tiny VAE of CogVideoX: Wan's stand there, with its latent grid. Tiny
SD 1.5 and SDXL are loaded by a node of the tests."""
SHARDED = (graphs.COG_BASE, graphs.COG_I2V_BASE)


def published_files(folder: Path) -> None:
    """A models folder with a tiny file under every published name; runs in the host's interpreter."""
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(tiny.__file__).resolve()
        subprocess.run([sys.executable, str(program), scratch], check=True, stdout=subprocess.DEVNULL)
        for name, file in graphs.FILES.items():
            path = folder / file.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shards = next((names for names in SHARDED if name in names), None)
            if name == graphs.BASE_FP8:
                write_scaled_fp8(Path(scratch) / tiny.DIT, path)
            elif shards is not None:
                write_shard(Path(scratch) / STAND_INS[name], path, shards.index(name), len(shards))
            else:
                shutil.copyfile(Path(scratch) / STAND_INS[name], path)


def write_scaled_fp8(source: Path, target: Path) -> None:
    """The same model with its linear layers in e4m3 and a scale for each, as the scaled fp8 files are published."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    weights = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    with safe_open(source, "pt") as file:
        metadata = file.metadata()
        for key in file.keys():  # noqa: SIM118  not a mapping
            weight = file.get_tensor(key)
            if key.startswith("blocks.") and key.endswith(".weight") and weight.ndim == 2:
                scale = weight.abs().amax() / torch.finfo(torch.float8_e4m3fn).max
                weights[key.removesuffix("weight") + "scale_weight"] = scale.to(torch.float32)
                weight = (weight / scale).to(torch.float8_e4m3fn)
            weights[key] = weight
    save_file(weights, target, metadata)


def write_shard(source: Path, target: Path, index: int, count: int) -> None:
    """One of the files that a checkpoint is published in: every count-th of its tensors."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(source, "pt") as file:
        keys = sorted(file.keys())[index::count]
        save_file({key: file.get_tensor(key) for key in keys}, target, file.metadata())


def without_the_visit(workflow: dict[str, Any]) -> dict[str, Any]:
    """The saved workflow less what belongs to the visit: the view, the UI's version, and how it stores values."""
    return {**workflow, "extra": {}, "nodes": [_without_repeated_values(node) for node in workflow["nodes"]]}


def _without_repeated_values(node: dict[str, Any]) -> dict[str, Any]:
    """Some UIs store the values by name beside those in order, and some an empty list for a node without values.

    Values by name are kept where they are not the ones in order.
    """
    values, named = node.get("widgets_values", []), node.get("widgets_values_named", {})
    left_out = {"widgets_values": not values, "widgets_values_named": [*named.values()] == values}
    return {key: value for key, value in node.items() if not left_out.get(key)}


def saved(name: str) -> Path:
    return FOLDER / f"{name}.json"


def as_text(workflow: dict[str, Any]) -> str:
    return json.dumps(workflow, indent=2, ensure_ascii=False) + "\n"


def write_clips(folder: Path, frames: int = 12, width: int = 96, height: int = 64) -> None:
    """The videos and pictures that graphs open: a disc that crosses the frame, its matte, and their first frames."""
    import av
    import numpy as np
    from PIL import Image

    y, x = np.mgrid[:height, :width]
    discs = [np.hypot(x - (20 + 5 * frame), y - height / 2) < 18 for frame in range(frames)]
    mattes = [np.repeat(disc[..., None] * 255, 3, axis=-1) for disc in discs]
    colours = [np.stack([x * 2, y * 3, np.full_like(x, 90)], -1) * disc[..., None] for disc in discs]
    folder.mkdir(parents=True, exist_ok=True)
    for name, pictures in ((graphs.COLOUR_CLIP, colours), (graphs.MATTE_CLIP, mattes)):
        with av.open(str(folder / name), "w") as file:
            stream = file.add_stream("libx264", rate=16)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for picture in pictures:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture.astype(np.uint8), "rgb24")))
            file.mux(stream.encode())
    both = [
        np.concatenate([colour, matte[..., :1]], axis=-1).astype(np.uint8)
        for colour, matte in zip(colours, mattes, strict=True)
    ]
    with av.open(str(folder / graphs.RGBA_CLIP), "w") as file:
        stream = file.add_stream("prores_ks", rate=16, options={"profile": "4444"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuva444p10le"
        for picture in both:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgba").reformat(format=stream.pix_fmt)))
        file.mux(stream.encode())
    Image.fromarray(both[0], "RGBA").save(folder / graphs.PICTURE)
    for name, frame in ((graphs.BACKGROUND, colours[0]), (graphs.SKETCH, mattes[0])):
        Image.fromarray(frame.astype(np.uint8), "RGB").save(folder / name)


def as_jpeg(png: bytes) -> bytes:
    """The picture in its final width, in the best quality that its limit allows."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    height = round(picture.height * PICTURE_WIDTH / picture.width)
    picture = picture.resize((PICTURE_WIDTH, height), Image.Resampling.LANCZOS)
    for quality in range(92, 40, -4):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= PICTURE_BYTES:
            return file.getvalue()
    raise ValueError(f"the picture does not fit into {PICTURE_BYTES} bytes at any quality worth looking at")


@contextmanager
def host_with_published_files(**options: Any) -> Iterator[comfy_host.Server]:
    """The host that `install` has made, with the pack and the stand-ins."""
    with tempfile.TemporaryDirectory() as scratch:
        models, clips = Path(scratch) / "models", Path(scratch) / "input"
        published_files(models)
        write_clips(clips)
        with comfy_host.Server(comfy_host.install(), models=[models], input=clips, **options) as server:
            yield server


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="all of them, if none is named")
    options = parser.parse_args()
    known = {graph.name: graph for graph in graphs.GRAPHS}
    if unknown := set(options.names) - set(known):
        parser.error(f"no graph {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    host = comfy_host.install()
    if Path(sys.executable).absolute() != Path(host.python).absolute():
        return subprocess.run([host.python, str(Path(__file__).resolve()), *sys.argv[1:]]).returncode
    from tools.web_ui import WebUI

    FOLDER.mkdir(exist_ok=True)
    names = options.names or list(known)
    with host_with_published_files() as server:
        with WebUI(server) as ui:
            for name in names:
                workflow = without_the_visit(ui.build(known[name].description()))
                saved(name).write_text(as_text(workflow), encoding="utf-8")
        with WebUI(server, sharpness=2) as ui:
            for name in names:
                ui.open(json.loads(saved(name).read_text(encoding="utf-8")))
                saved(name).with_suffix(".jpg").write_bytes(as_jpeg(ui.picture(PICTURE_WIDTH)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except comfy_host.HostError as problem:
        sys.exit(str(problem))

"""Graphs in API format, and what their runs left behind, for the tests of the queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from tools import comfy_host
from tools import tiny_checkpoints as tiny

Graph = dict[str, dict[str, Any]]
Run = Callable[..., comfy_host.Finished]

ROOT = Path(__file__).resolve().parents[3]
DEMO_MODELS = ROOT / "demo" / "models"
TEST_NODES = Path(__file__).resolve().parent / "packs" / "queue_test_nodes"
RUN_LIMIT_S = 300.0

ONE_ELLIPSE = [{"id": "a", "keyframes": [{"frame": 0, "cx": 0.5, "cy": 0.5, "rx": 0.2, "ry": 0.25}]}]


def queue_of(server: comfy_host.Server) -> Run:
    """A function that puts parts of a graph together, queues them on the server and waits."""

    def queue(*parts: Graph) -> comfy_host.Finished:
        return server.run({name: value for part in parts for name, value in part.items()}, timeout=RUN_LIMIT_S)

    return queue


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def file_name(path: str) -> str:
    """The name of one of the tiny checkpoints as a combo lists it: without its folder."""
    return path.split("/", 1)[1]


def drawing(ellipses: Any = ONE_ELLIPSE, loop: bool = False) -> str:
    return json.dumps({"version": 1, "loop": loop, "ellipses": ellipses})


def moving(frames: int, start: float = 0.25, end: float = 0.75, ry: float = 0.2) -> list[dict[str, Any]]:
    """One ellipse that crosses the frame from left to right."""
    keyframes = [{"frame": f, "cx": cx, "cy": 0.5, "rx": 0.15, "ry": ry} for f, cx in ((0, start), (frames - 1, end))]
    return [{"id": "a", "keyframes": keyframes}]


def base(width: int = 64, height: int = 48, length: int = 9) -> Graph:
    """A Wan model, a prompt and an empty latent: nothing of this pack."""
    return {
        "model": node("UNETLoader", unet_name=file_name(tiny.DIT), weight_dtype="default"),
        "positive": node("QueueTestConditioning", draw=1, width=tiny.TEXT),
        "negative": node("QueueTestConditioning", draw=2, width=tiny.TEXT),
        "latent": node("EmptyHunyuanLatentVideo", width=width, height=height, length=length, batch_size=1),
    }


def ellipses(width: int = 64, height: int = 48, length: int = 9, text: str | None = None) -> Graph:
    text = drawing() if text is None else text
    return {"ellipse": node("RGBAEllipseEditor", width=width, height=height, length=length, fps=16.0, ellipses=text)}


def shift(value: float = 0.05, on: str = "model", subject: Any = ("ellipse", 1), **more: Any) -> Graph:
    """`shift`: the mean shift on a model (by its node's id) or, as RGBAMeanShiftNoise, on the node `noise`."""
    inputs = {"subject": list(subject), "mean_shift": value, "subject_is": "subject = 1", "rounding": "float32"} | more
    if on == "noise":
        return {"shift": node("RGBAMeanShiftNoise", noise=["noise", 0], **inputs)}
    return {"shift": node("RGBAMeanShift", model=[on, 0], **inputs)}


def ksampler(model: str = "shift", steps: int = 2, seed: int = 7, denoise: float = 1.0, **more: Any) -> Graph:
    inputs: dict[str, Any] = {"model": [model, 0], "positive": ["positive", 0], "negative": ["negative", 0]}
    inputs |= {"latent_image": ["latent", 0], "seed": seed, "steps": steps, "cfg": 1.0, "sampler_name": "euler"}
    return {"sample": node("KSampler", **(inputs | {"scheduler": "simple", "denoise": denoise} | more))}


def advanced(
    model: str = "model", noise: str = "noise", steps: int = 2, seed: int = 7, sampler: str | None = None
) -> Graph:
    """SamplerCustomAdvanced with the same sampler and schedule as `ksampler`, or with the node `sampler`."""
    picked = node("KSamplerSelect", sampler_name="euler") if sampler is None else node(sampler)
    return {
        "noise": node("RandomNoise", noise_seed=seed),
        "guider": node("BasicGuider", model=[model, 0], conditioning=["positive", 0]),
        "sampler": picked,
        "sigmas": node("BasicScheduler", model=[model, 0], scheduler="simple", steps=steps, denoise=1.0),
        "sample": node(
            "SamplerCustomAdvanced",
            noise=[noise, 0],
            guider=["guider", 0],
            sampler=["sampler", 0],
            sigmas=["sigmas", 0],
            latent_image=["latent", 0],
        ),
    }


def rgba_vae(weights: str = tiny.DECODERS) -> Graph:
    return {"vae": node("RGBALoadWanAlphaVAE", vae_name=file_name(tiny.VAE), weights_name=file_name(weights))}


def decode(samples: str = "sample") -> Graph:
    return {"decode": node("RGBADecode", samples=[samples, 0], rgba_vae=["vae", 0], tile_size=0)}


def save(prefix: str, image: str = "decode", output: int = 0, **more: Any) -> Graph:
    inputs: dict[str, Any] = {
        "image": [image, output],
        "filename_prefix": prefix,
        "format": "png 8-bit",
        "passes": "rgba",
    }
    inputs |= {"start_frame": 1001, "padding": 4, "fps": 16.0, "existing": "new version", "compression": 1}
    return {"save": node("RGBASaveSequence", **(inputs | more))}


def keep(value: str, name: str, output: int = 0) -> Graph:
    return {f"keep {name}": node("QueueTestKeep", value=[value, output], name=name)}


def kept(files: list[Path], name: str) -> torch.Tensor:
    """The tensor that `keep` wrote in the run that left these files."""
    (file,) = (file for file in files if file.name == f"{name}.safetensors")
    return load_file(file)["kept"]


def pictures(files: list[Path]) -> np.ndarray:
    """Every PNG of a run, in order: (T, H, W, C)."""
    return np.stack([np.asarray(Image.open(file)) for file in files if file.suffix == ".png"])


def everything_in(folder: Path) -> dict[Path, bytes | None]:
    """Each file below a folder and its bytes, hidden ones included; None for a folder."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def sidecar(files: list[Path]) -> dict[str, Any]:
    """The sidecar that a run has written."""
    (file,) = (file for file in files if file.suffix == ".json")
    return json.loads(file.read_text())


def loaded_modules(server: comfy_host.Server) -> set[str]:
    """The top-level modules in the host's interpreter."""
    (text,) = queue_of(server)({"modules": node("QueueTestModules")}).outputs["modules"]["modules"]
    return set(json.loads(text))

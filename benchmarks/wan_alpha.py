"""Wan-Alpha's nodes against the host's own, as ratios within one run on tiny random models.

    make bench

The absolute seconds are this machine's; the ratios are what to compare. Everything upstream of the node that is timed
is in the host's cache, so a run is that node and the queue around it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.comfy_host import Server, install  # noqa: E402
from tools.tiny_checkpoints import DECODERS, DIT, DORA, RGB_CHANNEL, SPEED, TEXT_ENCODER, VAE  # noqa: E402

REPEATS = 3
Graph = dict[str, dict[str, Any]]


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def name(file: str) -> str:
    return file.partition("/")[2]


def decode_graph(ours: bool, turn: int) -> Graph:
    """Two sizes of one cost take turns, so that the decoders never find their result in the cache."""
    width, height = ((160, 128), (128, 160))[turn % 2]
    graph = {
        "latent": node(
            "EmptyHunyuanLatentVideo", width=width, height=height, length=17 + 16 * (turn // 2), batch_size=1
        ),
        "keep": node("PreviewImage", images=["rgb", 0]),
        "vae": node("RGBALoadWanAlphaVAE", vae_name=name(VAE), weights_name=name(DECODERS)),
    }
    if ours:
        return graph | {"rgb": node("RGBADecode", samples=["latent", 0], rgba_vae=["vae", 0], tile_size=0)}
    return graph | {
        "split": node("RGBASplitVAE", rgba_vae=["vae", 0]),
        "rgb": node("VAEDecode", samples=["latent", 0], vae=["split", 0]),
        "alpha": node("VAEDecode", samples=["latent", 0], vae=["split", 1]),
        "keep alpha": node("PreviewImage", images=["alpha", 0]),
    }


def save_graph(ours: bool, turn: int) -> Graph:
    graph = {"frames": node("EmptyImage", width=832, height=480, batch_size=41, color=0x336699)}
    if ours:
        return graph | {
            "save": node(
                "RGBASaveSequence", image=["frames", 0], filename_prefix=f"ours{turn}", format="png 8-bit",
                passes="rgba", start_frame=1001, padding=4, fps=16.0, existing="new version", compression=4,
            )
        }  # fmt: skip
    return graph | {
        "alpha": node("SolidMask", value=0.0, width=832, height=480),
        "rgba": node("JoinImageWithAlpha", image=["frames", 0], alpha=["alpha", 0]),
        "save": node("SaveImage", images=["rgba", 0], filename_prefix=f"host{turn}"),
    }


def sampling_graph(seed: int, apply: str | None = None, shift: bool = False) -> Graph:
    model = ["base", 0]
    graph = {
        "base": node("UNETLoader", unet_name=name(DIT), weight_dtype="default"),
        "clip": node("RGBALoadTextEncoder", text_encoder_name=name(TEXT_ENCODER)),
        "text": node("CLIPTextEncode", clip=["clip", 0], text="a parrot"),
        "latent": node("EmptyHunyuanLatentVideo", width=192, height=192, length=17, batch_size=1),
        "vae": node("VAELoader", vae_name=name(RGB_CHANNEL)),
    }
    if apply:
        graph["dora"] = node(
            "RGBAApplyDoRA", model=model, dora_name=name(DORA), strength=1.0, speed_lora_name=name(SPEED),
            speed_strength=1.0, apply=apply,
        )  # fmt: skip
        model = ["dora", 0]
    if shift:
        graph["subject"] = node("SolidMask", value=0.5, width=24, height=24)
        graph["field"] = node("RepeatImageBatch", image=["as image", 0], amount=5)
        graph["as image"] = node("MaskToImage", mask=["subject", 0])
        graph["as mask"] = node("ImageToMask", image=["field", 0], channel="red")
        graph["shift"] = node(
            "RGBAMeanShift", model=model, subject=["as mask", 0], mean_shift=0.05, subject_is="subject = 1",
            rounding="float32",
        )  # fmt: skip
        model = ["shift", 0]
    graph["sample"] = node(
        "KSampler", model=model, positive=["text", 0], negative=["text", 0], latent_image=["latent", 0], seed=seed,
        steps=8, cfg=1.0, sampler_name="euler", scheduler="simple", denoise=1.0,
    )  # fmt: skip
    graph["keep"] = node("SaveLatent", samples=["sample", 0], filename_prefix="latent")
    return graph


def measure(server: Server, make: Callable[[int], Graph]) -> float:
    """The median seconds of a few runs, after one that warms the cache."""
    seconds = [server.run(make(turn)).seconds for turn in range(REPEATS + 1)]
    return statistics.median(seconds[1:])


def main() -> int:
    rows = [
        ("decode: RGBA decode / two VAEDecode", lambda t: decode_graph(True, t), lambda t: decode_graph(False, t)),
        ("save 41 frames 832x480: ours / SaveImage", lambda t: save_graph(True, t), lambda t: save_graph(False, t)),
        ("sample: DoRA merged / base", lambda t: sampling_graph(t, "merged"), sampling_graph),
        ("sample: DoRA unmerged / base", lambda t: sampling_graph(t, "unmerged"), sampling_graph),
        ("sample: mean shift / base", lambda t: sampling_graph(t, shift=True), sampling_graph),
    ]
    with tempfile.TemporaryDirectory() as models:
        subprocess.run([sys.executable, str(ROOT / "tools" / "tiny_checkpoints.py"), models], check=True)
        with Server(install(), models=[Path(models)]) as server:
            for title, ours, theirs in rows:
                ours_s, theirs_s = measure(server, ours), measure(server, theirs)
                line = f"{title:<42} {ours_s:7.2f} s {theirs_s:7.2f} s   {ours_s / theirs_s:5.2f}"
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())

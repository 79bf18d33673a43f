"""LayerDiffuse through the host's queue: every mode on a tiny model, and the base as it was after all of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from queue_graphs import Graph, Run, file_name, keep, kept, node, pictures, save

from tools import tiny_picture_models as tiny

SIZE = 64
FAMILIES = {"SDXL": tiny.SDXL, "SD15": tiny.SD15}
CONDITIONS = {
    "fg2ble": (tiny.XL_FG2BLE, False),
    "bg2ble": (tiny.XL_BG2BLE, False),
    "fgble2bg": (tiny.XL_FGBLE2BG, True),
    "bgble2fg": (tiny.XL_BGBLE2FG, True),
}
JOINT = {"joint": (tiny.SD15_JOINT, 3), "fg2bg": (tiny.SD15_FG2BG, 2), "bg2fg": (tiny.SD15_BG2FG, 2)}


def base(family: str) -> Graph:
    if family == "FLUX":
        loaders = {
            "base": node("UNETLoader", unet_name=file_name(tiny.FLUX), weight_dtype="default"),
            "vae": node("QueueTestVAE", vae_name=file_name(tiny.FLUX_VAE)),
        }
    else:
        loaders = {"base": node("QueueTestCheckpoint", ckpt_name=file_name(FAMILIES[family]))}
    return loaders | {
        "positive": node("QueueTestConditioning", draw=1, width=tiny.TEXT),
        "negative": node("QueueTestConditioning", draw=2, width=tiny.TEXT),
        "picture": node("QueueTestClip", frames=1, width=SIZE, height=SIZE, channels=4, draw=3, still=True),
    }


def vae_of(family: str) -> list[Any]:
    return ["vae", 0] if family == "FLUX" else ["base", 2]


def sampled(
    model: str,
    positive: str = "positive",
    negative: str = "negative",
    batch: Any = 1,
    scale: float = 1.0,
    outputs: tuple[int, int] = (0, 0),
    channels: int = 4,
) -> Graph:
    """`scale` multiplies an empty latent, which only tells the host's cache that this is another graph."""
    empty = "EmptyLatentImage" if channels == 4 else "EmptySD3LatentImage"
    return {
        "empty": node(empty, width=SIZE, height=SIZE, batch_size=batch),
        "latent": node("LatentMultiply", samples=["empty", 0], multiplier=scale),
        "sample": node(
            "KSampler", model=[model, 0], positive=[positive, outputs[0]], negative=[negative, outputs[1]],
            latent_image=["latent", 0], seed=7, steps=2, cfg=4.0, sampler_name="euler", scheduler="simple", denoise=1.0,
        ),
    }  # fmt: skip


def decoded(family: str, samples: tuple[str, int] = ("sample", 0), ensemble: bool = True) -> Graph:
    file = tiny.FLUX_TRANSPARENT_VAE if family == "FLUX" else tiny.DECODER
    return {
        "rgb": node("VAEDecode", samples=list(samples), vae=vae_of(family)),
        "decode": node(
            "RGBADecodeLayerDiffuse", samples=list(samples), rgb=["rgb", 0], weights_name=file_name(file),
            ensemble=ensemble,
        ),
    }  # fmt: skip


def encoded(name: str, family: str) -> Graph:
    file = tiny.FLUX_TRANSPARENT_VAE if family == "FLUX" else tiny.ENCODER
    return {
        name: node(
            "RGBAEncodeLayerDiffuse", image=["picture", 0], vae=vae_of(family), weights_name=file_name(file),
            offset_scale=0.0, padding=True,
        )
    }  # fmt: skip


def applied(file: str) -> Graph:
    return {"applied": node("RGBAApplyLayerDiffuse", model=["base", 0], weights_name=file_name(file), strength=1.0)}


def condition(name: str) -> Graph:
    file, both = CONDITIONS[name]
    more = {"blended": ["blended", 0]} if both else {}
    return (
        encoded("kept", "SDXL")
        | (encoded("blended", "SDXL") if both else {})
        | {
            "applied": node(
                "RGBALayerDiffuseCondition", model=["base", 0], positive=["positive", 0], negative=["negative", 0],
                weights_name=file_name(file), latent=["kept", 0], strength=1.0, **more,
            )
        }
    )  # fmt: skip


def joint(name: str) -> Graph:
    file, layers = JOINT[name]
    more = {"image": ["picture", 0]} if layers == 2 else {"background": ["own", 0]}
    return {
        "own": node("QueueTestConditioning", draw=5, width=tiny.TEXT),
        "applied": node("RGBALayerDiffuseJoint", model=["base", 0], weights_name=file_name(file), strength=1.0, **more),
        "split": node("RGBASplitLayers", samples=["sample", 0], layers=["applied", 1]),
    }  # fmt: skip


def test_the_base_is_as_it_was_after_every_mode(run: Run):
    made: dict[str, torch.Tensor] = {}

    def plain(scale: float) -> dict[str, torch.Tensor]:
        graphs = {family: [base(family), sampled("base", scale=scale)] for family in FAMILIES}
        graphs["FLUX"] = [base("FLUX"), sampled("base", scale=scale, channels=16)]
        return {family: kept(run(*graph, keep("sample", "plain")).files, "plain") for family, graph in graphs.items()}

    before = plain(1.0)
    for name, file in (("attention", tiny.XL_ATTN), ("convolution", tiny.XL_CONV)):
        graph = base("SDXL"), applied(file), sampled("applied"), decoded("SDXL")
        made[name] = kept(run(*graph, keep("sample", name), save(f"layerdiffuse/{name}")).files, name)
    for name in CONDITIONS:
        graph = base("SDXL"), condition(name), sampled("applied", "applied", "applied", outputs=(1, 2))
        made[name] = kept(run(*graph, decoded("SDXL"), keep("sample", name)).files, name)
    for name in JOINT:
        graph = base("SD15"), joint(name), sampled("applied", batch=["applied", 1]), decoded("SD15", ("split", 0))
        made[f"joint {name}"] = kept(run(*graph, keep("sample", name), save(f"layerdiffuse/{name}")).files, name)
    graph = base("SD15"), applied(tiny.SD15_ATTN), sampled("applied"), decoded("SD15", ensemble=False)
    made["SD 1.5"] = kept(run(*graph, keep("sample", "sd15")).files, "sd15")
    graph = base("FLUX"), applied(tiny.FLUX_LORA), sampled("applied", channels=16), decoded("FLUX")
    made["Flux"] = kept(run(*graph, keep("sample", "flux"), save("layerdiffuse/flux")).files, "flux")

    assert all(bool(torch.isfinite(latent).all()) for latent in made.values())
    of_sdxl = [before["SDXL"], *(made[name] for name in ("attention", "convolution", *CONDITIONS))]
    assert all(not a.allclose(b, rtol=1e-3) for n, a in enumerate(of_sdxl) for b in of_sdxl[:n])
    assert not made["SD 1.5"].allclose(before["SD15"], rtol=1e-3)
    assert not made["Flux"].allclose(before["FLUX"], rtol=1e-3)
    after = plain(2.0)
    assert all(after[family].equal(latent) for family, latent in before.items())


@pytest.mark.parametrize("family", ["SDXL", "FLUX"])
def test_a_picture_is_encoded_and_decoded_with_its_alpha(run: Run, family: str):
    files = run(
        base(family), encoded("hidden", family), decoded(family, ("hidden", 0)), save(f"layerdiffuse/{family}")
    ).files
    frames = pictures(files)
    assert frames.shape == (1, SIZE, SIZE, 4) and frames[..., 3].std() > 1


def test_a_wrong_file_says_which_node_wants_it(refused):
    assert "LayerDiffuse layers (SD 1.5) takes it as weights_name" in refused(
        base("SDXL"), applied(tiny.SD15_JOINT), sampled("applied"), keep("sample", "refused")
    )

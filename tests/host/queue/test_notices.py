"""Warnings that stand below a node: the websocket brings them to whoever has queued the graph."""

from __future__ import annotations

import pytest
import torch
from queue_graphs import base, decode, ellipses, file_name, keep, ksampler, node, shift
from safetensors.torch import load_file, save_file

from tools import tiny_checkpoints as tiny


@pytest.fixture(scope="module")
def constant_alpha(models):
    """Alpha decoders that say one thing whatever the latent: opaque, or empty."""
    for name, value in (("opaque", 10.0), ("empty", -10.0)):
        weights = load_file(models / tiny.ALPHA_CHANNEL)
        weights["decoder.head.2.weight"] = torch.zeros_like(weights["decoder.head.2.weight"])
        weights["decoder.head.2.bias"] = torch.full_like(weights["decoder.head.2.bias"], value)
        save_file(weights, models / "vae" / f"constant_{name}.safetensors")


def decoded(alpha_vae):
    pair = {
        "rgb": node("VAELoader", vae_name=file_name(tiny.RGB_CHANNEL)),
        "alpha": node("VAELoader", vae_name=alpha_vae),
        "vae": node("RGBAVAEFromPair", rgb_vae=["rgb", 0], alpha_vae=["alpha", 0]),
    }
    return base() | ksampler("model") | pair | decode() | keep("decode", "noticed", output=2)


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        ("opaque", ["opaque in 100.0%", "prompt", "DoRA is missing", "plain VAE", "inverted"]),
        ("empty", ["empty in 100.0%", "inverted", "mean_shift", "wrong files"]),
    ],
)
def test_alpha_that_is_all_one_thing_is_noticed_on_the_decode_with_the_likely_reasons(
    run, constant_alpha, kind, reasons
):
    ((where, text),) = run(decoded(f"constant_{kind}.safetensors")).notices
    assert where == "decode"
    assert all(reason in text for reason in reasons)


def test_alpha_that_varies_is_not_noticed(run):
    assert run(decoded(file_name(tiny.ALPHA_CHANNEL))).notices == []


@pytest.mark.parametrize("node_name", ["model", "noise"])
def test_an_inverted_subject_is_noticed_where_it_is_connected(run, node_name):
    noise = {"noise": node("RandomNoise", noise_seed=1)} if node_name == "noise" else {}
    inverted = base() | noise | ellipses() | shift(on=node_name, subject_is="mask = 1 - alpha") | _reached(node_name)
    ((where, text),) = run(inverted).notices
    assert where == "shift"
    assert "inverted" in text and "subject_is" in text


def _reached(kind):
    """Something that needs the shift's output, so that the host runs it."""
    if kind == "model":
        return ksampler(seed=31) | keep("sample", "inverted")
    guider = node("BasicGuider", model=["model", 0], conditioning=["positive", 0])
    return {
        "guider": guider,
        "unipc": node("RGBAFlowUniPC", steps=1, shift=5.0),
        "sample": node(
            "SamplerCustomAdvanced",
            noise=["shift", 0],
            guider=["guider", 0],
            sampler=["unipc", 0],
            sigmas=["unipc", 1],
            latent_image=["latent", 0],
        ),
    } | keep("sample", "inverted")


def test_a_subject_the_right_way_round_is_not_noticed(run):
    assert run(base(), ellipses(), shift(), ksampler(seed=32), keep("sample", "upright")).notices == []


def test_a_speed_lora_with_keys_that_reach_nothing_is_noticed(run, models):
    weights = load_file(models / tiny.SPEED)
    save_file(
        weights | {"diffusion_model.blocks.9.norm3.diff": torch.ones(tiny.WIDTH)},
        models / "loras" / "reaches_far.safetensors",
    )
    dora = node(
        "RGBAApplyDoRA",
        model=["model", 0],
        dora_name=file_name(tiny.DORA),
        strength=1.0,
        speed_lora_name="reaches_far.safetensors",
        speed_strength=1.0,
        apply="auto",
    )
    ((where, text),) = run(base(), {"dora": dora}, ksampler("dora"), keep("sample", "far")).notices
    assert where == "dora"
    assert text.startswith("reaches_far.safetensors: 1 keys change nothing")


@pytest.mark.parametrize(
    ("transparent", "text"),
    [
        (1.0, "Alpha is empty in every frame, so there is nothing to fit. The mask is probably inverted."),
        (0.0, "Alpha is opaque everywhere, so the fit is the whole frame: connect RGBA frames or a mask."),
    ],
)
def test_a_fit_of_no_shape_is_noticed(run, transparent, text):
    clip = {"clip": node("QueueTestClip", frames=5, width=64, height=48, channels=3, draw=1, still=False)}
    mask = {"mask": node("QueueTestMask", frames=5, width=64, height=48, value=transparent)}
    fit = {"fit": node("RGBAFitEllipses", image=["clip", 0], mask=["mask", 0])}
    assert run(clip, mask, fit, keep("fit", "no_shape", output=1)).notices == [("fit", text)]


def test_frames_that_a_fit_leaves_out_are_noticed(run):
    clip = {"clip": node("QueueTestClip", frames=7, width=64, height=48, channels=4, draw=1, still=False)}
    fit = {"fit": node("RGBAFitEllipses", image=["clip", 0])}
    assert run(clip, fit, keep("fit", "left_out", output=1)).notices == [
        ("fit", "2 frames after the last 4n + 1 were left out, as the reference leaves them out.")
    ]


def test_every_warning_of_a_node_stands_below_it_and_a_new_run_begins_empty(run):
    """The host keeps one text for each node, so the second warning used to take the place of the first."""

    def fit(name, value):
        clip = {"clip": node("QueueTestClip", frames=7, width=64, height=48, channels=3, draw=1, still=False)}
        mask = {"mask": node("QueueTestMask", frames=7, width=64, height=48, value=value)}
        return (
            clip | mask | {"fit": node("RGBAFitEllipses", image=["clip", 0], mask=["mask", 0])} | keep("fit", name, 1)
        )

    ((where, text),) = run(fit("two_warnings", 0.0)).notices
    assert where == "fit" and len(text.splitlines()) == 2
    assert "opaque everywhere" in text and "2 frames after the last 4n + 1" in text
    ((_, again),) = run(fit("two_others", 1.0)).notices
    assert len(again.splitlines()) == 2 and "opaque everywhere" not in again

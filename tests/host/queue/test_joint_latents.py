"""RGB and alpha together through the queue: sampled, kept, cancelled, decoded and saved."""

from __future__ import annotations

import numpy as np
import pytest
from queue_graphs import Graph, base, file_name, keep, kept, ksampler, node, pictures, queue_of, save
from test_interrupt import STEPS, Running, wait_until

from tools import tiny_checkpoints as tiny

MODELS = {
    "wan": (node("UNETLoader", unet_name=file_name(tiny.DIT), weight_dtype="default"), tiny.WAN_LORA),
    "cogvideox": (node("RGBALoadCogVideoX", model_name=file_name(tiny.COGVIDEOX)), tiny.COGVIDEOX_LORA),
    "cogvideox i2v": (node("RGBALoadCogVideoX", model_name=file_name(tiny.COGVIDEOX_I2V)), tiny.COGVIDEOX_LORA),
}
OPTIONS = {"strength": 1.0, "text_to_alpha": "blocked (paper)", "rgb_to_alpha": True, "same_noise": "auto"}
each_model = pytest.mark.parametrize("family", MODELS)


def scene(family: str) -> Graph:
    """`joint` is the model with TransPixeler, `vae` a VAE for its latents, `clip` nine frames of the latent's size."""
    model, weights = MODELS[family]
    return base() | {
        "model": model,
        "joint": node("RGBAApplyTransPixeler", model=["model", 0], weights_name=file_name(weights), **OPTIONS),
        "vae": node("VAELoader", vae_name=file_name(tiny.VAE)),
        "clip": node("QueueTestClip", frames=9, width=64, height=48, channels=3, draw=1, still=False),
    }


def sample_joint(latent: str = "latent", steps: int = 2, **more: object) -> Graph:
    (sampled,) = ksampler("joint", steps=steps, cfg=4.0, latent_image=[latent, 0], **more).values()
    return {"sample": node("RGBASampleJoint", **sampled["inputs"])}


def decode_joint(alpha_from: str = "max") -> Graph:
    halves = {"rgb": ["sample", 0], "alpha": ["sample", 1]}
    return {"decode": node("RGBADecodeJoint", **halves, vae=["vae", 0], alpha_from=alpha_from)}


@pytest.mark.parametrize("family", ["wan", "cogvideox"])
def test_a_prompt_becomes_rgba_frames(any_server, family):
    run = queue_of(any_server)
    frames = pictures(run(scene(family), sample_joint(), decode_joint(), save(f"joint_{family}")).files)
    assert frames.shape == (9, 48, 64, 4)
    assert frames[..., 3].std() > 1
    assert np.abs(frames[..., 3].astype(int) - frames[..., :3].max(-1)).max() > 1, "alpha is the colour again"


@each_model
def test_one_node_samples_what_three_native_ones_do(run, family):
    halves = {"rgb": 0, "alpha": 1}
    files = run(scene(family), sample_joint(), *(keep("sample", name, each) for name, each in halves.items())).files
    native = {
        "both": node("RGBAJointLatent", rgb=["latent", 0], keep="none"),
        **ksampler("joint", cfg=4.0, latent_image=["both", 0]),
        "halves": node("RGBASplitJoint", samples=["sample", 0]),
    }
    expected = run(scene(family), native, *(keep("halves", name, each) for name, each in halves.items())).files
    for name in halves:
        assert kept(files, name).equal(kept(expected, name))


@each_model
@pytest.mark.parametrize("half", ["rgb", "alpha"])
def test_a_kept_half_comes_out_as_it_went_in_and_rules_the_other(run, family, half):
    made = []
    for draw in (1, 2):
        given = scene(family) | {"encoded": node("VAEEncode", pixels=["clip", 0], vae=["vae", 0])}
        given["clip"]["inputs"]["draw"] = draw
        domains = {"rgb": ["latent", 0], half: ["encoded", 0]}
        given["both"] = node("RGBAJointLatent", **domains, keep=half)
        outputs = [keep("encoded", "given"), keep("sample", "rgb"), keep("sample", "alpha", 1)]
        files = run(given, sample_joint("both"), *outputs).files
        assert (kept(files, half) - kept(files, "given")).abs().max() < 1e-4
        made.append(kept(files, {"rgb": "alpha", "alpha": "rgb"}[half]))
    assert (made[0] - made[1]).abs().max() > 1e-3


def test_the_alpha_of_the_first_frame_rules_the_alpha_of_the_clip(run):
    """Three pictures of one colour: with an alpha, with its inverse, and with none at all."""
    made = {}
    for name, mask in (("alpha", {"mask": ["split", 1]}), ("inverse", {"mask": ["inverted", 0]}), ("none", {})):
        picture = {
            "picture": node("QueueTestClip", frames=1, width=64, height=48, channels=4, draw=3, still=True),
            "split": node("RGBASplit", image=["picture", 0]),
            "inverted": node("InvertMask", mask=["split", 1]),
        }
        texts = {"positive": ["positive", 0], "negative": ["negative", 0]}
        size = {"width": 64, "height": 48, "length": 9}
        inputs = {"vae": ["vae", 0], "image": ["split", 0], **size, **mask}
        first = {"first": node("RGBAJointFirstFrame", **texts, **inputs)}
        sampled = sample_joint(latent="first", positive=["first", 0], negative=["first", 1])
        sampled["sample"]["inputs"]["latent_image"] = ["first", 2]
        files = run(scene("cogvideox i2v"), picture, first, sampled, keep("sample", "alpha", 1)).files
        made[name] = kept(files, "alpha")
    for one, other in (("alpha", "inverse"), ("alpha", "none"), ("inverse", "none")):
        assert (made[one] - made[other]).abs().max() > 1e-3


def test_a_batch_of_clips_is_decoded_in_clip_order(run):
    clips = scene("wan")
    clips["latent"]["inputs"]["batch_size"] = 2
    files = run(clips, sample_joint(), decode_joint(), keep("decode", "image"), keep("sample", "rgb")).files
    assert kept(files, "rgb").shape[0] == 2
    assert kept(files, "image").shape == (18, 48, 64, 4)


@each_model
def test_cancel_stops_the_run_and_leaves_the_model_as_it_was(server, run, family):
    before = kept(run(scene(family), sample_joint(), keep("sample", "before")).files, "before")
    seen = server.log.count(f"/{STEPS} [")
    running = Running(server, scene(family), sample_joint(steps=STEPS), keep("sample", "cut"))
    wait_until(lambda: server.log.count(f"/{STEPS} [") > seen + 2)
    assert running.cancel() == "RGBASampleJoint (node sample): interrupted"
    plain = kept(run(scene(family), sample_joint(seed=8), keep("sample", "other")).files, "other")
    assert not plain.equal(before)
    native = {"both": node("RGBAJointLatent", rgb=["latent", 0], keep="none")}  # not from the host's cache
    native |= ksampler("joint", cfg=4.0, latent_image=["both", 0])
    native["halves"] = node("RGBASplitJoint", samples=["sample", 0])
    assert kept(run(scene(family), native, keep("halves", "after")).files, "after").equal(before)


def test_a_latent_of_both_domains_is_refused_where_one_is_wanted(refused):
    both = {"both": node("RGBAJointLatent", rgb=["latent", 0], keep="none")}
    halves = {"rgb": ["both", 0], "alpha": ["latent", 0]}
    decoded = {"decode": node("RGBADecodeJoint", **halves, vae=["vae", 0], alpha_from="max")}
    assert "rgb holds both domains already" in refused(scene("wan"), both, decoded, keep("decode", "x"))
    twice = {"twice": node("RGBAJointLatent", rgb=["both", 0], keep="none")}
    assert "rgb holds both domains already" in refused(scene("wan"), both, twice, keep("twice", "y"))

"""Ways to the same frames: the model or the noise shifted, every native sampler, and a shift of nothing."""

from __future__ import annotations

import numpy as np
import pytest
from queue_graphs import (
    advanced,
    base,
    decode,
    drawing,
    ellipses,
    keep,
    kept,
    ksampler,
    moving,
    node,
    pictures,
    rgba_vae,
    save,
    shift,
)

from tools import tiny_checkpoints as tiny

ONES = {"ones": node("QueueTestMask", frames=9, width=64, height=48, value=1.0)}


@pytest.mark.parametrize("rounding", ["float32", "bfloat16"])
def test_a_shifted_model_and_a_shifted_noise_give_the_same_frames(run, rounding):
    scene = base() | ellipses(text=drawing(moving(9))) | rgba_vae()
    by_model = run(scene, shift(rounding=rounding), ksampler(), decode(), save(f"same/model_{rounding}"))
    by_noise = run(
        scene, shift(on="noise", rounding=rounding), advanced(noise="shift"), decode(), save(f"same/noise_{rounding}")
    )
    unshifted = run(scene, ksampler("model"), decode(), save(f"same/none_{rounding}"))
    frames = pictures(by_model.files)
    assert frames.shape == (9, 48, 64, 4)
    assert np.array_equal(frames, pictures(by_noise.files))
    assert not np.array_equal(frames, pictures(unshifted.files))


def test_a_shifted_model_gives_the_same_latent_through_every_native_sampler_node(run):
    scene = base() | ellipses()
    custom = advanced("shift")["sample"]["inputs"]
    sampler_custom = {
        "sample": node(
            "SamplerCustom",
            model=["shift", 0],
            add_noise=True,
            noise_seed=7,
            cfg=1.0,
            positive=["positive", 0],
            negative=["negative", 0],
            **{name: custom[name] for name in ("sampler", "sigmas", "latent_image")},
        )
    }
    ways = (ksampler(), advanced("shift"), advanced("shift") | sampler_custom)
    latents = [kept(run(scene, shift(), way, keep("sample", f"way{k}")).files, f"way{k}") for k, way in enumerate(ways)]
    assert latents[0].equal(latents[1]) and latents[0].equal(latents[2])


def test_no_shift_and_a_subject_everywhere_equal_the_plain_host_bit_for_bit(run):
    plain = kept(run(base(), ksampler("model"), keep("sample", "plain")).files, "plain")
    none = kept(run(base(), ellipses(), shift(0.0), ksampler(), keep("sample", "none")).files, "none")
    ones = kept(run(base(), ONES, shift(0.3, subject=("ones", 0)), ksampler(), keep("sample", "ones")).files, "ones")
    some = kept(run(base(), ellipses(), shift(0.3), ksampler(), keep("sample", "some")).files, "some")
    assert none.equal(plain)
    assert ones.equal(plain)
    assert not some.equal(plain)


def test_a_run_that_keeps_part_of_its_latent_is_not_shifted(run):
    clip = {"clip": node("QueueTestClip", frames=9, width=64, height=48, channels=4, draw=3, still=False)}
    scene = base() | ellipses() | clip | rgba_vae(tiny.ALPHA_VAE)
    scene |= {"encode": node("RGBAEncode", image=["clip", 0], rgba_vae=["vae", 0], background="black")}
    half = {"denoise": 0.5, "latent_image": ["encode", 0]}
    plain = kept(run(scene, ksampler("model", **half), keep("sample", "half_plain")).files, "half_plain")
    shifted = kept(run(scene, shift(0.3), ksampler(**half), keep("sample", "half_shift")).files, "half_shift")
    assert shifted.equal(plain)

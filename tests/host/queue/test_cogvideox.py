"""CogVideoX through the queue: loaded by our node, sampled by the reference's samplers and by the host's."""

from __future__ import annotations

import pytest
from queue_graphs import Graph, base, file_name, keep, kept, ksampler, node, queue_of

from tools import tiny_checkpoints as tiny


def cogvideox(file: str = tiny.COGVIDEOX) -> Graph:
    """`joint` is the model with TransPixeler, `both` its empty latent."""
    weights = file_name(tiny.COGVIDEOX_LORA)
    options = {"strength": 1.0, "text_to_alpha": "blocked (paper)", "rgb_to_alpha": True, "same_noise": "auto"}
    return {
        "model": node("RGBALoadCogVideoX", model_name=file_name(file)),
        "joint": node("RGBAApplyTransPixeler", model=["model", 0], weights_name=weights, **options),
        "both": node("RGBAJointLatent", rgb=["latent", 0], keep="none"),
    }


def reference_run(method: str, steps: int = 4, dynamic_cfg: bool = False, model: str = "joint") -> Graph:
    return {
        "reference": node("RGBACogVideoXSampler", method=method, steps=steps, dynamic_cfg=dynamic_cfg),
        "sample": node(
            "SamplerCustom",
            model=[model, 0],
            add_noise=True,
            noise_seed=7,
            cfg=6.0,
            positive=["positive", 0],
            negative=["negative", 0],
            sampler=["reference", 0],
            sigmas=["reference", 1],
            latent_image=["both", 0],
        ),
        "halves": node("RGBASplitJoint", samples=["sample", 0]),
    }


@pytest.mark.parametrize(("method", "dynamic_cfg"), [("ddim", False), ("dpm", True)])
def test_the_references_samplers_make_two_different_halves(any_server, method, dynamic_cfg):
    parts = base() | cogvideox(), reference_run(method, dynamic_cfg=dynamic_cfg)
    files = queue_of(any_server)(*parts, keep("halves", "rgb"), keep("halves", "alpha", output=1)).files
    rgb, alpha = kept(files, "rgb"), kept(files, "alpha")
    assert rgb.shape == alpha.shape == (1, 16, 3, 6, 8)
    assert rgb.isfinite().all() and alpha.isfinite().all()
    assert (rgb - alpha).abs().max() > 0.01


def test_euler_comes_near_to_the_references_ddim(run):
    scene = base() | cogvideox()
    euler = ksampler("joint", steps=4, cfg=6.0, latent_image=["both", 0])
    native = kept(run(scene, euler, keep("sample", "native")).files, "native")
    reference = kept(run(scene, reference_run("ddim"), keep("sample", "reference")).files, "reference")
    assert (native - reference).norm() < 1e-3 * reference.norm()


def test_the_i2v_model_samples_both_domains(run):
    scene = base() | cogvideox(tiny.COGVIDEOX_I2V)
    both = kept(run(scene, ksampler("joint", latent_image=["both", 0]), keep("sample", "both")).files, "both")
    assert both.shape == (1, 16, 6, 6, 8) and both.isfinite().all()


def test_a_wan_file_and_a_wan_model_are_refused(refused):
    wrong = cogvideox() | {"model": node("RGBALoadCogVideoX", model_name=file_name(tiny.DIT))}
    said = refused(base() | wrong, reference_run("ddim"), keep("sample", "x"))
    assert "model_name wants a CogVideoX model" in said and "is a Wan diffusion model" in said
    wan = base() | {"both": node("RGBAJointLatent", rgb=["latent", 0], keep="none")}
    assert "load it with RGBALoadCogVideoX" in refused(wan, reference_run("ddim", model="model"), keep("sample", "y"))


def test_another_size_than_the_i2v_models_is_refused(refused):
    scene = base(width=48, height=64) | cogvideox(tiny.COGVIDEOX_I2V)
    text = refused(scene, ksampler("joint", latent_image=["both", 0]), keep("sample", "x"))
    assert "learned positions for 64 x 48 pixels and at most 9 frames, got 48 x 64 and 9; use its size" in text

"""Latents of both domains through the host's samplers and VAEs, on a plain Wan model: doubling asks nothing of it."""

import copy
from pathlib import Path

import comfy.model_management
import comfy.samplers
import comfy.utils
import pytest
import torch
from comfy.cli_args import LatentPreviewMethod, args
from PIL import Image
from torch import Tensor
from torch.overrides import TorchFunctionMode

import nodes

SETTINGS = {"seed": 3, "steps": 2, "cfg": 4.0, "sampler_name": "euler", "scheduler": "simple"}
FRAMES = 3


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def video(seed: int = 0, batch: int = 1, frames: int = FRAMES) -> dict[str, Tensor]:
    return {"samples": noise(batch, 16, frames, 4, 6, seed=seed)}


def empty(frames: int = FRAMES) -> dict[str, Tensor]:
    return {"samples": torch.zeros(1, 16, frames, 4, 6)}


@pytest.fixture(scope="module")
def model(tiny, host_nodes):
    return host_nodes.UNETLoader(unet_name=Path(tiny.DIT).name, weight_dtype="default")[0]


@pytest.fixture(scope="module")
def vae(tiny, host_nodes):
    return host_nodes.VAELoader(vae_name=Path(tiny.VAE).name)[0]


@pytest.fixture(scope="module")
def text():
    return {"positive": [[noise(1, 6, 32, seed=1), {}]], "negative": [[noise(1, 6, 32, seed=2), {}]]}


@pytest.fixture
def ksampler(host_nodes, model, text):
    def run(latent, denoise: float = 1.0) -> dict:
        return host_nodes.KSampler(model=model, **text, latent_image=latent, **SETTINGS, denoise=denoise)[0]

    return run


@pytest.fixture
def sample_joint(host_nodes, model, text):
    def run(latent, denoise: float = 1.0, on=model, **settings) -> tuple[dict, dict]:
        inputs = {**text, "latent_image": latent, **SETTINGS, "denoise": denoise, **settings}
        return host_nodes.RGBASampleJoint(model=on, **inputs)

    return run


@pytest.fixture(scope="module")
def applied(tiny, host_nodes, model):
    """The model with TransPixeler."""
    return host_nodes.RGBAApplyTransPixeler(
        model=model, weights_name=Path(tiny.WAN_LORA).name, strength=1.0, text_to_alpha="blocked (paper)",
        rgb_to_alpha=True, same_noise="auto",
    )[0]  # fmt: skip


# Joining and splitting


def test_splitting_a_joint_latent_gives_its_halves_back(host_nodes):
    rgb, alpha = video(1), video(2)
    (both,) = host_nodes.RGBAJointLatent(rgb=rgb, alpha=alpha, keep="none")
    assert both["samples"].shape[2] == 2 * FRAMES and "noise_mask" not in both
    halves = host_nodes.RGBASplitJoint(samples=both)
    assert [half.keys() for half in halves] == [rgb.keys(), rgb.keys()]
    for half, whole in zip(halves, (rgb, alpha), strict=True):
        assert torch.equal(half["samples"], whole["samples"])


def test_without_alpha_the_rgb_latent_fills_both_halves(host_nodes):
    (both,) = host_nodes.RGBAJointLatent(rgb=video(), keep="none")
    assert torch.equal(both["samples"], torch.cat([video()["samples"]] * 2, dim=2))


def test_the_mark_and_the_keys_of_others_travel_through_a_native_sampler(host_nodes, ksampler):
    (both,) = host_nodes.RGBAJointLatent(rgb={**empty(), "batch_index": [0], "another_pack": 5}, keep="none")
    sampled = ksampler(both)
    assert sampled["rgba_joint"] is True
    rgb, alpha = host_nodes.RGBASplitJoint(samples=sampled)
    assert rgb["another_pack"] == alpha["another_pack"] == 5
    assert "rgba_joint" not in rgb and "rgba_joint" not in alpha


@pytest.mark.parametrize(("keep", "kept"), [("rgb", 0), ("alpha", 1)])
def test_a_kept_half_comes_out_of_a_native_sampler_as_it_went_in(host_nodes, ksampler, keep, kept):
    given = [video(1), video(2)]
    (both,) = host_nodes.RGBAJointLatent(rgb=given[0], alpha=given[1], keep=keep)
    halves = host_nodes.RGBASplitJoint(samples=ksampler(both))
    assert all("noise_mask" not in half for half in halves)
    torch.testing.assert_close(halves[kept]["samples"], given[kept]["samples"], rtol=0, atol=1e-5)
    (other, was) = (each[1 - kept]["samples"] for each in (halves, given))
    assert (other - was).abs().mean() > 0.1


def test_at_full_denoise_what_a_generated_half_held_does_not_matter(host_nodes, ksampler):
    made = []
    for alpha in (video(2), video(4)):
        (both,) = host_nodes.RGBAJointLatent(rgb=video(1), alpha=alpha, keep="rgb")
        made.append(host_nodes.RGBASplitJoint(samples=ksampler(both))[1]["samples"])
    torch.testing.assert_close(*made, rtol=0, atol=1e-5)


def test_a_noise_mask_of_the_rgb_latent_holds_in_its_half_alone(host_nodes, ksampler):
    mask = torch.ones(1, 1, 32, 48)
    mask[..., :24] = 0  # keep the left
    (both,) = host_nodes.RGBAJointLatent(rgb={**video(1), "noise_mask": mask}, alpha=video(2), keep="none")
    rgb, alpha = (half["samples"] for half in host_nodes.RGBASplitJoint(samples=ksampler(both)))
    torch.testing.assert_close(rgb[..., :2], video(1)["samples"][..., :2], rtol=0, atol=1e-5)
    assert (rgb - video(1)["samples"])[..., 4:].abs().mean() > 0.1
    assert (alpha - video(2)["samples"]).abs().mean(dim=(0, 1, 2, 3)).min() > 0.1


def test_the_latents_that_came_in_are_unchanged(host_nodes):
    rgb, alpha = video(1), video(2)
    host_nodes.RGBAJointLatent(rgb=rgb, alpha=alpha, keep="rgb")
    assert rgb.keys() == alpha.keys() == {"samples"}
    assert torch.equal(rgb["samples"], video(1)["samples"]) and torch.equal(alpha["samples"], video(2)["samples"])


def test_keeping_an_alpha_that_is_not_there_is_refused(host_nodes):
    with pytest.raises(ValueError, match=r"^keep is alpha, but no alpha is connected; connect a matte"):
        host_nodes.RGBAJointLatent(rgb=video(), keep="alpha")


def test_doubling_twice_is_refused(host_nodes):
    (both,) = host_nodes.RGBAJointLatent(rgb=video(), keep="none")
    for inputs, name in (({"rgb": both}, "rgb"), ({"rgb": video(), "alpha": both}, "alpha")):
        with pytest.raises(ValueError, match=rf"^{name} holds both domains already"):
            host_nodes.RGBAJointLatent(**inputs, keep="none")


def test_halves_of_two_lengths_are_refused(host_nodes):
    with pytest.raises(ValueError, match=r"of one shape, got \(1, 16, 3, 4, 6\) and \(1, 16, 4, 4, 6\)"):
        host_nodes.RGBAJointLatent(rgb=video(), alpha=video(frames=4), keep="none")


def test_a_picture_latent_is_refused(host_nodes):
    with pytest.raises(ValueError, match=r"^rgb wants a video latent .*, got \(1, 16, 4, 6\)"):
        host_nodes.RGBAJointLatent(rgb={"samples": torch.zeros(1, 16, 4, 6)}, keep="none")


def test_an_odd_number_of_frames_cannot_be_split(host_nodes):
    with pytest.raises(ValueError, match=r"as many alpha frames as RGB frames, got \(1, 16, 3, 4, 6\)"):
        host_nodes.RGBASplitJoint(samples={**video(), "rgba_joint": True})


def test_splitting_an_unmarked_latent_puts_a_warning_on_the_node(host_nodes, caplog):
    (both,) = host_nodes.RGBAJointLatent(rgb=video(), keep="none")
    host_nodes.RGBASplitJoint(samples=both)
    assert "no mark" not in caplog.text
    rgb, _ = host_nodes.RGBASplitJoint(samples=video(frames=4))
    assert rgb["samples"].shape[2] == 2
    assert "samples has no mark of RGBAJointLatent or RGBASampleJoint" in caplog.text


# Sampling


@pytest.mark.parametrize("denoise", [1.0, 0.5])
def test_one_node_samples_what_three_native_ones_do(host_nodes, ksampler, sample_joint, denoise):
    latent = empty() if denoise == 1 else video(1)
    (both,) = host_nodes.RGBAJointLatent(rgb=latent, keep="none")
    expected = host_nodes.RGBASplitJoint(samples=ksampler(both, denoise))
    for half, other in zip(sample_joint(latent, denoise), expected, strict=True):
        assert half.keys() == other.keys() == {"samples"}
        assert torch.equal(half["samples"], other["samples"])
    assert not torch.equal(expected[0]["samples"], expected[1]["samples"])


def test_a_joint_latent_is_sampled_as_it_is(host_nodes, ksampler, sample_joint):
    (both,) = host_nodes.RGBAJointLatent(rgb=video(1), keep="rgb")
    expected = host_nodes.RGBASplitJoint(samples=ksampler(both))
    for half, other in zip(sample_joint(both), expected, strict=True):
        assert torch.equal(half["samples"], other["samples"])


def test_an_empty_latent_of_another_model_is_fitted_as_the_host_fits_it(sample_joint):
    rgb, _ = sample_joint({"samples": torch.zeros(1, 12, FRAMES, 4, 6)})
    assert rgb["samples"].shape == (1, 16, FRAMES, 4, 6)


def test_a_batch_is_sampled_as_its_clips(sample_joint):
    both = sample_joint({"samples": torch.zeros(2, 16, FRAMES, 4, 6)})
    assert [half["samples"].shape[0] for half in both] == [2, 2]
    second = sample_joint({**empty(), "batch_index": [1]})
    for half, alone in zip(both, second, strict=True):
        torch.testing.assert_close(half["samples"][1:], alone["samples"], rtol=0, atol=1e-4)


def test_a_latent_with_other_channels_is_refused(sample_joint):
    with pytest.raises(ValueError, match=r"^latent_image has 12 channels, but this model samples 16"):
        sample_joint({"samples": noise(1, 12, FRAMES, 4, 6)})


def test_a_model_without_transpixeler_puts_a_warning_on_the_node(applied, sample_joint, caplog):
    sample_joint(empty(), on=applied)
    assert "has no TransPixeler" not in caplog.text
    sample_joint(empty())
    assert "model has no TransPixeler, so alpha will be a clip of its own" in caplog.text


def test_the_model_that_was_sampled_is_unchanged(tiny, host_nodes, sample_joint):
    (fresh,) = host_nodes.UNETLoader(unet_name=Path(tiny.DIT).name, weight_dtype="default")
    before = repr(fresh.model_options), repr(fresh.wrappers)
    sample_joint(empty(), on=fresh)
    assert (repr(fresh.model_options), repr(fresh.wrappers)) == before


# Previews, progress, interrupt


@pytest.fixture
def previews(monkeypatch):
    """(step, total, picture) of every report that the host makes."""
    seen: list[tuple[int, int, Image.Image]] = []

    def hook(value, total, preview, node_id=None):
        if preview is not None:
            seen.append((value, total, preview[1]))

    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", hook)
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Latent2RGB)
    return seen


def pixels(picture: Image.Image) -> list[tuple[int, int, int]]:
    return list(picture.getdata())


def test_the_preview_shows_alpha_to_the_right_of_rgb(host_nodes, ksampler, sample_joint, applied, previews):
    rgb, alpha = ({**video(seed), "noise_mask": torch.zeros(1, 4, 6)} for seed in (1, 2))  # so each shows as it is
    for latent in (rgb, alpha):
        ksampler(latent)
    alone = [previews[1][2], previews[3][2]]
    (both,) = host_nodes.RGBAJointLatent(rgb=rgb, alpha=alpha, keep="none")
    sample_joint(both, on=applied)
    steps, totals, pictures = zip(*previews[4:], strict=True)
    assert (steps, set(totals)) == ((1, 2), {2})
    assert [picture.size for picture in pictures] == [(12, 4), (12, 4)]
    for picture, box in zip(alone, ((0, 0, 6, 4), (6, 0, 12, 4)), strict=True):
        near = zip(pixels(pictures[1].crop(box)), pixels(picture), strict=True)
        assert all(abs(a - b) <= 1 for one, other in near for a, b in zip(one, other, strict=True))
    assert pixels(alone[0]) != pixels(alone[1])


def test_every_native_sampler_previews_both_and_keeps_its_outputs(host_nodes, ours, model, text, previews):
    shown = model.clone()
    for _ in range(2):  # twice is once
        ours("pipelines.host.transpixeler.joint_preview").show_both_halves(shown)
    (both,) = host_nodes.RGBAJointLatent(rgb=empty(), keep="none")
    results = []
    for each in (model, shown):
        (sampler,) = host_nodes.KSamplerSelect(sampler_name="euler")
        (sigmas,) = host_nodes.BasicScheduler(model=each, scheduler="simple", steps=2, denoise=1.0)
        inputs = {"sampler": sampler, "sigmas": sigmas, "latent_image": both, "add_noise": True, "noise_seed": 1}
        results.append(host_nodes.SamplerCustom(model=each, cfg=4.0, **text, **inputs))
    assert [picture.size for *_, picture in previews] == [(6, 4)] * 2 + [(12, 4)] * 2
    for plain, also in zip(*results, strict=True):  # output and denoised_output
        assert torch.equal(plain["samples"], also["samples"])


def test_a_shown_step_is_written_into_no_tensor(ours):
    """Another pack's previewer may keep what it is given, and work on it later or in a thread of its own."""
    kept, called = [], []

    class Calls(TorchFunctionMode):
        def __torch_function__(self, function, types, arguments=(), named=None):
            called.append(getattr(function, "__name__", ""))
            return function(*arguments, **(named or {}))

    def callback(step, x0, x, total):
        kept.append((x0, x0.shape, x0[0, :, 0], x0.clone()))

    x0 = video(1)["samples"]
    both, before = torch.cat([x0, -x0], dim=2), torch.cat([x0, -x0], dim=2)
    with Calls():
        ours("pipelines.host.transpixeler.joint_preview")._side_by_side(callback)(0, both, both, 2)
    ((held, shape, picture, whole),) = kept
    assert shape[-1] == 2 * x0.shape[-1] and type(picture) is type(whole) is torch.Tensor
    assert torch.equal(picture, torch.cat([x0, -x0], dim=-1)[0, :, 0]) and torch.equal(whole[0, :, 0], picture)
    assert held.data_ptr() == both.data_ptr() and torch.equal(held, before) and torch.equal(both, before)
    assert type(held.cpu()) is type(held + 1) is torch.Tensor
    assert not [name for name in called if name.endswith("_") and not name.startswith("__")]


def test_samplers_that_other_packs_add_later_are_offered(monkeypatch):
    host = comfy.samplers.KSampler
    monkeypatch.setattr(host, "SAMPLERS", [*host.SAMPLERS, "a_sampler_of_theirs"])
    monkeypatch.setattr(host, "SCHEDULERS", [*host.SCHEDULERS, "a_scheduler_of_theirs"])
    offered = nodes.NODE_CLASS_MAPPINGS["RGBASampleJoint"].INPUT_TYPES()["required"]
    assert "a_sampler_of_theirs" in offered["sampler_name"][1]["options"]
    assert "a_scheduler_of_theirs" in offered["scheduler"][1]["options"]


def test_cancel_stops_the_run_after_the_step(sample_joint, previews, monkeypatch):
    hook = comfy.utils.PROGRESS_BAR_HOOK

    def cancel(*report, **named) -> None:
        hook(*report, **named)
        comfy.model_management.interrupt_current_processing()

    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", cancel)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        sample_joint(empty(), steps=6)
    comfy.model_management.interrupt_current_processing(False)
    assert len(previews) == 1


# Decoding


def test_the_halves_are_decoded_apart(host_nodes, vae):
    rgb, alpha = video(1), video(2)
    image, colour, mask = host_nodes.RGBADecodeJoint(rgb=rgb, alpha=alpha, vae=vae, alpha_from="max")
    assert (image.shape, image.dtype) == ((9, 32, 48, 4), torch.float32)
    alone = [host_nodes.VAEDecode(samples=half, vae=vae)[0] for half in (rgb, alpha)]
    assert torch.equal(colour, alone[0]) and torch.equal(image[..., :3], alone[0])
    assert torch.equal(image[..., 3], alone[1].amax(-1))
    assert torch.equal(mask, 1 - image[..., 3])


def test_cancel_stops_in_the_middle_of_a_half(host_nodes, vae):
    seen = []

    def cancel_at_the_third(*_) -> None:
        seen.append(1)
        comfy.model_management.interrupt_current_processing(len(seen) == 3)

    convolutions = [each for each in vae.first_stage_model.modules() if isinstance(each, torch.nn.Conv3d)]
    handles = [each.register_forward_hook(cancel_at_the_third) for each in convolutions]
    try:
        with pytest.raises(comfy.model_management.InterruptProcessingException):
            host_nodes.RGBADecodeJoint(rgb=video(1), alpha=video(2), vae=vae, alpha_from="max")
    finally:
        for handle in handles:
            handle.remove()
    assert 3 <= len(seen) < len(convolutions)
    assert not any(each._forward_pre_hooks for each in vae.first_stage_model.modules()), "nothing of ours stays"


def test_one_causal_video_of_both_would_leak(host_nodes, vae):
    (both,) = host_nodes.RGBAJointLatent(rgb=video(1), alpha=video(2), keep="none")
    (as_one,) = host_nodes.VAEDecode(samples=both, vae=vae)
    (alpha,) = host_nodes.VAEDecode(samples=video(2), vae=vae)
    assert (as_one[-8:] - alpha[-8:]).abs().max() > 0.01


@pytest.mark.parametrize(
    ("alpha_from", "reduce"), [("mean", lambda grey: grey.mean(-1)), ("red", lambda grey: grey[..., 0])]
)
def test_alpha_can_be_the_mean_or_the_red_channel(host_nodes, vae, alpha_from, reduce):
    image, _, _ = host_nodes.RGBADecodeJoint(rgb=video(1), alpha=video(2), vae=vae, alpha_from=alpha_from)
    assert torch.equal(image[..., 3], reduce(host_nodes.VAEDecode(samples=video(2), vae=vae)[0]))


def test_a_batch_is_its_clips_one_after_the_other(host_nodes, vae):
    rgb, alpha = video(1, batch=2), video(2, batch=2)
    both, _, mask = host_nodes.RGBADecodeJoint(rgb=rgb, alpha=alpha, vae=vae, alpha_from="max")
    assert both.shape[0] == mask.shape[0] == 18
    for clip in range(2):
        halves = {
            name: {"samples": half["samples"][clip : clip + 1]} for name, half in (("rgb", rgb), ("alpha", alpha))
        }
        alone = host_nodes.RGBADecodeJoint(**halves, vae=vae, alpha_from="max")[0]
        torch.testing.assert_close(both[9 * clip : 9 * clip + 9], alone, rtol=0, atol=1e-5)


def test_a_joint_latent_is_not_decoded(host_nodes, vae):
    (both,) = host_nodes.RGBAJointLatent(rgb=video(), keep="none")
    for inputs, name in (({"rgb": both, "alpha": video()}, "rgb"), ({"rgb": video(), "alpha": both}, "alpha")):
        with pytest.raises(ValueError, match=rf"^{name} holds both domains already.*put RGBASplitJoint before it"):
            host_nodes.RGBADecodeJoint(**inputs, vae=vae, alpha_from="max")


def test_what_cannot_be_decoded_is_refused_by_name(host_nodes, vae):
    bad = {"samples": video()["samples"].index_fill(2, torch.tensor([1]), float("nan"))}
    mochi = {"samples": noise(1, 12, FRAMES, 4, 6)}
    (pixels_only,) = host_nodes.VAELoader(vae_name="pixel_space")
    for rgb, alpha, with_vae, message in (
        (bad, video(), vae, r"^rgb holds NaN or infinity"),
        (video(), bad, vae, r"^alpha holds NaN or infinity"),
        (mochi, mochi, vae, r"^rgb has 12 channels, but this VAE decodes 16; connect the VAE of the model"),
        (video(), video(frames=2), vae, r"^rgb and alpha want latents of one shape"),
        (video(), video(), pixels_only, r"^vae wants a video VAE \(CogVideoX, Wan 2.1 or Mochi\), got a "),
    ):
        with pytest.raises(ValueError, match=message):
            host_nodes.RGBADecodeJoint(rgb=rgb, alpha=alpha, vae=with_vae, alpha_from="max")


# The first frame


@pytest.fixture
def picture():
    return torch.rand(1, 32, 48, 4, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def first_frame(host_nodes, vae, text):
    def run(image, width: int = 48, height: int = 32, length: int = 9, with_vae=vae, **inputs):
        size = {"width": width, "height": height, "length": length}
        return host_nodes.RGBAJointFirstFrame(**text, vae=with_vae, image=image, **size, **inputs)

    return run


def condition(conditioning) -> Tensor:
    ((_, options),) = conditioning
    return options["concat_latent_image"]


def test_rgb_stands_at_frame_0_and_alpha_at_frame_f(first_frame, picture, vae, text):
    positive, negative, latent = first_frame(picture)
    made = condition(positive)
    assert made.shape == (1, 16, 2 * FRAMES, 4, 6)
    assert torch.equal(made[:, :, :1], vae.encode(picture[..., :3]))
    assert torch.equal(made[:, :, FRAMES : FRAMES + 1], vae.encode(picture[..., 3:].expand(-1, -1, -1, 3)))
    others = [frame for frame in range(2 * FRAMES) if frame not in (0, FRAMES)]
    assert made[:, :, [0, FRAMES]].abs().amin() > 0 and not made[:, :, others].any()
    assert torch.equal(condition(negative), made)
    assert latent["rgba_joint"] is True and latent["samples"].shape == made.shape and not latent["samples"].any()
    assert torch.equal(positive[0][0], text["positive"][0][0]) and "concat_latent_image" not in text["positive"][0][1]


def test_a_mask_is_the_alpha_of_the_first_frame(first_frame, picture):
    masked = first_frame(picture[..., :3], mask=1 - picture[..., 3])[0]
    torch.testing.assert_close(condition(masked), condition(first_frame(picture)[0]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("mask", [None, torch.zeros(1, 64, 64)], ids=["none", "that of Load Image"])
def test_without_any_alpha_its_condition_is_zeros(first_frame, picture, mask):
    made = condition(first_frame(picture[..., :3], mask=mask)[0])
    assert made[:, :, :1].abs().amin() > 0
    assert not made[:, :, 1:].any()


def test_an_opaque_alpha_is_a_condition(first_frame, picture):
    opaque = condition(first_frame(picture[..., :3], mask=torch.zeros(1, 32, 48))[0])
    assert opaque[:, :, FRAMES].any()


def test_one_frame_is_a_clip_too(first_frame, picture):
    positive, _, latent = first_frame(picture, length=1)
    assert condition(positive).shape == latent["samples"].shape == (1, 16, 2, 4, 6)


def test_the_pictures_are_refused_by_what_is_wrong_with_them(first_frame, picture, vae, host_nodes):
    (pixels_only,) = host_nodes.VAELoader(vae_name="pixel_space")
    mochis = copy.copy(vae)
    mochis.latent_channels = 12
    for inputs, message in (
        ({"length": 48}, r"^A clip of CogVideoX must have a length of 4n \+ 1 frames, got 48; use 45 or 49"),
        ({"width": 40}, r"^A clip of CogVideoX must have a width and height that are multiples of 16, got 40 x 32"),
        ({"width": 64}, r"^image wants one frame of 64 x 32, the size of the clip, got 1 of 48 x 32; pick one"),
        ({"image": picture.expand(2, -1, -1, -1)}, r"^image wants one frame of 48 x 32, .*, got 2 of 48 x 32"),
        ({"mask": torch.ones(1, 16, 16)}, r"^mask has 1 frame of 16 x 16, image has 1 frame of 48 x 32"),
        ({"with_vae": pixels_only}, r"^vae wants a video VAE"),
        ({"with_vae": mochis}, r"^vae wants the CogVideoX VAE, which has 16 latent channels, got one of 12"),
    ):
        with pytest.raises(ValueError, match=message):
            first_frame(**{"image": picture, **inputs})

"""The mean shift and the reference's sampler, through the host's samplers: mean_shift_sampler."""

import comfy.latent_formats
import pytest
import torch
from comfy.patcher_extension import WrappersMP
from torch import Tensor

ROUNDINGS = ("float32", "bfloat16")
SHIFT = {"mean_shift": 0.05, "subject_is": "subject = 1", "rounding": "bfloat16"}
RUNS = {
    "v1_unipc4": (4, None),
    "v2_same_unipc4": (4, "mask/same_res"),
    "v2_other_unipc4": (4, "mask/other_res"),
    "v2_same_unipc6": (6, "mask/same_res"),
}


@pytest.fixture(scope="module")
def golden(goldens):
    return goldens("mean_shift_sampler")


@pytest.fixture(scope="module")
def model(tiny, host_nodes):
    return host_nodes.UNETLoader(unet_name=tiny.DIT.split("/")[1], weight_dtype="default")[0]


@pytest.fixture(scope="module")
def conditioning():
    return [[torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(1)), {}]]


@pytest.fixture
def empty() -> dict[str, Tensor]:
    return {"samples": torch.zeros(1, 16, 3, 12, 20)}


class GoldenNoise:
    """A NOISE of the host that is the golden's."""

    seed = 0

    def __init__(self, noise: Tensor) -> None:
        self.noise = noise[None]

    def generate_noise(self, latent: dict[str, Tensor]) -> Tensor:
        return self.noise.clone()


@pytest.fixture(scope="module")
def noise(golden):
    return GoldenNoise(golden["noise"])


class ToyNetwork:
    """The goldens' stand-in for the 14B transformer, as a wrapper around the host's; remembers what it was asked."""

    def __init__(self, model) -> None:
        self.inputs: list[Tensor] = []
        self.timesteps: list[float] = []
        self.model = model.clone()
        self.model.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "toy", self)

    def __call__(self, executor, x: Tensor, timestep: Tensor, *args, **kwargs) -> Tensor:
        self.inputs.append(x[0].clone())
        self.timesteps.append(timestep.item())
        channel = torch.linspace(-1, 1, 16).view(1, 16, 1, 1, 1)
        return x - 0.8 * torch.tanh(x) - 0.1 * channel + 0.2 * (timestep / 1000) * torch.sin(2 * x)


@pytest.fixture
def toy(model):
    return ToyNetwork(model)


@pytest.fixture
def run(host_nodes, conditioning, empty):
    """SamplerCustomAdvanced with the reference's sampler; the result is back on the model's own scale."""

    def sample(model, noise, steps: int = 4, latent=None) -> Tensor:
        sampler, sigmas = host_nodes.RGBAFlowUniPC(steps=steps, shift=5.0)
        (guider,) = host_nodes.BasicGuider(model=model, conditioning=conditioning)
        inputs = {"noise": noise, "guider": guider, "sampler": sampler, "sigmas": sigmas}
        output, _ = host_nodes.SamplerCustomAdvanced(**inputs, latent_image=latent or empty)
        return comfy.latent_formats.Wan21().process_in(output["samples"])[0]

    return sample


@pytest.mark.parametrize("name", RUNS)
def test_the_sampler_ends_where_the_reference_ends(golden, toy, noise, run, host_nodes, close, name):
    steps, subject = RUNS[name]
    if subject:
        (noise,) = host_nodes.RGBAMeanShiftNoise(noise=noise, subject=golden[subject], **SHIFT)
    close(f"{name} x0", run(toy.model, noise, steps), golden[f"{name}/x0"], 1e-4)


@pytest.mark.parametrize("name", ["v2_same_unipc4", "v2_other_unipc4", "v2_same_unipc6"])
def test_the_model_patch_ends_where_the_reference_ends(golden, toy, noise, run, host_nodes, close, name):
    steps, subject = RUNS[name]
    (model,) = host_nodes.RGBAMeanShift(model=toy.model, subject=golden[subject], **SHIFT)
    close(f"{name} x0", run(model, noise, steps), golden[f"{name}/x0"], 1e-4)
    assert toy.timesteps == golden[f"{name}/timesteps"].tolist()


@pytest.mark.parametrize("name", ["v1_unipc4", "v2_same_unipc4", "v2_other_unipc4"])
def test_the_network_is_shown_what_the_reference_shows_it(golden, toy, noise, run, host_nodes, close, name):
    steps, subject = RUNS[name]
    if subject:
        (noise,) = host_nodes.RGBAMeanShiftNoise(noise=noise, subject=golden[subject], **SHIFT)
    run(toy.model, noise, steps)
    close(f"{name} inputs", torch.stack(toy.inputs), golden[f"{name}/model_inputs"], 1e-4)
    assert toy.timesteps == [999.0, 937.0, 833.0, 624.0]
    if subject:
        assert torch.equal(toy.inputs[0], golden[f"{name}/model_inputs"][0])


@pytest.mark.parametrize("name", ["v2_same_unipc4", "v2_other_unipc4", "v2_same_unipc6"])
def test_the_noise_levels_are_the_references(golden, host_nodes, name):
    assert torch.equal(host_nodes.RGBAFlowUniPC(steps=RUNS[name][0], shift=5.0)[1], golden[f"{name}/sigmas"])


@pytest.mark.parametrize(
    ("mask", "mean_shift", "expected"),
    [
        ("zeros", 0.05, "shifted/zeros"),
        ("ones", 0.05, "shifted/ones"),
        ("same_res", 0.03, "shifted/same_res_mean0.03"),
        ("same_res", 0.05, "v2_same_unipc4/model_inputs"),
        ("other_res", 0.05, "v2_other_unipc4/model_inputs"),
    ],
)
@pytest.mark.parametrize(("rounding", "atol"), [("bfloat16", 0.0), ("float32", 1e-3)])
def test_the_shifted_noise_is_the_references(
    golden, noise, host_nodes, empty, close, mask, mean_shift, expected, rounding, atol
):
    inputs = {"noise": noise, "subject": golden[f"mask/{mask}"], "subject_is": "subject = 1"}
    (shifted,) = host_nodes.RGBAMeanShiftNoise(**inputs, mean_shift=mean_shift, rounding=rounding)
    wanted = golden[expected]
    close(f"{mask} {rounding}", shifted.generate_noise(empty)[0], wanted[0] if wanted.ndim == 5 else wanted, atol)


def test_a_mask_of_alpha_is_the_subject_the_other_way_round(golden, noise, host_nodes, empty):
    subject = golden["mask/same_res"]
    inputs = {"noise": noise, "mean_shift": 0.05, "rounding": "float32"}
    (plain,) = host_nodes.RGBAMeanShiftNoise(**inputs, subject=subject, subject_is="subject = 1")
    (turned,) = host_nodes.RGBAMeanShiftNoise(**inputs, subject=1 - subject, subject_is="mask = 1 - alpha")
    torch.testing.assert_close(turned.generate_noise(empty), plain.generate_noise(empty), rtol=0, atol=1e-7)


def test_an_inverted_subject_puts_a_warning_on_the_node(golden, noise, host_nodes, caplog):
    inputs = {"noise": noise, "mean_shift": 0.05, "rounding": "float32", "subject_is": "subject = 1"}
    host_nodes.RGBAMeanShiftNoise(**inputs, subject=golden["mask/same_res"])
    assert "inverted" not in caplog.text
    host_nodes.RGBAMeanShiftNoise(**inputs, subject=1 - golden["mask/same_res"])
    assert "probably inverted" in caplog.text


@pytest.fixture
def ksampler(host_nodes, conditioning, empty):
    """The host's KSampler on the real tiny network."""

    def sample(model, latent=None, **changes) -> Tensor:
        inputs = {"seed": 5, "steps": 3, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
        inputs |= {"positive": conditioning, "negative": conditioning, "latent_image": latent or empty} | changes
        return host_nodes.KSampler(model=model, **inputs)[0]["samples"]

    return sample


@pytest.fixture
def custom(host_nodes, conditioning, empty):
    """SamplerCustomAdvanced with the settings of `ksampler`."""

    def sample(model, noise=None, latent=None, **changes) -> Tensor:
        inputs = {"sampler_name": "euler", "cfg": 1.0, "denoise": 1.0} | changes
        noise = noise or host_nodes.RandomNoise(noise_seed=5)[0]
        (sigmas,) = host_nodes.BasicScheduler(model=model, scheduler="simple", steps=3, denoise=inputs["denoise"])
        (sampler,) = host_nodes.KSamplerSelect(sampler_name=inputs["sampler_name"])
        guided = {"model": model, "positive": conditioning, "negative": conditioning, "cfg": inputs["cfg"]}
        (guider,) = host_nodes.CFGGuider(**guided)
        inputs = {"noise": noise, "guider": guider, "sampler": sampler, "sigmas": sigmas}
        return host_nodes.SamplerCustomAdvanced(**inputs, latent_image=latent or empty)[0]["samples"]

    return sample


@pytest.fixture(scope="module")
def shifted(golden, host_nodes):
    """The model patch, by default as strong as the node allows."""

    def shift(model, subject=golden["mask/same_res"], mean_shift=0.3, rounding="float32"):
        inputs = {"subject": subject, "mean_shift": mean_shift, "subject_is": "subject = 1", "rounding": rounding}
        return host_nodes.RGBAMeanShift(model=model, **inputs)[0]

    return shift


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("cfg", [1.0, 4.0])
def test_model_patch_and_noise_node_give_the_same_bits(
    golden, model, shifted, ksampler, custom, host_nodes, rounding, cfg
):
    inputs = {"subject": golden["mask/same_res"], "mean_shift": 0.05, "rounding": rounding}
    patched = ksampler(shifted(model, **inputs), cfg=cfg)
    (noise,) = host_nodes.RGBAMeanShiftNoise(
        noise=host_nodes.RandomNoise(noise_seed=5)[0], subject_is="subject = 1", **inputs
    )
    assert torch.equal(patched, custom(model, noise, cfg=cfg))
    assert torch.equal(patched, custom(shifted(model, **inputs), cfg=cfg))
    assert not torch.equal(patched, ksampler(model, cfg=cfg))


@pytest.mark.parametrize("sampler", ["euler", "uni_pc", "euler_ancestral"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_no_shift_and_a_subject_everywhere_are_the_plain_host_bit_for_bit(model, shifted, ksampler, sampler, rounding):
    plain = ksampler(model, sampler_name=sampler)
    assert torch.equal(plain, ksampler(shifted(model, mean_shift=0.0, rounding=rounding), sampler_name=sampler))
    everywhere = shifted(model, torch.ones(3, 12, 20), rounding=rounding)
    assert torch.equal(plain, ksampler(everywhere, sampler_name=sampler))


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_no_shift_and_a_subject_everywhere_leave_the_noise_bit_for_bit(golden, noise, host_nodes, empty, rounding):
    for subject, mean_shift in ((golden["mask/same_res"], 0.0), (torch.ones(9, 96, 160), 0.3)):
        inputs = {"noise": noise, "subject": subject, "mean_shift": mean_shift, "rounding": rounding}
        (same,) = host_nodes.RGBAMeanShiftNoise(**inputs, subject_is="subject = 1")
        assert torch.equal(same.generate_noise(empty), noise.generate_noise(empty))


def test_the_model_that_came_in_is_unshifted(model, shifted, ksampler):
    plain = ksampler(model)
    assert not torch.equal(ksampler(shifted(model)), plain)
    assert torch.equal(ksampler(model), plain)


def test_a_run_with_denoise_below_one_is_left_alone(model, shifted, ksampler, custom):
    latent = {"samples": torch.randn(1, 16, 3, 12, 20, generator=torch.Generator().manual_seed(2))}
    for sample in (ksampler, custom):
        half, plain_half = (sample(one, latent=latent, denoise=0.5) for one in (shifted(model), model))
        assert torch.equal(half, plain_half)
        assert not torch.equal(sample(shifted(model), latent=latent), sample(model, latent=latent))


def test_no_noise_stays_no_noise(golden, model, shifted, custom, host_nodes, empty):
    (nothing,) = host_nodes.DisableNoise()
    assert torch.equal(custom(shifted(model), nothing), custom(model, nothing))
    inputs = {"noise": nothing, "subject": golden["mask/same_res"], "mean_shift": 0.3}
    (still,) = host_nodes.RGBAMeanShiftNoise(**inputs, subject_is="subject = 1", rounding="float32")
    assert still.generate_noise(empty).count_nonzero() == 0


def test_a_second_shift_of_the_model_replaces_the_first(golden, model, shifted, ksampler):
    twice = shifted(shifted(model, torch.zeros(3, 12, 20)), mean_shift=0.1)
    assert torch.equal(ksampler(twice), ksampler(shifted(model, mean_shift=0.1)))


def test_a_pixel_grid_subject_is_pooled(model, shifted, ksampler):
    subject = torch.rand(9, 96, 160, generator=torch.Generator().manual_seed(3))
    cells = subject.unflatten(1, (12, 8)).unflatten(3, (20, 8)).mean((2, 4))
    pooled = torch.cat([cells[:1], cells[1:].unflatten(0, (2, 4)).mean(1)])
    torch.testing.assert_close(ksampler(shifted(model, subject)), ksampler(shifted(model, pooled)), rtol=0, atol=1e-5)


def test_a_batch_is_shifted_in_every_clip(golden, model, shifted, ksampler):
    latent = {"samples": torch.zeros(2, 16, 3, 12, 20)}
    both, plain = ksampler(shifted(model), latent=latent), ksampler(model, latent=latent)
    assert all((one - other).abs().max() > 0.01 for one, other in zip(both, plain, strict=True))
    torch.testing.assert_close(both[:1], ksampler(shifted(model)), rtol=0, atol=1e-4)


def test_the_sampler_goes_on_from_a_latent_below_full_noise(model, noise, host_nodes, conditioning):
    """As the host's samplers do: the latent is mixed in at the first noise level."""
    latent = {"samples": torch.randn(1, 16, 3, 12, 20, generator=torch.Generator().manual_seed(4))}
    toy = ToyNetwork(model)
    sampler, sigmas = host_nodes.RGBAFlowUniPC(steps=4, shift=5.0)
    (guider,) = host_nodes.BasicGuider(model=toy.model, conditioning=conditioning)
    inputs = {"noise": noise, "guider": guider, "sampler": sampler, "sigmas": sigmas[2:]}
    host_nodes.SamplerCustomAdvanced(**inputs, latent_image=latent)
    start = comfy.latent_formats.Wan21().process_in(latent["samples"])[0]
    mixed = sigmas[2] * noise.noise[0] + (1 - sigmas[2]) * start
    torch.testing.assert_close(toy.inputs[0], mixed, rtol=0, atol=1e-6)


def test_the_sampler_runs_in_every_sampling_node_alike(model, noise, run, host_nodes, conditioning, empty):
    sampler, sigmas = host_nodes.RGBAFlowUniPC(steps=4, shift=5.0)
    inputs = {"positive": conditioning, "negative": conditioning, "latent_image": empty, "sampler": sampler}
    output, _ = host_nodes.SamplerCustom(model=model, add_noise=True, noise_seed=5, cfg=1.0, sigmas=sigmas, **inputs)
    advanced = run(model, host_nodes.RandomNoise(noise_seed=5)[0])
    assert torch.equal(comfy.latent_formats.Wan21().process_in(output["samples"])[0], advanced)


def test_two_halves_of_a_schedule_meet_where_the_whole_passes(toy, noise, host_nodes, conditioning, empty):
    """SplitSigmas, then DisableNoise: what the first half leaves behind is what the second starts from."""
    sampler, sigmas = host_nodes.RGBAFlowUniPC(steps=30, shift=5.0)
    high, low = host_nodes.SplitSigmas(sigmas=sigmas, step=15)
    (guider,) = host_nodes.BasicGuider(model=toy.model, conditioning=conditioning)

    def sample(noise, sigmas, latent) -> dict[str, Tensor]:
        inputs = {"noise": noise, "guider": guider, "sampler": sampler, "sigmas": sigmas}
        return host_nodes.SamplerCustomAdvanced(**inputs, latent_image=latent)[0]

    sample(noise, sigmas, empty)
    passed = toy.inputs[15]
    middle = sample(noise, high, empty)
    toy.inputs.clear()
    sample(host_nodes.DisableNoise()[0], low, middle)
    torch.testing.assert_close(toy.inputs[0], passed, rtol=0, atol=0.02 * float(passed.abs().max()))


def test_a_scheduler_that_starts_below_full_noise_is_left_alone_with_a_warning(model, shifted, ksampler, caplog):
    plain = ksampler(model, scheduler="ddim_uniform")
    assert torch.equal(ksampler(shifted(model), scheduler="ddim_uniform"), plain)
    assert "Nothing was shifted: this run starts at sigma 0.9" in caplog.text

"""What is still in memory: nothing of ours after a run, and never the activations of two decoders at once."""

import gc
from collections.abc import Callable
from weakref import ref

import comfy.model_management
import folder_paths
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class Watch:
    """Weak references to everything that the watched modules have put out."""

    def __init__(self) -> None:
        self.seen: list[ref[Tensor]] = []
        self._handles: list = []

    def modules_of(self, root: nn.Module) -> None:
        for module in root.modules():
            self._handles.append(module.register_forward_hook(lambda *call: self.add(call[-1])))

    def add(self, output: object) -> None:
        if isinstance(output, Tensor):
            self.seen.append(ref(output))
        elif isinstance(output, (list, tuple)):
            for one in output:
                self.add(one)

    def alive(self) -> list[tuple[int, ...]]:
        """Shapes of what is left."""
        tensors = [one() for one in self.seen]
        return [tuple(tensor.shape) for tensor in tensors if tensor is not None]

    def results_of(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def watched(*args, **named):
            result = function(*args, **named)
            self.add(result)
            return result

        return watched

    def stop(self) -> None:
        for handle in self._handles:
            handle.remove()


class EveryResult(TorchFunctionMode):
    """While it is entered, a watch hears of every tensor that torch makes in this thread."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch
        self.there = {id(one): ref(one) for one in tensors()}  # weights come back from some calls as they are

    def __torch_function__(self, function, types, arguments=(), named=None):
        result = function(*arguments, **(named or {}))
        known = self.there.get(id(result))
        if known is None or known() is not result:
            self.watch.add(result)
        return result


def tensors() -> list[Tensor]:
    """All that there are."""
    return [one for one in gc.get_objects() if issubclass(type(one), Tensor)]


@pytest.fixture
def watch():
    watch = Watch()
    yield watch
    watch.stop()


@pytest.fixture
def every_result(watch):
    return EveryResult(watch)


@pytest.fixture(scope="module")
def rgba_vae(tiny, host_nodes):
    names = {"vae_name": tiny.VAE, "weights_name": tiny.ALPHA_VAE}
    return host_nodes.RGBALoadWanAlphaVAE(**{name: file.split("/")[1] for name, file in names.items()})[0]


@pytest.fixture(scope="module")
def model(tiny, host_nodes):
    return host_nodes.UNETLoader(unet_name=tiny.DIT.split("/")[1], weight_dtype="default")[0]


def latent() -> dict[str, Tensor]:
    return {"samples": torch.randn(1, 16, 3, 4, 6, generator=torch.Generator().manual_seed(0))}


def test_the_second_decoder_starts_when_the_first_ones_activations_are_gone(rgba_vae, host_nodes, watch):
    first, second = rgba_vae.rgb.first_stage_model, rgba_vae.alpha.first_stage_model
    watch.modules_of(first)
    found: list[list[tuple[int, ...]]] = []
    handle = second.conv2.register_forward_pre_hook(lambda *_: found.append(watch.alive()))
    gc.disable()  # what is gone is gone without a search for cycles
    try:
        host_nodes.RGBADecode(samples=latent(), rgba_vae=rgba_vae, tile_size=0)
    finally:
        gc.enable()
        handle.remove()
    assert len(watch.seen) > 100
    assert found == [[]]


def test_the_first_decoders_weights_can_leave_before_the_second_comes(rgba_vae, host_nodes):
    """The host loads each decoder when it is used: neither is loaded for the other."""
    loaded: list[bool] = []
    handle = rgba_vae.rgb.first_stage_model.conv2.register_forward_pre_hook(
        lambda *_: loaded.extend(one is rgba_vae.alpha.patcher for one in comfy.model_management.loaded_models())
    )
    try:
        host_nodes.RGBADecode(samples=latent(), rgba_vae=rgba_vae, tile_size=0)
    finally:
        handle.remove()
    assert loaded == [False]


@pytest.mark.parametrize("tile_size", [0, 64])
def test_nothing_of_a_decode_is_left(rgba_vae, host_nodes, ours, watch, monkeypatch, tile_size):
    join = ours("pipelines.host.wan_alpha.vae").join_decoded_clips
    monkeypatch.setattr(
        ours("pipelines.host.wan_alpha.vae"), "join_decoded_clips", lambda *clips: (watch.add(clips), join(*clips))[1]
    )
    for vae in (rgba_vae.rgb, rgba_vae.alpha):
        watch.modules_of(vae.first_stage_model)
    samples = {"samples": torch.randn(1, 16, 3, 12, 20)} if tile_size else latent()
    results = host_nodes.RGBADecode(samples=samples, rgba_vae=rgba_vae, tile_size=tile_size)
    watch.add(results)
    gc.collect()
    assert len(watch.alive()) == len(results)
    del results
    gc.collect()
    assert watch.alive() == []


def test_nothing_of_an_encode_is_left(rgba_vae, host_nodes, ours, watch, monkeypatch):
    module = ours("pipelines.host.wan_alpha.vae")
    monkeypatch.setattr(module, "_to_vae", watch.results_of(module._to_vae))
    watch.modules_of(rgba_vae.encoder.first_stage_model)
    image = torch.rand(9, 32, 48, 4)
    results = host_nodes.RGBAEncode(image=image, rgba_vae=rgba_vae, background="black")
    watch.add(results[0]["samples"])
    gc.collect()
    assert set(watch.alive()) == {(1, 16, 3, 4, 6)}  # the latent alone
    del results
    gc.collect()
    assert watch.alive() == []


def test_a_decode_and_an_encode_leave_no_more_memory_behind_than_they_found(rgba_vae, host_nodes):
    def large() -> int:
        gc.collect()
        return sum(one.numel() for one in tensors() if one.numel() >= 32 * 48)

    def once() -> None:
        image = host_nodes.RGBADecode(samples=latent(), rgba_vae=rgba_vae, tile_size=0)[0]
        host_nodes.RGBAEncode(image=image, rgba_vae=rgba_vae, background="black")

    once()  # whatever is made once is there now
    before = large()
    once()
    assert large() == before


def test_nothing_of_a_shifted_run_is_left(model, host_nodes, ours, watch, monkeypatch):
    module = ours("pipelines.host.wan_alpha.mean_shift")
    for name in ("shift_mean", "to_latent_grid"):
        monkeypatch.setattr(module, name, watch.results_of(getattr(module, name)))
    shift = {"mean_shift": 0.05, "subject_is": "subject = 1", "rounding": "bfloat16"}
    (shifted,) = host_nodes.RGBAMeanShift(model=model, subject=torch.rand(9, 32, 48), **shift)
    conditioning, empty = [[torch.randn(1, 6, 32), {}]], {"samples": torch.zeros(1, 16, 3, 4, 6)}
    settings = {"seed": 5, "steps": 2, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
    inputs = {"positive": conditioning, "negative": conditioning, "latent_image": empty}
    results = host_nodes.KSampler(model=shifted, **settings, **inputs)
    assert len(watch.seen) == 2
    del results
    gc.collect()
    assert watch.alive() == []


@pytest.mark.parametrize("way", ["merged", "unmerged"])
def test_nothing_of_a_dropped_dora_is_left(model, tiny, host_nodes, on_host, ours, watch, monkeypatch, way):
    branches: list[ref] = []
    module = ours("pipelines.host.wan_alpha.dora")
    for name in ("DoRABranch", "DoRAAdapter"):
        original = getattr(module, name)

        class Watched(original):
            def __init__(self, *args, **named):
                super().__init__(*args, **named)
                branches.append(ref(self))

        monkeypatch.setattr(module, name, Watched)
    given = torch.ones(1, 16, 2, 4, 4), torch.tensor([500.0]), torch.ones(1, 3, 32)
    names = {"dora_name": tiny.DORA.split("/")[1], "speed_lora_name": tiny.SPEED.split("/")[1]}
    (patched,) = host_nodes.RGBAApplyDoRA(model=model, strength=1.0, speed_strength=1.0, apply=way, **names)
    with on_host(patched) as loaded:
        watch.modules_of(loaded.network)
        loaded(*given)
    del patched, loaded
    gc.collect()
    assert branches and all(branch() is None for branch in branches)
    assert watch.alive() == []


def test_nothing_of_a_run_with_shifted_noise_and_flow_unipc_is_left(model, host_nodes, watch, every_result):
    shift = {"mean_shift": 0.05, "subject_is": "subject = 1", "rounding": "bfloat16"}
    with every_result:
        (noise,) = host_nodes.RandomNoise(noise_seed=5)
        (noise,) = host_nodes.RGBAMeanShiftNoise(noise=noise, subject=torch.rand(9, 32, 48), **shift)
        sampler, sigmas = host_nodes.RGBAFlowUniPC(steps=4, shift=5.0)
        (guider,) = host_nodes.BasicGuider(model=model, conditioning=[[torch.randn(1, 6, 32), {}]])
        run = {"noise": noise, "guider": guider, "sampler": sampler, "sigmas": sigmas}
        results = host_nodes.SamplerCustomAdvanced(**run, latent_image={"samples": torch.zeros(1, 16, 3, 4, 6)})
    made = len(watch.seen)
    del noise, sampler, sigmas, guider, run, results
    gc.collect()
    assert made > 1000
    assert watch.alive() == []


def test_nothing_of_a_fit_is_left(host_nodes, watch, every_result):
    with every_result:
        results = host_nodes.RGBAFitEllipses(image=torch.rand(9, 48, 64, 4))
    made = len(watch.seen)
    gc.collect()
    assert set(watch.alive()) == {(3, 6, 8)}  # the subject alone; the drawing has numbers
    del results
    gc.collect()
    assert made > 20
    assert watch.alive() == []


@pytest.fixture
def every_result_in_threads(ours, every_result, monkeypatch):
    """The same, and in the threads that encode pictures."""

    def in_thread(function):
        def watched(*given, **named):
            with every_result:
                return function(*given, **named)

        return watched

    for module, name in (
        ("pipelines.media.takes.sequence", "_encoded"),
        ("pipelines.host.pictures.preview", "quantise"),
    ):
        monkeypatch.setattr(ours(module), name, in_thread(getattr(ours(module), name)))
    return every_result


SAVED = {
    "filename_prefix": "memory/clip",
    "format": "png 16-bit",
    "passes": "fg + matte + processed + comp",
    "start_frame": 1001,
    "padding": 4,
    "fps": 16.0,
    "existing": "new version",
    "compression": 1,
}


@pytest.mark.parametrize(("node", "settings"), [("RGBASaveSequence", SAVED), ("RGBAPreview", {"fps": 16.0})])
def test_nothing_of_a_saved_or_shown_clip_is_left(
    host_nodes, watch, every_result_in_threads, monkeypatch, tmp_path, node, settings
):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))
    with every_result_in_threads:
        image, mask = torch.rand(9, 24, 32, 3), torch.rand(9, 24, 32)
        results = getattr(host_nodes, node)(image=image, mask=mask, **settings)
    made = len(watch.seen)
    assert len([*tmp_path.rglob("*.png")]) == (9 if node == "RGBAPreview" else 36)
    del image, mask, results
    gc.collect()
    assert made > 9 * (2 if node == "RGBAPreview" else 8)
    assert watch.alive() == []

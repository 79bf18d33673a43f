"""What is computed on a device: each case runs some nodes of the pack on tiny models and returns tensors.

The cases run in a process that has entered the host; their names can be read without one. All inputs are drawn on the
CPU from a seed, so that every process has the same ones, and lie where the host keeps what goes from node to node.
"""

# pyright: reportMissingImports=false
# `comfy` is the host's, and its folder is known only when this runs.

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from tools import tiny_checkpoints as tiny
from tools import tiny_picture_models as pictures
from tools.comfy_host import in_process

QUEUE_NODES = Path(__file__).resolve().parents[1] / "host" / "queue" / "packs" / "queue_test_nodes" / "__init__.py"
EXTRAS = ("nodes_custom_sampler", "nodes_model_advanced")
PREFIX = "RGBA"
KSAMPLER = {"seed": 7, "steps": 2, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
SHIFT = {"mean_shift": 0.05, "subject_is": "subject = 1", "rounding": "float32"}
BLOCKED, OPEN, RELEASED = "blocked (paper)", "open", "as released"
MOCHI = {
    "image_model": "mochi_preview", "depth": 2, "num_heads": 4, "hidden_size_x": tiny.MOCHI_WIDTH,
    "hidden_size_y": 32, "t5_feat_dim": 16, "mlp_ratio_x": 192.0, "mlp_ratio_y": 4.0, "t5_token_length": 12,
    "timestep_scale": 1000.0, "learn_sigma": False, "in_channels": 12, "qk_norm": True, "qkv_bias": False,
    "use_t5": True,
}  # fmt: skip
ELLIPSE = {"id": "a", "keyframes": [{"frame": 0, "cx": 0.5, "cy": 0.5, "rx": 0.2, "ry": 0.25}]}
DRAWING = json.dumps({"version": 1, "loop": False, "ellipses": [ELLIPSE]})
CHANGE = "change"
ROUNDS = 4
"""How often two graphs run in a row before memory is compared."""

Results = dict[str, Tensor]


def file_name(path: str) -> str:
    """The name of a tiny checkpoint as a node takes it: without its folder."""
    return path.partition("/")[2]


@dataclass
class Host:
    """The host of this process with the pack and the tiny models; `host.SomeNode(input=value)` runs a node."""

    folder: Path
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        import folder_paths

        in_process.load_nodes(*EXTRAS)
        in_process.load_pack()
        models = self.folder / "models"
        tiny.write(models)
        for kind in ("vae", "loras", "diffusion_models", "text_encoders", "checkpoints", "layer_model"):
            folder_paths.add_model_folder_path(kind, str(models / kind), is_default=True)
        folder_paths.set_input_directory(str(models / "input"))
        folder_paths.set_output_directory(str(self.folder / "output"))
        folder_paths.set_temp_directory(str(self.folder / "temp"))

    def __getattr__(self, node_id: str) -> Callable[..., tuple[Any, ...]]:
        if node_id.startswith("_"):
            raise AttributeError(node_id)
        self.used.add(node_id)
        return partial(in_process.run_node, node_id)

    def every_node(self) -> list[str]:
        """The ids of the pack's nodes."""
        mappings = importlib.import_module("nodes").NODE_CLASS_MAPPINGS
        return sorted(name for name in mappings if name.startswith(PREFIX))

    def results_of(self, case: Callable[[Host], Results]) -> tuple[Results, dict[str, Any]]:
        """The tensors of a case, on the CPU, and where the host had them."""
        import comfy.model_management

        results = case(self)
        comfy.model_management.unload_all_models()
        devices = sorted({tensor.device.type for tensor in results.values()})
        kept = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in results.items()}
        return kept, {"devices": devices, "expected device": self.between.type}

    @property
    def between(self) -> torch.device:
        """Where the host keeps what goes from node to node."""
        import comfy.model_management

        return comfy.model_management.intermediate_device()

    def normal(self, *shape: int, draw: int = 0) -> Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(draw)).to(self.between)

    def image(self, frames: int = 9, height: int = 48, width: int = 64, channels: int = 4, draw: int = 1) -> Tensor:
        """Smooth colours; alpha that is empty, soft and opaque in places."""
        drawn = torch.randn(1, channels, 4, 4, 5, generator=torch.Generator().manual_seed(draw))
        size = (frames, height, width)
        clip = torch.nn.functional.interpolate(drawn, size, mode="trilinear", align_corners=True)[0]
        return (0.5 + 0.6 * clip).clamp(0, 1).movedim(0, -1).contiguous().to(self.between)

    def latent(self, *shape: int, draw: int = 0) -> dict[str, Tensor]:
        return {"samples": self.normal(*shape, draw=draw)}

    def prompt(self, draw: int = 1, width: int = tiny.TEXT, **more: Any) -> list[Any]:
        tokens = torch.randn(1, 8, width, generator=torch.Generator().manual_seed(draw))
        return [[tokens, {"pooled_output": tokens[:, 0], **more}]]

    @property
    def prompts(self) -> dict[str, list[Any]]:
        return {"positive": self.prompt(1), "negative": self.prompt(2)}

    def wan(self, weight_dtype: str = "default") -> Any:
        return self.UNETLoader(unet_name=file_name(tiny.DIT), weight_dtype=weight_dtype)[0]

    def rgba_vae(self, weights: str = tiny.DECODERS) -> Any:
        return self.RGBALoadWanAlphaVAE(vae_name=file_name(tiny.VAE), weights_name=file_name(weights))[0]

    def dora(self, model: Any, apply: str) -> Any:
        names = {"dora_name": file_name(tiny.DORA), "speed_lora_name": file_name(tiny.SPEED)}
        return self.RGBAApplyDoRA(model=model, strength=1.0, speed_strength=1.0, apply=apply, **names)[0]

    def sampled(self, model: Any, latent: dict[str, Any], **more: Any) -> Tensor:
        return self.KSampler(**{"model": model, **self.prompts, "latent_image": latent, **KSAMPLER, **more})[0][
            "samples"
        ]

    def picture_model(self, family: str, weight_dtype: str = "default") -> tuple[Any, Any]:
        """MODEL and VAE of a tiny "SD15", "SDXL" or "FLUX"."""
        if family == "FLUX":
            model = self.UNETLoader(unet_name=file_name(pictures.FLUX), weight_dtype=weight_dtype)[0]
            return model, self.queue_nodes.QueueTestVAE().run(file_name(pictures.FLUX_VAE))[0]
        name = file_name(getattr(pictures, family))
        model, _, vae = self.queue_nodes.QueueTestCheckpoint().run(name, weight_dtype)
        return model, vae

    def mochi(self) -> Any:
        """A Mochi of random weights; the host's loader knows the published size alone."""
        import comfy.model_management
        import comfy.model_patcher
        import comfy.supported_models

        device = comfy.model_management.get_torch_device()
        dtype = comfy.model_management.unet_dtype(device=device, weight_dtype=torch.float32)
        config = comfy.supported_models.GenmoMochi(dict(MOCHI))
        config.unet_config["dtype"] = dtype
        config.set_inference_dtype(dtype, comfy.model_management.unet_manual_cast(dtype, device))
        model = config.get_model({}, "", device="cpu")
        generator = torch.Generator().manual_seed(3)
        for name, weight in sorted(model.diffusion_model.state_dict().items()):
            size = 1 / max(weight[0].numel(), 1) ** 0.5 if weight.ndim > 1 else 0.1
            drawn = torch.randn(weight.shape, generator=generator) * size
            weight.copy_(drawn + 1 if "norm" in name and weight.ndim == 1 else drawn)
        return comfy.model_patcher.CoreModelPatcher(model, load_device=device, offload_device=torch.device("cpu"))

    def joint(self, model: Any, weights: str, text_to_alpha: str = BLOCKED, strength: float = 1.0) -> Any:
        settings = {"strength": strength, "text_to_alpha": text_to_alpha, "rgb_to_alpha": True, "same_noise": "auto"}
        return self.RGBAApplyTransPixeler(model=model, weights_name=file_name(weights), **settings)[0]

    @cached_property
    def queue_nodes(self) -> ModuleType:
        spec = importlib.util.spec_from_file_location("queue_test_nodes", QUEUE_NODES)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def named(*tensors: Any) -> Results:
    """Tensors by their place in the call; a latent is its samples."""
    found = [tensor["samples"] if isinstance(tensor, dict) else tensor for tensor in tensors]
    return {str(index): tensor for index, tensor in enumerate(found)}


def beside(patched: Tensor, plain: Tensor) -> Results:
    """What a patched model makes, and how far that is from what the plain one makes: in 16 bits the change is small
    against the rounding of the whole, and would not be missed there."""
    return {"patched": patched, CHANGE: patched - plain}


# Wan-Alpha


def text_encoder(host: Host) -> Results:
    (clip,) = host.RGBALoadTextEncoder(text_encoder_name=file_name(tiny.TEXT_ENCODER))
    return named(host.CLIPTextEncode(clip=clip, text="A parrot spreads its wings.")[0][0][0])


def wan_decode(host: Host) -> Results:
    return named(*host.RGBADecode(samples=host.latent(1, 16, 3, 6, 8), rgba_vae=host.rgba_vae(), tile_size=0))


def wan_decode_tiled(host: Host) -> Results:
    return named(*host.RGBADecode(samples=host.latent(1, 16, 2, 10, 12), rgba_vae=host.rgba_vae(), tile_size=64))


def wan_pair(host: Host) -> Results:
    rgb, alpha = (host.VAELoader(vae_name=file_name(name))[0] for name in (tiny.RGB_CHANNEL, tiny.ALPHA_CHANNEL))
    (vae,) = host.RGBAVAEFromPair(rgb_vae=rgb, alpha_vae=alpha)
    samples = host.latent(1, 16, 3, 6, 8)
    apart = [host.VAEDecode(samples=samples, vae=each)[0] for each in host.RGBASplitVAE(rgba_vae=vae)]
    return named(*host.RGBADecode(samples=samples, rgba_vae=vae, tile_size=0), *apart)


def wan_encode(host: Host) -> Results:
    vae = host.rgba_vae(tiny.ALPHA_VAE)
    return named(*host.RGBAEncode(image=host.image(), rgba_vae=vae, background="green"))


def wan_sampled(host: Host, apply: str = "merged", weight_dtype: str = "default") -> Results:
    _, subject, *_ = host.RGBAEllipseEditor(width=64, height=48, length=9, fps=16.0, ellipses=DRAWING)
    plain, empty = host.wan(weight_dtype), {"samples": torch.zeros(1, 16, 3, 6, 8)}
    (model,) = host.RGBAMeanShift(model=host.dora(plain, apply), subject=subject, **SHIFT)
    return beside(host.sampled(model, empty), host.sampled(plain, empty))


def wan_released_subject(host: Host) -> Results:
    (subject,) = host.RGBALoadSubject(file=Path(tiny.GAUSS_MASK).name)
    (model,) = host.RGBAMeanShift(model=host.wan(), subject=subject, **SHIFT | {"rounding": "bfloat16"})
    return named(subject, host.sampled(model, {"samples": torch.zeros(1, 16, 21, 4, 4)}))


def wan_flow_unipc(host: Host) -> Results:
    (noise,) = host.RandomNoise(noise_seed=5)
    (noise,) = host.RGBAMeanShiftNoise(noise=noise, subject=host.image(channels=1)[..., 0], **SHIFT)
    sampler, sigmas = host.RGBAFlowUniPC(steps=4, shift=5.0)
    (guider,) = host.BasicGuider(model=host.wan(), conditioning=host.prompt())
    run = {"noise": noise, "guider": guider, "sampler": sampler, "sigmas": sigmas}
    empty = {"samples": torch.zeros(1, 16, 3, 6, 8)}
    return named(sigmas, host.SamplerCustomAdvanced(**run, latent_image=empty)[0])


def wan_half_loaded(host: Host, apply: str) -> Results:
    """Half of the weights in place, the others brought and patched whenever they are used."""
    plain = host.wan()
    return beside(answer(host, host.dora(plain, apply), share=0.5), answer(host, plain, share=1.0))


def answer(host: Host, model: Any, share: float) -> Tensor:
    """What the network of a MODEL answers with this share of its weights in place, if the host can leave some out."""
    import comfy.model_management
    import comfy.model_patcher
    import comfy.sampler_helpers

    every = [model, *model.get_nested_additional_models()]
    for each in every:
        each.partially_load(each.load_device, extra_memory=each.model_size() * share)
    try:
        options = comfy.model_patcher.create_model_options_clone(model.model_options)
        comfy.sampler_helpers.prepare_model_patcher(model, {}, options)
        given = host.normal(1, 16, 3, 6, 8), torch.tensor([0.5]), host.prompt()[0][0]
        x, sigma, context = (each.to(model.load_device) for each in given)
        extra = {"c_crossattn": context, "transformer_options": options["transformer_options"]}
        return model.model.apply_model(x, sigma, **extra).to(host.between)
    finally:
        comfy.model_management.unload_all_models()
        for each in every:
            each.detach()


# TransPixeler


def cogvideox(host: Host, text_to_alpha: str = BLOCKED) -> Results:
    (model,) = host.RGBALoadCogVideoX(model_name=file_name(tiny.COGVIDEOX))
    joint = host.joint(model, tiny.COGVIDEOX_LORA, text_to_alpha)
    given = {**host.prompts, "latent_image": {"samples": torch.zeros(1, 16, 3, 6, 8)}, **KSAMPLER, "cfg": 4.0}
    rgb, alpha = host.RGBASampleJoint(model=joint, **given)[:2]
    (vae,) = host.VAELoader(vae_name=file_name(tiny.VAE))
    return named(rgb, alpha, *host.RGBADecodeJoint(rgb=rgb, alpha=alpha, vae=vae, alpha_from="mean"))


def cogvideox_first_frame(host: Host) -> Results:
    (model,) = host.RGBALoadCogVideoX(model_name=file_name(tiny.COGVIDEOX_I2V))
    joint = host.joint(model, tiny.COGVIDEOX_LORA)
    (vae,) = host.VAELoader(vae_name=file_name(tiny.VAE))
    size = {"width": 64, "height": 48, "length": 9}
    positive, negative, latent = host.RGBAJointFirstFrame(**host.prompts, vae=vae, image=host.image(1), **size)
    sampler, sigmas = host.RGBACogVideoXSampler(method="dpm", steps=2, dynamic_cfg=False)
    sampler.noise_of = noise_of_the_cpu
    run = {"model": joint, "add_noise": True, "noise_seed": 7, "cfg": 6.0, "sampler": sampler, "sigmas": sigmas}
    sampled = host.SamplerCustom(**run, positive=positive, negative=negative, latent_image=latent)[0]
    rgb, alpha = host.RGBASplitJoint(samples=sampled)[:2]
    (kept,) = host.RGBAJointLatent(rgb=rgb, alpha=alpha, keep="alpha")
    again = {"positive": positive, "negative": negative, "latent_image": kept, **KSAMPLER, "cfg": 4.0}
    return named(rgb, alpha, *host.RGBASampleJoint(model=joint, **again)[:2])


def noise_of_the_cpu(x: Tensor, seed: int | None) -> Callable[[], Tensor]:
    """The sampler's own noise is drawn where it computes, and no two devices draw the same."""
    generator = torch.Generator().manual_seed(seed or 0)
    return lambda: torch.randn(x.shape, generator=generator).to(x)


def wan_joint(host: Host) -> Results:
    given = {**host.prompts, "latent_image": {"samples": torch.zeros(1, 16, 3, 6, 8)}, **KSAMPLER}
    return joint_beside(host, host.wan(), tiny.WAN_LORA, given)


def joint_beside(host: Host, model: Any, weights: str, given: dict[str, Any]) -> Results:
    """Colour and alpha; and alpha against what it is at strength 0."""
    strong, none = (host.joint(model, weights, strength=strength) for strength in (1.0, 0.0))
    rgb, alpha = host.RGBASampleJoint(model=strong, **given)[:2]
    return named(rgb) | beside(alpha["samples"], host.RGBASampleJoint(model=none, **given)[1]["samples"])


def mochi_joint(host: Host) -> Results:
    seen = {"attention_mask": torch.ones(1, 8, dtype=torch.long)}
    prompts = {"positive": host.prompt(1, 16, **seen), "negative": host.prompt(2, 16, **seen)}
    given = {**prompts, "latent_image": {"samples": torch.zeros(1, 12, 2, 6, 8)}, **KSAMPLER}
    return joint_beside(host, host.mochi(), tiny.MOCHI_LORA, given)


# LayerDiffuse


def layerdiffuse(host: Host, family: str, weights: str, channels: int = 4) -> Results:
    plain, _ = host.picture_model(family)
    (model,) = host.RGBAApplyLayerDiffuse(model=plain, weights_name=file_name(weights), strength=1.0)
    empty = {"samples": torch.zeros(1, channels, 8, 8)}
    return beside(host.sampled(model, empty, cfg=3.0), host.sampled(plain, empty, cfg=3.0))


def layerdiffuse_condition(host: Host) -> Results:
    model, _ = host.picture_model("SDXL")
    given = {"weights_name": file_name(pictures.XL_FGBLE2BG), "strength": 1.0}
    layers = {"latent": host.latent(1, 4, 8, 8, draw=3), "blended": host.latent(1, 4, 8, 8, draw=4)}
    model, positive, negative = host.RGBALayerDiffuseCondition(model=model, **host.prompts, **given, **layers)
    empty = {"samples": torch.zeros(1, 4, 8, 8)}
    return named(host.sampled(model, empty, positive=positive, negative=negative, cfg=3.0))


def layerdiffuse_layers(host: Host, weights: str = pictures.SD15_JOINT, given: bool = False) -> Results:
    model, vae = host.picture_model("SD15")
    more = {"image": host.image(1, 64, 64)} if given else {"foreground": host.prompt(3)}
    (model, layers) = host.RGBALayerDiffuseJoint(model=model, weights_name=file_name(weights), strength=1.0, **more)
    samples = {"samples": host.sampled(model, {"samples": torch.zeros(layers, 4, 8, 8)}, cfg=3.0)}
    foreground, background, blended = host.RGBASplitLayers(samples=samples, layers=layers)
    (rgb,) = host.VAEDecode(samples=foreground, vae=vae)
    decoder = {"weights_name": file_name(pictures.DECODER), "ensemble": True}
    return named(background, blended, *host.RGBADecodeLayerDiffuse(samples=foreground, rgb=rgb, **decoder))


def layerdiffuse_encode(host: Host) -> Results:
    _, vae = host.picture_model("SDXL")
    given = {"weights_name": file_name(pictures.ENCODER), "offset_scale": 0.0, "padding": True}
    return named(*host.RGBAEncodeLayerDiffuse(image=host.image(1, 64, 64), vae=vae, **given))


# Ellipses, alpha work, files


def ellipses(host: Host) -> Results:
    drawing, subject, *_ = host.RGBAEllipseEditor(width=64, height=48, length=9, fps=16.0, ellipses=DRAWING)
    fit, fitted = host.RGBAFitEllipses(image=host.image())
    drawn = [host.RGBAEllipsesToSubject(ellipses=each, width=64, height=48, length=9)[0] for each in (drawing, fit)]
    return named(subject, fitted, *drawn)


def alpha_work(host: Host) -> Results:
    clip, plate = host.image(), host.image(1, channels=3, draw=2)
    rgb, mask, grey = host.RGBASplit(image=clip)
    (by_mask,), (by_alpha,) = host.RGBAJoin(rgb=rgb, mask=mask), host.RGBAJoin(rgb=rgb, alpha=grey)
    (premultiplied,) = host.RGBAPremultiply(image=by_mask)
    (straight,) = host.RGBAUnpremultiply(image=premultiplied)
    levels = {"black": 0.02, "white": 0.98, "gamma": 1.2, "choke": 1, "grow": 1, "feather": 1.0}
    (matte,) = host.RGBAMatte(image=straight, **levels, fill_holes=20, despeckle=20)
    (bled,) = host.RGBAEdgeBleed(image=matte, below=0.05)
    (unmatted,) = host.RGBAUnmatte(image=bled, strength=0.5)
    settings = {"gain": 1.1, "choke": 0.5, "reading": "choke"}
    (clean,) = host.RGBADecontaminate(image=unmatted, background=plate, **settings)
    (despilled,) = host.RGBADespill(image=clean, key="blue", limit="maximum", strength=1.0)
    (resized,) = host.RGBAResize(image=despilled, width=40, height=40, filter="bicubic", fit="pad")
    (cropped,) = host.RGBACrop(image=resized, x=-4, y=2, width=36, height=30)
    (retimed,) = host.RGBARetime(image=cropped, from_fps=16.0, to_fps=24.0, method="blend")
    where = {"space": "linear", "mode": "soft", "x": 5, "y": -3, "scale": 1.5}
    (over,) = host.RGBACompositeOver(foreground=retimed, background=plate, **where)
    (render,) = host.RGBARender(image=clip, mode="hard", color="#ff8000", threshold=0.5)
    parts = (by_mask, by_alpha, premultiplied, straight, matte, bled, unmatted, clean, despilled, resized, cropped)
    return named(*parts, retimed, over, render)


def reports(host: Host) -> Results:
    clip = host.image()
    (clips,) = host.RGBAClips(image=clip, count=3)
    host.used.add("RGBAPickBest")
    given = {"image": clips, "seeds": [5], "rule": ["fewest holes"]}
    best, _, sheet, *_ = in_process.run_on_lists("RGBAPickBest", given)
    report = [part for part in host.RGBAReport(image=clip) if isinstance(part, Tensor)]
    return named(best, sheet, *report)


def files(host: Host) -> Results:
    clip, rate = host.image(), {"fps": 24.0}
    saved = {"filename_prefix": "gpu/png", "format": "png 16-bit", "passes": "rgba", "start_frame": 1, "padding": 4}
    host.RGBASaveSequence(image=clip, **rate, **saved, existing="overwrite", compression=1)
    video = {"filename_prefix": "gpu/video", "format": "ffv1", "association": "straight", "bleed": False}
    (_, video_path, *_) = host.RGBASaveVideo(image=clip, **rate, **video)
    host.RGBASaveAnimation(image=clip, **rate, filename_prefix="gpu/animation", format="webp", loop=0)
    host.RGBASaveSpriteSheet(image=clip, **rate, filename_prefix="gpu/sheet", columns=3, max_size=4096)
    host.RGBADeliver(image=clip, **rate, filename_prefix="gpu/delivered", target="Unreal")
    host.RGBAPreview(image=clip, **rate)
    whole = {"start_frame": 0, "frame_count": 0, "every_nth": 1}
    sequence = next(path for path in (output_folder() / "gpu").iterdir() if path.name.startswith("png"))
    loaded = host.RGBALoadSequence(file=f"gpu/{sequence.name} [output]", **whole)[0]
    name = Path(video_path).name
    again = host.RGBALoadVideo(file=f"gpu/{name} [output]", **whole)[0]
    from comfy_api.latest import InputImpl

    return named(loaded, again, host.RGBAFromVideo(video=InputImpl.VideoFromFile(video_path))[0])


def output_folder() -> Path:
    import folder_paths

    return Path(folder_paths.get_output_directory())


# The host around them


def interrupted(host: Host) -> Results:
    """A run that is interrupted after its first step, and the whole run after it."""
    import comfy.model_management
    import comfy.sample

    model, empty = host.dora(host.wan(), "unmerged"), {"samples": torch.zeros(1, 16, 3, 6, 8)}
    stopping = comfy.model_management.InterruptProcessingException
    seen: list[int] = []

    def stop(step: int, *_: Any) -> None:
        seen.append(step)
        thread = threading.Thread(target=comfy.model_management.interrupt_current_processing)  # as the server does
        thread.start()
        thread.join()

    try:
        comfy.sample.sample(
            model, torch.randn(1, 16, 3, 6, 8), 8, 1.0, "euler", "simple", host.prompt(), host.prompt(2),
            empty["samples"], callback=stop,
        )  # fmt: skip
    except stopping:
        pass
    finally:
        comfy.model_management.interrupt_current_processing(False)
    if seen != [0]:
        raise AssertionError(f"steps {seen} were taken before the interrupt was obeyed, expected the first alone")
    return named(host.sampled(model, empty))


def two_graphs(host: Host) -> Results:
    """Bytes on the device after each round of two graphs, torch's and DynamicVRAM's, with models that stay loaded."""
    import comfy.memory_management
    import comfy.model_management

    held = []
    dynamic = importlib.import_module("comfy_aimdo.control").get_total_vram_usage
    if not comfy.memory_management.aimdo_enabled:
        dynamic = int
    for _ in range(ROUNDS):
        wan_sampled(host, "unmerged")
        wan_decode(host)
        gc.collect()
        comfy.model_management.soft_empty_cache()
        held.append(torch.cuda.memory_allocated() + dynamic())
    return {"bytes": torch.tensor(held)}


CASES: dict[str, Callable[[Host], Results]] = {
    case.__name__: case
    for case in (
        text_encoder, wan_decode, wan_decode_tiled, wan_pair, wan_encode, wan_released_subject, wan_flow_unipc,
        cogvideox, cogvideox_first_frame, wan_joint, mochi_joint, layerdiffuse_condition, layerdiffuse_layers,
        layerdiffuse_encode, ellipses, alpha_work, reports, files, interrupted,
    )
} | {
    "wan_merged": partial(wan_sampled, apply="merged"),
    "wan_unmerged": partial(wan_sampled, apply="unmerged"),
    "wan_unmerged_over_fp8": partial(wan_sampled, apply="auto", weight_dtype="fp8_e4m3fn"),
    "wan_half_loaded_merged": partial(wan_half_loaded, apply="merged"),
    "wan_half_loaded_unmerged": partial(wan_half_loaded, apply="unmerged"),
    "cogvideox_as_released": partial(cogvideox, text_to_alpha=RELEASED),
    "cogvideox_open": partial(cogvideox, text_to_alpha=OPEN),
    "layerdiffuse_xl_attention": partial(layerdiffuse, family="SDXL", weights=pictures.XL_ATTN),
    "layerdiffuse_xl_convolution": partial(layerdiffuse, family="SDXL", weights=pictures.XL_CONV),
    "layerdiffuse_sd15": partial(layerdiffuse, family="SD15", weights=pictures.SD15_ATTN),
    "layerdiffuse_flux": partial(layerdiffuse, family="FLUX", weights=pictures.FLUX_LORA, channels=16),
    "layerdiffuse_given_background": partial(layerdiffuse_layers, weights=pictures.SD15_BG2FG, given=True),
}  # fmt: skip
COMPARED = tuple(CASES)
"""The cases whose tensors are compared with the CPU's."""
CASES["two_graphs"] = two_graphs

"""Nodes for the tests of the queue alone: what a test feeds in, and what it takes out to measure."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import comfy.model_detection
import comfy.model_management
import comfy.model_patcher
import comfy.samplers
import comfy.sd
import comfy.supported_models
import comfy.utils
import folder_paths
import torch
from safetensors.torch import save_file

import nodes


class Node:
    CATEGORY = "queue tests"
    FUNCTION = "run"


class QueueTestConditioning(Node):
    """A prompt's embedding without a text encoder, and its pooled one, which some models want."""

    RETURN_TYPES = ("CONDITIONING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"draw": ("INT", {"default": 0}), "width": ("INT", {"default": 32})}}

    def run(self, draw, width):
        tokens = torch.randn(1, 8, width, generator=torch.Generator().manual_seed(draw))
        return ([[tokens, {"pooled_output": tokens[:, 0]}]],)


class QueueTestCheckpoint(Node):
    """A tiny Stable Diffusion and its VAE, no CLIP. The host's loader knows SD 1.5 and SDXL by their widths, which are
    not tiny; the classes are its own."""

    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    PREFIX = "model.diffusion_model."

    @classmethod
    def INPUT_TYPES(cls):
        names = folder_paths.get_filename_list("checkpoints")
        return {"required": {"ckpt_name": (names,)}, "optional": {"weight_dtype": (["float32", "fp8", "default"],)}}

    def run(self, ckpt_name, weight_dtype="float32"):
        patcher, vae = self.load(ckpt_name, weight_dtype)
        patcher.cached_patcher_init = (self.load, (ckpt_name, weight_dtype), 0)  # as the host's own loaders have it
        return (patcher, None, vae)

    def load(self, ckpt_name, weight_dtype):
        weights = comfy.utils.load_torch_file(folder_paths.get_full_path_or_raise("checkpoints", ckpt_name))
        unet = comfy.model_detection.detect_unet_config(weights, self.PREFIX)
        family = comfy.supported_models.SD15 if unet["adm_in_channels"] is None else comfy.supported_models.SDXL
        config = family(unet)
        device, cpu = comfy.model_management.get_torch_device(), torch.device("cpu")
        if weight_dtype == "fp8":
            config.set_inference_dtype(torch.float8_e4m3fn, torch.float32)
        elif weight_dtype == "default":  # as the host's own loader has it
            dtype = comfy.model_management.unet_dtype(device=device, weight_dtype=torch.float32)
            config.set_inference_dtype(dtype, comfy.model_management.unet_manual_cast(dtype, device))
        else:
            config.set_inference_dtype(torch.float32, None)
        model = config.get_model(weights, self.PREFIX)
        prefix = "first_stage_model."
        vae = {key.removeprefix(prefix): each for key, each in weights.items() if key.startswith(prefix)}
        model.load_model_weights(weights, self.PREFIX)
        patcher = comfy.model_patcher.CoreModelPatcher(model, load_device=device, offload_device=cpu)
        return patcher, tiny_vae(vae)


class QueueTestVAE(Node):
    """The same for a VAE alone."""

    RETURN_TYPES = ("VAE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"vae_name": (folder_paths.get_filename_list("vae"),)}}

    def run(self, vae_name):
        return (tiny_vae(comfy.utils.load_torch_file(folder_paths.get_full_path_or_raise("vae", vae_name))),)


def tiny_vae(weights):
    """The host's VAE of the width that the weights have; by itself it takes 128 for the encoder."""
    width, channels = weights["encoder.conv_in.weight"].shape[0], weights["post_quant_conv.weight"].shape[1]
    network = {"double_z": True, "z_channels": channels, "resolution": 64, "in_channels": 3, "out_ch": 3, "ch": width}
    network |= {"ch_mult": [1, 1, 1, 1], "num_res_blocks": 1, "attn_resolutions": [], "dropout": 0.0}
    vae = comfy.sd.VAE(sd=weights, config={"params": {"embed_dim": channels, "ddconfig": network}})
    vae.latent_channels = channels
    return vae


class QueueTestClip(Node):
    """Random frames; `still` repeats one of them without a copy, so that a long clip costs no memory."""

    RETURN_TYPES = ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        whole = ("INT", {"default": 4, "min": 1, "max": 100000})
        names = ("frames", "width", "height", "channels", "draw")
        return {"required": dict.fromkeys(names, whole) | {"still": ("BOOLEAN", {"default": False})}}

    def run(self, frames, width, height, channels, draw, still):
        generator = torch.Generator().manual_seed(draw)
        made = torch.rand(1 if still else frames, height, width, channels, generator=generator)
        return (made.expand(frames, -1, -1, -1),)


class QueueTestMask(Node):
    """A mask of one value."""

    RETURN_TYPES = ("MASK",)

    @classmethod
    def INPUT_TYPES(cls):
        whole = ("INT", {"default": 1, "min": 1, "max": 100000})
        numbers = dict.fromkeys(("frames", "width", "height"), whole)
        return {"required": numbers | {"value": ("FLOAT", {"default": 1.0, "step": 0.001, "round": False})}}

    def run(self, frames, width, height, value):
        return (torch.full((frames, height, width), value),)


class QueueTestNaN(Node):
    """The latent, and an image of its size, with one value that is no number."""

    RETURN_TYPES = ("LATENT", "IMAGE")

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"samples": ("LATENT",), "frame": ("INT", {"default": 0})}}

    def run(self, samples, frame):
        broken = samples["samples"].clone()
        broken[..., 0, 0, 0] = float("nan")
        image = torch.full((8, 16, 16, 4), 0.5)
        image[frame, 3, 3, 0] = float("nan")
        return ({"samples": broken}, image)


class OnlyNoise(comfy.samplers.Sampler):
    """Gives back the noise that it was to start from."""

    def sample(
        self, model_wrap, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, disable_pbar=False
    ):
        return noise


class QueueTestNoiseSampler(Node):
    RETURN_TYPES = ("SAMPLER",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def run(self):
        return (OnlyNoise(),)


class QueueTestKeep(Node):
    """Writes the tensor of an image, a mask or a latent to the output folder, exactly."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("*",), "name": ("STRING", {"default": "kept"})}}

    @classmethod
    def VALIDATE_INPUTS(cls, input_types):
        return True

    def run(self, value, name):
        tensor = value["samples"] if isinstance(value, dict) else value
        file = f"{name}.safetensors"
        save_file({"kept": tensor.contiguous()}, Path(folder_paths.get_output_directory()) / file)
        return {"ui": {"kept": [{"filename": file, "subfolder": "", "type": "output"}]}}


class QueueTestText(Node):
    """Shows a text in the history."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {"forceInput": True})}}

    def run(self, text):
        return {"ui": {"text": [text]}}


class QueueTestModules(Node):
    """Shows the top-level modules that are loaded."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def run(self):
        return {"ui": {"modules": [json.dumps(sorted({name.split(".")[0] for name in sys.modules}))]}}


class QueueTestLoading(Node):
    """Seconds of computing that the host's own loader spends on a pack, the first time and once more."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"folder": ("STRING", {})}}

    async def run(self, folder):
        seconds = []
        for _ in range(2):
            for name in [name for name in sys.modules if name.startswith(folder.replace(".", "_x_"))]:
                del sys.modules[name]
            began = time.process_time()
            loaded = await nodes.load_custom_node(folder, ignore={*nodes.NODE_CLASS_MAPPINGS})
            seconds.append(time.process_time() - began)
            if not loaded:
                raise RuntimeError(f"the host did not load {folder}")
        return {"ui": {"seconds": seconds}}


NODE_CLASS_MAPPINGS = {
    node.__name__: node
    for node in (
        QueueTestConditioning,
        QueueTestCheckpoint,
        QueueTestVAE,
        QueueTestClip,
        QueueTestMask,
        QueueTestNaN,
        QueueTestNoiseSampler,
        QueueTestKeep,
        QueueTestText,
        QueueTestModules,
        QueueTestLoading,
    )
}

"""Wan-Alpha: a prompt and an ellipse in, RGBA frames out, on the host's own Wan 2.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..pipelines.alpha.coverage import coverage
from ..pipelines.alpha.render import COLORS, hard_render
from ..pipelines.ellipse.polarity import looks_inverted
from ..pipelines.host.core import model_files
from ..pipelines.host.core.notices import warn
from ..pipelines.host.pictures.image_and_mask import in_clips, mask_of, rgb_and_alpha
from ..pipelines.prompts import transparent as prompts
from ..pipelines.samplers.flow_unipc import reference_sigmas
from .names import APPLY_DORA, LOAD_SUBJECT, LOAD_TEXT_ENCODER, LOAD_WAN_ALPHA_VAE, VAE_FROM_PAIR
from .refusals import says_what_takes_it
from .schema import IMAGE_OUT, MASK_OUT, RGB_OUT, SUBJECT_OUT, RGBAVAESocket, category, clip_inputs, clips_input, io

if TYPE_CHECKING:
    from ..pipelines.host.core.sockets import VAE, Latent, ModelPatcher, Noise
    from ..pipelines.host.wan_alpha.dora import Apply
    from ..pipelines.host.wan_alpha.mean_shift import MeanShift
    from ..pipelines.host.wan_alpha.vae import RGBAVAE

MENU = category("Wan-Alpha")
VAE_WEIGHT_FOLDERS = ("vae", "loras")
NO_SPEED_LORA = "none"
SUBJECT, MASK = SUBJECT_IS = ("subject = 1", "mask = 1 - alpha")
ROUNDINGS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
NEARLY_ALL = 0.995


class RGBALoadTextEncoder(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBALoadTextEncoder",
            display_name=LOAD_TEXT_ENCODER,
            category=MENU,
            description="Loads Wan's text encoder. Use the host's CLIPLoader for UMT5-XXL if you like: both give the "
            "same; this one also takes small encoders, such as the demo's.",
            search_aliases=["clip", "umt5", "t5", "text encoder"],
            inputs=[
                io.Combo.Input(
                    "text_encoder_name",
                    options=model_files.names("text_encoders"),
                    tooltip="A UMT5 file with its tokenizer inside, from models/text_encoders.",
                )
            ],
            outputs=[io.Clip.Output("clip", tooltip="For CLIP Text Encode.")],
        )

    @classmethod
    @says_what_takes_it()
    def execute(cls, text_encoder_name: str) -> io.NodeOutput:
        from ..pipelines.host.wan_alpha import text_encoder

        return io.NodeOutput(text_encoder.load(model_files.path_of(text_encoder_name, "text_encoders")))


class RGBALoadWanAlphaVAE(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBALoadWanAlphaVAE",
            display_name=LOAD_WAN_ALPHA_VAE,
            category=MENU,
            description="The stock Wan 2.1 VAE with Wan-Alpha's two decoders, one for colour and one for alpha, and "
            "its encoder for RGBA where the file has it.",
            search_aliases=["vae", "decoder.bin", "rgba vae", "alpha decoder"],
            inputs=[
                io.Combo.Input(
                    "vae_name", options=model_files.names("vae"), tooltip="The stock Wan 2.1 VAE, from models/vae."
                ),
                io.Combo.Input(
                    "weights_name",
                    options=model_files.names(*VAE_WEIGHT_FOLDERS),
                    tooltip="decoder.bin (decodes) or Wan-Alpha-VAE.bin (decodes and encodes), or the same as "
                    "safetensors, from models/vae or models/loras.",
                ),
            ],
            outputs=[RGBAVAESocket.Output("rgba_vae", tooltip="For RGBA decode and RGBA encode.")],
        )

    @classmethod
    @says_what_takes_it()
    def execute(cls, vae_name: str, weights_name: str) -> io.NodeOutput:
        from ..pipelines.host.wan_alpha import vae

        vae_path = model_files.path_of(vae_name, "vae")
        return io.NodeOutput(vae.load(vae_path, model_files.path_of(weights_name, *VAE_WEIGHT_FOLDERS)))


class RGBAVAEFromPair(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAVAEFromPair",
            display_name=VAE_FROM_PAIR,
            category=MENU,
            description="Joins the two repackaged VAEs of Wan-Alpha v1 (rgb channel, alpha channel). Decodes only.",
            search_aliases=["vae", "wan_alpha_2.1_vae_rgb_channel", "wan_alpha_2.1_vae_alpha_channel"],
            inputs=[
                io.Vae.Input("rgb_vae", tooltip="wan_alpha_2.1_vae_rgb_channel, from the host's VAE loader."),
                io.Vae.Input("alpha_vae", tooltip="wan_alpha_2.1_vae_alpha_channel, from the host's VAE loader."),
            ],
            outputs=[RGBAVAESocket.Output("rgba_vae", tooltip="For RGBA decode.")],
        )

    @classmethod
    def execute(cls, rgb_vae: VAE, alpha_vae: VAE) -> io.NodeOutput:
        from ..pipelines.host.wan_alpha import vae

        return io.NodeOutput(vae.paired(rgb_vae, alpha_vae))


class RGBASplitVAE(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBASplitVAE",
            display_name="Split RGBA VAE",
            category=MENU,
            description="The two decoders as ordinary VAEs, for the host's own decode nodes.",
            search_aliases=["vae"],
            inputs=[RGBAVAESocket.Input("rgba_vae", tooltip="A Wan-Alpha VAE.")],
            outputs=[
                io.Vae.Output("rgb_vae", tooltip="Decodes a latent to colour."),
                io.Vae.Output("alpha_vae", tooltip="Decodes the same latent to alpha, grey, 1 = opaque."),
            ],
        )

    @classmethod
    def execute(cls, rgba_vae: RGBAVAE) -> io.NodeOutput:
        return io.NodeOutput(rgba_vae.rgb, rgba_vae.alpha)


class RGBADecode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBADecode",
            display_name="RGBA decode",
            category=MENU,
            description="One latent, two decoders: straight RGBA frames. Warns if alpha is nearly all opaque or empty.",
            search_aliases=["vae decode", "alpha", "transparent", "wan alpha"],
            inputs=[
                io.Latent.Input("samples", tooltip="A Wan 2.1 video latent; t latent frames give 4t - 3 frames."),
                RGBAVAESocket.Input("rgba_vae", tooltip="A Wan-Alpha VAE."),
                io.Int.Input(
                    "tile_size",
                    default=0,
                    min=0,
                    max=4096,
                    step=64,
                    tooltip="Side of a tile in pixels. 0 decodes whole frames and tiles only when memory runs out. "
                    "Tiles save memory and can show faint seams; 256 and up are sensible.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip=IMAGE_OUT),
                io.Image.Output("rgb", tooltip=RGB_OUT),
                io.Mask.Output("mask", tooltip=MASK_OUT),
            ],
        )

    @classmethod
    def execute(cls, samples: Latent, rgba_vae: RGBAVAE, tile_size: int) -> io.NodeOutput:
        from ..pipelines.host.wan_alpha import vae

        image, rgb = vae.decode(samples["samples"], rgba_vae, tile_size)
        _warn_if_dead(image)
        return io.NodeOutput(image, rgb, mask_of(image))


class RGBAEncode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAEncode",
            display_name="RGBA encode",
            category=MENU,
            description="RGBA frames to one Wan 2.1 latent through Wan-Alpha's feature merge block: video to video.",
            search_aliases=["vae encode", "alpha", "video to video", "wan alpha"],
            inputs=[
                clip_inputs("RGBA frames, or RGB with a mask: 4n + 1 of them, width and height multiples of 8.")[0],
                RGBAVAESocket.Input("rgba_vae", tooltip="A Wan-Alpha VAE with merge block (Wan-Alpha-v2-VAE.bin)."),
                io.Combo.Input(
                    "background",
                    options=list(COLORS),
                    tooltip="Painted where alpha is 0 before encoding; the model was trained on all eight.",
                ),
                clip_inputs()[1],
                clips_input("each is encoded by itself."),
            ],
            outputs=[io.Latent.Output("samples", tooltip="The merged latent, for KSampler with denoise below 1.")],
        )

    @classmethod
    def execute(
        cls, image: Tensor, rgba_vae: RGBAVAE, background: str, mask: Tensor | None = None, clips: int = 1
    ) -> io.NodeOutput:
        from ..pipelines.host.wan_alpha import vae

        rgb, alpha = rgb_and_alpha(image, mask)
        rgb = hard_render(rgb, alpha, COLORS[background])
        latents = [vae.encode(*clip, rgba_vae) for clip in zip(in_clips(rgb, clips), in_clips(alpha, clips))]
        return io.NodeOutput({"samples": torch.cat(latents)})


class RGBAApplyDoRA(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAApplyDoRA",
            display_name=APPLY_DORA,
            category=MENU,
            description="Puts Wan-Alpha's DoRA on Wan 2.1 T2V 14B, exactly as the reference computes it, and a speed "
            "LoRA after it. The DoRA comes first whatever the wiring.",
            search_aliases=["lora", "dora", "wan alpha", "lightx2v", "rgba lora"],
            inputs=[
                io.Model.Input("model", tooltip="Wan 2.1 T2V; fp16, bf16, fp8, INT8 and GGUF."),
                io.Combo.Input(
                    "dora_name",
                    options=model_files.names("loras"),
                    tooltip="t2v.safetensors (v2), epoch-13-1500 or wan_alpha_2.1_rgba_lora.safetensors (v1).",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-2.0,
                    max=2.0,
                    step=0.01,
                    tooltip="Scales the low-rank part inside the norm (the reference's ratio): 1 is the trained model. "
                    "The magnitude always applies, so 0 is not the base model: bypass the node for that.",
                ),
                io.Combo.Input(
                    "speed_lora_name",
                    options=[NO_SPEED_LORA, *model_files.names("loras")],
                    tooltip="A step-distillation LoRA such as lightx2v, added after the DoRA; 4 steps, cfg 1 with it.",
                ),
                io.Float.Input(
                    "speed_strength", default=1.0, min=-2.0, max=2.0, step=0.01, tooltip="Strength of the speed LoRA."
                ),
                io.Combo.Input(
                    "apply",
                    options=["auto", "merged", "unmerged"],
                    tooltip="merged bakes both into the weights. unmerged adds them beside the weights: exact over "
                    "fp8, INT8, GGUF and 4-bit, a little slower. auto takes unmerged there.",
                ),
            ],
            outputs=[io.Model.Output("model", tooltip="A patched clone; the model that came in is unchanged.")],
        )

    @classmethod
    @says_what_takes_it()
    def execute(
        cls,
        model: ModelPatcher,
        dora_name: str,
        strength: float,
        speed_lora_name: str,
        speed_strength: float,
        apply: Apply,
    ) -> io.NodeOutput:
        from ..pipelines.host.wan_alpha import dora, dora_files

        file = dora_files.read_dora_file(model_files.path_of(dora_name, "loras"))
        speed = None
        if speed_lora_name != NO_SPEED_LORA:
            speed = dora_files.read_speed_lora_file(model_files.path_of(speed_lora_name, "loras"))
            _warn_of_unreached(speed_lora_name, dora.unreached(model, speed.weights))
        return io.NodeOutput(dora.applied(model, file, strength, speed, speed_strength, apply))


class RGBAMeanShift(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAMeanShift",
            display_name="Mean shift (model)",
            category=MENU,
            description="Wan-Alpha v2: moves the mean of the initial noise off the subject, so the model leaves that "
            "part empty. Works with every native sampler. With denoise below 1 nothing is shifted.",
            search_aliases=["gauss mask", "noise shift", "transparency", "ellipse", "wan alpha v2"],
            inputs=[io.Model.Input("model", tooltip="Wan 2.1 with the Wan-Alpha v2 DoRA."), *_shift_inputs()],
            outputs=[io.Model.Output("model", tooltip="A clone whose runs start from shifted noise.")],
        )

    @classmethod
    def execute(
        cls, model: ModelPatcher, subject: Tensor, mean_shift: float, subject_is: str, rounding: str
    ) -> io.NodeOutput:
        from ..pipelines.host.wan_alpha.mean_shift import shift_model

        return io.NodeOutput(shift_model(model, _mean_shift(subject, mean_shift, subject_is, rounding)))


class RGBAMeanShiftNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAMeanShiftNoise",
            display_name="Mean shift (noise)",
            category=MENU,
            description="The same shift on a NOISE, for SamplerCustomAdvanced. Use it or Mean shift (model), not both. "
            "It cannot see the sampler: it also shifts below full denoise, and FreeNoise moves it away.",
            search_aliases=["gauss mask", "noise shift", "transparency", "ellipse", "wan alpha v2"],
            inputs=[io.Noise.Input("noise", tooltip="Any noise of the host, such as RandomNoise."), *_shift_inputs()],
            outputs=[io.Noise.Output("noise", tooltip="The same noise with its mean moved off the subject.")],
        )

    @classmethod
    def execute(cls, noise: Noise, subject: Tensor, mean_shift: float, subject_is: str, rounding: str) -> io.NodeOutput:
        from ..pipelines.host.wan_alpha.mean_shift import ShiftedNoise

        return io.NodeOutput(ShiftedNoise(noise, _mean_shift(subject, mean_shift, subject_is, rounding)))


class RGBALoadSubject(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBALoadSubject",
            display_name=LOAD_SUBJECT,
            category=MENU,
            description="A subject field that was saved by the reference, such as the released gauss_mask.",
            search_aliases=["gauss mask", "load mask"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=model_files.subject_names(),
                    tooltip="A tensor [t, h, w] in the input folder: no suffix, .pt, .pth or .safetensors.",
                )
            ],
            outputs=[io.Mask.Output("subject", tooltip=SUBJECT_OUT + " On the latent grid.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str) -> str:
        return model_files.identity(model_files.subject_path(file))

    @classmethod
    @says_what_takes_it()
    def execute(cls, file: str) -> io.NodeOutput:
        from ..pipelines.host.wan_alpha import subject_file

        return io.NodeOutput(subject_file.read(model_files.subject_path(file)))


class RGBAFlowUniPC(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAFlowUniPC",
            display_name="Flow UniPC (Wan reference)",
            category=MENU,
            description="The sampler and the noise levels of Wan's own code, for SamplerCustom and "
            "SamplerCustomAdvanced. No Model Sampling node is needed: the shift is in the noise levels.",
            search_aliases=["sampler", "unipc", "sigmas", "wan"],
            inputs=[
                io.Int.Input("steps", default=4, min=1, max=1000, tooltip="Steps: 4 with a speed LoRA, 50 without."),
                io.Float.Input(
                    "shift", default=5.0, min=1.0, max=100.0, step=0.1, tooltip="Flow shift; 5 is the reference's."
                ),
            ],
            outputs=[
                io.Sampler.Output("sampler", tooltip="Order-2 UniPC for flow matching."),
                io.Sigmas.Output("sigmas", tooltip="The reference's noise levels, from 0.9998 (at shift 5) to 0."),
            ],
        )

    @classmethod
    def execute(cls, steps: int, shift: float) -> io.NodeOutput:
        from ..pipelines.host.wan_alpha import flow_unipc

        return io.NodeOutput(flow_unipc.FlowUniPC(), reference_sigmas(steps, shift))


class RGBATransparentPrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBATransparentPrompt",
            display_name="Transparent prompt",
            category=MENU,
            description="Says what the models were trained to hear: empty background, shot, style, motion.",
            search_aliases=["prompt", "caption", "text", "transparent background"],
            inputs=[
                io.String.Input(
                    "description", multiline=True, default="", tooltip="What is to be seen, in a sentence."
                ),
                io.Combo.Input("shot", options=list(prompts.SHOTS), default="medium shot", tooltip="Shot size."),
                io.Combo.Input("style", options=list(prompts.STYLES), default="realistic", tooltip="Visual style."),
                io.Combo.Input("motion", options=list(prompts.MOTIONS), tooltip="How much moves."),
                io.Combo.Input("quality", options=list(prompts.QUALITIES), tooltip="Quality words."),
                io.Combo.Input(
                    "labels", options=list(prompts.PLACES), tooltip="Labels before or after the description."
                ),
                io.Combo.Input("language", options=list(prompts.LANGUAGES), tooltip="Language of the labels."),
                io.Combo.Input("model", options=list(prompts.MODELS), tooltip="Whose words for an empty background."),
            ],
            outputs=[io.String.Output("prompt", tooltip="For CLIP Text Encode.")],
        )

    @classmethod
    def execute(cls, **choices: str) -> io.NodeOutput:
        return io.NodeOutput(prompts.transparent_prompt(**choices))


def _shift_inputs() -> list[io.Input]:
    return [
        io.Mask.Input(
            "subject",
            tooltip="1 = subject, 0 = empty, on the pixel grid (all frames in full size) or on the latent grid.",
        ),
        io.Float.Input(
            "mean_shift",
            default=0.05,
            min=0.0,
            max=0.3,
            step=0.005,
            round=False,
            tooltip="Shift in units of the noise's sigma. 0.05 is the released value; more tints red; 0 is plain Wan.",
        ),
        io.Combo.Input(
            "subject_is",
            options=list(SUBJECT_IS),
            tooltip="What the input means: a subject field (1 = subject) or a mask of alpha (1 = transparent).",
        ),
        io.Combo.Input(
            "rounding",
            options=list(ROUNDINGS),
            tooltip="bfloat16 is bit for bit the reference's sum (0.05 becomes 0.0500488); float32 is exact.",
        ),
    ]


def _mean_shift(subject: Tensor, mean_shift: float, subject_is: str, rounding: str) -> MeanShift:
    from ..pipelines.host.wan_alpha.mean_shift import MeanShift

    low, high = (float(value) for value in subject.aminmax())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"subject wants values from 0 to 1, got {low:g} to {high:g}; connect a subject or a mask.")
    field = subject if subject_is == SUBJECT else 1 - subject
    if looks_inverted(field):
        warn(
            "The border of the subject is brighter than its centre: it is probably inverted, and the background would "
            f"be kept. Choose the other subject_is ({MASK if subject_is == SUBJECT else SUBJECT})."
        )
    return MeanShift(field, mean_shift, ROUNDINGS[rounding])


def _warn_if_dead(image: Tensor) -> None:
    found = coverage(image[..., 3:])
    if found.opaque >= NEARLY_ALL:
        warn(
            f"Alpha is opaque in {found.opaque:.1%} of the pixels. Likely reasons: the prompt does not say that the "
            "background is transparent; the Wan-Alpha DoRA is missing; rgba_vae holds a plain VAE as alpha decoder; "
            "the subject is inverted or fills the frame."
        )
    if found.empty >= NEARLY_ALL:
        warn(
            f"Alpha is empty in {found.empty:.1%} of the pixels. Likely reasons: the subject field is empty or "
            "inverted; mean_shift is too high; rgba_vae holds the wrong files; the DoRA does not belong to this VAE."
        )


def _warn_of_unreached(name: str, keys: list[str]) -> None:
    if keys:
        more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        warn(f"{name}: {len(keys)} keys change nothing in this model ({', '.join(keys[:3])}{more}).")


NODES: list[type[io.ComfyNode]] = [
    RGBALoadTextEncoder,
    RGBALoadWanAlphaVAE,
    RGBAVAEFromPair,
    RGBASplitVAE,
    RGBADecode,
    RGBAEncode,
    RGBAApplyDoRA,
    RGBAMeanShift,
    RGBAMeanShiftNoise,
    RGBALoadSubject,
    RGBAFlowUniPC,
    RGBATransparentPrompt,
]

"""TransPixeler: RGB frames and alpha frames generated together, on the host's own CogVideoX, Wan 2.1 and Mochi."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from ..pipelines.alpha.decoded import ALPHA_FROM
from ..pipelines.host.core import model_files
from ..pipelines.host.core.notices import warn
from ..pipelines.host.core.sampler_names import list_samplers, list_schedulers
from ..pipelines.host.pictures.image_and_mask import mask_of
from ..pipelines.latent_grid.size_rule import COGVIDEOX_DIT
from ..pipelines.samplers.vp import METHODS, reference_sigmas
from ..pipelines.transpixeler.families import BLOCKED, TEXT_TO_ALPHA
from ..pipelines.transpixeler.halves import KEEP
from .names import APPLY_TRANSPIXELER, LOAD_COGVIDEOX
from .refusals import says_what_takes_it
from .schema import IMAGE_OUT, MASK_OUT, RGB_OUT, category, io

if TYPE_CHECKING:
    from ..pipelines.host.core.sockets import VAE, Conditioning, Latent, ModelPatcher
    from ..pipelines.host.transpixeler.joint_model import SameNoise

MENU = category("TransPixeler")


class RGBALoadCogVideoX(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBALoadCogVideoX",
            display_name=LOAD_COGVIDEOX,
            category=MENU,
            description="CogVideoX-5B or CogVideoX-5B-I2V from a file as diffusers or ComfyUI names its weights, with "
            "the noise scaling and the positions that it was trained with. CogVideoX-2B and 1.5 are refused.",
            search_aliases=["unet loader", "diffusion model", "diffusers", "cogvideo", "transpixeler", "transpixar"],
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=model_files.names("diffusion_models"),
                    tooltip="From models/diffusion_models. Of a checkpoint in several files (-00001-of-00002) choose "
                    "any one; the others lie beside it.",
                )
            ],
            outputs=[io.Model.Output("model", tooltip="For Apply TransPixeler, or for plain video by KSampler.")],
        )

    @classmethod
    @says_what_takes_it()
    def execute(cls, model_name: str) -> io.NodeOutput:
        from ..pipelines.host.transpixeler import cogvideox_file

        return io.NodeOutput(cogvideox_file.load(model_files.path_of(model_name, "diffusion_models")))


class RGBAApplyTransPixeler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAApplyTransPixeler",
            display_name=APPLY_TRANSPIXELER,
            category=MENU,
            description="Lets CogVideoX-5B, Wan 2.1 T2V or Mochi generate a clip's colour and alpha together. Sample "
            "it with Sample joint, or with any native sampler on a Joint latent.",
            search_aliases=["transpixar", "rgba lora", "alpha", "transparent video", "cogvideox_rgba_lora"],
            inputs=[
                io.Model.Input("model", tooltip="CogVideoX-5B, Wan 2.1 T2V or Mochi 1."),
                io.Combo.Input(
                    "weights_name",
                    options=model_files.names("loras"),
                    tooltip="cogvideox_rgba_lora.safetensors, or a file trained with TransPixeler's code for Wan or "
                    "Mochi, from models/loras.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-2.0,
                    max=2.0,
                    step=0.01,
                    tooltip="Scales the LoRA alone, which acts on alpha. 1 is the trained model; at 0 the domain "
                    "embedding, the shared positions and the blocked attention stay.",
                ),
                io.Combo.Input(
                    "text_to_alpha",
                    options=list(TEXT_TO_ALPHA),
                    default=BLOCKED,
                    tooltip="What text sees of alpha. blocked (paper): nothing. as released: what the published code "
                    "computes, a logit bias of -1 for CogVideoX, nothing for Mochi. open: all. In Wan text sees none.",
                ),
                io.Boolean.Input(
                    "rgb_to_alpha",
                    default=True,
                    tooltip="Whether colour sees alpha, as trained. Off with blocked (paper), the colour is what the "
                    "plain model makes, and alpha follows it less closely.",
                ),
                io.Combo.Input(
                    "same_noise",
                    options=["auto", "on", "off"],
                    tooltip="Both domains start from one noise: on for CogVideoX and Mochi as released, off for Wan.",
                ),
            ],
            outputs=[io.Model.Output("model", tooltip="A patched clone; the model that came in is unchanged.")],
        )

    @classmethod
    @says_what_takes_it()
    def execute(
        cls,
        model: ModelPatcher,
        weights_name: str,
        strength: float,
        text_to_alpha: str,
        rgb_to_alpha: bool,
        same_noise: SameNoise,
    ) -> io.NodeOutput:
        from ..pipelines.host.transpixeler import joint_model

        file = joint_model.read_file(model_files.path_of(weights_name, "loras"))
        if file.lacks_embedding:
            warn(
                f"{weights_name} has no domain embedding, so the model can tell alpha from colour by the LoRA alone. "
                "Use a file that has one."
            )
        return io.NodeOutput(joint_model.applied(model, file, strength, text_to_alpha, rgb_to_alpha, same_noise))


class RGBAJointLatent(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAJointLatent",
            display_name="Joint latent (RGB and alpha)",
            category=MENU,
            description="RGB frames and alpha frames in one latent, for KSampler and every native sampler on a model "
            "with TransPixeler. Kept halves stay as they are: alpha for a clip, colour for a matte.",
            search_aliases=["double", "keep", "matting", "alpha for footage", "transpixeler", "transpixar"],
            inputs=[
                io.Latent.Input("rgb", tooltip="One domain: an empty video latent, or the encoded colour."),
                io.Latent.Input(
                    "alpha",
                    optional=True,
                    tooltip="The encoded matte (grey, white = opaque), of the same size and length. Left open, the rgb "
                    "latent fills this half too.",
                ),
                io.Combo.Input(
                    "keep",
                    options=list(KEEP),
                    tooltip="The half that is given: a sampler at denoise 1 then makes only the other. Experimental.",
                ),
            ],
            outputs=[io.Latent.Output("samples", tooltip="Both domains: RGB frames, then alpha frames.")],
        )

    @classmethod
    def execute(cls, rgb: Latent, keep: str, alpha: Latent | None = None) -> io.NodeOutput:
        from ..pipelines.host.transpixeler import joint_latent

        return io.NodeOutput(joint_latent.joined(rgb, alpha, keep))


class RGBASplitJoint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBASplitJoint",
            display_name="Split joint latent",
            category=MENU,
            description="Takes a sampled latent of both domains apart. Decode the halves apart too: a video VAE would "
            "carry the last RGB frames over into the first alpha frames.",
            search_aliases=["halves", "separate", "transpixeler", "transpixar"],
            inputs=[io.Latent.Input("samples", tooltip="Both domains, from a native sampler.")],
            outputs=[
                io.Latent.Output("rgb", tooltip="The RGB frames, for Decode joint."),
                io.Latent.Output("alpha", tooltip="The alpha frames, for Decode joint."),
            ],
        )

    @classmethod
    def execute(cls, samples: Latent) -> io.NodeOutput:
        from ..pipelines.host.transpixeler import joint_latent

        return io.NodeOutput(*joint_latent.halves_of(samples))


class RGBASampleJoint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBASampleJoint",
            display_name="Sample joint (RGB and alpha)",
            category=MENU,
            description="KSampler for TransPixeler: doubles the latent, samples both domains together, and takes them "
            "apart. The preview shows alpha to the right of RGB.",
            search_aliases=["ksampler", "sampler", "generate", "denoise", "transpixeler", "transpixar"],
            inputs=[
                io.Model.Input("model", tooltip="A model from Apply TransPixeler."),
                io.Conditioning.Input("positive", tooltip="What is to be seen."),
                io.Conditioning.Input("negative", tooltip="What is not to be seen."),
                io.Latent.Input(
                    "latent_image",
                    tooltip="One domain: an empty video latent of the clip's size and length. A joint latent is "
                    "sampled as it is.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="Seed of the noise of both domains.",
                ),
                io.Int.Input(
                    "steps", default=50, min=1, max=10000, tooltip="Steps; released with 50 (CogVideoX), 64 (Mochi)."
                ),
                io.Float.Input(
                    "cfg",
                    default=6.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="Guidance, for both domains together: 6 for CogVideoX, 4.5 to 6 for Mochi, 5 for Wan.",
                ),
                io.Combo.Input("sampler_name", options=list_samplers(), tooltip="A sampler of the host."),
                io.Combo.Input(
                    "scheduler", options=list_schedulers(), tooltip="The noise levels; simple for CogVideoX."
                ),
                io.Float.Input(
                    "denoise",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Below 1 part of latent_image is kept, in both domains.",
                ),
            ],
            outputs=[
                io.Latent.Output("rgb", tooltip="The RGB frames, for Decode joint."),
                io.Latent.Output("alpha", tooltip="The alpha frames, for Decode joint."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: ModelPatcher,
        positive: Conditioning,
        negative: Conditioning,
        latent_image: Latent,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        denoise: float,
    ) -> io.NodeOutput:
        from ..pipelines.host.transpixeler import joint_sampling

        return io.NodeOutput(
            *joint_sampling.sample(
                model,
                latent_image,
                positive,
                negative,
                seed=seed,
                steps=steps,
                cfg=cfg,
                sampler_name=sampler_name,
                scheduler=scheduler,
                denoise=denoise,
            )
        )


class RGBACogVideoXSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBACogVideoXSampler",
            display_name="CogVideoX sampler (reference)",
            category=MENU,
            description="The samplers and noise levels of CogVideoX's own code, for SamplerCustom and "
            "SamplerCustomAdvanced: the first level is infinite here, as it was in training.",
            search_aliases=["sampler", "sigmas", "ddim", "dpm", "trailing", "transpixeler", "transpixar"],
            inputs=[
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    tooltip="ddim adds no noise on the way; dpm is the release's SDE-DPM-Solver++, which does.",
                ),
                io.Int.Input("steps", default=50, min=1, max=1000, tooltip="Steps; the release takes 50."),
                io.Boolean.Input(
                    "dynamic_cfg",
                    default=False,
                    tooltip="The release's changing guidance: between 1 and 1 + cfg, all but random from step to step. "
                    "Off: the cfg of the sampling node, 6 in the release.",
                ),
            ],
            outputs=[
                io.Sampler.Output("sampler", tooltip="The method, on a variance-preserving scale."),
                io.Sigmas.Output("sigmas", tooltip="The reference's noise levels, trailing spacing, down to 0."),
            ],
        )

    @classmethod
    def execute(cls, method: str, steps: int, dynamic_cfg: bool) -> io.NodeOutput:
        from ..pipelines.host.transpixeler import vp_sampler

        return io.NodeOutput(vp_sampler.VPSampler(method, steps, dynamic_cfg), reference_sigmas(steps))


class RGBADecodeJoint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBADecodeJoint",
            display_name="Decode joint (RGB and alpha)",
            category=MENU,
            description="Decodes the two halves one after the other with the model's own VAE: straight RGBA frames.",
            search_aliases=["vae decode", "alpha", "transparent", "transpixeler", "transpixar"],
            inputs=[
                io.Latent.Input("rgb", tooltip="The RGB half."),
                io.Latent.Input("alpha", tooltip="The alpha half of the same run."),
                io.Vae.Input("vae", tooltip="The stock VAE of the model: CogVideoX, Wan 2.1 or Mochi."),
                io.Combo.Input(
                    "alpha_from",
                    options=list(ALPHA_FROM),
                    tooltip="How one alpha comes out of three decoded channels: max is the reference's; mean is "
                    "smoother and a little lower; red takes the first channel.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip=IMAGE_OUT),
                io.Image.Output("rgb", tooltip=RGB_OUT),
                io.Mask.Output("mask", tooltip=MASK_OUT),
            ],
        )

    @classmethod
    def execute(cls, rgb: Latent, alpha: Latent, vae: VAE, alpha_from: str) -> io.NodeOutput:
        from ..pipelines.host.transpixeler import joint_decode

        image, colour = joint_decode.decode(rgb, alpha, vae, alpha_from)
        return io.NodeOutput(image, colour, mask_of(image))


class RGBAJointFirstFrame(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAJointFirstFrame",
            display_name="First frame (RGBA image to video)",
            category=MENU,
            description="A picture as the first frame of a clip, its alpha as the first alpha frame, for CogVideoX-5B "
            "image to video with TransPixeler. Experimental: no weights for it are published.",
            search_aliases=["i2v", "image to video", "start image", "transpixeler", "transpixar"],
            inputs=[
                io.Conditioning.Input("positive", tooltip="What is to be seen."),
                io.Conditioning.Input("negative", tooltip="What is not to be seen."),
                io.Vae.Input("vae", tooltip="The CogVideoX VAE."),
                io.Image.Input(
                    "image",
                    tooltip="One frame, RGBA (straight) or RGB, in the size of the clip. RGB without a mask has no "
                    "alpha: the model then makes it from nothing.",
                ),
                io.Int.Input(
                    "width",
                    default=720,
                    min=COGVIDEOX_DIT.multiple,
                    max=8192,
                    step=COGVIDEOX_DIT.multiple,
                    tooltip="Width in pixels, a multiple of 16.",
                ),
                io.Int.Input(
                    "height",
                    default=480,
                    min=COGVIDEOX_DIT.multiple,
                    max=8192,
                    step=COGVIDEOX_DIT.multiple,
                    tooltip="Height in pixels, a multiple of 16.",
                ),
                io.Int.Input(
                    "length",
                    default=49,
                    min=1,
                    max=8193,
                    step=COGVIDEOX_DIT.frames,
                    tooltip="Frames, 4n + 1: 49 are 6 s at 8 fps.",
                ),
                io.Mask.Input(
                    "mask", optional=True, tooltip="1 - alpha (1 = transparent); gives or replaces the image's alpha."
                ),
            ],
            outputs=[
                io.Conditioning.Output("positive", tooltip="With the first frames of both domains."),
                io.Conditioning.Output("negative", tooltip="With the first frames of both domains."),
                io.Latent.Output("latent", tooltip="Empty, of both domains: for Sample joint or a native sampler."),
            ],
        )

    @classmethod
    def execute(
        cls,
        positive: Conditioning,
        negative: Conditioning,
        vae: VAE,
        image: Tensor,
        width: int,
        height: int,
        length: int,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.host.transpixeler import first_frame

        condition, latent = first_frame.first_frame(image, mask, vae, width, height, length)
        return io.NodeOutput(
            first_frame.with_condition(positive, condition),
            first_frame.with_condition(negative, condition),
            latent,
        )


NODES: list[type[io.ComfyNode]] = [
    RGBAApplyTransPixeler,
    RGBALoadCogVideoX,
    RGBAJointLatent,
    RGBASplitJoint,
    RGBASampleJoint,
    RGBACogVideoXSampler,
    RGBADecodeJoint,
    RGBAJointFirstFrame,
]

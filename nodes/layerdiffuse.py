"""LayerDiffuse: transparent pictures and layers from SDXL, SD 1.5 and Flux, with the host's own samplers and VAE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from ..pipelines.host.core.model_files import LAYERDIFFUSE, names, path_of
from ..pipelines.host.pictures.image_and_mask import mask_of
from .names import (
    APPLY_LAYERDIFFUSE,
    LAYERDIFFUSE_CONDITION,
    LAYERDIFFUSE_DECODE,
    LAYERDIFFUSE_ENCODE,
    LAYERDIFFUSE_LAYERS,
)
from .refusals import says_what_takes_it
from .schema import IMAGE_OUT, MASK_OUT, RGB_OUT, category, io

if TYPE_CHECKING:
    from ..pipelines.host.core.sockets import VAE, Conditioning, Latent, ModelPatcher

MENU = category("LayerDiffuse")


def weights_input(which: str) -> io.Input:
    """`weights_name`, from the folders that LayerDiffuse's files are looked for in."""
    return io.Combo.Input(
        "weights_name",
        options=names(*LAYERDIFFUSE),
        tooltip=f"{which} From models/layer_model, vae, loras or model_patches.",
    )


def strength_input(zero: str) -> io.Input:
    return io.Float.Input(
        "strength",
        default=1.0,
        min=-2.0,
        max=2.0,
        step=0.01,
        tooltip=f"Scales what the file adds to the model. 1 is the trained one; at 0 {zero}.",
    )


class RGBAApplyLayerDiffuse(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAApplyLayerDiffuse",
            display_name=APPLY_LAYERDIFFUSE,
            category=MENU,
            description="Lets SDXL, SD 1.5 or Flux.1 dev make pictures whose latent carries alpha. Sample as always, "
            "decode with VAE Decode, and give both to LayerDiffuse decode.",
            search_aliases=["layer diffuse", "layerdiffusion", "transparent image", "alpha", "png", "sdxl", "rgba"],
            inputs=[
                io.Model.Input("model", tooltip="The model that the file was made for: SDXL, SD 1.5 or Flux.1 dev."),
                weights_input(
                    "layer_xl_transparent_attn, layer_xl_transparent_conv (SDXL), layer_sd15_transparent_attn (SD 1.5) "
                    "or layerlora (Flux)."
                ),
                strength_input("it is the plain model"),
            ],
            outputs=[io.Model.Output("model", tooltip="A patched clone; the model that came in is unchanged.")],
        )

    @classmethod
    @says_what_takes_it()
    def execute(cls, model: ModelPatcher, weights_name: str, strength: float) -> io.NodeOutput:
        from ..pipelines.host.layerdiffuse import weight_patches

        return io.NodeOutput(weight_patches.applied(model, path_of(weights_name, *LAYERDIFFUSE), strength))


class RGBALayerDiffuseCondition(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBALayerDiffuseCondition",
            display_name=LAYERDIFFUSE_CONDITION,
            category=MENU,
            description="Gives SDXL a layer to work with: a foreground or a background to blend into a picture, or one "
            "of them and the blended picture to make the other of.",
            search_aliases=["layer diffuse", "foreground", "background", "blend", "inpaint", "composite", "rgba"],
            inputs=[
                io.Model.Input("model", tooltip="SDXL, without another LayerDiffuse file."),
                io.Conditioning.Input("positive", tooltip="What is to be seen."),
                io.Conditioning.Input("negative", tooltip="What is not to be seen."),
                weights_input(
                    "layer_xl_fg2ble, bg2ble, fgble2bg or bgble2fg. Keys and shapes cannot tell foreground from "
                    "background files: the name says which layer latent has to be."
                ),
                io.Latent.Input(
                    "latent",
                    tooltip="The layer that is kept, foreground or background by the file, in the size that is "
                    "sampled. Of a foreground: LayerDiffuse encode, or its picture over grey through VAE Encode.",
                ),
                strength_input("the layer is still there, and the model does not see it"),
                io.Latent.Input(
                    "blended",
                    optional=True,
                    tooltip="The picture of both layers, for fgble2bg and bgble2fg alone.",
                ),
            ],
            outputs=[
                io.Model.Output("model", tooltip="A patched clone, for these two conditionings alone."),
                io.Conditioning.Output("positive", tooltip="With the layers, for the sampler."),
                io.Conditioning.Output("negative", tooltip="With the layers, for the sampler."),
            ],
        )

    @classmethod
    @says_what_takes_it()
    def execute(
        cls,
        model: ModelPatcher,
        positive: Conditioning,
        negative: Conditioning,
        weights_name: str,
        latent: Latent,
        strength: float,
        blended: Latent | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.host.layerdiffuse import condition

        path = path_of(weights_name, *LAYERDIFFUSE)
        return io.NodeOutput(*condition.conditioned(model, positive, negative, path, latent, blended, strength))


class RGBALayerDiffuseJoint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBALayerDiffuseJoint",
            display_name=LAYERDIFFUSE_LAYERS,
            category=MENU,
            description="Lets SD 1.5 make the layers of a picture together: foreground, background and blended, or the "
            "one that a given layer lacks, and blended.",
            search_aliases=["layer diffuse", "joint", "foreground", "background", "fg2bg", "bg2fg", "rgba"],
            inputs=[
                io.Model.Input("model", tooltip="SD 1.5."),
                weights_input(
                    "layer_sd15_joint (three layers), fg2bg or bg2fg (two). Keys and shapes cannot tell the last two "
                    "apart: the name says whether image is the foreground or the background."
                ),
                strength_input("it is the plain model"),
                io.Conditioning.Input(
                    "foreground",
                    optional=True,
                    tooltip="The foreground's own prompt, instead of the sampler's positive one.",
                ),
                io.Conditioning.Input(
                    "background",
                    optional=True,
                    tooltip="The background's own prompt. For two layers connect the one that is made, not both.",
                ),
                io.Conditioning.Input("blended", optional=True, tooltip="The blended picture's own prompt."),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The given layer, for fg2bg and bg2fg: RGBA (straight) or RGB. Cut and resized to what is "
                    "sampled; one picture, or one for each.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="1 - alpha (1 = transparent) of the given layer; gives or replaces the image's alpha.",
                ),
            ],
            outputs=[
                io.Model.Output("model", tooltip="A patched clone; the model that came in is unchanged."),
                io.Int.Output(
                    "layers",
                    tooltip="How many layers it makes of a picture: the batch_size of the empty latent for one.",
                ),
            ],
        )

    @classmethod
    @says_what_takes_it()
    def execute(
        cls,
        model: ModelPatcher,
        weights_name: str,
        strength: float,
        foreground: Conditioning | None = None,
        background: Conditioning | None = None,
        blended: Conditioning | None = None,
        image: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.host.layerdiffuse import layers

        path = path_of(weights_name, *LAYERDIFFUSE)
        return io.NodeOutput(*layers.applied(model, path, strength, foreground, background, blended, image, mask))


class RGBASplitLayers(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBASplitLayers",
            display_name="Split layers",
            category=MENU,
            description="Takes the layers of a sampled batch apart. The foreground goes through LayerDiffuse decode, "
            "the others through VAE Decode alone.",
            search_aliases=["layer diffuse", "batch", "deinterleave", "foreground", "background", "rgba"],
            inputs=[
                io.Latent.Input(
                    "samples",
                    tooltip="What was sampled with LayerDiffuse layers: the layers of a picture "
                    "stand side by side in the batch.",
                ),
                io.Int.Input("layers", default=3, min=2, max=3, tooltip="How many layers a picture has, 2 or 3."),
            ],
            outputs=[
                io.Latent.Output("foreground", tooltip="The first layer of each picture."),
                io.Latent.Output("background", tooltip="The second of three layers; of two, the first as well."),
                io.Latent.Output("blended", tooltip="The last layer of each picture."),
            ],
        )

    @classmethod
    def execute(cls, samples: Latent, layers: int) -> io.NodeOutput:
        from ..pipelines.host.layerdiffuse.layers import split

        return io.NodeOutput(*split(samples, layers))


class RGBADecodeLayerDiffuse(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBADecodeLayerDiffuse",
            display_name=LAYERDIFFUSE_DECODE,
            category=MENU,
            description="Makes straight RGBA of a latent and of the picture that VAE Decode made of it, picture by "
            "picture, so a clip of frames takes no more memory than one.",
            search_aliases=["layer diffuse", "transparent vae", "alpha", "rgba", "png", "cutout"],
            inputs=[
                io.Latent.Input("samples", tooltip="The sampled latent: transparent pictures or foregrounds."),
                io.Image.Input("rgb", tooltip="VAE Decode of that latent, in its own size."),
                weights_input(
                    "vae_transparent_decoder (SDXL), layer_sd15_vae_transparent_decoder (SD 1.5) or TransparentVAE "
                    "(Flux)."
                ),
                io.Boolean.Input(
                    "ensemble",
                    default=True,
                    tooltip="The lower median of eight mirrored and turned views, as released. Off: one view, eight "
                    "times as fast, with more specks.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip=IMAGE_OUT),
                io.Image.Output("rgb", tooltip=RGB_OUT),
                io.Mask.Output("mask", tooltip=MASK_OUT),
            ],
        )

    @classmethod
    @says_what_takes_it()
    def execute(cls, samples: Latent, rgb: Tensor, weights_name: str, ensemble: bool) -> io.NodeOutput:
        from ..pipelines.host.layerdiffuse import transparent_vae

        image = transparent_vae.decode(samples["samples"], rgb, path_of(weights_name, *LAYERDIFFUSE), ensemble)
        return io.NodeOutput(image, image[..., :3].contiguous(), mask_of(image))


class RGBAEncodeLayerDiffuse(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RGBAEncodeLayerDiffuse",
            display_name=LAYERDIFFUSE_ENCODE,
            category=MENU,
            description="Hides an RGBA picture's alpha in its latent, where LayerDiffuse decode finds it: for image to "
            "image, and for a given foreground.",
            search_aliases=["layer diffuse", "transparent vae", "alpha", "img2img", "rgba", "vae encode"],
            inputs=[
                io.Image.Input("image", tooltip="RGBA (straight) or RGB. Any size; sides grow to a multiple of 8."),
                io.Vae.Input("vae", tooltip="The ordinary VAE of the model."),
                weights_input(
                    "vae_transparent_encoder (SDXL), layer_sd15_vae_transparent_encoder (SD 1.5) or TransparentVAE "
                    "(Flux)."
                ),
                io.Float.Input(
                    "offset_scale",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.1,
                    tooltip="Factor on what the encoder adds to the latent. 0 is the file's own: 300 for ld_diffusers "
                    "files and Flux, 1 for the others.",
                ),
                io.Boolean.Input(
                    "padding",
                    default=True,
                    tooltip="Fills the transparent part with colour from around it before it is encoded, as trained. "
                    "Off: whatever colour is there, for pictures that are filled already.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="1 - alpha (1 = transparent); gives or replaces the image's alpha.",
                ),
            ],
            outputs=[
                io.Latent.Output("samples", tooltip="A latent of the model, for a sampler or LayerDiffuse decode.")
            ],
        )

    @classmethod
    @says_what_takes_it()
    def execute(
        cls, image: Tensor, vae: VAE, weights_name: str, offset_scale: float, padding: bool, mask: Tensor | None = None
    ) -> io.NodeOutput:
        from ..pipelines.host.layerdiffuse import transparent_vae

        path = path_of(weights_name, *LAYERDIFFUSE)
        return io.NodeOutput({"samples": transparent_vae.encode(image, mask, vae, path, offset_scale, padding)})


NODES: list[type[io.ComfyNode]] = [
    RGBAApplyLayerDiffuse,
    RGBALayerDiffuseCondition,
    RGBALayerDiffuseJoint,
    RGBASplitLayers,
    RGBADecodeLayerDiffuse,
    RGBAEncodeLayerDiffuse,
]

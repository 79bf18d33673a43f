"""TransPixeler on a MODEL of the host: CogVideoX-5B, Wan 2.1 T2V or Mochi 1 generating RGB and alpha in one latent.

The latent that the patched model samples has 2F frames, F of RGB and then F of alpha; noise, previews, progress and
memory are the host's own for that size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from comfy.nested_tensor import NestedTensor
from comfy.patcher_extension import WrappersMP

from ...latent_grid.size_rule import to_pixels
from ...transpixeler import halves
from ...transpixeler.families import COGVIDEOX, Family, sight
from ...transpixeler.rgba_lora import RGBALoRA, read_rgba_lora
from ...weights.fit import check_fit
from ...weights.weights_file import named, read_weights
from ..core.base_weight import parameter_shapes
from ..core.model_files import chosen_for
from .cogvideox_positions import with_rotary_table
from .cogvideox_sampling import with_v_prediction
from .joint_branch import JointBranch, JointLayers
from .joint_preview import show_both_halves
from .seams import seam_of

if TYPE_CHECKING:
    from ..core.sockets import ModelPatcher

KEY = "rgba_video.transpixeler"
FILE_INPUT = "weights_name"

SameNoise = Literal["auto", "on", "off"]


@dataclass(frozen=True, eq=False)
class RGBALoRAFile:
    """A TransPixeler file with its name for messages."""

    name: str
    lora: RGBALoRA

    @property
    def lacks_embedding(self) -> bool:
        """Whether it has no domain embedding although its family is trained with one."""
        return self.lora.family.embedded and self.lora.embedding is None


def read_file(path: Path) -> RGBALoRAFile:
    """Raises ValueError, naming the file and saying what it is, for anything but a TransPixeler LoRA."""
    with chosen_for(FILE_INPUT):
        weights = read_weights(path)
        with named(path):
            return RGBALoRAFile(path.name, read_rgba_lora(weights))


def applied(
    model: ModelPatcher,
    file: RGBALoRAFile,
    strength: float,
    text_to_alpha: str,
    rgb_to_alpha: bool = True,
    same_noise: SameNoise = "auto",
) -> ModelPatcher:
    """A clone of `model` that generates both domains; what this node had put on it is replaced.

    strength scales the LoRA alone. same_noise: whether both domains start from the RGB half's noise, `auto` as the
    family was released. Raises ValueError when the file was made for another model.
    """
    network = model.model.diffusion_model
    seam = seam_of(network)
    with chosen_for(FILE_INPUT):
        _refuse_unfit(file, model, seam.family, getattr(network, seam.width))
    clone = model.clone()
    if seam.family is COGVIDEOX:
        clone = with_rotary_table(with_v_prediction(clone))
    branch = JointBranch(seam, file.lora, strength, sight(seam.family, text_to_alpha, rgb_to_alpha))
    branch.attach(clone, KEY, JointLayers(file.lora))
    repeated = seam.family.same_noise if same_noise == "auto" else same_noise == "on"
    clone.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, KEY)
    clone.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, _start(seam.family, repeated))
    show_both_halves(clone)
    return clone


def _start(family: Family, repeated: bool) -> Callable[..., Any]:
    """A wrapper that checks what is sampled before anything is computed, and repeats the noise."""

    def outer_sample(executor: Any, noise: Any, *rest: Any, **named: Any) -> Any:
        shapes = named.get("latent_shapes")
        if isinstance(noise, NestedTensor) or (shapes is not None and len(shapes) > 1):
            raise ValueError("TransPixeler wants one latent of both domains, got several packed together.")
        refuse_other_latent(noise.shape, family)
        if executor.class_obj.model_options.get("context_handler") is not None:
            raise ValueError(
                "Context windows cut the frames of one clip, and a latent of both domains holds two; take the context "
                "windows node out. If memory runs out without it, generate a shorter clip."
            )
        return executor(halves.same_noise(noise) if repeated else noise, *rest, **named)

    return outer_sample


def refuse_other_latent(shape: tuple[int, ...], family: Family) -> None:
    """Raises ValueError unless this is a latent (B, channels, 2F, h, w) of both domains, h and w whole patches."""
    if len(shape) != 5 or shape[1] != family.channels:
        raise ValueError(
            f"{family.title} samples video latents (B, {family.channels}, 2F, h, w), got {tuple(shape)}; make the "
            "latent for this model."
        )
    if shape[2] % 2:
        raise ValueError(
            f"a latent of both domains has as many alpha frames as RGB frames, got {shape[2]} latent frames; make it "
            "with RGBAJointLatent from a latent of one domain."
        )
    height, width = map(to_pixels, shape[3:])
    family.sizes.check(f"latent_image for {family.title}", width, height)


def _refuse_unfit(file: RGBALoRAFile, model: ModelPatcher, family: Family, width: int) -> None:
    lora, blocks = file.lora, len(model.model.diffusion_model.blocks)
    if lora.family is not family:
        raise ValueError(
            f"{file.name} was made for {lora.family.title}, the model is {family.title}; change one of the two."
        )
    if lora.blocks != blocks:
        raise ValueError(
            f"{file.name} was made for a model of {lora.blocks} blocks, this one has {blocks}; choose the model that "
            "it was trained on."
        )
    wanted = {f"{target}.weight": layer.shape for target, layer in lora.layers.items()}
    check_fit(file.name, wanted, parameter_shapes(model))
    if lora.embedding is not None and lora.embedding.shape[1] != width:
        raise ValueError(
            f"{file.name} has a domain embedding of {lora.embedding.shape[1]} values, the model is {width} wide; the "
            "file does not fit itself, choose another one."
        )

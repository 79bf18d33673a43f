"""The recipe of the demo models, stage by stage: what is trained, on what, and for how long.

    vae_stills -> vae_clips ---> rgba_vae --------------.
                       `-> dit_stills -> dit_clips -----`-> dora
                                             `-> transpixeler

Each stage is a resumable run in a folder of its own and leaves RESULT there when it is through; asked again, it reads
that. A stage asks for what it needs, so any of them can be asked for, and two that do not need each other can be
trained by two processes at a time. What is published lies in MODELS, laid out as ComfyUI's models folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pipelines.ellipse.fit import fit
from pipelines.latent_grid.size_rule import to_latent_shape
from pipelines.media.whole_file import write_whole
from pipelines.training.loop import Run, train
from pipelines.training.methods import dora, rgba_vae, transpixeler
from pipelines.training.methods.alpha_tokens import Additions
from pipelines.training.models.captured import capture
from pipelines.training.models.wan_models import load_dit, load_vae
from pipelines.training.models.wan_names import dit_to_official, vae_to_official
from pipelines.training.models.whole_clip import decode, encode
from pipelines.training.run_settings import loss
from pipelines.transpixeler.families import WAN
from pipelines.wan_alpha.latent_stats import denormalise, normalise
from pipelines.weights.fit import refuse_other_state
from pipelines.weights.weights_file import named, read_weights

from . import base_dit, base_vae
from .cached import Shuffled, cached
from .captions import opaque_caption, transparent_caption
from .clips import draw, scene
from .muon import muon_in_blocks, muon_in_convolutions
from .shown import WHOLE, Shown, ShownRGBA, in_front_of_its_wall, on_a_plain_color
from .text_encoder import (
    TEXT_WIDTH,
    WORDS,
    TextEncoder,
    Tokenizer,
    read_text_encoder,
    text_encoder_file,
    train_tokenizer,
)

TRAINING_SEED = 1
HELD_OUT_SEED = 2
FRAMES = 17
RESULT = "result.safetensors"
MODELS = "models"

VAE = "vae/rgba_demo_wan_2.1_vae.safetensors"
RGBA_VAE = "vae/rgba_demo_Wan-Alpha-VAE.safetensors"
DIT = "diffusion_models/rgba_demo_wan2.1_t2v.safetensors"
TEXT_ENCODER = "text_encoders/rgba_demo_umt5.safetensors"
DORA = "loras/rgba_demo_t2v.safetensors"
TRANSPIXELER = "loras/rgba_demo_wan_rgba_lora.safetensors"

DECODER_RANK, DORA_RANK, ALPHA_RANK = 32, 32, 16
ENCODED_TOGETHER = 2
MEASURED = 64
"""Clips that the latent's mean and covariance are measured on."""
MEAN_SHIFT = 0.3
"""Six times the papers': the grid is so small that 0.05 would drown in the noise (see the model card)."""


@dataclass(frozen=True)
class Recipe:
    """Where it trains and how, on a GPU if there is one. On processors that know bf16, that and `compiled` diffusion
    models are faster; compiling wants a C++ compiler. `steps`, `clips` and `batch` of a stage by its name, where they
    shall differ from the recipe's; `workers` draw clips beside the training."""

    folder: Path
    precision: Literal["no", "bf16"] = "no"
    steps: Mapping[str, int] = field(default_factory=dict)
    clips: Mapping[str, int] = field(default_factory=dict)
    batch: Mapping[str, int] = field(default_factory=dict)
    workers: int = 0
    compiled: bool = False

    @property
    def device(self) -> torch.device:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def file(self, name: str) -> Path:
        return self.folder / MODELS / name

    def capture(self, model: nn.Module, method: str, *examples: Tensor) -> None:
        """On a GPU, make the method one graph, for the examples' shapes: models of this size wait for its launches."""
        if self.device.type == "cuda":
            model.to(self.device)
            on_device = (one.to(self.device).detach().requires_grad_(one.requires_grad) for one in examples)
            half = self.precision != "no"
            with torch.autocast("cuda", torch.bfloat16, enabled=half, cache_enabled=False):
                capture(model, method, *on_device)

    def compile(self, dit: Any) -> None:
        """On a processor, and if it is wanted, compile the blocks of a diffusion model."""
        if self.compiled and self.device.type == "cpu":
            torch.backends.cuda.enable_flash_sdp(False)  # a processor's too, whose gradient is slow in bf16
            for block in dit.blocks:
                block.compile(dynamic=False)

    def run(self, name: str, steps: int, batch: int, average: float, sample_every: int = 0) -> Run:
        """How a stage trains that learns from cached latents."""
        return Run(
            self.folder / name, self.steps.get(name, steps), batch=self.batch.get(name, batch), seed=TRAINING_SEED,
            average=average, checkpoint_every=100, note_every=20, sample_every=sample_every, on_not_finite="skip",
            precision=self.precision,
        )  # fmt: skip

    def run_of_vae(self, name: str, steps: int, batch: int) -> Run:
        """How a stage trains that draws its clips as it goes."""
        run = self.run(name, steps, batch, average=0.998, sample_every=500)
        return replace(run, clip=0.5, workers=self.workers)


def vae_stills(recipe: Recipe) -> dict[str, Tensor]:
    """The base VAE on single frames."""
    return _vae(recipe, "vae_stills", None, frames=1, side=64, batch=32, steps=2700, rate=1e-3)


def vae_clips(recipe: Recipe) -> dict[str, Tensor]:
    """The base VAE on parts of clips."""
    return _vae(recipe, "vae_clips", vae_stills, frames=FRAMES, side=48, batch=16, steps=3000, rate=8e-4)


def base_vae_whitened(recipe: Recipe) -> dict[str, Tensor]:
    """The VAE of clips, its latent brought to Wan's mean and spread; writes the base VAE's file."""
    folder = recipe.folder / "base_vae_whitened"
    if (done := _result(folder)) is None:
        model = base_vae.BaseVAE()
        model.load_state_dict(vae_clips(recipe))
        model.to(recipe.device)
        clips = Shown(TRAINING_SEED, FRAMES, WHOLE)
        shown = (clips[number][None].to(recipe.device) for number in range(recipe.clips.get(folder.name, MEASURED)))
        with torch.no_grad():
            latents = [encode(model.vae, clip, flat=True)[:, : base_vae.CHANNELS].cpu() for clip in shown]
        model.cpu()
        channels = torch.cat(latents).transpose(0, 1).flatten(1)
        base_vae.whitened(model.vae, channels.mean(1), channels.cov())
        done = _write_result(folder, model.state_dict())
    _publish(recipe, VAE, vae_to_official({name.removeprefix("vae."): tensor for name, tensor in done.items()}))
    return done


def _vae(
    recipe: Recipe,
    name: str,
    before: Callable[[Recipe], Mapping[str, Tensor]] | None,
    frames: int,
    side: int,
    batch: int,
    steps: int,
    rate: float,
) -> dict[str, Tensor]:
    folder = recipe.folder / name
    if (done := _result(folder)) is not None:
        return done
    torch.manual_seed(TRAINING_SEED)
    model = base_vae.BaseVAE()
    if before is not None:
        model.load_state_dict(before(recipe))
    run = recipe.run_of_vae(name, steps, batch)
    clips = torch.zeros(run.batch, 3, frames, side, side)
    recipe.capture(
        model, "forward", clips, clips.new_zeros(run.batch, base_vae.CHANNELS, *to_latent_shape(frames, side, side))
    )

    def sample(model: Any, _: int) -> dict[str, Tensor]:
        shown = [Shown(HELD_OUT_SEED, frames, WHOLE)[number] for number in range(12)]
        clips = torch.stack(shown).to(_device(model))
        again = torch.cat([model(clip[None], clip.new_zeros(()))[0] for clip in clips])
        rows = torch.cat([torch.cat([*clips], -1), torch.cat([*again], -1)], dim=-2)
        return {"clips-and-again": _seen(rows)}

    shown = Shown(TRAINING_SEED, frames, side)
    weights = train(
        model, base_vae.loss, shown, run,
        lambda _: muon_in_convolutions(model, rate, rate / 4), _warm_then_cosine(run.steps), sample=sample,
    )  # fmt: skip
    return _write_result(folder, weights)


def tokenizer() -> Tokenizer:
    """Trained on the captions of the first scenes: the same every time."""
    captions = [
        caption(scene(TRAINING_SEED, number), TRAINING_SEED, number)
        for number in range(2000)
        for caption in (opaque_caption, transparent_caption)
    ]
    return Tokenizer(train_tokenizer(captions))


def dit_stills(recipe: Recipe) -> dict[str, Tensor]:
    """Text encoder and base model on single opaque frames."""
    vae = _frozen(recipe, base_vae_whitened(recipe))
    return _dit(recipe, "dit_stills", None, vae, frames=1, clips=24000, batch=256, steps=6000, rate=4e-3)


def dit_clips(recipe: Recipe) -> dict[str, Tensor]:
    """The same on clips; writes the files of both."""
    vae = _frozen(recipe, base_vae_whitened(recipe))
    weights = _dit(recipe, "dit_clips", dit_stills, vae, frames=FRAMES, clips=5000, batch=64, steps=6000, rate=2e-3)
    words = tokenizer()
    model = base_dit.PromptedDiT(len(words))
    model.load_state_dict(weights)
    config = {"num_heads": base_dit.HEADS, "freq_dim": base_dit.FREQUENCIES, "text_dim": TEXT_WIDTH}
    _publish(recipe, DIT, dit_to_official(model.dit.state_dict()), {"transformer": config})
    _publish(recipe, TEXT_ENCODER, text_encoder_file(model.text, words))
    return weights


def _dit(
    recipe: Recipe,
    name: str,
    before: Callable[[Recipe], Mapping[str, Tensor]] | None,
    vae: Any,
    frames: int,
    clips: int,
    batch: int,
    steps: int,
    rate: float,
) -> dict[str, Tensor]:
    folder = recipe.folder / name
    if (done := _result(folder)) is not None:
        return done
    words = tokenizer()
    torch.manual_seed(TRAINING_SEED)
    model = base_dit.PromptedDiT(len(words))
    if before is not None:
        model.load_state_dict(before(recipe))
    rows = cached(
        folder / "latents", recipe.clips.get(name, clips), lambda part: _opaque(recipe, vae, words, part, frames)
    )
    run = recipe.run(name, steps, batch, average=0.999, sample_every=500)
    context = torch.zeros(run.batch, WORDS, TEXT_WIDTH, requires_grad=True)
    recipe.capture(model, "velocity", *_asked(run.batch, frames), context)
    recipe.compile(model.dit)

    def sample(model: Any, _: int) -> dict[str, Tensor]:
        prompts = [opaque_caption(scene(HELD_OUT_SEED, number), HELD_OUT_SEED, number) for number in range(8)]
        grid = to_latent_shape(frames, WHOLE, WHOLE)
        noise = torch.randn(8, base_vae.CHANNELS, *grid, generator=torch.Generator().manual_seed(0))
        device = _device(model)
        made = base_dit.sampled(model, words(prompts).to(device), noise.to(device), guidance=2.0)
        latents = denormalise(made.to(recipe.device))
        return {"drawn": _seen(torch.cat([decode(vae, latent[None], flat=True)[0] for latent in latents], dim=-1))}

    shuffled = Shuffled(rows, TRAINING_SEED)
    weights = train(
        model, base_dit.loss, shuffled, run, lambda _: muon_in_blocks(model, rate, rate / 4, decay=0.01),
        _warm_then_cosine(run.steps), shuffled.together, sample,
    )  # fmt: skip
    with torch.no_grad():  # by the model, for the text encoder has a name more than it has tensors
        for parameter_name, parameter in model.named_parameters():
            parameter.copy_(weights[parameter_name])
    return _write_result(folder, model.state_dict())


def _opaque(recipe: Recipe, vae: Any, words: Tokenizer, numbers: range, frames: int) -> dict[str, Tensor]:
    """Normalised latents of clips in front of their walls, and their captions' ids."""
    scenes = [scene(TRAINING_SEED, number) for number in numbers]
    with recipe.device:
        clips = torch.stack([in_front_of_its_wall(one, frames, WHOLE, WHOLE) for one in scenes])
    latents = [_latents(vae, some) for some in clips.split(ENCODED_TOGETHER)]
    ids = words([opaque_caption(one, TRAINING_SEED, number) for one, number in zip(scenes, numbers)])
    return {"latent": torch.cat(latents).half(), "ids": ids}


@torch.no_grad()
def _latents(vae: Any, clips: Tensor) -> Tensor:
    """(B, T, H, W, 3) in 0..1 to normalised latents (B, 16, t, h, w), on the CPU."""
    raw = encode(vae, clips.movedim(-1, 1) * 2 - 1, flat=True)[:, : base_vae.CHANNELS]
    return normalise(raw).cpu()


def rgba(recipe: Recipe) -> dict[str, Tensor]:
    """The merge block and both decoders' LoRAs; writes their file."""
    folder = recipe.folder / "rgba_vae"
    if (done := _result(folder)) is None:
        base_vae_whitened(recipe)
        torch.manual_seed(TRAINING_SEED)
        base = load_vae(recipe.file(VAE))
        model = rgba_vae.RGBAVAE(base, DECODER_RANK, flat=True, noise=0.07, prior=0.01, psnr=0.06)
        run = recipe.run_of_vae("rgba_vae", steps=2500, batch=16)
        clips = torch.zeros(run.batch, 3, FRAMES, 48, 48)
        noise = clips.new_zeros(run.batch, base_vae.CHANNELS, *to_latent_shape(FRAMES, 48, 48))
        recipe.capture(model, "through", clips, clips[:, :1], noise)

        def sample(model: Any, _: int) -> dict[str, Tensor]:
            drawn = [ShownRGBA(HELD_OUT_SEED, FRAMES, WHOLE)[number] for number in range(8)]
            clips = [{name: tensor.to(_device(model)) for name, tensor in one.items()} for one in drawn]
            pairs = [model.decode(model.encode(one["rgb"][None], one["alpha"][None])) for one in clips]
            again = [torch.cat([rgb, alpha.mean(1, keepdim=True)], 1)[0] for rgb, alpha in pairs]
            asked = [torch.cat([one["rgb"], one["alpha"]]) for one in clips]
            return {"clips-and-again": _seen(torch.cat([torch.cat(asked, -1), torch.cat(again, -1)], dim=-2))}

        weights = train(
            model, loss, ShownRGBA(TRAINING_SEED, FRAMES, 48), run,
            lambda _: muon_in_convolutions(model, 1e-3, 3e-4, lora_rate=8e-3),
            _warm_then_cosine(run.steps), sample=sample,
        )  # fmt: skip
        done = _write_result(folder, weights)
    _publish(recipe, RGBA_VAE, rgba_vae.published(done))
    return done


def mean_shifted(recipe: Recipe) -> dict[str, Tensor]:
    """The DoRA that learns the RGBA VAE's latents from mean-shifted noise; writes its file."""
    folder = recipe.folder / "dora"
    if (done := _result(folder)) is None:
        dit_clips(recipe)
        rows = cached(folder / "latents", recipe.clips.get("dora", 2500), _transparent(recipe))
        dit = load_dit(recipe.file(DIT))
        base_dit.count_padding(dit)
        torch.manual_seed(TRAINING_SEED)
        model = dora.DoRA(dit, DORA_RANK, MEAN_SHIFT, base_dit.SHIFT)
        run = recipe.run("dora", steps=4400, batch=16, average=0.998)
        recipe.capture(model, "velocity", *_asked(run.batch, FRAMES), torch.zeros(run.batch, WORDS, TEXT_WIDTH))
        recipe.compile(model.dit)
        done = _write_result(folder, _adapted(model, rows, run))
    _publish(recipe, DORA, dora.published(done))
    return done


def _transparent(recipe: Recipe) -> Callable[[range], dict[str, Tensor]]:
    """Makes merged latents of hard-rendered clips, their ellipses and their captions' contexts."""
    model = rgba_vae.RGBAVAE(load_vae(recipe.file(VAE)), DECODER_RANK, flat=True)
    model.load_state_dict(rgba(recipe), strict=False)
    model.to(recipe.device)
    words, text = tokenizer(), _text_encoder(recipe)

    @torch.no_grad()
    def make(numbers: range) -> dict[str, Tensor]:
        rows: dict[str, list[Tensor]] = {"latent": [], "subject": [], "context": []}
        for number in numbers:
            drawn = scene(TRAINING_SEED, number)
            rgb, alpha = draw(drawn, FRAMES, WHOLE, WHOLE)
            shown = on_a_plain_color(rgb, alpha, TRAINING_SEED, number)
            clips = [(clip.movedim(-1, 0) * 2 - 1)[None].to(recipe.device) for clip in (shown, alpha)]
            rows["latent"].append(normalise(model.encode(*clips))[0].cpu())
            rows["subject"].append(fit(alpha[..., 0], threshold=0.75, growth_steps=8).subject)
            rows["context"].append(text(words([transparent_caption(drawn, TRAINING_SEED, number)]))[0])
        return {name: torch.stack(row) for name, row in rows.items()}

    return make


def alpha_tokens(recipe: Recipe) -> dict[str, Tensor]:
    """TransPixeler's LoRA on alpha tokens and its embedding, on the base model; writes their file."""
    folder = recipe.folder / "transpixeler"
    if (done := _result(folder)) is None:
        dit_clips(recipe)
        rows = cached(folder / "latents", recipe.clips.get("transpixeler", 1600), _both_domains(recipe))
        dit = load_dit(recipe.file(DIT))
        base_dit.count_padding(dit)
        torch.manual_seed(TRAINING_SEED)
        model = transpixeler.TransPixeler(dit, WAN, Additions(rank=ALPHA_RANK), level_shift=base_dit.SHIFT)
        run = recipe.run("transpixeler", steps=1100, batch=8, average=0.998)
        both, timesteps = _asked(run.batch, FRAMES, domains=2)
        recipe.capture(model.model, "forward", both, timesteps, torch.zeros(run.batch, WORDS, TEXT_WIDTH))
        recipe.compile(dit)
        done = _write_result(folder, _adapted(model, rows, run))
    _publish(recipe, TRANSPIXELER, transpixeler.published(done, WAN))
    return done


def _both_domains(recipe: Recipe) -> Callable[[range], dict[str, Tensor]]:
    """Makes the base VAE's latents of clips in front of their walls and of their alphas, and the captions' contexts."""
    vae, words, text = _frozen(recipe, base_vae_whitened(recipe)), tokenizer(), _text_encoder(recipe)

    @torch.no_grad()
    def make(numbers: range) -> dict[str, Tensor]:
        scenes = [scene(TRAINING_SEED, number) for number in numbers]
        captions = [opaque_caption(one, TRAINING_SEED, number) for one, number in zip(scenes, numbers)]
        with recipe.device:
            drawn = [draw(one, FRAMES, WHOLE, WHOLE) for one in scenes]
            domains = {
                "rgb": [in_front_of_its_wall(one, FRAMES, WHOLE, WHOLE) for one in scenes],
                "alpha": [alpha.expand(-1, -1, -1, 3) for _, alpha in drawn],
            }
        latents = {
            name: torch.cat([_latents(vae, some) for some in torch.stack(clips).split(ENCODED_TOGETHER)])
            for name, clips in domains.items()
        }
        return {**latents, "context": text(words(captions))}

    return make


def _adapted(model: nn.Module, rows: Mapping[str, Tensor], run: Run) -> dict[str, Tensor]:
    """What a LoRA learns from cached rows."""
    shuffled = Shuffled(rows, TRAINING_SEED)
    return train(
        model, loss, shuffled, run, lambda _: muon_in_blocks(model, 1e-2, 4e-3),
        _warm_then_cosine(run.steps), shuffled.together,
    )  # fmt: skip


def _text_encoder(recipe: Recipe) -> TextEncoder:
    weights = dit_clips(recipe)
    model = base_dit.PromptedDiT(len(tokenizer()))
    model.load_state_dict(weights)
    return model.text.requires_grad_(False).eval()


def _frozen(recipe: Recipe, weights: Mapping[str, Tensor]) -> Any:
    model = base_vae.BaseVAE()
    model.load_state_dict(weights)
    return model.vae.requires_grad_(False).eval().to(recipe.device)


def _publish(recipe: Recipe, name: str, weights: Mapping[str, Tensor], config: object = None) -> None:
    """Write a model file, in half precision but for what is no fraction."""
    from safetensors.torch import save

    path = recipe.file(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {
        key: (tensor.half() if tensor.is_floating_point() else tensor).contiguous() for key, tensor in weights.items()
    }
    write_whole(path, save(halves, {"config": json.dumps(config)} if config else None))


STAGES: Mapping[str, Callable[[Recipe], Mapping[str, Tensor]]] = {
    "vae_stills": vae_stills,
    "vae_clips": base_vae_whitened,
    "dit_stills": dit_stills,
    "dit_clips": dit_clips,
    "rgba_vae": rgba,
    "dora": mean_shifted,
    "transpixeler": alpha_tokens,
}
"""Every stage that trains, in an order in which each finds what it needs."""
LAST = ("dora", "transpixeler")
"""Those that no other needs: they ask for all the rest that is not there yet."""


def _asked(batch: int, frames: int, domains: int = 1) -> tuple[Tensor, Tensor]:
    """A latent of whole clips and its timesteps, of nothing."""
    t, *cells = to_latent_shape(frames, WHOLE, WHOLE)
    return torch.zeros(batch, base_vae.CHANNELS, domains * t, *cells), torch.zeros(batch)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _seen(clip: Tensor) -> Tensor:
    """(C, T, H, W) in -1..1 to (T, H, W, C) in 0..1."""
    return clip.movedim(0, -1).float() / 2 + 0.5


def _warm_then_cosine(steps: int) -> Callable[[int], float]:
    """Up to 1 over a tenth of the steps, 200 at most, then down along half a cosine to a fiftieth."""
    warm = min(200, max(1, steps // 10))

    def rate(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return rate


def go_on_from(models: Path, recipe: Recipe) -> None:
    """Take the base models of a models folder for the results of the stages that train them.

    Raises ValueError, naming the file, for one that is not there or not what the recipe trains, and when the recipe's
    folder has base models of its own already.
    """
    weights = read_weights(models / TEXT_ENCODER)
    with named(models / TEXT_ENCODER):
        text, words = read_text_encoder(weights)
        if words.model != tokenizer().model:
            raise ValueError("expected the tokenizer of the demo's captions, got another; train from nothing.")
    found: dict[str, tuple[str, nn.Module, dict[str, nn.Module]]] = {
        "base_vae_whitened": (VAE, base_vae.BaseVAE(), {"vae": load_vae(models / VAE)}),
        "dit_clips": (DIT, base_dit.PromptedDiT(len(words)), {"text": text, "dit": load_dit(models / DIT)}),
    }
    for name, (file, model, parts) in found.items():
        taken = nn.ModuleDict(parts).state_dict()
        with named(models / file):
            refuse_other_state("the demo's base model", taken, model.state_dict())
        own = _result(recipe.folder / name)
        if own is None:
            _write_result(recipe.folder / name, taken)
        elif not all(torch.equal(own[key], tensor) for key, tensor in taken.items()):
            raise ValueError(f"{recipe.folder / name} has a base model of its own; choose another folder.")


def _result(folder: Path) -> dict[str, Tensor] | None:
    """The weights of a stage that is through, or None."""
    from safetensors.torch import load_file

    path = folder / RESULT
    return load_file(path) if path.is_file() else None


def _write_result(folder: Path, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: tensor.cpu().contiguous().clone() for name, tensor in weights.items()}  # some are tied
    write_whole(folder / RESULT, save(kept))
    return kept

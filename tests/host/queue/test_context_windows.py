"""Clips of 161 frames through the host's Context Windows: the shift stays on its ellipse, and loops close."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from queue_graphs import Graph, Run, advanced, base, drawing, ellipses, keep, kept, ksampler, moving, node, shift
from torch import Tensor

FRAMES = 161
LATENT_FRAMES = 41
WINDOW = 21
"""Latent frames of a window of 81."""

SHIFT = 0.3
CIRCLE = [
    {
        "id": "a",
        "keyframes": [
            {"frame": frame, "cx": cx, "cy": cy, "rx": 0.15, "ry": 0.2}
            for frame, cx, cy in ((0, 0.25, 0.5), (40, 0.5, 0.25), (80, 0.75, 0.5), (120, 0.5, 0.75))
        ],
    }
]


def windows(model: str, **more: Any) -> Graph:
    inputs: dict[str, Any] = {"context_length": 81, "context_overlap": 30, "context_schedule": "standard_uniform"}
    inputs |= {"context_stride": 1, "closed_loop": False, "fuse_method": "pyramid", "freenoise": True}
    inputs |= {"retain_first_frame": False, "split_conds_to_windows": False}
    return {"windows": node("WanContextWindowsManual", model=[model, 0], **(inputs | more))}


def empty_on_the_latent_grid(subject: Tensor) -> Tensor:
    """1 - subject by hand: means of 8 x 8 pixels, the first frame alone, then means of four."""
    frames, height, width = subject.shape
    cells = 1 - subject.double().reshape(frames, height // 8, 8, width // 8, 8).mean(dim=(2, 4))
    return torch.stack([cells[0], *(cells[k : k + 4].mean(0) for k in range(1, frames, 4))])


def response(run: Run, name: str, text: str, sampled: Graph, *models: Graph) -> tuple[Tensor, Tensor, Tensor]:
    """(what the shift changes (t, C, h, w), the shifted latent (t, C, h, w), 1 - subject (t, h, w))."""
    results = {}
    for shifted in (0.0, SHIFT):
        parts = [base(length=FRAMES), ellipses(length=FRAMES, text=text), *models, sampled]
        parts[2:2] = [shift(shifted, on="windows" if "windows" in models[0] else "model")]
        kept_as = f"{name}_{shifted}"
        files = run(*parts, keep("sample", kept_as), keep("ellipse", f"{name}_subject", output=1)).files
        results[shifted] = kept(files, kept_as)[0].movedim(1, 0).double()
        subject = kept(files, f"{name}_subject")
    return results[SHIFT] - results[0.0], results[SHIFT], empty_on_the_latent_grid(subject)


def ring(frames: Tensor) -> Tensor:
    """The distance of each frame to the next; the last one's to the first."""
    return (frames.roll(-1, 0) - frames).flatten(1).square().mean(1).sqrt()


@pytest.mark.parametrize("freenoise", [False, True])
@pytest.mark.parametrize("order", ["shift first", "windows first"])
def test_the_noise_of_every_frame_is_shifted_by_its_own_field(run, order, freenoise):
    first = order == "shift first"
    model = windows("shift" if first else "model", freenoise=freenoise)
    sampled = advanced("windows" if first else "shift", sampler="QueueTestNoiseSampler", steps=1)
    models = ({}, model) if first else (model, {})
    changed, noise, empty = response(run, f"noise_{first}_{freenoise}", drawing(moving(FRAMES)), sampled, *models)
    std = changed.mean(dim=(0, 2, 3)) / (SHIFT * empty.mean())  # the host multiplies each channel on the way out
    assert torch.allclose(std, noise.std(dim=(0, 2, 3)), rtol=0.1)
    assert changed.shape == (LATENT_FRAMES, 16, 6, 8)
    assert torch.allclose(changed / std[:, None, None], (SHIFT * empty[:, None]).expand_as(changed), atol=1e-5)


def test_freenoise_still_repeats_the_noise_itself(run):
    """Else the test above would say nothing about it."""
    parts = base(length=FRAMES) | advanced("windows", sampler="QueueTestNoiseSampler", steps=1)
    noise = kept(run(parts, windows("model"), keep("sample", "freenoise")).files, "freenoise")[0].movedim(1, 0)
    copies = [k for k in range(WINDOW, LATENT_FRAMES) if any(noise[k].equal(noise[j]) for j in range(k))]
    assert copies == list(range(WINDOW, LATENT_FRAMES))


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


@pytest.mark.parametrize("freenoise", [False, True])
def test_the_latent_follows_the_ellipse_through_all_161_frames(run, freenoise):
    text = drawing(moving(FRAMES))
    changed, _, empty = response(
        run, f"follow_{freenoise}", text, ksampler("windows"), {}, windows("shift", freenoise=freenoise)
    )
    seen = (changed / changed.flatten(2).std(dim=(0, 2))[:, None, None]).mean(1)
    nearest = [max(range(LATENT_FRAMES), key=lambda j: correlation(seen[k], empty[j])) for k in range(LATENT_FRAMES)]
    assert [abs(found - k) <= 2 for k, found in enumerate(nearest)] == [True] * LATENT_FRAMES
    own = [correlation(seen[k], empty[k]) for k in range(LATENT_FRAMES)]
    other = [correlation(seen[k], empty[-1 - k]) for k in (0, LATENT_FRAMES - 1)]
    assert min(own) > 0.5 > max(other)


@pytest.mark.parametrize("freenoise", [False, True])
def test_a_closed_loop_has_no_seam(run, freenoise):
    loop = {"closed_loop": True, "context_schedule": "looped_uniform", "freenoise": freenoise}
    text = drawing(CIRCLE, loop=True)
    changed, latent, empty = response(run, f"loop_{freenoise}", text, ksampler("windows"), {}, windows("shift", **loop))
    for steps in (ring(empty), ring(changed), ring(latent)):
        assert steps[-1] <= steps[:-1].max()


def test_the_same_drawing_without_a_loop_has_one(run):
    changed, _, empty = response(run, "open", drawing(CIRCLE), ksampler("windows"), {}, windows("shift"))
    for steps in (ring(empty), ring(changed)):
        assert steps[-1] > 1.2 * steps[:-1].max()


def test_a_shift_behind_freenoise_is_added_once_in_every_run_of_a_model(run):
    scene = base(length=FRAMES) | ellipses(length=FRAMES) | shift(SHIFT) | windows("shift")
    ways = (ksampler("windows"), advanced("windows"))  # two nodes, or the host would answer from its cache
    latents = [kept(run(scene, way, keep("sample", f"once{k}")).files, f"once{k}") for k, way in enumerate(ways)]
    assert latents[0].equal(latents[1])

"""The loss against the metrics, which compute it by another way."""

import pytest
import torch

from pipelines.metrics import fidelity
from pipelines.training.methods.psnr_loss import CEILING, psnr, seen_psnr


def noisy(clip, deviation, seed):
    return clip + deviation * torch.randn(clip.shape, generator=torch.Generator().manual_seed(seed))


def clips(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_it_is_the_metrics_psnr_far_below_the_ceiling():
    true = clips(2, 3, 2, 8, 8)
    made = noisy(true, 0.4, 2)
    expected = sum(fidelity.psnr(one / 2, other / 2) for one, other in zip(true, made)) / 2
    assert psnr(made, true).item() == pytest.approx(expected, abs=0.05)


def test_it_approaches_the_ceiling():
    true = clips(1, 3, 1, 8, 8)
    at_it = true + 2 * 10 ** (-CEILING / 20)
    assert psnr(true, true).item() == pytest.approx(CEILING, abs=1e-3)
    assert psnr(at_it, true).item() == pytest.approx(CEILING - 3.01, abs=0.01)


def test_every_clip_counts_alike_however_wrong_it_is():
    true = torch.zeros(2, 3, 1, 4, 4)
    made = torch.stack([torch.full_like(true[0], 0.2), torch.full_like(true[0], 1.0)]).requires_grad_()
    psnr(made, true).backward()
    gained = (made.grad * made.detach()).flatten(1).sum(1)  # for the same share of the error
    assert gained[0].item() == pytest.approx(gained[1].item(), rel=0.05)


def test_what_is_seen_is_what_the_metrics_see():
    rgb, alpha = clips(2, 3, 2, 8, 8), clips(2, 1, 2, 8, 8)
    painted, opacity = noisy(rgb, 0.6, 3), noisy(alpha.expand_as(rgb), 0.6, 4)

    def rgba(rgb, alpha):
        both = torch.cat([rgb, alpha.mean(1, keepdim=True)], 1) / 2 + 0.5
        return [clip.movedim(0, -1) for clip in both]

    pairs = list(zip(rgba(rgb, alpha), rgba(painted, opacity)))
    colour = sum(fidelity.psnr(fidelity.seen(true), fidelity.seen(made)) for true, made in pairs) / len(pairs)
    opaque = sum(fidelity.psnr(true[..., 3:], made[..., 3:]) for true, made in pairs) / len(pairs)
    assert seen_psnr(painted, opacity, rgb, alpha).item() == pytest.approx(colour + opaque, abs=0.1)

import pytest
import torch

from pipelines.wan_alpha.latent_stats import denormalise, normalise


@pytest.mark.parametrize("clip", ["t1", "t6", "t9"])
def test_normalise_matches_the_reference(encoder_goldens, clip: str):
    raw, latent = encoder_goldens[f"{clip}/merged_raw"], encoder_goldens[f"{clip}/latent"]
    torch.testing.assert_close(normalise(raw), latent, rtol=0, atol=1e-6)
    torch.testing.assert_close(denormalise(latent), raw, rtol=0, atol=1e-6)


def test_denormalise_undoes_normalise_with_and_without_a_batch():
    raw = torch.randn(2, 16, 3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(denormalise(normalise(raw)), raw, rtol=0, atol=1e-12)
    assert torch.equal(normalise(raw)[1], normalise(raw[1]))


@pytest.mark.parametrize("shape", [(1, 48, 2, 3, 3), (16, 3, 3), (2, 3, 16, 4, 5)])
def test_another_latent_is_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"expected a Wan 2\.1 latent \(\.\.\., 16, t, h, w\), got"):
        normalise(torch.zeros(shape))

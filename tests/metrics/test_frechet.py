import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from pipelines.metrics.frechet import frechet_distance, load_i3d


def features(count, width, seed):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(width, width, generator=generator, dtype=torch.float64)
    return torch.randn(count, width, generator=generator, dtype=torch.float64) @ mix + seed


def by_scipy(one, other):
    one, other = one.numpy(), other.numpy()
    means = ((one.mean(0) - other.mean(0)) ** 2).sum()
    s, t = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    return means + np.trace(s + t - 2 * sqrtm(s @ t).real)


def test_it_is_scipys_with_a_matrix_root():
    one, other = features(50, 6, 0), features(40, 6, 1)
    assert frechet_distance(one, other) == pytest.approx(by_scipy(one, other), rel=1e-9)


def test_a_set_is_at_no_distance_from_itself():
    one = features(30, 6, 0)
    assert frechet_distance(one, one.flip(0)) == pytest.approx(0, abs=1e-9)


def test_two_normal_distributions_on_a_line_by_hand():
    one, other = torch.tensor([[-1.0], [1.0]]), torch.tensor([[1.0], [7.0]])
    assert frechet_distance(one, other) == pytest.approx(16 + (18**0.5 - 2**0.5) ** 2)


def test_fewer_clips_than_features_keep_every_digit():
    """In a turned copy of the space, with zeros for the features that are missing, the distance is the same."""
    one, other = features(5, 3, 0), features(6, 3, 1)
    turn, _ = torch.linalg.qr(torch.randn(20, 20, generator=torch.Generator().manual_seed(2), dtype=torch.float64))

    def wide(small):
        return torch.nn.functional.pad(small, (0, 17)) @ turn

    assert frechet_distance(wide(one), wide(other)) == pytest.approx(frechet_distance(one, other), rel=1e-9)


def test_a_single_clip_is_refused():
    with pytest.raises(ValueError, match="at least 2 clips on each side, got 1 and 3"):
        frechet_distance(torch.zeros(1, 4), torch.zeros(3, 4))


def test_the_network_sees_224_x_224_from_minus_one_to_one(i3d_file):
    seen = load_i3d(i3d_file)
    clip = torch.zeros(12, 20, 30, 3)
    clip[..., 0] = 1
    clip[:, 10:, :, 2] = 1
    assert seen(clip).tolist() == pytest.approx([1, -1, 0, 12, 224, 224], abs=1e-6)


def test_a_clip_too_short_for_the_network_is_refused(i3d_file):
    with pytest.raises(ValueError, match="at least 10 frames, got 9"):
        load_i3d(i3d_file)(torch.zeros(9, 20, 30, 3))


def test_a_file_that_is_no_torchscript_is_named(tmp_path):
    (tmp_path / "i3d_torchscript.pt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"i3d_torchscript\.pt: expected the TorchScript"):
        load_i3d(tmp_path / "i3d_torchscript.pt")

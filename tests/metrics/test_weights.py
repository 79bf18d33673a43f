import sys

import pytest
import torch

from pipelines.metrics.lpips import ALEXNET, VGG16
from pipelines.metrics.weights import default_folder, find_i3d, find_lpips


def write_backbone(path, network):
    """Convolutions of one channel each: enough to be recognised."""
    numbers = [conv.number for stage in network.stages for conv in stage]
    tensors = {f"features.{n}.{part}": torch.zeros(1, 1, 1, 1) for n in numbers for part in ("weight", "bias")}
    torch.save(tensors, path)


def write_stages(path):
    torch.save({f"lin{k}.model.1.weight": torch.zeros(1, 1, 1, 1) for k in range(5)}, path)


def test_without_weights_there_is_none(tmp_path):
    assert find_lpips(tmp_path) is None
    assert find_i3d(tmp_path) is None


def test_half_the_weights_are_none(tmp_path):
    write_backbone(tmp_path / "vgg16-397923af.pth", VGG16)
    write_stages(tmp_path / "alex.pth")
    assert find_lpips(tmp_path) is None


def test_alexnet_is_taken_before_vgg(tmp_path):
    write_backbone(tmp_path / "vgg16-397923af.pth", VGG16)
    write_stages(tmp_path / "vgg.pth")
    found = find_lpips(tmp_path)
    assert found and found.network is VGG16
    write_backbone(tmp_path / "alexnet-owt-7be5be79.pth", ALEXNET)
    write_stages(tmp_path / "alex.pth")
    found = find_lpips(tmp_path)
    assert found and found.network is ALEXNET


def test_the_authors_package_is_looked_into_for_their_weights(tmp_path, monkeypatch):
    stages = tmp_path / "site" / "lpips" / "weights" / "v0.1"
    stages.mkdir(parents=True)
    (tmp_path / "site" / "lpips" / "__init__.py").touch()
    write_stages(stages / "alex.pth")
    write_backbone(tmp_path / "alexnet-owt-7be5be79.pth", ALEXNET)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "lpips", raising=False)
    found = find_lpips(tmp_path)
    assert found and found.network is ALEXNET


def test_a_broken_file_is_named(tmp_path):
    write_backbone(tmp_path / "alexnet-owt-7be5be79.pth", ALEXNET)
    torch.save({"lin0.model.1.weight": torch.zeros(1, 9, 1, 1)}, tmp_path / "alex.pth")
    with pytest.raises(ValueError, match=r"alex\.pth: expected LPIPS weights of AlexNet"):
        find_lpips(tmp_path)


def test_the_network_of_fvd_is_found(i3d_file):
    features = find_i3d(i3d_file.parent)
    assert features and features(torch.zeros(10, 8, 8, 3)).shape == (6,)


def test_the_default_is_torch_hubs_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    assert default_folder() == tmp_path / "hub" / "checkpoints"

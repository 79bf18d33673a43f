import pytest
import torch
import torchvision

from pipelines.training.models.vgg import load_vgg


def test_the_distance_is_that_of_torchvisions_features(tmp_path):
    torch.manual_seed(0)
    reference = torchvision.models.vgg16(weights=None).features[:9]
    torch.save({f"features.{name}": tensor for name, tensor in reference.state_dict().items()}, tmp_path / "vgg.pth")
    one, other = torch.rand(2, 3, 16, 24) * 2 - 1, torch.rand(2, 3, 16, 24) * 2 - 1
    expected = (reference((one + 1) / 2) - reference((other + 1) / 2)).square().mean()
    torch.testing.assert_close(load_vgg(tmp_path / "vgg.pth")(one, other), expected)


def test_another_file_is_refused_by_name(tmp_path):
    torch.save({"features.0.weight": torch.zeros(8, 3, 3, 3)}, tmp_path / "vgg.pth")
    with pytest.raises(ValueError, match=r"vgg\.pth: expected torchvision's VGG16, features\.0\.weight"):
        load_vgg(tmp_path / "vgg.pth")

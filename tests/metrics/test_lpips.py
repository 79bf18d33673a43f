import pytest
import torch
import torchvision

from pipelines.metrics.lpips import ALEXNET, VGG16, Lpips, read_lpips

TAPS = {"AlexNet": (1, 4, 7, 9, 11), "VGG-16": (3, 8, 15, 22, 29)}
"""Where the authors look: behind these layers of torchvision's `features`."""

BUILD = {"AlexNet": torchvision.models.alexnet, "VGG-16": torchvision.models.vgg16}


@pytest.fixture(scope="module", params=[ALEXNET, VGG16], ids=lambda network: network.name)
def made(request):
    """A network of random weights, LPIPS of the same, and the weights of its stages."""
    network = request.param
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        features = BUILD[network.name](weights=None).features
    features.to_empty(device="cpu").requires_grad_(False)
    for tensor in features.parameters():
        tensor.normal_(std=(2 / tensor[0].numel()) ** 0.5, generator=generator)
    counts = [features[tap - 1].out_channels for tap in TAPS[network.name]]
    stages = {f"lin{k}.model.1.weight": torch.rand(1, n, 1, 1, generator=generator) for k, n in enumerate(counts)}
    weights = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    return features, read_lpips(network, weights, stages), stages


def by_torchvision(name, features, stages, one, other):
    """The formula of the paper, through torchvision's own layers."""
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x = ((torch.stack((one, other)) * 2 - 1 - shift) / scale).permute(0, 3, 1, 2)
    total = torch.zeros(())
    for k, layer in enumerate(features):
        x = layer(x)
        if k in TAPS[name]:
            unit = torch.nn.functional.normalize(x, dim=1)
            weight = stages[f"lin{TAPS[name].index(k)}.model.1.weight"]
            total = total + torch.nn.functional.conv2d((unit[:1] - unit[1:]) ** 2, weight).mean()
    return total.item()


def pictures(count, seed=0):
    return torch.rand(count, 64, 72, 3, generator=torch.Generator().manual_seed(seed))


def test_it_is_the_papers_formula_on_torchvisions_layers(made):
    features, lpips, stages = made
    one, other = pictures(2), pictures(2, seed=1)
    with torch.no_grad():
        expected = [by_torchvision(lpips.network.name, features, stages, *frames) for frames in zip(one, other)]
    assert lpips(one, other) == pytest.approx(sum(expected) / 2, rel=1e-5)


def test_equal_pictures_are_at_no_distance_and_noise_is_at_some(made):
    _, lpips, _ = made
    one = pictures(1)
    assert lpips(one, one.clone()) == 0
    assert 0 < lpips(one, (one + 0.05).clamp(0, 1)) < lpips(one, pictures(1, seed=1))


def test_pictures_too_small_for_the_network_are_refused(made):
    _, lpips, _ = made
    with pytest.raises(ValueError, match="at least 32 x 32, got 40 x 31"):
        lpips(torch.zeros(1, 31, 40, 3), torch.zeros(1, 31, 40, 3))


def test_the_smallest_picture_is_not_too_small(made):
    _, lpips, _ = made
    assert lpips(torch.zeros(1, 32, 32, 3), torch.ones(1, 32, 32, 3)) > 0


def test_missing_weights_are_named(made):
    _, lpips, stages = made
    assert isinstance(lpips, Lpips)
    with pytest.raises(ValueError, match=r"without features\.0\.weight"):
        read_lpips(lpips.network, {}, stages)
    with pytest.raises(ValueError, match=r"lin4\.model\.1\.weight"):
        read_lpips(lpips.network, lpips.weights, {name: stages[name] for name in list(stages)[:4]})


def test_the_weights_of_the_other_networks_stages_are_refused(made):
    _, lpips, stages = made
    others = {name: torch.zeros(1, 7, 1, 1) for name in stages}
    with pytest.raises(ValueError, match=r"lin0\.model\.1\.weight"):
        read_lpips(lpips.network, lpips.weights, others)

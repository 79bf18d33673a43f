import cv2
import numpy as np
import pytest
import torch

from pipelines.alpha.islands import find_by_labels, find_by_runs, small_islands


def drawn(text: str) -> torch.Tensor:
    return torch.tensor([[each == "#" for each in line] for line in text.split()])


def test_parts_are_kept_apart_by_their_area():
    region = drawn("##...#  .....#  ###..#  #.#...  #####.")
    assert torch.equal(small_islands(region, 3, False), drawn("##...#  .....#  .....#  ......  ......"))
    assert torch.equal(small_islands(region, 2, False), drawn("##....  ......  ......  ......  ......"))


def test_corners_connect_only_when_they_are_to():
    line = drawn("#....  .#...  ..#..  ...#.  ....#")
    assert not small_islands(line, 4, diagonal=True).any()
    assert torch.equal(small_islands(line, 4, diagonal=False), line)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("density", [0.1, 0.4, 0.6, 0.9])
def test_parts_of_noise_are_opencvs(density, diagonal):
    region = torch.rand(61, 83, generator=torch.Generator().manual_seed(int(density * 10))) < density
    _, labels, stats, _ = cv2.connectedComponentsWithStats(region.byte().numpy(), connectivity=8 if diagonal else 4)
    small = stats[:, cv2.CC_STAT_AREA] <= 7
    small[0] = False
    assert np.array_equal(small_islands(region, 7, diagonal).numpy(), small[labels])


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.4, 0.6, 0.98, 1.0])
@pytest.mark.parametrize("size", [(61, 83), (1, 40), (40, 1), (1, 1)])
def test_labels_and_runs_find_the_same_parts(size, density, diagonal):
    region = torch.rand(size, generator=torch.Generator().manual_seed(int(density * 100))) < density
    for area in (0, 1, 7, 40, size[0] * size[1]):
        by_labels = find_by_labels(region, area, diagonal)
        assert by_labels.dtype == torch.bool
        assert torch.equal(by_labels, find_by_runs(region, area, diagonal))


def test_a_spiral_is_one_part():
    region = torch.zeros(41, 41, dtype=torch.bool)
    y, x, dy, dx, length = 0, 0, 0, 1, 40
    while length > 0:
        for _ in range(2):
            for _ in range(length):
                region[y, x] = True
                y, x = y + dy, x + dx
            dy, dx = dx, -dy
        length -= 4
    area = int(region.count_nonzero())
    for find in (find_by_labels, find_by_runs):
        assert not find(region, area - 1, False).any()
        assert torch.equal(find(region, area, False), region)


def test_nothing_and_everything():
    assert not small_islands(torch.zeros(5, 7, dtype=torch.bool), 99, True).any()
    assert small_islands(torch.ones(5, 7, dtype=torch.bool), 35, True).all()
    assert not small_islands(torch.ones(5, 7, dtype=torch.bool), 34, True).any()

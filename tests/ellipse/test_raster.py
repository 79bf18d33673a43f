import random

import cv2
import numpy as np
import pytest
import torch

from pipelines.ellipse.raster import fill_ellipse


def painted_by_opencv(height: int, width: int, centre: tuple[int, int], axes: tuple[int, int], angle: float):
    image = np.zeros((height, width), np.uint8)
    cv2.ellipse(image, centre, axes, angle, 0, 360, 1, -1)
    return torch.from_numpy(image).bool()


@pytest.mark.parametrize("longest", [2, 9, 14, 40, 150], ids=["square", "dodecagon", "icosagon", "fine", "huge"])
def test_ellipses_are_opencvs_cell_for_cell(longest):
    rng = random.Random(longest)
    for _ in range(600):
        height, width = rng.randint(1, 70), rng.randint(1, 110)
        centre = (rng.randint(-width // 2, 3 * width // 2), rng.randint(-height // 2, 3 * height // 2))
        axes = (rng.randint(0, longest), rng.randint(0, longest))
        angle = rng.choice([0.0, 45.0, 90.0, rng.uniform(-400, 400), rng.randint(-180, 180) + 0.5])
        ellipse = (height, width, centre, axes, angle)
        assert torch.equal(fill_ellipse(*ellipse), painted_by_opencv(*ellipse)), ellipse


def test_axes_of_one_cell_make_a_plus():
    expected = torch.tensor([[0, 1, 0], [1, 1, 1], [0, 1, 0]]).bool()
    assert torch.equal(fill_ellipse(3, 3, (1, 1), (1, 1), 0.0), expected)


def test_axes_of_nothing_mark_the_centre():
    assert fill_ellipse(5, 7, (2, 3), (0, 0), 30.0).nonzero().tolist() == [[3, 2]]


def test_an_ellipse_off_the_frame_marks_nothing():
    assert not fill_ellipse(5, 7, (-20, 3), (4, 4), 0.0).any()


def test_a_negative_axis_and_an_empty_frame_are_refused():
    with pytest.raises(ValueError, match=r"0 or more cells, got \(-1, 2\)"):
        fill_ellipse(5, 7, (2, 2), (-1, 2), 0.0)
    with pytest.raises(ValueError, match="at least one cell, got 0 x 7"):
        fill_ellipse(0, 7, (2, 2), (1, 2), 0.0)

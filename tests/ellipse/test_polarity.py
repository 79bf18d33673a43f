import pytest
import torch

from pipelines.ellipse.drawing import Drawing, Ellipse, Keyframe
from pipelines.ellipse.field import subject
from pipelines.ellipse.polarity import looks_inverted

CENTRED = Drawing((Ellipse("a", "", (Keyframe(0, 0.5, 0.5, 0.2, 0.2),)),))


def test_a_subject_in_the_middle_is_upright_and_its_complement_inverted():
    for height, width in ((64, 96), (9, 14), (5, 7), (3, 3)):
        drawn = subject(CENTRED, 3, height, width)
        assert not looks_inverted(drawn)
        assert looks_inverted(1 - drawn)


@pytest.mark.parametrize("value", [0.0, 0.1, 0.7, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (37, 53)])
def test_an_even_subject_is_not_called_inverted(value, size):
    assert not looks_inverted(torch.full((3, *size), value))

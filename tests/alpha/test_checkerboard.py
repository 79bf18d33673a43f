import pytest
import torch

from pipelines.alpha.checkerboard import checkerboard


def test_squares_alternate_from_a_light_corner():
    board = checkerboard(5, 7, square=2, light=1.0, dark=0.0)
    expected = torch.tensor([[1, 1, 0, 0, 1, 1, 0]] * 2 + [[0, 0, 1, 1, 0, 0, 1]] * 2 + [[1, 1, 0, 0, 1, 1, 0]])
    assert torch.equal(board, expected.float()[..., None].expand(5, 7, 3))


def test_a_checkerboard_is_plain_memory_of_its_own():
    board = checkerboard(32, 48)
    assert board.shape == (32, 48, 3) and board.dtype == torch.float32 and board.is_contiguous()


def test_a_square_of_no_pixels_is_refused():
    with pytest.raises(ValueError, match="sizes of 1 pixel or more, got 5 x 7, squares of 0"):
        checkerboard(5, 7, square=0)

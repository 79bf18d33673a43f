import pytest
import torch
import torch.nn.functional as F

from pipelines.alpha.bleed import edge_bleed
from pipelines.alpha.fill import fill
from pipelines.alpha.render import COLORS


def disc(height: int = 37, width: int = 53, soft: float = 4.0) -> torch.Tensor:
    x, y = torch.arange(width).double(), torch.arange(height).double()[:, None]
    return ((height / 3 - torch.hypot(x - width / 2, y - height / 2)) / soft + 0.5).clamp(0, 1)[..., None]


def test_visible_colour_keeps_its_bits():
    alpha = disc()
    rgb = torch.rand(37, 53, 3, generator=torch.Generator().manual_seed(0)).double()
    for below in (0.0, 0.3):
        kept = (alpha >= below if below else alpha > 0)[..., 0]
        assert torch.equal(edge_bleed(rgb, alpha, below)[kept], rgb[kept])


@pytest.mark.parametrize("color", COLORS)
def test_a_disc_of_one_colour_goes_on_in_that_colour_to_the_border_of_the_frame(color):
    inside = torch.tensor(COLORS[color], dtype=torch.float64)
    alpha = disc()
    rgb = torch.where(alpha > 0, inside, 1 - inside)  # what is hidden is the opposite colour
    torch.testing.assert_close(edge_bleed(rgb, alpha), inside.expand(37, 53, 3), atol=1e-14, rtol=0)


def test_a_bled_white_disc_stays_white_when_a_bilinear_filter_enlarges_it_and_an_unbled_one_does_not():
    alpha = disc(soft=1.0).round()
    rgb = alpha.expand(-1, -1, 3).clone()

    def worst(picture):
        """The darkest that white looks over white, filtered four times as large as straight RGBA."""
        planes = torch.cat((picture, alpha), -1).movedim(-1, 0)[None]
        large = F.interpolate(planes, scale_factor=4, mode="bilinear")[0]
        return (large[:3] * large[3] + 1 - large[3]).min().item()

    assert worst(edge_bleed(rgb, alpha)) == pytest.approx(1, abs=1e-12)
    assert worst(rgb) < 0.8


def test_colours_are_those_nearby():
    alpha = torch.zeros(32, 64, 1).double()
    alpha[:, :8], alpha[:, -8:] = 1, 1
    rgb = torch.zeros(32, 64, 3).double()
    rgb[:, :8, 0], rgb[:, -8:, 2] = 1, 1
    red, _, blue = edge_bleed(rgb, alpha).unbind(-1)
    assert red[:, :10].min() > 0.95 and blue[:, -10:].min() > 0.95
    assert red[:, :16].min() > 0.85 and blue[:, -16:].min() > 0.85
    torch.testing.assert_close(red + blue, torch.ones(32, 64).double(), atol=1e-12, rtol=0)


def test_below_a_faint_pixel_its_own_colour_counts_in_proportion():
    alpha = torch.ones(1, 4, 1).double()
    alpha[0, 0] = 0.05
    rgb = torch.zeros(1, 4, 3).double()
    rgb[0, 0] = 1
    assert edge_bleed(rgb, alpha, below=0.0)[0, 0, 0] == 1
    assert 0 < edge_bleed(rgb, alpha, below=0.1)[0, 0, 0] < 0.8
    assert torch.equal(edge_bleed(rgb, alpha, below=0.1)[0, 1:], rgb[0, 1:])


def test_an_empty_and_an_opaque_frame_come_back_as_they_are():
    rgb = torch.rand(5, 7, 3)
    assert torch.equal(edge_bleed(rgb, torch.zeros(5, 7, 1)), rgb)
    assert torch.equal(edge_bleed(rgb, torch.ones(5, 7, 1)), rgb)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (17, 31)])
def test_one_known_pixel_fills_a_frame_of_any_size(size):
    weight = torch.zeros(*size, 1)
    weight[-1, -1] = 1
    color = torch.full((*size, 3), torch.nan)
    color[-1, -1] = torch.tensor([0.25, 0.5, 1.0])
    torch.testing.assert_close(fill(color, weight), color[-1, -1].expand(*size, 3))


def test_filling_from_nothing_gives_zero():
    assert not fill(torch.ones(5, 7, 3), torch.zeros(5, 7, 1)).any()

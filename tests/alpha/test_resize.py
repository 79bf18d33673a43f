import pytest
import torch
import torch.nn.functional as F

from pipelines.alpha.render import COLORS, soft_render
from pipelines.alpha.resize import FILTERS, LEAST, crop, resize, resize_to_fit


def disc(color, hidden, height: int = 45, width: int = 61, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A soft disc of one colour, with another one hidden where alpha is 0."""
    x, y = torch.arange(width).double(), torch.arange(height).double()[:, None]
    alpha = ((height / 3 - torch.hypot(x - width / 2, y - height / 2)) / 2 + 0.5).clamp(0, 1)[..., None]
    rgb = torch.where(alpha > 0, torch.tensor(color).double(), torch.tensor(hidden).double())
    return torch.cat((rgb, alpha), -1).to(dtype)


SIZES = [(90, 122), (23, 30), (45, 200), (7, 5)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("color", COLORS)
def test_a_disc_of_any_colour_over_any_background_shows_no_fringe(color, filter, size):
    inside = torch.tensor(COLORS[color])
    made = resize(disc(COLORS[color], (1 - inside).tolist()), *size, filter)
    rgb, alpha = made.split((3, 1), dim=-1)
    assert made.shape == (*size, 4) and alpha.min() >= 0 and alpha.max() <= 1
    for background in COLORS.values():
        wanted = soft_render(inside.expand_as(rgb), alpha, background)
        torch.testing.assert_close(soft_render(rgb, alpha, background), wanted, atol=LEAST, rtol=0)


def test_a_straight_filter_shows_the_fringe_that_this_one_does_not():
    picture = disc(COLORS["white"], COLORS["black"])
    straight = F.interpolate(picture.movedim(-1, 0)[None], size=(90, 122), mode="bilinear", antialias=True)[0]
    straight = straight.movedim(0, -1)
    over_white = soft_render(straight[..., :3], straight[..., 3:], COLORS["white"])
    assert over_white.min() < 0.95
    made = resize(picture, 90, 122, "bilinear")
    torch.testing.assert_close(made[..., 3], straight[..., 3], atol=1e-6, rtol=0)
    assert soft_render(made[..., :3], made[..., 3:], COLORS["white"]).min() > 1 - 1e-6


@pytest.mark.parametrize("filter", FILTERS)
def test_far_from_the_edge_empty_stays_empty_and_opaque_stays_opaque(filter):
    made = resize(disc(COLORS["red"], COLORS["blue"]), 90, 122, filter)
    assert made[:4, :, 3].eq(0).all() and made[40:50, 56:66, 3].eq(1).all()
    torch.testing.assert_close(made[0, 0], torch.tensor([0, 0, 1.0, 0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(made[45, 61], torch.tensor([1.0, 0, 0, 1]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("filter", FILTERS)
def test_a_glow_under_zero_alpha_is_still_there(filter):
    picture = torch.zeros(20, 30, 4)
    picture[..., 0] = 0.75
    torch.testing.assert_close(resize(picture, 33, 17, filter)[..., 0], torch.full((33, 17), 0.75))


def test_the_same_size_is_the_same_picture():
    picture = torch.rand(5, 7, 4)
    assert torch.equal(resize(picture, 5, 7), picture)


def test_a_mean_of_opaque_red_and_empty_green_is_half_of_red():
    picture = torch.tensor([[[1.0, 0, 0, 1], [0, 1.0, 0, 0]]])
    assert resize(picture, 1, 1, "bilinear")[0, 0].tolist() == [1, 0, 0, 0.5]


def test_padding_is_empty_and_cropping_is_centred():
    picture = disc(COLORS["red"], COLORS["blue"], 40, 80)
    padded = resize_to_fit(picture, 80, 80, fit="pad")
    assert torch.equal(padded[20:60], picture) and not padded[:20].any() and not padded[60:].any()
    assert torch.equal(resize_to_fit(picture, 40, 40, fit="crop"), picture[:, 20:60])
    assert resize_to_fit(picture, 33, 17, fit="crop").shape == resize_to_fit(picture, 33, 17, fit="pad").shape


@pytest.mark.parametrize(("x", "y"), [(0, 0), (2, 1), (-3, -2), (6, 4), (7, 0), (-20, 9)])
def test_a_crop_has_the_bits_of_the_frame_and_is_empty_beyond_it(x, y):
    picture = torch.rand(5, 7, 4)
    made = crop(picture, x, y, 4, 6)
    assert made.shape == (6, 4, 4)
    for row in range(6):
        for column in range(4):
            inside = 0 <= row + y < 5 and 0 <= column + x < 7
            assert torch.equal(made[row, column], picture[row + y, column + x] if inside else torch.zeros(4))


@pytest.mark.parametrize("fault", [float("nan"), float("inf")])
@pytest.mark.parametrize("channel", [0, 3])
@pytest.mark.parametrize("filter", ["bicubic", "bilinear"])
def test_a_pixel_that_is_no_number_stays_near_its_place(filter, channel, fault):
    """Of 16 x 16 pixels one was broken, and half as large all 64 had no colour."""
    clean = torch.rand(16, 16, 4, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
    broken = clean.clone()
    broken[4, 10, channel] = fault
    made, right = resize(broken, 8, 8, filter), resize(clean, 8, 8, filter)
    lost = ~made.isfinite().all(dim=-1)
    rows, columns = lost.nonzero().T
    assert lost[2, 5] and int((rows - 2).abs().max()) <= 2 and int((columns - 5).abs().max()) <= 2
    torch.testing.assert_close(made[~lost], right[~lost], atol=0.05, rtol=0)
    assert broken[4, 10].isfinite().sum() == 3  # the input is as it was


def test_a_frame_of_nothing_but_nan_stays_that():
    assert bool(resize(torch.full((4, 4, 4), torch.nan), 8, 8).isnan().any(dim=-1).all())

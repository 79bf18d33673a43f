import re

import pytest

from pipelines.latent_grid.size_rule import (
    CELL,
    COGVIDEOX_DIT,
    MOCHI_DIT,
    PATCH,
    PICTURE_VAE,
    WAN_DIT,
    WAN_VAE,
    to_cells,
    to_latent_frames,
    to_latent_shape,
    to_pixel_frames,
    to_pixel_shape,
    to_pixels,
)

RULES = [PICTURE_VAE, WAN_VAE, WAN_DIT, COGVIDEOX_DIT, MOCHI_DIT]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("value", [*range(1, 40), 479, 480, 481])
def test_what_is_nearest_is_accepted_and_nearest_to_itself(rule, value):
    for side in rule.nearest_sides(value):
        rule.check("The clip", side, side)
        assert rule.nearest_sides(side) == (side,)
    for length in rule.nearest_lengths(value):
        rule.check("The clip", rule.multiple, rule.multiple, length)
        assert rule.nearest_lengths(length) == (length,)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("value", range(1, 40))
def test_a_value_is_refused_unless_it_is_nearest_to_itself(rule, value):
    for accepted, size in (
        (rule.nearest_sides(value) == (value,), (value, rule.multiple, 1)),
        (rule.nearest_sides(value) == (value,), (rule.multiple, value, 1)),
        (rule.nearest_lengths(value) == (value,), (rule.multiple, rule.multiple, value)),
    ):
        if accepted:
            rule.check("The clip", *size)
        else:
            with pytest.raises(ValueError, match="must have"):
                rule.check("The clip", *size)


def test_a_value_lies_between_its_two_nearest_and_nothing_is_accepted_between_them():
    for value in range(17, 200):
        for nearest, step in ((WAN_DIT.nearest_sides(value), 16), (WAN_DIT.nearest_lengths(value), 4)):
            assert nearest == (value,) or (nearest[0] < value < nearest[1] and nearest[1] - nearest[0] == step)


def test_nearest_by_hand():
    assert [WAN_DIT.nearest_sides(pixels) for pixels in (5, 16, 72, 480)] == [(16,), (16,), (64, 80), (480,)]
    assert [WAN_VAE.nearest_lengths(frames) for frames in (1, 4, 48, 81)] == [(1,), (1, 5), (45, 49), (81,)]
    assert [MOCHI_DIT.nearest_lengths(frames) for frames in (7, 48)] == [(7,), (43, 49)]
    assert [PICTURE_VAE.nearest_lengths(frames) for frames in (0, 1, 2, 48)] == [(1,), (1,), (2,), (48,)]


def test_the_lower_of_the_nearest_lengths_is_4n_plus_1_frames_of_a_clip():
    assert [WAN_DIT.nearest_lengths(min(length, 81))[0] for length in (1, 4, 5, 16, 17, 200)] == [1, 1, 5, 13, 17, 81]


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((72, 48), "image must have a width and height that are multiples of 16, got 72 x 48; use 64 x 48 or 80 x 48."),
        ((72, 5), "image must have a width and height that are multiples of 16, got 72 x 5; use 64 x 16 or 80 x 16."),
        ((9, 16), "image must have a width and height that are multiples of 16, got 9 x 16; use 16 x 16."),
        ((16, 16, 48), "image must have a length of 4n + 1 frames, got 48; use 45 or 49."),
        ((16, 16, 0), "image must have a length of 4n + 1 frames, got 0; use 1."),
    ],
)
def test_a_refusal_names_the_input_what_came_and_what_to_use(size, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        WAN_DIT.check("image", *size)


def test_a_picture_vae_takes_any_length_but_none():
    PICTURE_VAE.check("image", 8, 8, 6)
    with pytest.raises(ValueError, match="a length of at least 1 frame, got 0; use 1"):
        PICTURE_VAE.check("image", 8, 8, 0)


def test_a_transformers_sizes_are_a_vaes_too():
    for pixels in range(1, 100):
        for side in WAN_DIT.nearest_sides(pixels):
            assert WAN_VAE.nearest_sides(side) == (side,) and to_cells(side) % PATCH == 0


def test_a_latent_comes_back_from_the_pixel_grid():
    for t, h, w in ((1, 1, 1), (2, 5, 7), (21, 60, 104)):
        length, height, width = to_pixel_shape(t, h, w)
        WAN_VAE.check("The clip", width, height, length)
        assert to_latent_shape(length, height, width) == (t, h, w)


def test_an_accepted_clip_comes_back_from_the_latent_grid_and_any_other_loses_its_rest():
    for value in range(1, 100):
        assert to_pixel_frames(to_latent_frames(value)) == WAN_VAE.nearest_lengths(value)[0]
        if value >= CELL:
            assert to_pixels(to_cells(value)) == WAN_VAE.nearest_sides(value)[0]

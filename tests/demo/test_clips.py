"""The drawn clips, their captions, and the check on the pixels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from demo.recipe.captions import description, opaque_caption, transparent_caption
from demo.recipe.clips import COLORS, MATERIALS, SHAPES, draw, scene, wall
from demo.recipe.recognition import recognise, silhouette_iou


def still(**changes):
    return replace(
        scene(0, 0),
        **{"motion": "still", "x": 0.5, "y": 0.5, "radius": 0.3, "angle": 0.0, "material": "solid", **changes},
    )


def test_a_scene_belongs_to_its_seed_and_number():
    assert scene(3, 7) == scene(3, 7)
    assert scene(3, 7) != scene(3, 8)
    assert scene(3, 7) != scene(4, 7)


def test_a_thousand_scenes_have_every_shape_material_and_color():
    scenes = [scene(0, number) for number in range(1000)]
    assert {one.shape for one in scenes} == set(SHAPES)
    assert {one.material for one in scenes} == set(MATERIALS)
    assert {one.color for one in scenes} == set(COLORS)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("material", MATERIALS)
def test_every_shape_of_every_material_is_recognised_with_its_color(shape, material):
    for color, angle in (("red", 0.3), ("cyan", -0.3), ("white", 0.0)):
        rgb, alpha = draw(still(shape=shape, material=material, color=color, angle=angle, x=0.4), 9, 96, 96)
        seen = recognise(rgb, alpha, material)
        assert (seen.shape, seen.color) == (shape, color)


def test_an_empty_clip_shows_nothing():
    assert recognise(torch.ones(1, 8, 8, 3), torch.zeros(1, 8, 8, 1), "solid") is None


def test_alpha_comes_in_eighth_bit_steps_and_reaches_0_and_1():
    rgb, alpha = draw(still(shape="ball"), 5, 40, 56)
    assert rgb.shape == (5, 40, 56, 3)
    assert alpha.shape == (5, 40, 56, 1)
    assert (alpha.min(), alpha.max()) == (0, 1)
    assert torch.equal((alpha * 255).round() / 255, alpha)
    assert rgb.min() >= 0 and rgb.max() <= 1


def test_a_solid_ball_covers_the_area_of_its_circle():
    _, alpha = draw(still(shape="ball"), 1, 96, 96)
    assert float(alpha.sum()) == pytest.approx(torch.pi * (0.95 * 0.3 * 96) ** 2, rel=0.01)


@pytest.mark.parametrize(
    ("material", "least", "most"), [("translucent", 0.1, 0.95), ("smoky", 0.1, 0.95), ("glowing", 0.3, 0.99)]
)
def test_soft_materials_are_mostly_between_opaque_and_empty(material, least, most):
    _, alpha = draw(still(shape="square", material=material), 1, 96, 96)
    visible = alpha[alpha > 0]
    assert ((visible > 0.02) & (visible < 0.98)).float().mean() > 0.4
    assert least < visible.mean() < most


@pytest.mark.parametrize(("motion", "axis", "sign"), [("right", 2, 1), ("left", 2, -1), ("down", 1, 1), ("up", 1, -1)])
def test_a_moving_shape_goes_where_its_caption_says(motion, axis, sign):
    _, alpha = draw(still(shape="ball", motion=motion), 17, 64, 64)
    places = torch.arange(64) + 0.5
    weight = alpha[..., 0].sum(3 - axis)
    centre = (weight * places).sum(1) / weight.sum(1)
    assert (sign * centre.diff() > 0).all()


def test_later_frames_are_the_same_when_drawn_alone():
    whole = draw(scene(1, 5), 9, 32, 32)
    part = draw(scene(1, 5), 4, 32, 32, start=5)
    assert all(torch.equal(one[5:], other) for one, other in zip(whole, part))


@pytest.mark.parametrize("number", range(6))
def test_a_part_is_the_same_when_drawn_alone(number):
    whole = draw(scene(1, number), 3, 40, 32)
    part = draw(scene(1, number), 3, 40, 32, rows=slice(8, 24), columns=slice(4, 20))
    assert all(torch.equal(one[:, 8:24, 4:20], other) for one, other in zip(whole, part))


def test_a_wall_is_opaque_color_in_range():
    assert wall(scene(0, 1), 10, 12).shape == (10, 12, 3)
    assert wall(scene(0, 1), 10, 12).min() >= 0
    assert wall(scene(0, 1), 10, 12).max() <= 1


def test_no_clip_of_no_size():
    with pytest.raises(ValueError, match="0 frames of 8 x 8"):
        draw(scene(0, 0), 0, 8, 8)


def test_captions_name_shape_color_and_material():
    one = still(shape="star", color="blue", material="smoky", motion="left", wall="grey")
    assert description(one) == "A smoky blue star drifts to the left."
    assert "in front of a grey wall" in opaque_caption(one, 0, 0)
    assert "The background of this video is transparent." in transparent_caption(one, 0, 0)


def test_labels_stand_before_some_captions_after_others_and_at_none_of_the_rest():
    said = [transparent_caption(still(), 0, number) for number in range(200)]
    bare = f"{description(still())} The background of this video is transparent."
    assert any(text == bare for text in said)
    assert any(text.endswith(bare) and text != bare for text in said)
    assert any(text.startswith(bare) and text != bare for text in said)


def test_the_iou_of_halves_is_a_third():
    first, second = torch.zeros(1, 1, 4, 1), torch.zeros(1, 1, 4, 1)
    first[..., :2, :], second[..., 1:3, :] = 1, 1
    assert silhouette_iou(first, second) == pytest.approx(1 / 3)
    assert silhouette_iou(first * 0, second * 0) == 1

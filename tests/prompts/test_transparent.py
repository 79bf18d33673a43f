import pytest

from pipelines.prompts.transparent import LANGUAGES, MODELS, MOTIONS, QUALITIES, SHOTS, STYLES, transparent_prompt


def test_the_published_recipe_comes_out():
    prompt = transparent_prompt("A little girl holds a bubble wand.", labels="before")
    assert prompt == (
        "Medium shot. Realistic style. A little girl holds a bubble wand. The background of this video is transparent."
    )


def test_labels_can_stand_after_the_description():
    prompt = transparent_prompt("A parrot", shot="close-up", style="animation", labels="after")
    assert prompt == "A parrot. The background of this video is transparent. Close-up. Animation style."


def test_chinese_has_chinese_labels_and_no_spaces():
    prompt = transparent_prompt("一只鹦鹉展开翅膀", language="zh")
    assert prompt == "中景。写实风格。一只鹦鹉展开翅膀。该视频的背景是透明的。"


def test_a_description_that_says_transparent_is_left_alone():
    said = "A parrot on a transparent background."
    assert transparent_prompt(said, shot="none", style="none") == said


def test_transpixeler_asks_for_an_isolated_background_once():
    once = transparent_prompt("A parrot.", shot="none", style="none", model="TransPixeler")
    assert once == "A parrot, isolated background."
    assert transparent_prompt(once, shot="none", style="none", model="TransPixeler") == once


def test_an_empty_description_is_refused():
    with pytest.raises(ValueError, match="description is empty; say what is to be seen"):
        transparent_prompt("  \n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("model", MODELS)
def test_every_choice_leaves_a_prompt_without_double_spaces_or_stops(language, model):
    for shot in SHOTS:
        for style in STYLES:
            for motion in MOTIONS:
                for quality in QUALITIES:
                    for labels in ("before", "after"):
                        prompt = transparent_prompt("A parrot", shot, style, motion, quality, labels, language, model)
                        assert "  " not in prompt
                        assert ".." not in prompt
                        assert prompt == prompt.strip()

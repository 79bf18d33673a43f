"""Prompts that ask for transparency, in the words that the models were trained with.

Source   WeChatCV/Wan-Alpha, readme: say that the background is transparent, the shot size, the style and the subject,
         in Chinese or English; training captions were Chinese, with such labels before or after the description.
         wileewang/TransPixeler, app: the description, then ", isolated background".
Differs  Motion and quality labels are worded by us: the training captions are described and not published in full.
"""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, tuple[str, str]]
"""A choice in the menu, to its English and its Chinese sentence; `none` says nothing."""

SHOTS: Words = {
    "none": ("", ""),
    "close-up": ("Close-up.", "特写。"),
    "medium shot": ("Medium shot.", "中景。"),
    "full shot": ("Full shot.", "全景。"),
    "wide shot": ("Wide shot.", "远景。"),
}
STYLES: Words = {
    "none": ("", ""),
    "realistic": ("Realistic style.", "写实风格。"),
    "animation": ("Animation style.", "动画风格。"),
    "3D render": ("3D render style.", "3D渲染风格。"),
    "ink painting": ("Ink painting style.", "水墨风格。"),
    "pixel art": ("Pixel art style.", "像素风格。"),
}
MOTIONS: Words = {
    "none": ("", ""),
    "still": ("The subject hardly moves.", "主体几乎静止。"),
    "gentle": ("Gentle motion.", "动作轻柔。"),
    "strong": ("Strong motion.", "动作幅度大。"),
}
QUALITIES: Words = {
    "none": ("", ""),
    "high": ("High quality, sharp details.", "高质量，细节清晰。"),
}
TRANSPARENT = ("The background of this video is transparent.", "该视频的背景是透明的。")
ISOLATED = ("isolated background", "背景孤立")
SAID = (("background", "transparent"), ("背景", "透明"))
"""A description with both words of a pair says it already; a transparent glass alone does not."""

MODELS = ("Wan-Alpha", "TransPixeler")
LANGUAGES = ("en", "zh")
PLACES = ("before", "after")


def transparent_prompt(
    description: str,
    shot: str = "medium shot",
    style: str = "realistic",
    motion: str = "none",
    quality: str = "none",
    labels: str = "before",
    language: str = "en",
    model: str = "Wan-Alpha",
) -> str:
    """The description with the labels before or after it and the model's phrase for an empty background.

    The phrase is left out where the description says it already. Raises ValueError when there is no description.
    """
    description = description.strip()
    if not description:
        raise ValueError("description is empty; say what is to be seen, such as: a parrot spreads its wings.")
    column = LANGUAGES.index(language)
    chosen = (SHOTS[shot], STYLES[style], MOTIONS[motion], QUALITIES[quality])
    words = [choice[column] for choice in chosen if choice[column]]
    body = _with_background(description, model, column)
    parts = [*words, body] if labels == "before" else [body, *words]
    return (" " if language == "en" else "").join(parts)


def _with_background(description: str, model: str, column: int) -> str:
    if model == "TransPixeler":
        stem = description.rstrip(".。 ")
        comma, stop = (", ", ".") if column == 0 else ("，", "。")
        return description if ISOLATED[column] in description else f"{stem}{comma}{ISOLATED[column]}{stop}"
    said = description.lower()
    if any(background in said and transparent in said for background, transparent in SAID):
        return description
    ended = description if description[-1] in ".!?。！？" else description + (".", "。")[column]
    return ended + (" ", "")[column] + TRANSPARENT[column]

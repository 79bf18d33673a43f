"""The settings panel of the host: what it offers for this pack goes into the file that Python reads."""

from __future__ import annotations

import json

import pytest

OPEN = "() => app.extensionManager.command.execute('Comfy.ShowSettingsDialog')"
SETTING = "RGBAVideo.clipMemory"
STORED = f"(share) => app.extensionManager.setting.get('{SETTING}') === share"


@pytest.fixture
def field(ui):
    """The number beside the slider, in the opened panel; what was chosen before is there again afterwards."""
    ui.page.evaluate(OPEN)
    panel = ui.page.get_by_role("dialog")
    panel.get_by_text("RGBA Video", exact=True).click()
    field = panel.get_by_role("spinbutton")
    before = field.input_value()
    yield field
    type_into(ui.page, field, before)
    ui.page.keyboard.press("Escape")
    panel.wait_for(state="hidden")


def type_into(page, field, text: str) -> None:
    field.click()
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Tab")
    page.wait_for_function(STORED, arg=min(int(text), 100))


def test_the_memory_for_a_clip_is_a_quarter_and_what_is_typed_reaches_the_file(ui, server, field, renderer):
    assert field.input_value() == "25"
    assert ui.page.get_by_role("dialog").get_by_text("Memory for a clip (% of what is free)").is_visible()
    for typed, share in (("40", 40), ("400", 100), ("0", 0)):
        with ui.page.expect_response(lambda answer: SETTING in answer.url):
            type_into(ui.page, field, typed)
        assert json.loads((server.base / "user" / "default" / "comfy.settings.json").read_bytes())[SETTING] == share

"""The blind page in a real browser: what its canvases show, and what it saves."""

from __future__ import annotations

import json
from random import Random

import pytest
import torch

from pipelines.media.stills.formats import png
from pipelines.media.stills.quantise import quantise
from pipelines.metrics.blind_page import QUESTIONS, blind_trial
from pipelines.metrics.clips import pair
from pipelines.metrics.comparison import lower
from pipelines.metrics.ranks import mean_ranks

METHODS = {"reference": 10, "ours": 100, "theirs": 200}
FRAMES = 4
PIXELS = """
() => [...document.querySelectorAll('canvas')].map(
  (canvas) => [...canvas.getContext('2d').getImageData(2, 2, 1, 1).data])
"""


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    from tools.web_ui import FLAGS, chromium

    program = chromium()
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=list(FLAGS))


@pytest.fixture
def opened(tmp_path, browser):
    """The page on two clips by three methods, whose red says the method and whose green says the frame; and its key."""
    for method, red in METHODS.items():
        for clip in ("parrot", "smoke"):
            folder = tmp_path / method / clip
            folder.mkdir(parents=True)
            for k in range(FRAMES):
                frame = (torch.tensor([red, 20 * k, 0, 255]) / 255).expand(6, 8, 4)
                (folder / f"{k}.png").write_bytes(png.encode(quantise(frame, 8, k)))
    trial = blind_trial(pair([tmp_path / method for method in METHODS]), list(METHODS), 16, Random(3))
    (tmp_path / "ranks.html").write_text(trial.page, "utf-8")
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto((tmp_path / "ranks.html").as_uri())
    page.wait_for_selector("canvas")
    yield page, json.loads(trial.key)
    page.close()
    assert not complaints


def reds(page):
    return [pixel[0] for pixel in page.evaluate(PIXELS)]


def test_the_letters_are_the_keys_methods_on_every_clip(opened):
    page, key = opened
    for clip in ("parrot", "smoke"):
        page.wait_for_function("clip => document.querySelector('#title').textContent.endsWith(clip)", arg=clip)
        expected = [METHODS[method] for method in key["orders"][clip]]
        page.wait_for_function(f"expected => String(({PIXELS})().map((p) => p[0])) === String(expected)", arg=expected)
        assert page.locator("figcaption").all_inner_texts() == ["A", "B", "C"]
        assert reds(page) == expected
        page.click("#next") if clip == "parrot" else None


def test_all_candidates_play_in_step_and_stop_at_the_frame_that_is_asked(opened):
    page, _ = opened
    page.wait_for_function("document.querySelector('#frame').value !== '0'")
    assert len({pixel[1] for pixel in page.evaluate(PIXELS)}) == 1
    page.locator("#frame").fill("3")
    assert [pixel[1] for pixel in page.evaluate(PIXELS)] == [60, 60, 60]
    assert page.inner_text("#play") == "Play"
    page.wait_for_timeout(200)
    assert page.locator("#frame").input_value() == "3"


def test_the_background_is_the_viewers_choice(opened):
    page, _ = opened
    page.select_option("#background", "white")
    colors = page.eval_on_selector_all("figure div", "(all) => all.map((one) => getComputedStyle(one).backgroundColor)")
    assert colors == ["rgb(255, 255, 255)"] * 3


def test_only_complete_ranks_are_saved_and_they_lead_back_to_the_methods(opened):
    page, key = opened
    places = {"ours": "1", "reference": "2", "theirs": "3"}
    assert page.is_disabled("#save")
    for clip in ("parrot", "smoke"):
        page.wait_for_function("clip => document.querySelector('#title').textContent.endsWith(clip)", arg=clip)
        for question in QUESTIONS:
            for letter, method in zip("ABC", key["orders"][clip], strict=True):
                page.select_option(f'select[name="{question} {letter}"]', places[method])
        if clip == "parrot":
            assert page.inner_text("#left") == "6 ranks to give"
            page.click("#next")
    with page.expect_download() as download:
        page.click("#save")
    answers = json.loads(download.value.path().read_text("utf-8"))
    ranks = mean_ranks(key, [answers])
    for method, place in places.items():
        assert ranks[method] == {lower(f"rank, {question}"): float(place) for question in QUESTIONS}


def test_a_rank_given_twice_moves_and_is_remembered_on_the_way_back(opened):
    page, _ = opened
    page.select_option('select[name="overall A"]', "1")
    page.select_option('select[name="overall C"]', "1")
    page.click("#next")
    page.wait_for_function("document.querySelector('#title').textContent.startsWith('2 of 2')")
    page.click("#back")
    page.wait_for_function("document.querySelector('#title').textContent.startsWith('1 of 2')")
    assert [page.locator(f'select[name="overall {letter}"]').input_value() for letter in "ABC"] == ["", "", "1"]

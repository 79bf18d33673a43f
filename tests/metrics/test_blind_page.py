import base64
import io
import json
import re
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.metrics.blind_page import QUESTIONS, blind_trial
from pipelines.metrics.clips import pair

METHODS = ["reference", "wan_alpha", "transpixeler"]
GREYS = {"reference": 10, "wan_alpha": 100, "transpixeler": 200}


@pytest.fixture
def pairings(tmp_path, write_clip):
    """Three methods whose pixels say which is which; the files' text says it too."""
    for method, grey in GREYS.items():
        for name in ("parrot", "smoke", "glass"):
            clip = torch.full((2, 4, 6, 4), grey / 255)
            write_clip(tmp_path / method / name, clip, text={"prompt": f"made by {method}"})
    return pair([tmp_path / method for method in METHODS])


def shown(page):
    text = re.search(r'<script type="application/json" id="trial">(.*?)</script>', page, re.DOTALL)
    return json.loads(text[1])


def picture(address):
    kind, data = address.split(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_the_key_says_which_method_each_letter_is(pairings):
    trial = blind_trial(pairings, METHODS, 16, Random(0))
    key = json.loads(trial.key)
    content = shown(trial.page)
    assert key["trial"] == content["trial"] and key["questions"] == list(content["questions"])
    assert [clip["name"] for clip in content["clips"]] == ["glass", "parrot", "smoke"]
    for clip in content["clips"]:
        greys = [np.asarray(picture(frames[0]))[0, 0, 0] for frames in clip["candidates"]]
        assert greys == [GREYS[method] for method in key["orders"][clip["name"]]]
        assert sorted(key["orders"][clip["name"]]) == sorted(METHODS)


def test_the_page_names_no_method_and_keeps_no_text_of_the_files(pairings):
    page = blind_trial(pairings, METHODS, 16, Random(0)).page
    for method in METHODS:
        assert method not in page
    for clip in shown(page)["clips"]:
        for frames in clip["candidates"]:
            assert "prompt" not in picture(frames[0]).info


def test_every_order_comes_up(pairings):
    orders = set()
    for seed in range(20):
        key = json.loads(blind_trial(pairings, METHODS, 16, Random(seed)).key)
        orders |= {tuple(order) for order in key["orders"].values()}
    assert len(orders) == 6


def test_pixels_are_those_of_the_files(tmp_path, write_clip):
    clip = torch.randint(0, 256, (3, 5, 7, 4), generator=torch.Generator().manual_seed(0)) / 255
    folders = [write_clip(tmp_path / name, clip) for name in ("one", "other")]
    content = shown(blind_trial(pair(folders), ["one", "other"], 8, Random(0)).page)
    assert content["fps"] == 8 and content["questions"] == QUESTIONS
    for frames in content["clips"][0]["candidates"]:
        pixels = np.stack([np.asarray(picture(frame)) for frame in frames])
        assert np.array_equal(pixels, (clip * 255).round().byte().numpy())


def test_a_name_cannot_end_the_script(tmp_path, write_clip):
    for method in ("one", "other"):
        write_clip(tmp_path / method / "a<!--<script>b", torch.zeros(1, 2, 2, 4))
    page = blind_trial(pair([tmp_path / "one", tmp_path / "other"]), ["one", "other"], 16, Random(0)).page
    assert shown(page)["clips"][0]["name"] == "a<!--<script>b"
    assert "a<!--" not in page


def test_it_needs_nothing_from_elsewhere(pairings):
    page = blind_trial(pairings, METHODS, 16, Random(0)).page
    assert not re.search(r"https?:|src\s*=\s*\"|\bimport\b|url\(", page)
    assert "{{script}}" not in page and "{{trial}}" not in page


def test_two_methods_of_one_name_are_refused(pairings):
    with pytest.raises(ValueError, match="different names"):
        blind_trial(pairings, ["a", "b", "a"], 16, Random(0))


def test_a_rate_of_nothing_is_refused(pairings):
    with pytest.raises(ValueError, match="above 0 were expected, got 0"):
        blind_trial(pairings, METHODS, 0, Random(0))

"""The host reads a prompt with the demo's text encoder as the demo's training did."""

from __future__ import annotations

import importlib
import sys

import pytest
import torch
from conftest import PACK

PROMPTS = ("A glowing red star drifts to the left.", "", "Close-up. A thin cyan ring turns.")


@pytest.fixture(scope="module")
def trained():
    sys.path.append(str(PACK))  # last, where our `nodes` hides nothing of the host's
    room = importlib.import_module("demo.recipe.text_encoder")
    sys.path.remove(str(PACK))
    torch.manual_seed(0)
    words = room.Tokenizer(room.train_tokenizer(["A glowing red star drifts to the left.", "A thin ring turns."], 60))
    return room, words, room.TextEncoder(len(words)).eval()


def test_the_rows_of_a_prompt_are_those_of_training_and_the_padding_is_zero(trained, models, host_nodes):
    room, words, encoder = trained
    name = models.save("text_encoders", "demo_words.safetensors", dict(room.text_encoder_file(encoder, words)))
    clip = host_nodes.RGBALoadTextEncoder(text_encoder_name=name)[0]
    for prompt in PROMPTS:
        theirs = host_nodes.CLIPTextEncode(clip=clip, text=prompt)[0][0][0][0]
        with torch.no_grad():
            mine = encoder(words([prompt]))[0]
        assert theirs.shape == (512, room.TEXT_WIDTH)
        assert (theirs[: room.WORDS] - mine).abs().max() < 1e-4
        assert (theirs[room.WORDS :] == 0).all()
        assert mine.abs().max() > 0.1

"""Every format that is written, by every setting of its writer, through the one door: for nodes, training and metrics.

The cases are made from the tables of formats, so that a new one is asked too.
"""

from fractions import Fraction
from itertools import product

import pytest
import torch

from pipelines.media.footage import open_footage
from pipelines.media.stills.exr import KINDS
from pipelines.media.stills.formats import STILLS, Light
from pipelines.media.stills.gamut import SPACES
from pipelines.media.takes.names import new_take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.sequence import write_sequence
from pipelines.media.video.animation import SUFFIXES, Animation, write_animation
from pipelines.media.video.formats import VIDEO_FORMATS, video_problem
from pipelines.media.video.sound import Sound
from pipelines.media.video.write_video import VideoPlan, write_video
from pipelines.metrics.clips import pair, read_clip
from pipelines.training.data.footage import opened

RATE = Fraction(30000, 1001)
FAINT = torch.tensor([200, 100, 50, 10]) / 255
HALF = torch.tensor([200, 100, 50, 128]) / 255
LOSSLESS_8 = ("png 8-bit", "tga", "apng", "webp")
"""Straight formats of 8 bits without loss: (200, alpha 10) is 200 again."""
HERE = [name for name in VIDEO_FORMATS if video_problem(name) is None]


def clip(frames=4):
    """Three fields side by side: faint, half and opaque, the last one of another grey in each frame."""
    made = torch.ones(frames, 32, 96, 4)
    made[:, :, :32], made[:, :, 32:64] = FAINT, HALF
    made[:, :, 64:, :3] = (torch.arange(frames) * 40 + 60)[:, None, None, None] / 255
    return made


def come_back(path, faint, half=None):
    """Each field within its limit, the rate exact, and the same for training and metrics. `faint` None: not held."""
    found = open_footage(path)
    read = found.read()
    assert (found.count, found.fps, tuple(read.shape)) == (4, RATE, (4, 32, 96, 4))
    assert torch.equal(opened(path).read(), read) and torch.equal(read_clip(pair([path])[0].clips[0]), read)
    half = faint if half is None else half
    inner = (read - clip())[:, 8:24].abs()
    for field, limit in ((0, faint), (1, half), (2, half)):
        if limit is not None:
            assert float(inner[:, :, 32 * field + 8 : 32 * field + 24].max()) <= limit
    return found


@pytest.mark.parametrize("name", [name for name in STILLS if STILLS[name](1, Light()).light is None])
@pytest.mark.parametrize("compression", [0, 9])
def test_stills_of_display_values_come_back_to_the_last_bit(tmp_path, name, compression):
    plan = Plan(new_take(tmp_path, "a"), STILLS[name](compression, None), RATE)
    write_sequence(clip(), plan)
    found = come_back(plan.take.folder, 1e-7 if name in LOSSLESS_8 else 0.5001 / 65535)
    assert found.lossless and found.notes == ()


@pytest.mark.parametrize("name", [name for name in STILLS if STILLS[name](1, Light()).light is not None])
def test_stills_of_light_come_back_by_every_space_kind_and_association(tmp_path, name):
    settings = [*product(SPACES, (False, True), ("zip",)), *(("linear Rec.709", False, kind) for kind in KINDS)]
    for number, (space, emissive, kind) in enumerate(settings):
        plan = Plan(new_take(tmp_path, f"a{number}"), STILLS[name](1, Light(space, emissive, kind)), RATE)
        write_sequence(clip(), plan)
        come_back(plan.take.folder, 0.02 if kind == "dwaa" else 2e-3)


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("association", ["straight", "premultiplied"])
@pytest.mark.parametrize("bleed", [True, False])
def test_videos_come_back_with_their_sound_in_its_place(tmp_path, name, association, bleed):
    waveform = torch.zeros(2, 48000 * 4 * 1001 // 30000)
    waveform[:, 3000:] = 0.5 * torch.sin(torch.arange(waveform.shape[1] - 3000) * 0.06)
    path = tmp_path / f"a.{VIDEO_FORMATS[name].suffix}"
    write_video(clip(), path, VideoPlan(VIDEO_FORMATS[name], RATE, association, bleed, sound=Sound(waveform, 48000)))
    exact = name == "ffv1"
    straight = association == "straight"
    faint = (1e-4 if straight else 1e-3) if exact else (0.03 if straight else None)
    found = come_back(path, faint, 1e-3 if exact else 0.03)
    assert found.lossless is exact
    sound = found.read_sound()
    assert sound is not None and sound.rate == 48000
    begins = int((sound.waveform[0].abs() > 0.1).nonzero()[0])
    assert abs(begins - 3000) < 240  # a codec smears by less than 5 ms


@pytest.mark.parametrize("name", SUFFIXES)
@pytest.mark.parametrize("loop", [0, 3])
def test_animations_come_back(tmp_path, name, loop):
    path = tmp_path / f"a.{SUFFIXES[name]}"
    write_animation(clip(), path, Animation(name, RATE, loop=loop))
    if name in LOSSLESS_8:
        come_back(path, 1e-7)
    else:  # a GIF is opaque or is not
        found = open_footage(path)
        read = found.read()
        assert (found.count, found.fps) == (4, RATE)
        assert float((read - clip())[:, :, 64:].abs().max()) < 0.03 and not read[:, :, :32, 3].any()


@pytest.mark.parametrize("quality", [90, 60])
def test_an_animation_with_loss_keeps_alpha_exactly_and_colour_nearly(tmp_path, quality):
    path = tmp_path / "a.webp"
    write_animation(clip(), path, Animation("webp", RATE, quality=quality))
    come_back(path, None, 0.06)
    assert torch.equal(open_footage(path).read()[..., 3], clip()[..., 3])

"""One hard clip through every format and association: what comes back, in a table, within each format's own limit."""

import json
from fractions import Fraction

import pytest
import torch

from pipelines.media.passes import PASS_SETS
from pipelines.media.stills.formats import STILLS, Light
from pipelines.media.stills.read_still import read_still
from pipelines.media.takes.names import Take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.read_sequence import find_footage, read_footage
from pipelines.media.takes.sequence import write_sequence
from pipelines.media.video.animation import SUFFIXES, Animation, write_animation
from pipelines.media.video.formats import VIDEO_FORMATS, video_problem
from pipelines.media.video.read_video import Wanted, described, read_video
from pipelines.media.video.sprite_sheet import SheetPlan, write_sheet
from pipelines.media.video.write_video import VideoPlan, write_video

RATE = Fraction(24000, 1001)
STEP8, STEP10, STEP16 = 0.5 / 255, 0.5 / 1023, 0.5 / 65535


def hard_clip(frames=4, height=45, width=63):
    """Soft edges, emissive colour where alpha is 0, lines of one pixel, noise, an odd size."""
    generator = torch.Generator().manual_seed(7)
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    made = []
    for index in range(frames):
        alpha = (1.4 - 3.5 * ((x - 0.4 - 0.05 * index) ** 2 + (y - 0.5) ** 2).sqrt()).clamp(0, 1)
        rgb = torch.stack((x, y, 1 - x), dim=-1) + 0.01 * torch.randn(height, width, 3, generator=generator)
        alpha[5 + index] = 1
        alpha[:, 9 + index] = 0.5
        rgb[:6, :8] = torch.tensor([1.0, 0.6, 0.1])
        made.append(torch.cat((rgb.clamp(0, 1), alpha[..., None]), dim=-1))
    return torch.stack(made)


def seen(clip):
    """Premultiplied: what a format that stores that can be held to."""
    return torch.cat((clip[..., :3] * clip[..., 3:], clip[..., 3:]), dim=-1)


def sequence(folder, clip, name, passes="rgba", light=None):
    still = STILLS[name](4, light)
    plan = Plan(Take(folder, "hard_v001"), still, RATE, passes=PASS_SETS[passes])
    write_sequence(clip, plan)
    of = plan.passes[0] if passes == "rgba" else plan.passes[2]
    footage = find_footage(folder if passes == "rgba" else folder / of.name)
    assert footage.association == still.association(of) and footage.fps == RATE
    return read_footage(footage)


def video(folder, clip, name, association):
    path = folder / f"hard.{VIDEO_FORMATS[name].suffix}"
    write_video(clip, path, VideoPlan(VIDEO_FORMATS[name], RATE, association, bleed=False))
    told = described(path)
    assert told.association == association and told.fps == RATE
    return read_video(path, Wanted(), told)


def animation(folder, clip, name):
    path = folder / f"hard.{SUFFIXES[name]}"
    write_animation(clip, path, Animation(name, RATE))
    return read_video(path, Wanted(), described(path))


def sprites(folder, clip):
    """As an engine reads them: each frame cut out of the sheet and put back where the JSON says it was."""
    path = folder / "hard.png"
    told = json.loads(write_sheet(clip, path, SheetPlan(RATE)).read_bytes())
    sheet = read_still(path).rgba
    read = torch.zeros_like(clip)
    for frame, each in zip(read, told["frames"].values(), strict=True):
        at, where = each["frame"], each["spriteSourceSize"]
        part = sheet[at["y"] : at["y"] + at["h"], at["x"] : at["x"] + at["w"]]
        frame[where["y"] : where["y"] + where["h"], where["x"] : where["x"] + where["w"]] = part
    assert told["meta"]["fps"]["num"] == RATE.numerator and told["meta"]["association"] == "straight"
    return read


# title: (way through, even sizes only, limits of alpha (max), colour over black (max), colour (max), all (mean)).
# None: not to be held to, because the format does not keep it.
LOSSY = (0.08, 0.7, None, 0.01)
"""Halved colour costs this much beside a line of one pixel, and little on average."""

WAYS = {
    "png 8-bit straight": (lambda f, c: sequence(f, c, "png 8-bit"), False, (STEP8, 2 * STEP8, STEP8, STEP8)),
    "png 16-bit straight": (lambda f, c: sequence(f, c, "png 16-bit"), False, (STEP16, 2 * STEP16, STEP16, STEP16)),
    "png 16-bit premultiplied": (
        lambda f, c: sequence(f, c, "png 16-bit", "fg + matte + processed + comp"),
        False,
        (STEP16, 2 * STEP16, None, STEP16),
    ),
    "tiff 16-bit straight": (lambda f, c: sequence(f, c, "tiff 16-bit"), False, (STEP16, 2 * STEP16, STEP16, STEP16)),
    "tga straight": (lambda f, c: sequence(f, c, "tga"), False, (STEP8, 2 * STEP8, STEP8, STEP8)),
    "exr half premultiplied": (lambda f, c: sequence(f, c, "exr half"), False, (3e-4, 5e-4, None, 2e-4)),
    "exr half emissive ACEScg": (
        lambda f, c: sequence(f, c, "exr half", light=Light("ACEScg", emissive=True)),
        False,
        (3e-4, 2e-3, 0.01, 5e-4),
    ),
    "exr float emissive": (
        lambda f, c: sequence(f, c, "exr float", light=Light(emissive=True)),
        False,
        (0, 2e-6, 2e-6, 1e-6),
    ),
    "exr half dwaa": (
        lambda f, c: sequence(f, c, "exr half", light=Light(kind="dwaa")),
        False,
        (3e-4, 0.15, None, 0.01),
    ),
    **{
        f"{name} {association}": (
            lambda f, c, name=name, association=association: video(f, c, name, association),
            VIDEO_FORMATS[name].even,
            limits[association],
        )
        for name, limits in {
            "prores 4444": {
                "straight": (STEP10 + 2e-4, 0.05, 0.05, 0.005),
                "premultiplied": (STEP10 + 2e-4, 0.05, None, 0.005),
            },
            "prores 4444 xq": {
                "straight": (STEP10 + 2e-4, 0.05, 0.05, 0.005),
                "premultiplied": (STEP10 + 2e-4, 0.05, None, 0.005),
            },
            "webm vp9": {"straight": LOSSY, "premultiplied": LOSSY},
            "hevc alpha": {"straight": LOSSY, "premultiplied": LOSSY},
            "ffv1": {
                "straight": (STEP16, 2 * STEP16, STEP16, STEP16),
                "premultiplied": (STEP16, 2 * STEP16, None, STEP16),
            },
            "stacked mp4": {"straight": LOSSY, "premultiplied": LOSSY},
        }.items()
        for association in ("straight", "premultiplied")
        if video_problem(name) is None
    },
    "apng straight": (lambda f, c: animation(f, c, "apng"), False, (STEP8, 2 * STEP8, STEP8, STEP8)),
    "webp straight": (lambda f, c: animation(f, c, "webp"), False, (STEP8, 2 * STEP8, None, STEP8)),
    "gif": (lambda f, c: animation(f, c, "gif"), False, (0.5, None, None, 0.1)),
    "sprite sheet straight": (lambda f, c: sprites(f, c), False, (STEP8, 2 * STEP8, None, STEP8)),
}


def errors(read, clip):
    apart = (read - clip).abs()
    over_black = (seen(read) - seen(clip)).abs()
    hidden = clip[..., 3] == 0
    return {
        "alpha": float(apart[..., 3].max()),
        "over black": float(over_black[..., :3].max()),
        "colour": float(apart[..., :3].max()),
        "mean": float(over_black.mean()),
        "glow": float(apart[hidden][..., :3].mean()),
    }


def test_the_hard_clip_goes_through_every_format_within_its_limits(tmp_path, capsys):
    rows, beyond = [], []
    for index, (title, (way, even, limits)) in enumerate(WAYS.items()):
        folder = tmp_path / str(index)
        folder.mkdir()
        clip = hard_clip(height=44, width=62) if even else hard_clip()
        found = errors(way(folder, clip), clip)
        rows.append(f"{title:<28}" + "".join(f"{value:12.6f}" for value in found.values()))
        for (kind, value), limit in zip(found.items(), limits, strict=False):
            if limit is not None and not value <= limit * 1.01 + 2e-7:
                beyond.append(f"{title}, {kind}: {value:.6f} > {limit:.6f}")
    head = f"{'':<28}" + "".join(f"{name:>12}" for name in errors(clip, clip))
    with capsys.disabled():
        print("\n" + "\n".join([head, *rows]))  # noqa: T201
    assert not beyond


@pytest.mark.parametrize(
    "name", [name for name in WAYS if "straight" in name and name.split()[0] in ("png", "tiff", "tga")]
)
def test_straight_formats_keep_the_glow_where_alpha_is_0(tmp_path, name):
    way, _, limits = WAYS[name]
    found = errors(way(tmp_path, hard_clip()), hard_clip())
    assert found["glow"] <= limits[0]


def test_an_emissive_exr_keeps_the_glow_and_a_plain_one_does_not(tmp_path):
    folders = [tmp_path / name for name in ("plain", "emissive")]
    for folder in folders:
        folder.mkdir()
    plain = sequence(folders[0], hard_clip(), "exr half")
    glow = sequence(folders[1], hard_clip(), "exr half", light=Light(emissive=True))
    hidden = hard_clip()[..., 3] == 0
    assert not bool(plain[hidden].any()) and float((glow - hard_clip())[hidden].abs().max()) < 1e-3

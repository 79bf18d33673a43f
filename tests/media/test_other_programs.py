"""What ffprobe, ffmpeg and OpenEXR's own tools read in our files: the tags, pixel formats and names that we claim."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction

import numpy as np
import pytest
import torch

from pipelines.media.passes import PASS_SETS
from pipelines.media.stills.formats import STILLS, Light
from pipelines.media.takes.names import Take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.sequence import write_sequence
from pipelines.media.video.formats import VIDEO_FORMATS
from pipelines.media.video.read_video import stored_frames
from pipelines.media.video.sound import Sound
from pipelines.media.video.write_video import VideoPlan, write_video

RATE = Fraction(24000, 1001)
BT709 = {"color_range": "tv", "color_space": "bt709", "color_transfer": "bt709", "color_primaries": "bt709"}


def clip(frames=5, height=30, width=44):
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    alpha = (1.5 - 4 * ((x - 0.5) ** 2 + (y - 0.5) ** 2).sqrt()).clamp(0, 1)
    return torch.stack((x, y, 1 - x, alpha), dim=-1).expand(frames, -1, -1, -1)


def asked(*command):
    return subprocess.run([str(each) for each in command], check=True, capture_output=True).stdout


@pytest.mark.parametrize(
    ("name", "video", "audio"),
    [
        (
            "prores 4444",
            {"codec_name": "prores", "profile": "4444", "codec_tag_string": "ap4h", "pix_fmt": "yuva444p12le"} | BT709,
            "pcm_s24le",
        ),
        (
            "prores 4444 xq",
            {"codec_name": "prores", "profile": "XQ", "codec_tag_string": "ap4x", "pix_fmt": "yuva444p12le"} | BT709,
            "pcm_s24le",
        ),
        ("webm vp9", {"codec_name": "vp9", "profile": "Profile 0"} | BT709, "opus"),
        ("ffv1", {"codec_name": "ffv1", "pix_fmt": "gbrap16le"}, "flac"),
        (
            "stacked mp4",
            {"codec_name": "h264", "codec_tag_string": "avc1", "pix_fmt": "yuv420p", "height": 60} | BT709,
            "aac",
        ),
    ],
)
@pytest.mark.parametrize("association", ["straight", "premultiplied"])
def test_ffprobe_reads_the_codec_the_colour_the_rate_and_our_tags(tmp_path, ffprobe, name, video, audio, association):
    path = tmp_path / f"clip.{VIDEO_FORMATS[name].suffix}"
    sound = Sound(torch.zeros(2, 48000), 48000)
    write_video(clip(), path, VideoPlan(VIDEO_FORMATS[name], RATE, association, sound=sound, text={"prompt": "{}"}))
    told = json.loads(
        asked(ffprobe, "-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", path)
    )
    picture, heard = told["streams"]
    assert {key: picture.get(key) for key in video} == video
    assert (picture["r_frame_rate"], picture["avg_frame_rate"]) == ("24000/1001", "24000/1001")
    assert picture["nb_read_frames"] == "5" and picture["width"] == 44
    assert heard["codec_name"] == audio
    tags = {key.lower(): value for key, value in told["format"]["tags"].items()}
    assert tags["rgba_association"] == association and tags["prompt"] == "{}"
    assert ("rgba_layout" in tags) is (name == "stacked mp4")
    if name == "webm vp9":
        assert picture["tags"]["alpha_mode"] == "1"


@pytest.mark.parametrize(("name", "decoder"), [("prores 4444", []), ("ffv1", []), ("webm vp9", ["-c:v", "libvpx-vp9"])])
def test_ffmpeg_of_the_system_decodes_the_same_alpha(tmp_path, ffmpeg, name, decoder):
    path = tmp_path / f"clip.{VIDEO_FORMATS[name].suffix}"
    write_video(clip(), path, VideoPlan(VIDEO_FORMATS[name], RATE))
    command = [
        ffmpeg,
        "-v",
        "error",
        *decoder,
        "-i",
        path,
        "-vf",
        "alphaextract,format=gray16le",
        "-f",
        "rawvideo",
        "-",
    ]
    theirs = np.frombuffer(asked(*command), "<u2").reshape(5, 30, 44) / 65535
    ours = torch.stack([*stored_frames(path)])[..., 3].numpy()
    assert np.abs(theirs - ours).max() < 1.1 / 255


@pytest.mark.parametrize(
    ("kind", "told_kind"),
    [("piz", "piz"), ("zip", "zip, multi-scanline blocks"), ("zips", "zip, individual scanlines")],
)
def test_exrheader_reads_the_channels_the_colour_the_rate_and_the_graph(tmp_path, exrheader, kind, told_kind):
    still = STILLS["exr half"](1, Light("ACEScg", kind=kind))
    plan = Plan(Take(tmp_path, "a_v001"), still, RATE, graph={"prompt": {"1": {}}})
    write_sequence(clip(1), plan)
    told = asked(exrheader, tmp_path / "a_v001.1001.exr").decode()
    for channel in "ABGR":
        assert f"{channel}, 16-bit floating-point, sampling 1 1" in told
    assert f"compression (type compression): {told_kind}" in told
    assert "red   (0.713 0.293)" in told and "white (0.32168 0.33767)" in told
    assert "framesPerSecond (type rational): 24000/1001" in told
    assert 'prompt (type string): "{"1": {}}"' in told


def test_exrheader_reads_the_layers(tmp_path, exrheader):
    still = STILLS["exr float"](4, None)
    plan = Plan(Take(tmp_path, "a_v001"), still, RATE, PASS_SETS["fg + matte + processed + comp"], layers=True)
    write_sequence(clip(1), plan)
    told = asked(exrheader, tmp_path / "a_v001.1001.exr").decode()
    names = ["A", "B", "G", "R", *(f"{each}.{c}" for each in ("comp", "fg") for c in "BGR"), "matte.A"]
    assert all(f"    {name}, 32-bit floating-point" in told for name in names)
    assert told.count("floating-point") == len(names)

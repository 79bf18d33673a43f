"""Files that claim more than they hold, clocks that jump, and tracks that players choose between."""

import resource
import struct
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from pipelines.media.footage import open_footage
from pipelines.media.video.clock import SteadyClock
from pipelines.media.video.delays import delays_of
from pipelines.media.video.formats import VIDEO_FORMATS
from pipelines.media.video.geometry import display_matrix, geometry_of
from pipelines.media.video.vpx import sizes_in
from pipelines.media.video.write_video import VideoPlan, write_video


@pytest.fixture
def make(ffmpeg, tmp_path):
    """A file of FFmpeg's in the test's folder, from sources of lavfi and options."""

    def make(name, sources, *options):
        given = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
        subprocess.run([ffmpeg, "-v", "error", "-y", *given, *options, name], check=True, cwd=tmp_path)
        return tmp_path / name

    return make


def grown():
    """Bytes at which this process has peaked so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def packets(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.codec_context.name, [packet for packet in container.demux(stream) if packet.size]


@pytest.mark.parametrize(("codec", "form"), [("libvpx", "yuv420p"), ("libvpx-vp9", "yuv420p"),
                                             ("libvpx-vp9", "yuv444p"), ("libvpx-vp9", "yuv420p10le"),
                                             ("libvpx-vp9", "gbrp")])  # fmt: skip
def test_the_size_that_a_packet_of_vpx_claims_is_found(make, codec, form):
    path = make("a.webm", ["testsrc2=s=62x46:r=25:d=0.4"], "-c:v", codec, "-pix_fmt", form, "-b:v", "300k")
    name, found = packets(path)
    sizes = [size for packet in found for size in sizes_in(name, bytes(packet))]
    assert sizes and {*sizes} == {(62, 46)} and not [*sizes_in(name, b"")]


def test_alpha_that_claims_to_be_large_is_refused_before_libvpx_makes_room(tmp_path):
    path = tmp_path / "a.webm"
    clip = torch.rand(2, 16, 16, 4, generator=torch.Generator().manual_seed(1))
    write_video(clip, path, VideoPlan(VIDEO_FORMATS["webm vp9"], Fraction(25)))
    _, found = packets(path)
    (alpha,) = [bytes(each)[8:] for each in found[0].iter_sidedata() if each.data_type == "matroska_block_additional"]
    bits = f"{int.from_bytes(alpha[:16], 'big'):0128b}"
    sizes = f"{15:016b}" * 2
    claimed = bits.replace(sizes, f"{16000:016b}" * 2, 1)
    assert claimed != bits
    path.write_bytes(path.read_bytes().replace(alpha[:16], int(claimed, 2).to_bytes(16, "big"), 1))
    before = grown()
    with pytest.raises(ValueError, match=r"a\.webm is cut or damaged: a picture of 16 x 16 claims to be 16001 x 16001"):
        open_footage(path).read()
    assert grown() - before < 100 << 20


@pytest.mark.parametrize(("codec", "form"), [("utvideo", "gbrp"), ("zmbv", "bgr0"), ("ffv1", "bgr0")])
def test_a_small_file_that_claims_a_large_picture_costs_nothing(make, codec, form):
    path = make("a.avi", ["testsrc2=s=64x48:r=25:d=0.2"], "-c:v", codec, "-pix_fmt", form)
    file = bytearray(path.read_bytes())
    struct.pack_into("<ii", file, file.find(b"strf") + 12, 16000, 16000)
    path.write_bytes(file)
    before = grown()
    with pytest.raises(ValueError, match=r"a\.avi"):
        open_footage(path).read()
    assert grown() - before < 100 << 20


def test_a_large_plain_picture_of_few_bytes_is_read(make):
    path = make("a.mp4", ["color=black:s=3840x2160:r=25:d=0.04"], "-c:v", "libaom-av1", "-cpu-used", "8")
    assert open_footage(path).size == (3840, 2160)


def test_an_animation_of_too_many_pictures_is_refused_before_they_are_placed(tmp_path):
    picture = b"!\xf9\x04\0\x02\0\0\0," + struct.pack("<4H", 0, 0, 1, 1) + b"\0\x02\x02\x44\x01\0"
    head = b"GIF89a" + struct.pack("<HH", 8, 8) + b"\x80\0\0" + bytes(3) + b"\xff" * 3
    (tmp_path / "a.gif").write_bytes(head + picture * 100_001 + b";")
    with pytest.raises(ValueError, match=r"a\.gif: it has more than 100000 pictures"):
        open_footage(tmp_path / "a.gif")
    (tmp_path / "b.gif").write_bytes(head + picture * 40 + b";")
    assert delays_of(tmp_path / "b.gif") == [Fraction(1, 50)] * 40


@pytest.mark.parametrize(
    ("suffix", "codec", "late"),
    [("ts", "libx264", "0"), ("ts", "libx264", "300"), ("mpg", "mpeg2video", "0"), ("ts", "mpeg2video", "20")],
)
def test_recordings_that_were_joined_are_read_one_after_the_other(make, suffix, codec, late):
    options = ("-c:v", codec, "-pix_fmt", "yuv420p", "-c:a", "mp2")
    one = make(f"1.{suffix}", ["color=black:s=64x48:r=25:d=1", "sine=d=1"], *options)
    two = make(f"2.{suffix}", ["color=white:s=64x48:r=25:d=1", "sine=d=1"], *options, "-output_ts_offset", late)
    joined = one.with_name(f"joined.{suffix}")
    joined.write_bytes(one.read_bytes() + two.read_bytes())
    clip = open_footage(joined)
    levels = clip.read()[:, 24, 32, 0].round().tolist()
    assert (clip.count, clip.fps, levels) == (50, 25, [0.0] * 25 + [1.0] * 25)
    assert "Its clock jumps" in clip.notes[0]
    sound = clip.read_sound()
    assert sound is not None and abs(sound.waveform.shape[1] / sound.rate - 2) < 0.1


def test_a_clock_that_goes_round_is_one_clock(make):
    path = make("a.ts", ["testsrc2=s=64x48:r=25:d=2"], "-c:v", "mpeg2video", "-output_ts_offset", "95442.3")
    clip = open_footage(path)
    assert (clip.count, clip.fps, clip.notes) == (50, 25, ())


def test_times_of_other_containers_are_left_as_they_are(make):
    with av.open(str(make("a.mkv", ["testsrc2=s=64x48:r=25:d=0.2"]))) as container:
        clock = SteadyClock(container, Fraction(1, 10))
        assert [clock.move(now, 1) for now in (0, 1, 5000, 3)] == [0, 1, 5000, 3] and clock.notes() == []


def test_of_several_tracks_the_one_that_players_show_is_read(make):
    sources = ["color=red:s=64x48:r=25:d=0.2", "color=blue:s=64x48:r=25:d=0.2"]
    path = make("a.mkv", sources, "-map", "0", "-map", "1", "-c:v", "ffv1", "-pix_fmt", "bgr0",
                "-disposition:v:0", "0", "-disposition:v:1", "default")  # fmt: skip
    clip = open_footage(path)
    assert clip.read()[0, 0, 0].round().tolist() == [0, 0, 1, 1]
    assert "the one marked as default was read" in clip.notes[0]


def test_what_this_pyav_has_no_name_for_beside_a_picture_does_not_matter(make):
    clip = open_footage(make("a.mov", ["testsrc2=s=64x48:r=25:d=0.2"], "-c:v", "tiff", "-pix_fmt", "rgb24"))
    assert clip.read().shape == (5, 48, 64, 4)


class Unnamed:
    """A frame of FFmpeg's whose side data PyAV cannot list, as it is where FFmpeg is newer."""

    def __init__(self, frame):
        self.rotation = frame.rotation

    @property
    def side_data(self):
        raise ValueError("31 is not a valid Type")


@pytest.mark.parametrize("degrees", ["90", "180", "270"])
def test_a_turn_is_known_even_then(ffmpeg, make, degrees):
    path = make("a.mp4", ["testsrc2=s=64x48:r=25:d=0.2"], "-c:v", "libx264", "-pix_fmt", "yuv420p")
    turned = path.with_name("b.mp4")
    command = [ffmpeg, "-v", "error", "-i", path, "-c", "copy", "-metadata:s:v", f"rotate={degrees}", turned]
    subprocess.run(command, check=True)
    with av.open(str(turned)) as container:
        frame = next(container.decode(video=0))
        told, guessed = (geometry_of(display_matrix(each), None) for each in (frame, Unnamed(frame)))
    assert guessed == told and not told.is_plain
    assert np.prod(told.shown_size(64, 48, "plain")) == 64 * 48

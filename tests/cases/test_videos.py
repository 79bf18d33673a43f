"""Files that were once read wrong, and the kinds beside them in each format's specification."""

import io
import re
import struct
import subprocess
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.media.video.animation import SUFFIXES, Animation, write_animation
from pipelines.media.video.colour import display_from
from pipelines.media.video.formats import VIDEO_FORMATS
from pipelines.media.video.frames import picture_from
from pipelines.media.video.geometry import geometry_of, split
from pipelines.media.video.read_video import Wanted, described, read_audio, read_video
from pipelines.media.video.timing import animation_timeline, video_timeline
from pipelines.media.video.write_video import VideoPlan, write_video

HUNDREDTH = Fraction(1, 100)
RED, BLUE = "color=red:s=48x32:r=25:d=0.24", "color=blue:s=48x32:r=25:d=0.24"


@pytest.fixture
def run(ffmpeg, tmp_path):
    """Runs FFmpeg in the test's folder; `lavfi` sources are strings that begin with @."""

    def run(*given):
        words = [word for each in given for word in (["-f", "lavfi", "-i", each[1:]] if each[:1] == "@" else [each])]
        subprocess.run([ffmpeg, "-v", "error", "-y", *words], check=True, cwd=tmp_path)
        return tmp_path / words[-1]

    return run


def read(path, **wanted):
    video = described(path)
    return video, read_video(path, Wanted(**wanted), video)


def greys(path, times, unit=1000):
    """A video whose pictures are shown at these times, each a little lighter than the one before."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=50)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        stream.codec_context.time_base = Fraction(1, unit)
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((16, 32, 3), 10 + 4 * index, np.uint8), "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, unit)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def levels(clip):
    return ((clip[:, 8, 16, 0] * 255 - 10) / 4).round().int().tolist()


def begins(sound):
    return float((sound.waveform[0].abs() > 0.01).nonzero()[0]) / sound.rate


# ---- alpha of VP8 and VP9, and pictures that are never shown


@pytest.mark.parametrize("tag", ["alpha_mode", "ALPHA_MODE", "Alpha_Mode"])
def test_the_alpha_of_vp9_is_kept_whatever_the_case_of_its_tag(tmp_path, tag):
    clip = torch.zeros(4, 16, 24, 4)
    clip[:, 4:12, 4:12] = 1
    write_video(clip, tmp_path / "a.webm", VideoPlan(VIDEO_FORMATS["webm vp9"], Fraction(25)))
    with av.open(str(tmp_path / "a.webm")) as source, av.open(str(tmp_path / "b.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.metadata.clear()
        stream.metadata[tag] = "1"
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    alpha = read(tmp_path / "b.mkv")[1][..., 3]
    assert float(alpha[:, 6:10, 6:10].min()) > 0.95 and float(alpha[:, :2].max()) < 0.05


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_pictures_that_are_only_referred_to_are_not_counted(run, codec):
    for number in ("1", "2"):  # only with two passes are there pictures that are never shown
        path = run("@mandelbrot=s=96x64:r=25", "-t", "2", "-c:v", codec, "-auto-alt-ref", "1", "-lag-in-frames", "25",
                   "-b:v", "80k", "-pass", number, "a.webm")  # fmt: skip
    with av.open(str(path)) as container:
        found = [packet for packet in container.demux(video=0) if packet.size]
    hidden = [each for each in found if not memoryview(each)[0] & (0x10 if codec == "libvpx" else 0x0A)]
    assert hidden  # of VP8 a packet of their own; of VP9 the first part of one that ends with a picture
    video, clip = read(path)
    assert (video.count, len(clip), video.fps, video.notes) == (50, 50, 25, ())
    with av.open(str(path)) as container:
        for picture, frame in zip(clip, container.decode(video=0), strict=True):
            assert torch.equal(picture, picture_from(frame))


# ---- when pictures are shown


def test_a_variable_rate_is_placed_by_time_and_said(tmp_path):
    path = greys(tmp_path / "a.mp4", [*range(0, 1000, 100), *range(1000, 1200, 20)])
    video, clip = read(path)
    assert (video.fps, video.count) == (50, 60) and "60 frames at 50 fps" in video.notes[0]
    assert levels(clip) == [index // 5 for index in range(50)] + [*range(10, 20)]
    part = read_video(path, Wanted(48, 4, 2), video)
    assert torch.equal(part, clip[48:55:2])


def test_rates_that_vary_by_a_part_of_a_frame_are_one_rate():
    times = [0, 32, 68, 99, 135, 166, 201, 232, 266, 301]
    timeline = video_timeline(times, 33, Fraction(1, 1000), [Fraction(30)])
    assert (timeline.rate, [*timeline.shown], timeline.notes) == (30, [*range(10)], ())


def test_pictures_too_close_for_any_frame_are_left_out_and_counted():
    timeline = video_timeline([0, 1, 2, 500, 1000], 0, Fraction(1, 1000), [Fraction(5)])
    assert timeline.shown[0] == 2 and "2 pictures stand for less than a frame" in timeline.notes[1]


def test_times_without_end_are_refused():
    with pytest.raises(ValueError, match="at most 1000000 are made"):
        video_timeline([0, 1, 2**40, 2**41], 0, Fraction(1, 1000), [None])


@pytest.mark.parametrize("frames", ["0", "2"])
def test_what_an_edit_list_cuts_is_not_read(run, frames):
    run("@testsrc2=s=64x48:r=25:d=3", "-c:v", "libx264", "-g", "50", "-bf", frames, "-pix_fmt", "yuv420p", "whole.mp4")
    path = run("-ss", "1", "-i", "whole.mp4", "-t", "1.2", "-c", "copy", "cut.mp4")
    with av.open(str(path)) as container:
        expected = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    video, clip = read(path)
    assert video.count == len(clip) == len(expected) < 50 and video.fps == 25
    assert np.abs(clip[0, ..., :3].numpy() * 255 - expected[0]).mean() < 8


def test_a_cut_before_the_first_whole_picture_leaves_out_what_refers_to_it(run):
    path = run("@testsrc2=s=64x48:r=25:d=2", "-c:v", "libx264", "-g", "25", "-pix_fmt", "yuv420p", "a.ts")
    file = path.read_bytes()
    third = 188 * (len(file) // 188 // 3)
    video, clip = read(io.BytesIO(file[: 188 * 3] + file[third:]))  # the tables, then from the middle of a group on
    assert len(clip) == video.count < 50 and "refer to what was cut away" in video.notes[0]


@pytest.mark.parametrize(
    ("late", "sources", "begin"),
    [
        ("sound", ("@testsrc2=s=64x48:r=25:d=1", "-itsoffset", "0.5", "@sine=440:r=48000:d=0.5"), 0.5),
        ("picture", ("-itsoffset", "0.5", "@testsrc2=s=64x48:r=25:d=0.6", "@aevalsrc='gte(t,0.5)*sin(3000*t)':d=1"), 0),
    ],
)
def test_sound_and_picture_that_begin_at_different_times_stay_together(run, late, sources, begin):
    maps = ["-map", "0:v", "-map", "1:a"]
    path = run(*sources, *maps, "-vsync", "passthrough", "-c:v", "ffv1", "-c:a", "pcm_s16le", "a.mkv")
    video = described(path)
    sound = read_audio(path, Fraction(0), video.count / video.fps, video)
    assert sound is not None and begins(sound) == pytest.approx(begin, abs=0.025)
    after = read_audio(path, Fraction(2, 25), Fraction(1), video)
    assert after is not None and begins(after) == pytest.approx(max(0, begin - 0.08), abs=0.025)


def test_sound_that_an_empty_edit_delays_is_late(run):
    path = run(
        "@testsrc2=s=64x48:r=25:d=1", "-itsoffset", "0.5", "@sine=440:r=48000:d=0.5", "-c:v", "mjpeg", "-c:a",
        "pcm_s16le", "a.mov",
    )  # fmt: skip
    sound = read_audio(path, Fraction(0), Fraction(1), described(path))
    assert sound is not None and begins(sound) == pytest.approx(0.5, abs=0.001)


def test_channels_without_a_layout_are_mixed_to_stereo(run):
    path = run("@testsrc2=s=64x48:r=25:d=0.2", "@aevalsrc='sin(3000*t)|0|0|0':c=quad:d=0.2", "-c:v", "ffv1", "-c:a",
               "pcm_s16le", "a.mkv")  # fmt: skip
    sound = read_audio(path, Fraction(0), Fraction(1))
    assert sound is not None and sound.waveform.shape[0] == 2 and begins(sound) < 0.01


# ---- animations


@pytest.mark.parametrize("suffix", ["gif", "apng", "webp", "png"])
def test_the_pictures_of_an_animation_stand_as_long_as_they_say(tmp_path, suffix):
    frames = [Image.new("RGBA", (16, 8), (*colour, 255)) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    path = tmp_path / f"a.{suffix}"
    kind = {"apng": "PNG"}.get(suffix, suffix.upper())
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=[100, 100, 800], **options)
    video, clip = read(path)
    assert (video.count, video.fps, video.notes) == (10, 10, ())
    assert clip[:, 4, 8, :3].argmax(dim=-1).tolist() == [0, 1] + [2] * 8


@pytest.mark.parametrize(("stored", "shown"), [(0, 10), (10, 10), (20, 50)])
def test_delays_of_a_gif_that_browsers_slow_down_are_a_tenth_of_a_second(tmp_path, stored, shown):
    frames = [Image.new("RGB", (16, 8), (255, 60 * index, 0)) for index in range(4)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=stored)
    video = described(tmp_path / "a.gif")
    assert (video.count, video.fps) == (4, shown)


def test_comments_and_what_follows_the_end_of_a_gif_change_nothing(tmp_path):
    frames = [Image.new("RGB", (16, 8), (255, 60 * index, 0)) for index in range(4)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100, comment=b"\xa9 2026")
    file = (tmp_path / "a.gif").read_bytes()
    whole = read(tmp_path / "a.gif")[1]
    comment, program = b"!\xfe\x04\xa9 me\x00", b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
    for end in (comment + program + b";", b";" + b"what follows, !" * 9, b""):
        video, clip = read(io.BytesIO(file[:-1] + end))
        assert video.count == 4 and torch.equal(clip, whole)


def test_the_picture_of_an_apng_for_programs_that_know_none_is_not_a_frame(tmp_path):
    frames = [Image.new("RGBA", (16, 8), (255, 60 * index, 0, 255)) for index in range(4)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], duration=100, default_image=True)
    video, clip = read(tmp_path / "a.png")
    assert video.count == 3 and (clip[:, 0, 0, 1] * 255).round().tolist() == [60, 120, 180]


@pytest.mark.parametrize("kind", ["gif", "apng", "webp"])
@pytest.mark.parametrize("fps", [Fraction(10), Fraction(73, 10), Fraction(30000, 1001), Fraction(50)])
def test_our_animations_come_back_with_their_holds_rate_and_number(tmp_path, kind, fps):
    clip = torch.zeros(10, 4, 6, 4)
    clip[..., 3] = 1
    clip[5:, ..., 0] = torch.arange(1, 6)[:, None, None] / 5
    for name, frames in (("hold", clip), ("two", clip[4:6]), ("still", clip[:5])):
        path = tmp_path / f"{name}.{SUFFIXES[kind]}"
        write_animation(frames, path, Animation(kind, fps))
        video, back = read(path)
        if name == "still" and kind == "apng":
            assert video.count == 5
        assert (video.count, video.fps, back.shape) == (len(frames), fps, frames.shape)
        assert torch.equal(back, frames)


def test_a_rate_is_found_again_from_rounded_delays():
    for fps in (Fraction(24), Fraction(25), Fraction(16), Fraction(15), Fraction(25, 2), Fraction(7)):
        ends = [round(index / fps * 100) for index in range(30)]
        delays = [Fraction(after - before, 100) for before, after in pairwise(ends)]
        timeline = animation_timeline(delays, HUNDREDTH)
        assert (timeline.rate, len(timeline.shown)) == (fps, 29)


def test_a_note_that_disagrees_with_the_delays_is_not_believed():
    timeline = animation_timeline([Fraction(1, 10)] * 4, HUNDREDTH, (Fraction(24), 4))
    assert timeline.rate == 10


def test_delays_without_a_common_rate_are_placed_and_said():
    timeline = animation_timeline([Fraction(37, 1000), Fraction(41, 1000), Fraction(53, 1000)], Fraction(0))
    assert timeline.rate <= 60 and "different times" in timeline.notes[0]


# ---- upright, square, alpha beside the colour


def test_a_clip_of_a_phone_is_upright(run):
    run(f"@{RED}", f"@{BLUE}", "-filter_complex", "[0][1]vstack,transpose=2", "-c:v", "libx264", "-pix_fmt", "yuv420p",
        "flat.mp4")  # fmt: skip
    path = run("-i", "flat.mp4", "-c", "copy", "-metadata:s:v:0", "rotate=-90", "phone.mp4")
    video, clip = read(path)
    assert (video.width, video.height, clip.shape) == (48, 64, (6, 64, 48, 4))
    assert clip[0, 8, 24].round().tolist() == [1, 0, 0, 1] and clip[0, 56, 24].round().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_right_angle_and_flip_of_a_matrix_puts_each_pixel_where_it_says(turns, mirrored):
    a, b, c, d = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)][turns]
    a, c = (-a, -c) if mirrored else (a, c)
    matrix = struct.pack("=9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    picture = torch.rand(3, 5, 4)
    places = {(x, y): (a * x + c * y, b * x + d * y) for x in range(5) for y in range(3)}
    left, top = (min(place[side] for place in places.values()) for side in (0, 1))
    shown = geometry_of(matrix, None).turn(picture)
    for (x, y), (across, down) in places.items():
        assert torch.equal(shown[down - top, across - left], picture[y, x])


def test_another_angle_is_read_as_stored_and_said():
    matrix = struct.pack("=9i", 60000, 26000, 0, -26000, 60000, 0, 0, 0, 1 << 30)
    geometry = geometry_of(matrix, None)
    assert geometry.is_plain and "not a multiple of 90 degrees" in geometry.notes[0]


@pytest.mark.parametrize(("aspect", "width"), [("4/3", 85), ("8/9", 57), ("2", 128)])
def test_pixels_that_are_not_square_are_made_so_and_that_is_said(run, aspect, width):
    path = run("@testsrc2=s=64x48:r=25:d=0.08", "-vf", f"setsar={aspect}", "-c:v", "ffv1", "a.mkv")
    video, clip = read(path)
    assert (video.width, video.height, *clip.shape[1:3]) == (width, 48, 48, width)
    assert "scaled to square" in video.notes[0]


def test_pixels_are_made_square_after_turning():
    geometry = geometry_of(struct.pack("=9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30), Fraction(2))
    assert geometry.shown_size(10, 6, "plain") == (6, 20)
    assert geometry.square(geometry.turn(torch.rand(6, 10, 4))).shape == (20, 6, 4)


@pytest.mark.parametrize("layout", ["colour above alpha", "colour below alpha", "colour left of alpha",
                                    "colour right of alpha"])  # fmt: skip
def test_alpha_beside_the_colour_is_found(layout):
    rgba = torch.rand(4, 6, 4)
    parts = [rgba, rgba[..., 3:].expand(-1, -1, 4)]
    stored = torch.cat(parts if layout.split()[1] in ("above", "left") else parts[::-1], dim=0 if "ve" in layout or
                       "low" in layout else 1)  # fmt: skip
    assert split(stored, layout).allclose(rgba)


def test_alpha_beside_the_colour_in_a_file_is_read_where_the_artist_says(tmp_path):
    clip = torch.zeros(2, 8, 12, 4)
    clip[:, :, :6] = torch.tensor([1.0, 0, 0, 1])
    clip[:, :, 6:] = torch.tensor([0.5, 0.5, 0.5, 1])
    write_video(clip, tmp_path / "a.mkv", VideoPlan(VIDEO_FORMATS["ffv1"], Fraction(25)))
    video = described(tmp_path / "a.mkv")
    back = read_video(tmp_path / "a.mkv", Wanted(layout="colour left of alpha"), video)
    assert back.shape == (2, 8, 6, 4) and back[0, 0, 0].allclose(torch.tensor([1, 0, 0, 0.5]), atol=1e-4)
    with pytest.raises(ValueError, match="layout is one of plain, colour above alpha"):
        Wanted(layout="sideways")


def test_fill_and_key_in_two_tracks_are_one_picture(run):
    tracks = (
        "@color=red:s=32x16:r=25:d=0.2",
        "@color=gray:s=32x16:r=25:d=0.2",
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "ffv1",
    )
    path = run(*tracks, "two.mkv")
    video, plain = read(path)
    assert "2 video tracks" in video.notes[0] and float(plain[..., 3].min()) == 1
    keyed = read_video(path, Wanted(layout="fill and key"), video)
    assert keyed[0, 0, 0].tolist() == pytest.approx([1, 0, 0, 0.5], abs=0.01)
    named = run(*tracks, "-metadata:s:v:1", "title=Key", "key.mkv")
    assert described(named).layout == "fill and key" and torch.equal(read(named)[1], keyed)
    with pytest.raises(ValueError, match="no second video track"):
        one = run("@color=red:s=32x16:r=25:d=0.2", "-c:v", "ffv1", "one.mkv")
        read(one, layout="fill and key")


# ---- colour


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020", "smpte240m"])
@pytest.mark.parametrize("range", ["tv", "pc"])
def test_colours_come_back_from_every_matrix_and_range(run, matrix, range):
    tags = {"bt601": "smpte170m", "bt2020": "bt2020nc"}
    path = run("@color=0xc06020:s=32x16:r=25:d=0.04", "-vf", f"scale=out_color_matrix={matrix}:out_range={range},"
               "format=yuv444p", "-colorspace", tags.get(matrix, matrix), "-color_range", range, "-c:v", "ffv1",
               "a.mkv")  # fmt: skip
    assert (read(path)[1][0, 8, 8] * 255).tolist() == pytest.approx([0xC0, 0x60, 0x20, 255], abs=3)


@pytest.mark.parametrize("form", ["yuv411p", "yuv410p", "yuv440p", "uyvy422", "nv12", "gray16le", "ya8", "yuv422p16le"])
def test_every_sampling_has_the_colours_of_the_picture(form):
    ramp = np.zeros((32, 32, 3), np.uint8)
    ramp[..., 0] = ramp[..., 1] = ramp[..., 2] = np.linspace(40, 200, 32)[:, None]
    if "gray" not in form and form != "ya8":
        ramp[..., 2] = np.linspace(160, 100, 32)[None]
    frame = av.VideoFrame.from_ndarray(ramp, "rgb24").reformat(format=form, dst_colorspace="ITU601")
    picture = picture_from(frame)
    assert picture.shape == (32, 32, 4) and float(picture[..., 3].min()) == 1
    assert np.abs(picture[4:-4, 4:-4, :3].numpy() * 255 - ramp[4:-4, 4:-4]).max() < 7


def test_white_paper_and_black_of_hdr_are_white_and_black():
    pq = torch.tensor([0.580688, 0.580688, 0.580688, 0.5])  # 203 cd/m2
    assert display_from(pq, 16, 9).tolist() == pytest.approx([1, 1, 1, 0.5], abs=1e-3)
    hlg = torch.tensor([0.75, 0.75, 0.75, 1.0])  # BT.2408: 75 % is 203 cd/m2
    assert display_from(hlg, 18, 9).tolist() == pytest.approx([1, 1, 1, 1], abs=2e-3)
    assert display_from(torch.zeros(4), 16, 9).tolist() == display_from(torch.zeros(4), 18, 9).tolist() == [0, 0, 0, 0]
    assert torch.equal(display_from(hlg, 1, 1), hlg)


@pytest.mark.parametrize(
    ("tags", "note"),
    [
        (["-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"], r"HDR \(PQ\)"),
        (["-color_trc", "arib-std-b67", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"], r"HDR \(HLG\)"),
        (["-color_trc", "bt709", "-color_primaries", "bt2020"], "primaries are BT.2020"),
        (["-metadata", "comment=S-Log3 footage"], r"logarithmic \(S-Log3\)"),
    ],
)
def test_colour_that_is_converted_or_is_not_is_named(run, tags, note):
    path = run("@color=gray:s=32x16:r=25:d=0.04", "-pix_fmt", "yuv444p10le", *tags, "-c:v", "ffv1", "a.mkv")
    video, clip = read(path)
    assert len([each for each in video.notes if re.search(note, each)]) == 1
    assert bool(clip.isfinite().all())


# ---- what a file says, and what it cannot


@pytest.mark.parametrize("suffix", ["avi", "mov"])
def test_a_title_that_is_not_utf_8_does_not_matter(run, suffix):
    path = run("@testsrc2=s=64x48:r=25:d=0.2", "-c:v", "mjpeg", "-metadata", "title=FlXgel", f"t.{suffix}")
    path.write_bytes(path.read_bytes().replace(b"FlXgel", b"Fl\xfcgel"))
    assert read(path)[1].shape == (5, 48, 64, 4)


@pytest.mark.parametrize(("suffix", "codec"), [("mxf", "mpeg2video"), ("ts", "mpeg2video"), ("wmv", "wmv2")])
def test_the_trades_other_containers_are_read(run, suffix, codec):
    video, clip = read(run("@testsrc2=s=64x48:r=25:d=0.4", "-c:v", codec, f"a.{suffix}"))
    assert (video.count, video.fps, clip.shape) == (10, 25, (10, 48, 64, 4))


def test_a_size_that_changes_in_the_middle_is_refused_by_name(run, tmp_path):
    for size in ("64x48", "80x48"):
        run(f"@testsrc2=s={size}:r=25:d=0.2", "-c:v", "libvpx-vp9", "-b:v", "200k", f"{size}.webm")
    (tmp_path / "list.txt").write_text("file 64x48.webm\nfile 80x48.webm\n")
    path = run("-f", "concat", "-i", "list.txt", "-c", "copy", "resized.webm")
    with pytest.raises(ValueError, match=r"resized\.webm changes its size at picture 5, from 64 x 48 to 80 x 48"):
        read(path)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 2), (1, 9), (3, 40)])
def test_ffv1_of_a_few_pixels_comes_back(tmp_path, size):
    clip = torch.rand(2, *size, 4, generator=torch.Generator().manual_seed(5))
    write_video(clip, tmp_path / "a.mkv", VideoPlan(VIDEO_FORMATS["ffv1"], Fraction(25), bleed=False))
    assert float((read(tmp_path / "a.mkv")[1] - clip).abs().max()) < 1e-4


def box(name, *parts):
    contents = b"".join(parts)
    return struct.pack(">I4s", 8 + len(contents), name) + contents


def endless_mp4(samples):
    table = box(b"stsz", bytes(4), struct.pack(">II", 0, samples), bytes(8))
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table))))
    return box(b"ftyp", b"isom", bytes(4)) + box(b"moov", track)


def gif(width, height, delays=(2, 2)):
    head = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(3) + b"\xff" * 3
    pictures = [
        b"!\xf9\x04\0" + struct.pack("<H", delay) + b"\0\0," + struct.pack("<4H", 0, 0, 1, 1) + b"\0\x02\x02\x44\x01\0"
        for delay in delays
    ]
    return head + b"".join(pictures) + b";"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (gif(65535, 65535), "65535 x 65535, or 64.0 GB in memory; at most 16384 pixels"),
        (gif(16000, 16000), "claims 16000 x 16000 pixels and has 4 bytes"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 2**31 - 1, 1), "2147483647 x 1, or"),
        (b"RIFF\x64\0\0\0WEBPVP8X" + b"\x0a\0\0\0\x02\0\0\0" + b"\xff" * 6, "16777216 x 16777216, or"),
        (endless_mp4(2**31), "claims 2147483648 samples"),
        (gif(1000, 1000, (2, *[65535] * 10)), "11 pictures that stand for 26"),
        (gif(20, 20, (2, *[65535] * 1000)), "at most 1000000 are made"),
    ],
)
def test_what_claims_more_than_it_can_hold_is_refused_before_memory_is_taken(file, message):
    with pytest.raises(ValueError, match=message):
        read(io.BytesIO(file))


def test_files_with_bytes_changed_are_read_or_refused_by_name(run):
    generator = np.random.default_rng(7)
    for name in ("a.mp4", "a.mkv", "a.gif"):
        file = np.frombuffer(run("@testsrc2=s=64x48:r=25:d=0.2", name).read_bytes(), np.uint8)
        for _ in range(40):
            changed = file[: generator.integers(1, len(file))] if generator.random() < 0.3 else file.copy()
            changed = changed.copy()
            changed[generator.integers(0, len(changed), 3)] = generator.integers(0, 256, 3)
            try:
                _, clip = read(io.BytesIO(changed.tobytes()))
            except ValueError as error:
                assert str(error)[-1] == "." or "expected" in str(error)
            else:
                assert bool(clip.isfinite().all())

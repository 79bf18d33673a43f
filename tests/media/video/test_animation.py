from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.media.read_back import ReadBackError
from pipelines.media.video import animation
from pipelines.media.video.animation import SUFFIXES, UNITS, Animation, delays, stored_pixels, write_animation
from pipelines.media.video.read_video import Wanted, described, read_audio, read_video

RATES = [Fraction(16), Fraction(24), Fraction(24000, 1001), Fraction(30), Fraction(60000, 1001), Fraction(7, 3)]


def clip(frames=6, height=17, width=31, seed=0):
    made = torch.rand(frames, height, width, 4, generator=torch.Generator().manual_seed(seed))
    made[:, :4, :, 3] = 0
    return made


def written(folder, format, frames=None, **more):
    plan = Animation(format, **({"fps": Fraction(24)} | more))
    path = folder / f"clip.{SUFFIXES[format]}"
    write_animation(clip() if frames is None else frames, path, plan)
    return path, plan


def shown(path):
    """(milliseconds, pixels) of each stored frame, by Pillow."""
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            yield image.info["duration"], np.asarray(image.convert("RGBA"))


@pytest.mark.parametrize("unit", [Fraction(1, 1000), Fraction(1, 100)])
@pytest.mark.parametrize("fps", RATES)
def test_delays_sum_to_the_time_of_every_frame_within_half_a_unit(unit, fps):
    times = delays(500, fps, unit)
    ends = np.cumsum(times)
    assert all(abs(int(end) * unit - (index + 1) / fps) <= unit / 2 for index, end in enumerate(ends))


def test_24_frames_a_second_are_24_and_not_24_39():
    assert sum(delays(24, Fraction(24), Fraction(1, 1000))) == 1000
    assert sum(delays(2400, Fraction(24000, 1001), Fraction(1, 100))) == 10010


@pytest.mark.parametrize("format", ["webp", "apng"])
@pytest.mark.parametrize("fps", RATES)
def test_webp_and_apng_keep_every_visible_pixel_and_the_rate(tmp_path, format, fps):
    path, _ = written(tmp_path, format, fps=fps)
    frames = [*shown(path)]
    given = [np.floor(frame.numpy().astype(np.float64) * 255 + 0.5).astype(np.uint8) for frame in clip()]
    assert len(frames) == 6
    for (_, pixels), wanted in zip(frames, given, strict=True):
        seen = wanted[..., 3] > 0
        assert np.array_equal(pixels[..., 3], wanted[..., 3]) and np.array_equal(pixels[seen], wanted[seen])
    seconds = sum(Fraction(duration).limit_denominator(100_000) for duration, _ in frames) / 1000
    assert abs(seconds - 6 / fps) <= Fraction(1, 2000)


def test_apng_keeps_the_colour_under_alpha_0(tmp_path):
    path, plan = written(tmp_path, "apng")
    for index, (_, pixels) in enumerate(shown(path)):
        assert np.array_equal(pixels, stored_pixels(clip()[index], index, plan))


def test_a_gif_is_opaque_from_half_on_and_keeps_its_average_rate(tmp_path):
    path, _ = written(tmp_path, "gif", fps=Fraction(30))
    frames = [*shown(path)]
    for (_, pixels), frame in zip(frames, clip(), strict=True):
        assert np.array_equal(pixels[..., 3] == 255, np.floor(frame[..., 3].double().numpy() * 255 + 0.5) >= 128)
    assert sum(duration for duration, _ in frames) == 200


def test_lossy_webp_is_smaller_and_keeps_alpha_exactly(tmp_path):
    (tmp_path / "lossy").mkdir()
    whole, _ = written(tmp_path, "webp")
    small, plan = written(tmp_path / "lossy", "webp", quality=50)
    assert small.stat().st_size < whole.stat().st_size
    for index, (_, pixels) in enumerate(shown(small)):
        assert np.array_equal(pixels[..., 3], stored_pixels(clip()[index], index, plan)[..., 3])


@pytest.mark.parametrize("format", ["apng", "gif"])
def test_a_part_that_stands_still_lasts_as_long(tmp_path, format):
    still = clip(1).expand(5, -1, -1, -1)
    frames = [*shown(written(tmp_path, format, still)[0])]
    assert sum(duration for duration, _ in frames) == pytest.approx(5000 / 24, abs=10 if format == "gif" else 1)


def test_a_webp_of_equal_frames_is_one_picture(tmp_path):
    with Image.open(written(tmp_path, "webp", clip(1).expand(5, -1, -1, -1))[0]) as image:
        assert image.n_frames == 1 and image.mode == "RGBA"


@pytest.mark.parametrize("format", UNITS)
def test_one_frame_is_an_animation_too(tmp_path, format):
    path, _ = written(tmp_path, format, clip(1))
    with Image.open(path) as image:
        assert image.size == (31, 17)


@pytest.mark.parametrize(("format", "loop", "said"), [("webp", 0, 0), ("webp", 3, 3), ("apng", 0, 0), ("apng", 3, 3)])
def test_it_plays_as_often_as_is_said(tmp_path, format, loop, said):
    with Image.open(written(tmp_path, format, loop=loop)[0]) as image:
        assert image.info["loop"] == said


def test_a_gif_repeats_once_less_than_it_plays(tmp_path):
    for loop, repeats in ((0, 0), (1, None), (3, 2)):
        (tmp_path / str(loop)).mkdir()
        with Image.open(written(tmp_path / str(loop), "gif", loop=loop)[0]) as image:
            assert image.info.get("loop") == repeats


@pytest.mark.parametrize("format", UNITS)
def test_the_video_loader_reads_it(tmp_path, format):
    path, plan = written(tmp_path, format)
    video = described(path)
    assert video.count == 6 and (format == "gif" or video.fps == 24)
    assert read_audio(path, Fraction(0), Fraction(1)) is None
    read = read_video(path, Wanted(), video)
    assert read.shape == clip().shape
    assert np.array_equal((read[2, ..., 3] * 255).round(), stored_pixels(clip()[2], 2, plan)[..., 3])


@pytest.mark.parametrize("fps", [each for each in RATES if each != Fraction(7, 3)])
def test_the_rate_of_a_webp_is_found_though_equal_pictures_are_stored_as_one(tmp_path, fps):
    moving = clip(9)
    moving[3:6] = moving[3]
    path, _ = written(tmp_path, "webp", moving, fps=fps)
    with Image.open(path) as image:
        assert image.n_frames == 7
    video = described(path)
    assert video.count == 9 and abs(video.fps - fps) < fps / 100
    read = read_video(path, Wanted(), video)
    assert [float((read[index, ..., 3] - moving[index, ..., 3]).abs().max()) < 0.01 for index in range(9)] == [True] * 9


def test_what_is_no_webp_is_refused(tmp_path):
    path = tmp_path / "clip.webp"
    path.write_bytes(b"this is no animation")
    with pytest.raises(ValueError, match=r"An animated WebP was expected, clip\.webp is none"):
        described(path)


def test_what_a_format_has_not_is_refused():
    with pytest.raises(ValueError, match="format is one of webp, apng, gif"):
        Animation("mng", Fraction(24))
    with pytest.raises(ValueError, match="at most 50 frames a second, got 60"):
        Animation("gif", Fraction(60))
    with pytest.raises(ValueError, match="quality 1 to 100"):
        Animation("webp", Fraction(24), quality=0)


@pytest.mark.parametrize("format", UNITS)
def test_a_stop_a_taken_name_and_no_frames_leave_nothing(tmp_path, format):
    class Interrupt(BaseException):
        pass

    path = tmp_path / f"clip.{SUFFIXES[format]}"
    for when in (3, 9):

        def stop(count, when=when):
            if count == when:
                raise Interrupt

        with pytest.raises(Interrupt):
            write_animation(clip(), path, Animation(format, Fraction(24)), stop)
        assert not [*tmp_path.iterdir()]
    with pytest.raises(ValueError, match="at least one frame"):
        write_animation([], path, Animation(format, Fraction(24)))
    path.write_bytes(b"older")
    with pytest.raises(FileExistsError):
        write_animation(clip(), path, Animation(format, Fraction(24)))
    assert path.read_bytes() == b"older" and len([*tmp_path.iterdir()]) == 1


@pytest.mark.parametrize("format", UNITS)
def test_progress_is_told_of_each_frame_twice(tmp_path, format):
    steps = []
    write_animation(clip(), tmp_path / "clip", Animation(format, Fraction(24)), steps.append)
    assert steps == [*range(1, 13)]


def test_a_lost_frame_is_caught(tmp_path, monkeypatch):
    write = animation._write_apng
    monkeypatch.setattr(animation, "_write_apng", lambda frames, *more: write(frames[:-1], *more))
    with pytest.raises(ReadBackError, match=r"apng: frame 5 was expected, the file ends at 0\.208 s"):
        written(tmp_path, "apng")
    assert not [*tmp_path.iterdir()]

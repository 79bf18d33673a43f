import io
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from pipelines.media.read_back import ReadBackError
from pipelines.media.video import write_video as writer
from pipelines.media.video.formats import VIDEO_FORMATS, video_problem
from pipelines.media.video.frames import frame_of, picture_from
from pipelines.media.video.read_video import Wanted, described, frame_count, read_audio, read_video, stored_frames
from pipelines.media.video.sound import Sound
from pipelines.media.video.write_video import VideoPlan, stored_picture, write_video
from pipelines.media.video.yuv import BT601, BT709, Coding, picture_of, planes_of

HERE = [name for name in VIDEO_FORMATS if video_problem(name) is None]
"""What this host can write; that it is most of them is a test below."""


def soft(frames=5, height=30, width=44):
    """A soft disc that moves, over gradients that go on under it."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    rgb = torch.stack((x, y, 1 - x), dim=-1)
    centres = [0.4 + 0.04 * frame for frame in range(frames)]
    alphas = [(1.5 - 4 * ((x - centre) ** 2 + (y - 0.5) ** 2).sqrt()).clamp(0, 1) for centre in centres]
    return torch.stack([torch.cat((rgb, alpha[..., None]), dim=-1) for alpha in alphas])


def written(folder, name, clip=None, **more):
    path = folder / f"clip.{VIDEO_FORMATS[name].suffix}"
    plan = VideoPlan(VIDEO_FORMATS[name], Fraction(24000, 1001), **more)
    write_video(soft() if clip is None else clip, path, plan)
    return path, plan


def premultiplied(clip):
    return torch.cat((clip[..., :3] * clip[..., 3:], clip[..., 3:]), dim=-1)


def test_white_black_and_red_have_the_values_of_bt709():
    picture = torch.tensor([[[1.0, 1, 1], [0, 0, 0], [1, 0, 0]]])
    luma, to_blue, to_red = planes_of(picture, Coding(BT709, bits=10))
    assert luma.tolist() == [[940, 64, 250]]  # 64 + 876 * 0.2126 = 250.2
    assert to_blue.tolist() == [[512, 512, 409]]  # 512 - 896 * 0.2126 / 1.8556 = 409.3
    assert to_red.tolist() == [[512, 512, 960]]


@pytest.mark.parametrize("weights", [BT709, BT601])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("bits", "limit"), [(8, 1.7 / 255), (10, 0.5 / 255), (12, 0.12 / 255)])
def test_colour_comes_back_from_whole_planes(weights, full, bits, limit):
    picture = torch.rand(9, 7, 4, generator=torch.Generator().manual_seed(1))
    coding = Coding(weights, bits, full=full)
    back = picture_of(planes_of(picture, coding), coding)
    assert float((back - picture).abs().max()) < limit
    assert float((back - picture)[..., 3].abs().max()) <= 0.5001 / (2**bits - 1)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (6, 4), (1, 8), (9, 2)])
def test_halved_differences_keep_a_plain_colour_and_the_size(size):
    picture = torch.tensor([0.8, 0.3, 0.1, 0.5]).expand(*size, 4)
    coding = Coding(BT709, 12, halved_x=True, halved_y=True)
    planes = planes_of(picture, coding)
    assert planes[1].shape == ((size[0] + 1) // 2, (size[1] + 1) // 2)
    assert float((picture_of(planes, coding) - picture).abs().max()) < 0.001


def test_halved_differences_stand_where_mpeg2_has_them():
    ramp = (torch.arange(16.0) / 16)[None, :, None].expand(4, 16, 3) * torch.tensor([1.0, 0.5, 0])
    coding = Coding(BT709, 12, halved_x=True, halved_y=True)
    inner = (picture_of(planes_of(ramp, coding), coding) - ramp)[:, 2:-3]
    assert float(inner.abs().max()) < 0.001  # a ramp is linear: any shift of the differences would show


def test_ffmpeg_converts_our_planes_to_the_same_colours():
    picture = soft(1)[0]
    for pixel_format in ("yuva444p10le", "yuva444p12le", "gbrap16le"):
        frame = frame_of(picture, pixel_format)
        theirs = frame.reformat(format="rgba64le", src_colorspace="ITU709").to_ndarray() / 65535
        assert np.abs(theirs - picture_from(frame).numpy()).max() < 1.1 / 255  # its tables are rough


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "yuv422p10le", "nv12", "rgb24", "bgra", "gray", "gbrp10le"])
def test_frames_of_any_kind_become_the_picture(name):
    picture = torch.full((8, 12, 4), 0.6)
    picture[..., 3] = 1
    pixels = np.full((8, 12, 4), 153, np.uint8)
    pixels[..., 3] = 255
    frame = av.VideoFrame.from_ndarray(pixels, "rgba").reformat(format=name)
    assert float((picture_from(frame) - picture).abs().max()) < 0.01


def test_all_formats_but_hevc_can_be_written_on_a_host_and_what_cannot_says_what_can():
    assert {*VIDEO_FORMATS} - {*HERE} <= {"hevc alpha"}
    for name in {*VIDEO_FORMATS} - {*HERE}:
        assert "Choose stacked mp4" in (video_problem(name) or "")
    assert "format is one of prores 4444" in (video_problem("avi") or "")


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("association", ["straight", "premultiplied"])
def test_a_video_is_read_again_as_it_was_with_rate_and_association(tmp_path, name, association):
    clip = soft()
    path, _ = written(tmp_path, name, association=association)
    video = described(path)
    assert (video.count, video.fps, video.association) == (5, Fraction(24000, 1001), association)
    assert video.layout == ("colour above alpha" if VIDEO_FORMATS[name].stacked else "plain")
    read = read_video(path, Wanted(), video)
    assert read.shape == clip.shape
    assert float((read[..., 3] - clip[..., 3]).abs().max()) < 0.06
    assert float((premultiplied(read) - premultiplied(clip)).abs().mean()) < 0.01
    assert [path.name for path in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["prores 4444", "prores 4444 xq", "webm vp9", "ffv1"])
def test_odd_sizes_are_kept(tmp_path, name):
    path, _ = written(tmp_path, name, soft(2, 31, 45))
    assert next(stored_frames(path)).shape == (31, 45, 4)


@pytest.mark.parametrize("size", [(30, 45), (31, 44)])
def test_stacked_video_refuses_an_odd_size(tmp_path, size):
    with pytest.raises(ValueError, match=f"stacked mp4 wants an even width and height, got {size[1]} x {size[0]}"):
        written(tmp_path, "stacked mp4", soft(1, *size))
    assert not [*tmp_path.iterdir()]


def test_ffv1_keeps_16_bits_and_emissive_colour_exactly(tmp_path):
    clip = torch.rand(3, 7, 9, 4, generator=torch.Generator().manual_seed(2))
    clip[0, ..., 3] = 0
    path, _ = written(tmp_path, "ffv1", clip, bleed=False)
    assert float((torch.stack([*stored_frames(path)]) - clip).abs().max()) <= 0.5001 / 65535


def test_straight_colour_runs_on_under_alpha_0_and_premultiplied_is_black_there(tmp_path):
    clip = soft(1)
    clip[..., :3] *= (clip[..., 3:] > 0).float()
    clip[..., :3] += 0.4 * (clip[..., 3:] > 0).float()
    plan = VideoPlan(VIDEO_FORMATS["ffv1"], Fraction(16))
    hidden = clip[0, ..., 3] == 0
    assert float(stored_picture(clip[0], plan)[hidden][:, :3].min()) > 0.3
    dark = stored_picture(clip[0], VideoPlan(plan.format, plan.fps, "premultiplied"))
    assert not bool(dark[hidden].any())
    kept = stored_picture(clip[0], VideoPlan(plan.format, plan.fps, bleed=False))
    assert kept.equal(clip[0].clamp(0, 1))


def test_the_alpha_of_a_webm_is_lost_by_ffmpegs_own_decoder_and_kept_by_ours(tmp_path):
    path, _ = written(tmp_path, "webm vp9")
    with av.open(str(path)) as container:
        own = [frame.format.name for frame in container.decode(video=0)]
    assert own == ["yuv420p"] * 5
    alpha = torch.stack([*stored_frames(path)])[..., 3]
    assert float(alpha.min()) < 0.02 and float(alpha.max()) > 0.98


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_goes_along_and_ends_with_the_picture(tmp_path, name, channels):
    wave = 0.5 * torch.sin(torch.arange(44100) * 0.05).expand(channels, -1)
    path, plan = written(tmp_path, name, soft(12), sound=Sound(wave, 44100))
    sound = read_audio(path, Fraction(0), Fraction(10))
    seconds = 12 / plan.fps
    assert sound is not None and sound.waveform.shape[0] == channels
    assert abs(sound.waveform.shape[1] / sound.rate - seconds) < 0.03
    middle = sound.waveform[:, sound.rate // 10 : sound.rate // 3]
    assert float(middle.abs().max()) == pytest.approx(0.5, abs=0.06)
    part = read_audio(path, Fraction(1, 10), Fraction(1, 5))
    assert part is not None and part.waveform.shape[1] == round(sound.rate / 5)


def test_a_video_without_sound_has_none(tmp_path):
    assert read_audio(written(tmp_path, "ffv1")[0], Fraction(0), Fraction(1)) is None


def test_sound_of_channels_without_a_name_is_refused():
    with pytest.raises(ValueError, match="mix it to stereo"):
        Sound(torch.zeros(3, 100), 44100)


def test_frames_are_chosen_by_start_count_and_step(tmp_path):
    clip = soft(9)
    path, _ = written(tmp_path, "ffv1", clip)
    video = described(path)
    read = read_video(path, Wanted(2, 3, 2), video)
    assert read[..., 3].allclose(clip[2:8:2, ..., 3], atol=1e-4)
    assert frame_count(video, Wanted(1, 0, 3)) == 3
    with pytest.raises(ValueError, match="9 frames are there, from 0 on; got start_frame 7, frame_count 3"):
        frame_count(video, Wanted(7, 3))
    with pytest.raises(ValueError, match="9 frames are there, from 0 on; got start_frame -1"):
        frame_count(video, Wanted(-1, 3))


def test_a_video_in_memory_is_read_as_its_file_however_often(tmp_path):
    path, _ = written(tmp_path, "ffv1")
    memory = io.BytesIO(path.read_bytes())
    for _ in range(2):
        assert torch.equal(read_video(memory, Wanted(), described(memory)), read_video(path, Wanted(), described(path)))
    assert read_audio(memory, Fraction(0), Fraction(1)) is None


def test_the_artist_knows_better_than_the_file(tmp_path):
    path, _ = written(tmp_path, "ffv1", association="premultiplied")
    video = described(path)
    as_stored = read_video(path, Wanted(association="straight"), video)
    assert as_stored.allclose(premultiplied(soft()), atol=1e-4)
    path, _ = written(tmp_path, "stacked mp4")
    assert read_video(path, Wanted(layout="plain"), described(path)).shape == (5, 60, 44, 4)


@pytest.mark.parametrize("name", ["ffv1", "prores 4444", "webm vp9", "stacked mp4"])
def test_an_encoder_that_loses_alpha_is_caught_and_nothing_is_kept(tmp_path, monkeypatch, name):
    def opaque(picture, pixel_format):
        picture = picture.clone()
        if picture.shape[-1] == 4:
            picture[..., 3] = 1
        else:
            picture[picture.shape[0] // 2 :] = 1
        return frame_of(picture, pixel_format)

    encode = writer._encode

    def losing(*given):
        with monkeypatch.context() as patch:
            patch.setattr(writer, "frame_of", opaque)
            encode(*given)

    monkeypatch.setattr(writer, "_encode", losing)
    with pytest.raises(ReadBackError, match=f"{name}: .* Nothing was kept"):
        written(tmp_path, name)
    assert not [*tmp_path.iterdir()]


def test_a_lost_frame_is_caught(tmp_path, monkeypatch):
    encode = writer._encode
    monkeypatch.setattr(writer, "_encode", lambda frames, *more: encode(frames[:-1], *more))
    with pytest.raises(ReadBackError, match="5 frames were written, 4 read back"):
        written(tmp_path, "ffv1")


def test_a_stop_leaves_nothing_whether_it_comes_while_writing_or_while_reading_back(tmp_path):
    class Interrupt(BaseException):
        pass

    for when in (2, 8):
        steps = []

        def step(count, when=when, steps=steps):
            steps.append(count)
            if count == when:
                raise Interrupt

        plan = VideoPlan(VIDEO_FORMATS["webm vp9"], Fraction(16))
        with pytest.raises(Interrupt):
            write_video(soft(), tmp_path / "clip.webm", plan, step)
        assert steps == [*range(1, when + 1)] and not [*tmp_path.iterdir()]


def test_nothing_is_overwritten_and_no_frame_is_no_video(tmp_path):
    path, plan = written(tmp_path, "ffv1")
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"clip\.mkv exists in"):
        write_video(soft(), path, plan)
    assert path.read_bytes() == before and len([*tmp_path.iterdir()]) == 1
    with pytest.raises(ValueError, match="at least one frame"):
        write_video([], tmp_path / "none.mkv", plan)


def test_nan_is_refused(tmp_path):
    clip = soft(2)
    clip[1, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinite"):
        written(tmp_path, "ffv1", clip)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["ffv1", "webm vp9", "prores 4444", "stacked mp4"])
def test_a_full_disk_leaves_nothing_and_says_so(tmp_path, files_of_at_most, name):
    clip = torch.rand(8, 96, 128, 4, generator=torch.Generator().manual_seed(3))
    with files_of_at_most(4096), pytest.raises(OSError):
        written(tmp_path, name, clip)
    assert not [*tmp_path.iterdir()]


def test_what_is_no_video_is_refused(tmp_path):
    path = tmp_path / "clip.mov"
    path.write_bytes(b"this is no video")
    with pytest.raises(ValueError, match=r"A video was expected, clip\.mov is none: [A-Z][^\[\]]*\.$"):
        described(path)


def test_the_graph_is_in_the_container(tmp_path):
    path, _ = written(tmp_path, "prores 4444", text={"prompt": '{"1": {}}'})
    with av.open(str(path)) as container:
        assert container.metadata["prompt"] == '{"1": {}}'

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from pipelines.media.stills.png import encode
from pipelines.media.video.formats import VIDEO_FORMATS
from pipelines.media.video.write_video import VideoPlan, write_video
from pipelines.training.data.clip_items import Windows, count_frames, read_rgba
from pipelines.training.data.clip_list import read_rows
from pipelines.training.data.footage import opened


def png(path, picture, bits=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = (picture.double() * (2**bits - 1)).round().numpy().astype(np.uint8 if bits == 8 else np.uint16)
    path.write_bytes(encode(levels))
    return torch.from_numpy(levels.astype(np.float32) / np.float32(2**bits - 1))


def video(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "bgr0"
        for levels in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(levels, format="rgb24")):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)


@pytest.mark.parametrize("bits", [8, 16])
def test_stills_come_back_with_all_their_bits(tmp_path, bits):
    expected = [png(tmp_path / "clip" / f"f.{number}.png", torch.rand(5, 7, 4), bits) for number in (9, 10, 11)]
    clip = opened(tmp_path / "clip")
    assert clip.count == 3 and torch.equal(clip.read(), torch.stack(expected))
    assert torch.equal(clip.read(1, 2), torch.stack(expected[1:]))


def test_a_lossless_video_comes_back_with_alpha_1(tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (6, 16, 24, 3), dtype=np.uint8)
    video(tmp_path / "clip.mkv", levels)
    assert opened(tmp_path / "clip.mkv").count == 6
    frames = opened(tmp_path / "clip.mkv").read(2, 3)
    assert torch.equal(frames[..., :3], torch.from_numpy(levels[2:5].astype(np.float32) / 255))
    assert (frames[..., 3] == 1).all()


def test_a_broken_clip_and_a_missing_one_are_named(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"no video at all")
    with pytest.raises(ValueError, match=r"clip\.mp4"):
        opened(tmp_path / "clip.mp4")
    with pytest.raises(ValueError, match=r"gone\.mp4"):
        opened(tmp_path / "gone.mp4")


def soft(frames=6, height=32, width=48):
    """Red that stays, alpha that grows from frame to frame."""
    rgba = torch.zeros(frames, height, width, 4)
    rgba[..., 0] = 0.8
    rgba[..., 3] = torch.linspace(0.4, 0.9, frames)[:, None, None]
    return rgba


@pytest.mark.parametrize("name", ["webm vp9", "prores 4444", "stacked mp4"])
@pytest.mark.parametrize("association", ["straight", "premultiplied"])
def test_a_training_clip_has_the_alpha_of_its_video_and_straight_colour(tmp_path, name, association):
    (tmp_path / "rgb").mkdir()
    path = tmp_path / "rgb" / f"parrot.{VIDEO_FORMATS[name].suffix}"
    write_video(soft(), path, VideoPlan(VIDEO_FORMATS[name], Fraction(24), association))
    (row,) = read_rows(tmp_path)
    assert count_frames(row) == 6
    apart = (read_rgba(row, 2, 3) - soft()[2:5]).abs()
    assert float(apart[..., 3].max()) < 0.03 and float(apart.mean()) < 0.03
    window = Windows([row], 3, 16, 16, seed=0, complain=print)[0]
    assert window["alpha"].shape == (1, 3, 16, 16) and -0.2 - 0.08 < float(window["alpha"].mean()) < 0.8


def test_windows_are_drawn_in_frames_that_colour_and_alpha_have(tmp_path):
    for number in range(1, 10):
        png(tmp_path / "rgb" / "parrot" / f"{number}.png", torch.full((5, 7, 3), number / 255))
    for number in range(1, 6):
        png(tmp_path / "alpha" / "parrot" / f"{number}.png", torch.full((5, 7, 1), number / 255))
    (row,) = read_rows(tmp_path)
    complaints = []
    windows = Windows([row], 4, 5, 7, seed=0, complain=complaints.append)
    firsts = {round(float(windows[number]["rgb"][0, 0, 0, 0] + 1) * 127.5) for number in range(20)}
    assert complaints == [] and firsts == {1, 2}


def test_colour_and_alpha_of_two_rates_are_refused(tmp_path):
    for folder, fps in (("rgb", 24), ("alpha", 25)):
        (tmp_path / folder).mkdir()
        write_video(soft(), tmp_path / folder / "parrot.mkv", VideoPlan(VIDEO_FORMATS["ffv1"], Fraction(fps)))
    (row,) = read_rows(tmp_path)
    with pytest.raises(ValueError, match=r"one frame rate, got 24\.000 of parrot\.mkv and 25\.000 of parrot\.mkv"):
        count_frames(row)


def folder(tmp_path):
    for name in ("parrot", "smoke"):
        png(tmp_path / "fgr" / f"{name}.png", torch.rand(5, 7, 3))
        png(tmp_path / "pha" / f"{name}.png", torch.rand(5, 7, 1))
    (tmp_path / "captions").mkdir()
    (tmp_path / "captions" / "parrot.txt").write_text(
        "style: animation\nA parrot spreads\nits wings.\nshot: close-up\n"
    )
    return tmp_path


def test_a_folder_gives_pairs_with_captions_and_labels(tmp_path):
    parrot, smoke = read_rows(folder(tmp_path))
    assert (parrot.name, parrot.rgb.name, parrot.caption) == ("parrot", "parrot.png", "A parrot spreads its wings.")
    assert parrot.alpha == tmp_path / "pha" / "parrot.png"
    assert parrot.labels == {"style": "animation", "shot": "close-up"}
    assert (smoke.caption, smoke.labels) == ("", {})


def test_a_caption_without_clip_and_a_clip_without_alpha_are_named(tmp_path):
    folder(tmp_path)
    (tmp_path / "captions" / "ghost.txt").write_text("Nobody.")
    (tmp_path / "pha" / "smoke.png").unlink()
    complaints = []
    assert [row.name for row in read_rows(tmp_path, complaints.append)] == ["parrot"]
    assert "there is no clip ghost to this caption" in complaints[0]
    assert "there is no alpha clip smoke to it" in complaints[1]
    with pytest.raises(ValueError, match="no clip ghost"):
        read_rows(tmp_path)


def test_a_csv_gives_the_same_rows_and_knows_the_reference_s_columns(tmp_path):
    folder(tmp_path)
    (tmp_path / "clips.csv").write_text(
        "video_fgr,video_pha,status,caption,style\n"
        'fgr/parrot.png,pha/parrot.png,static,"A parrot, wings spread.",animation\n'
        "fgr/nothing.png,pha/parrot.png,static,Nothing.,\n"
        ",,static,Nobody.,\n"
        "fgr/smoke.png,pha/smoke.png,static,Smoke.,baroque\n"
    )
    complaints = []
    (row,) = read_rows(tmp_path / "clips.csv", complaints.append)
    assert (row.caption, row.labels) == ("A parrot, wings spread.", {"style": "animation"})
    assert row.alpha == tmp_path / "pha" / "parrot.png"
    assert [complaint.split(":")[0] for complaint in complaints] == [f"clips.csv, line {n}" for n in (3, 4, 5)]
    assert "style is one of none, realistic" in complaints[2]


def test_nothing_usable_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no clip in it can be used"):
        read_rows(tmp_path)

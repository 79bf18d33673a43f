import av
import numpy as np
import pytest
import torch

from pipelines.media.stills.png import encode
from pipelines.training.data.clip_list import read_rows
from pipelines.training.data.footage import count_frames, read_frames


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
    assert count_frames(tmp_path / "clip") == 3
    assert torch.equal(read_frames(tmp_path / "clip"), torch.stack(expected))
    assert torch.equal(read_frames(tmp_path / "clip", 1, 2), torch.stack(expected[1:]))


def test_a_lossless_video_comes_back_with_alpha_1(tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (6, 16, 24, 3), dtype=np.uint8)
    video(tmp_path / "clip.mkv", levels)
    assert count_frames(tmp_path / "clip.mkv") == 6
    frames = read_frames(tmp_path / "clip.mkv", 2, 3)
    assert torch.equal(frames[..., :3], torch.from_numpy(levels[2:5].astype(np.float32) / 255))
    assert (frames[..., 3] == 1).all()


def test_a_broken_clip_is_named(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"no video at all")
    with pytest.raises(ValueError, match=r"clip\.mp4: expected a video or a picture"):
        read_frames(tmp_path / "clip.mp4")


def test_more_frames_than_there_are_is_an_error(tmp_path):
    png(tmp_path / "still.png", torch.rand(5, 7, 3))
    with pytest.raises(ValueError, match="expected 5 frames from frame 0 on, got 1"):
        read_frames(tmp_path / "still.png", 0, 5)


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

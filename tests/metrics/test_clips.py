from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.media.video.formats import VIDEO_FORMATS
from pipelines.media.video.write_video import VideoPlan, write_video
from pipelines.metrics.clips import notes_of, pair, read_clip


def clip(frames=3, height=5, width=7, channels=4, levels=255):
    numbers = torch.randint(
        0, levels + 1, (frames, height, width, channels), generator=torch.Generator().manual_seed(0)
    )
    return numbers / levels


def read(folder):
    (pairing,) = pair([folder])
    return read_clip(pairing.clips[0])


@pytest.mark.parametrize(("bits", "levels"), [(8, 255), (16, 65535)])
def test_what_is_written_is_read(tmp_path, write_clip, bits, levels):
    written = clip(levels=levels)
    assert torch.equal(read(write_clip(tmp_path / "a", written, bits)), written)


def test_rgb_is_opaque(tmp_path, write_clip):
    written = clip(channels=3)
    found = read(write_clip(tmp_path / "a", written))
    assert torch.equal(found[..., :3], written) and bool((found[..., 3] == 1).all())


def test_frames_of_opencv_and_pillow_are_read_too(tmp_path):
    pixels = (clip(frames=2) * 255).round().byte().numpy()
    cv2.imwrite(str(tmp_path / "img_000.png"), pixels[0][..., [2, 1, 0, 3]])
    Image.fromarray(pixels[1], "RGBA").save(tmp_path / "img_001.png")
    assert np.array_equal((read(tmp_path) * 255).round().byte().numpy(), pixels)


def test_frames_come_in_the_order_of_their_numbers(tmp_path, write_clip):
    written = (torch.arange(11) / 255).reshape(-1, 1, 1, 1).expand(-1, 2, 2, 4)
    assert torch.equal(read(write_clip(tmp_path / "a", written)), written)
    assert sorted(path.name for path in (tmp_path / "a").iterdir())[2] == "take.10.png"


def test_a_version_in_the_name_is_not_the_frames_number(tmp_path, write_clip):
    written = (torch.arange(3) / 255).reshape(-1, 1, 1, 1).expand(-1, 2, 2, 4)
    folder = write_clip(tmp_path / "a", written)
    for number, version in enumerate((7, 3, 5)):
        (folder / f"take.{number}.png").rename(folder / f"parrot_v{version}.{1001 + number}.png")
    assert torch.equal(read(folder), written)


def test_clips_of_folders_are_paired_by_name(tmp_path, write_clip):
    for folder in ("true", "made"):
        for name in ("parrot", "smoke"):
            write_clip(tmp_path / folder / name, clip())
    (tmp_path / "made" / "notes").mkdir()
    pairings = pair([tmp_path / "true", tmp_path / "made"])
    assert [pairing.name for pairing in pairings] == ["parrot", "smoke"]
    for pairing in pairings:
        assert [clip.path.parent.name for clip in pairing.clips] == ["true", "made"]
        assert {clip.path.name for clip in pairing.clips} == {pairing.name}


def test_two_clips_are_paired_whatever_their_names(tmp_path, write_clip):
    folders = [write_clip(tmp_path / name, clip()) for name in ("one", "other")]
    (pairing,) = pair(folders)
    assert pairing.name == "one" and pairing.clips[1].path.name == "other"


def test_a_clip_without_its_pair_is_named(tmp_path, write_clip):
    write_clip(tmp_path / "true" / "parrot", clip())
    write_clip(tmp_path / "made" / "parrot_v002", clip())
    with pytest.raises(ValueError, match="parrot, parrot_v002 is in only one of the two"):
        pair([tmp_path / "true", tmp_path / "made"])


def test_one_clip_beside_several_is_refused(tmp_path, write_clip):
    write_clip(tmp_path / "true" / "parrot", clip())
    with pytest.raises(ValueError, match="is one clip itself"):
        pair([tmp_path / "true", write_clip(tmp_path / "made", clip())])


def test_frames_beside_folders_of_frames_are_refused(tmp_path, write_clip):
    shots = write_clip(tmp_path / "shots", torch.rand(2, 4, 4, 4))
    write_clip(shots / "parrot_v001", torch.rand(2, 4, 4, 4))
    with pytest.raises(ValueError, match=r"it holds both .*, parrot_v001\); name the one that is meant"):
        pair([shots, shots])


def test_folders_without_frames_are_named(tmp_path):
    with pytest.raises(ValueError, match="there is none"):
        pair([tmp_path / "nowhere"])
    with pytest.raises(ValueError, match="no frames and no clips were found"):
        pair([tmp_path])


def test_a_broken_frame_is_named(tmp_path, write_clip):
    folder = write_clip(tmp_path / "a", clip(height=50, width=70))
    whole = (folder / "take.1.png").read_bytes()
    one_bit = bytearray(whole)
    one_bit[len(whole) // 2] ^= 1
    for damaged in (b"", b"no picture", whole[:20], whole[: len(whole) // 2], bytes(one_bit)):
        (folder / "take.1.png").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"take\.1\.png"):
            read(folder)


def test_a_frame_of_another_size_is_named(tmp_path, write_clip):
    folder = write_clip(tmp_path / "a", clip())
    (write_clip(tmp_path / "b", clip(height=6)) / "take.1.png").replace(folder / "take.1.png")
    with pytest.raises(ValueError, match=r"take\.1\.png is 7 x 6, take\.0\.png 7 x 5"):
        read(folder)


def test_grey_is_read_as_the_grey_that_it_stands_for(tmp_path):
    Image.new("L", (7, 5), 51).save(tmp_path / "0.png")
    assert (read(tmp_path)[0, 0, 0] * 255).round().tolist() == [51, 51, 51, 255]


def test_videos_are_clips_by_name_and_lossy_ones_are_said(tmp_path, write_clip):
    for folder, name in (("true", "ffv1"), ("made", "webm vp9")):
        (tmp_path / folder).mkdir()
        plan = VideoPlan(VIDEO_FORMATS[name], Fraction(16), bleed=False)
        write_video(clip(height=16, width=16), tmp_path / folder / f"parrot.{plan.format.suffix}", plan)
    write_clip(tmp_path / "true" / "smoke", clip())
    write_clip(tmp_path / "made" / "smoke", clip())
    pairings = pair([tmp_path / "true", tmp_path / "made"])
    assert [pairing.name for pairing in pairings] == ["parrot", "smoke"]
    true, made = (read_clip(each) for each in pairings[0].clips)
    assert float((true - clip(height=16, width=16)).abs().max()) < 1e-4 and float(made[..., 3].std()) > 0.1
    (note,) = notes_of(pairings)
    assert note.startswith("1 of 4 clips are stored as vp9, which rounds colour and alpha in most files")
    assert notes_of(pair([tmp_path / "true" / "parrot.mkv"])) == []


def test_a_take_with_a_folder_for_each_pass_is_one_clip(tmp_path, write_clip):
    for name in ("rgba", "matte"):
        write_clip(tmp_path / "parrot_v001" / name, clip())
    ((pairing,)) = pair([tmp_path / "parrot_v001"])
    assert pairing.clips[0].count == 3 and torch.equal(read_clip(pairing.clips[0]), clip())


def test_two_clips_of_one_name_in_a_folder_are_refused(tmp_path, write_clip):
    write_clip(tmp_path / "parrot", clip())
    (tmp_path / "parrot.mov").touch()
    with pytest.raises(ValueError, match="parrot is there twice"):
        pair([tmp_path])

"""The nodes of files through the queue: what is saved is loaded again, and what cannot be is said beforehand."""

from __future__ import annotations

import threading
import time

import pytest
from PIL import Image
from queue_graphs import Graph, Run, everything_in, keep, kept, node, save, sidecar

from tools import comfy_host

ODD = {"clip": node("QueueTestClip", frames=5, width=31, height=17, channels=4, draw=4, still=False)}


def load(file: str, **more: object) -> Graph:
    inputs = {"file": file, "start_frame": 0, "frame_count": 0, "every_nth": 1}
    return {"load": node("RGBALoadSequence", **(inputs | more))}


@pytest.mark.parametrize(
    ("format", "limit"),
    [
        ("png 8-bit", 0.51 / 255),
        ("png 16-bit", 1e-5),
        ("exr half", 2e-3),
        ("exr float", 2e-5),
        ("tiff 16-bit", 1e-5),
        ("tga", 0.51 / 255),
    ],
)
def test_a_saved_sequence_is_loaded_again(run: Run, format: str, limit: float):
    name = f"files/{format.replace(' ', '_')}"
    saved = run(ODD, save(name, "clip", format=format, fps=23.976), keep("clip", "given"))
    given = kept(saved.files, "given")
    loaded = run(
        load(f"{name}_v001 [output]", start_frame=1002, every_nth=2),
        keep("load", "loaded"),
        keep("load", "loaded_mask", 1),
    )
    read = kept(loaded.files, "loaded")
    assert read.shape == (2, 17, 31, 4)
    assert float((read - given[1::2]).abs().max()) < limit
    assert kept(loaded.files, "loaded_mask").equal(1 - read[..., 3])
    assert sidecar(saved.files)["fps"] == {"num": 24000, "den": 1001, "value": 24000 / 1001}


def test_the_node_shows_a_picture_whatever_the_format(run: Run):
    shown = run(ODD, save("files/shown", "clip", format="exr half")).outputs["save"]["images"]
    assert [(each["type"], each["filename"].rpartition(".")[2]) for each in shown] == [("temp", "png")]


def test_premultiplied_colour_is_warned_of_and_saved_as_it_is(run: Run):
    dark = {"dark": node("RGBAJoin", rgb=["black", 0], mask=["clip mask", 1])}
    parts = {
        "clip mask": node("RGBASplit", image=["clip", 0]),
        "black": node("RGBARender", image=["clip", 0], mode="soft", color="#000000", threshold=0.0),
    }
    warned = run(ODD, parts, dark, save("files/premultiplied", "dark")).notices
    assert [text for _, text in warned if "looks premultiplied" in text]
    assert not run(ODD, save("files/straight", "clip")).notices


@pytest.mark.parametrize("name", ["../secrets", "/etc", "a/../../b", "C:\\windows", "lost"])
def test_names_that_are_not_below_the_input_folder_are_refused_before_anything_runs(
    server: comfy_host.Server, refused: object, name: str
):
    before = everything_in(server.output)
    text = refused(load(name), keep("load", "x"))  # type: ignore[operator]
    assert "below the host's input folder" in text or "nothing is there" in text
    assert everything_in(server.output) == before


EVEN = {"clip": node("QueueTestClip", frames=5, width=32, height=18, channels=4, draw=4, still=False)}
SILENCE = {"sound": node("EmptyAudio", duration=1.0, sample_rate=48000, channels=2)}


def save_video(name: str, **more: object) -> Graph:
    inputs = {"image": ["clip", 0], "filename_prefix": name, "format": "ffv1", "association": "straight", "fps": 23.976}
    return {"save": node("RGBASaveVideo", **(inputs | more))}


def load_video(file: str, **more: object) -> Graph:
    inputs = {"file": file, "start_frame": 0, "frame_count": 0, "every_nth": 1}
    return {"load": node("RGBALoadVideo", **(inputs | more))}


@pytest.mark.parametrize("format", ["prores 4444", "prores 4444 xq", "webm vp9", "ffv1", "stacked mp4"])
@pytest.mark.parametrize("association", ["straight", "premultiplied"])
def test_a_saved_video_is_loaded_again(run: Run, format: str, association: str):
    name = f"files/{format.replace(' ', '_')}_{association}"
    more = {"format": format, "association": association, "bleed": False, "audio": ["sound", 0]}
    saved = run(EVEN, SILENCE, save_video(name, **more), keep("clip", "given"))
    (path,) = (each for each in saved.files if each.stem.startswith(name.rpartition("/")[2]))
    loaded = run(load_video(f"files/{path.name} [output]"), keep("load", "loaded"))
    read, given = kept(loaded.files, "loaded"), kept(saved.files, "given")
    assert read.shape == given.shape
    assert float((read[..., 3] - given[..., 3]).abs().mean()) < 0.05
    if format == "ffv1":
        assert float((read * read[..., 3:] - given * given[..., 3:]).abs().max()) < 1e-4


def test_a_video_of_the_host_keeps_the_alpha_of_vp9(run: Run, server: comfy_host.Server):
    run(EVEN, save_video("files/for_host", format="webm vp9"))
    parts = {
        "video": node("LoadVideo", file="files/for_host_v001.webm [output]"),
        "ours": node("RGBAFromVideo", video=["video", 0]),
        "theirs": node("GetVideoComponents", video=["video", 0]),
    }
    finished = run(parts, keep("ours", "ours"), keep("theirs", "theirs"))
    ours, theirs = kept(finished.files, "ours"), kept(finished.files, "theirs")
    assert ours.shape == (5, 18, 32, 4) and float(ours[..., 3].std()) > 0.1
    assert theirs.shape[0] == 5


def test_a_video_made_from_parts_keeps_its_frames(run: Run):
    opaque = {"clip": node("QueueTestClip", frames=4, width=16, height=8, channels=3, draw=1, still=False)}
    parts = {
        "made": node("CreateVideo", images=["clip", 0], fps=12.0),
        "ours": node("RGBAFromVideo", video=["made", 0]),
    }
    finished = run(opaque, parts, keep("ours", "frames"), keep("clip", "given"))
    frames, given = kept(finished.files, "frames"), kept(finished.files, "given")
    assert frames[..., :3].equal(given) and bool((frames[..., 3] == 1).all())


def test_hevc_with_alpha_is_refused_before_anything_runs_where_the_host_cannot(
    server: comfy_host.Server, refused: object
):
    before = everything_in(server.output)
    assert "Choose stacked mp4" in refused(EVEN, save_video("files/hevc", format="hevc alpha"))  # type: ignore[operator]
    assert everything_in(server.output) == before


def test_a_batch_of_clips_becomes_a_file_each_and_versions_go_on(run: Run):
    batch = {"clip": node("QueueTestClip", frames=6, width=16, height=8, channels=4, draw=1, still=False)}
    for version in (1, 2):
        files = run(batch, save_video("files/batch", clips=3, fps=12.0 + version)).files
        names = [each.name for each in files if each.suffix == ".mkv"]
        assert names == [f"batch_v00{version}.mkv", f"batch_v00{version}_b02.mkv", f"batch_v00{version}_b03.mkv"]


def of_clip(kind: str, name: str, **more: object) -> Graph:
    inputs = {"image": ["clip", 0], "filename_prefix": name, "fps": 24.0}
    return {"save": node(kind, **(inputs | more))}


@pytest.mark.parametrize(("format", "suffix"), [("webp", "webp"), ("apng", "png"), ("gif", "gif")])
def test_an_animation_lasts_as_long_as_its_frames(run: Run, format: str, suffix: str):
    finished = run(EVEN, of_clip("RGBASaveAnimation", f"files/animated_{format}", format=format, loop=0))
    (path,) = (each for each in finished.files if each.name == f"animated_{format}_v001.{suffix}")
    total = 0.0
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            total += image.info["duration"]
    assert image.n_frames == 5 and abs(total - 5000 / 24) <= (5 if format == "gif" else 0.5)
    assert bool(finished.notices) is (format == "gif")


def test_a_sprite_sheet_comes_with_its_json(run: Run):
    finished = run(EVEN, of_clip("RGBASaveSpriteSheet", "files/sheet", columns=0, max_size=4096))
    told = sidecar(finished.files)
    assert len(told["frames"]) == 5 and told["meta"]["image"] == "sheet_v001.png"
    assert {"sheet_v001.png", "sheet_v001.json"} <= {path.name for path in finished.files}


def test_a_sheet_that_is_too_large_is_refused_and_nothing_is_written(server: comfy_host.Server, refused: object):
    before = everything_in(server.output)
    text = refused(EVEN, of_clip("RGBASaveSpriteSheet", "files/large", columns=5, max_size=64))  # type: ignore[operator]
    assert "such frames fit" in text
    assert everything_in(server.output) == before


@pytest.mark.parametrize(
    ("target", "suffixes"),
    [
        ("After Effects / Premiere", {".mov"}),
        ("DaVinci", {".mov"}),
        ("Nuke", {".exr", ".json"}),
        ("Final Cut", {".mov"}),
        ("Unity", {".mov"}),
        ("Unreal", {".png", ".json"}),
        ("Godot", {".png", ".json"}),
        ("OBS", {".webm"}),
        ("web", {".webm", ".mp4"}),
    ],
)
def test_one_name_goes_to_every_target_in_files_of_one_version(run: Run, target: str, suffixes: set[str]):
    finished = run(EVEN, SILENCE, of_clip("RGBADeliver", "files/to", target=target, audio=["sound", 0]))
    name = f"to_{target.partition(' / ')[0].lower().replace(' ', '_')}_v001"
    ours = [path for path in finished.files if path.name.startswith(name)]
    assert {path.suffix for path in ours} in (suffixes, {each.replace(".mp4", ".mov") for each in suffixes})
    assert all(path.is_file() for path in ours)


def test_a_size_that_one_file_of_a_target_has_not_leaves_none_of_them(server: comfy_host.Server, refused: object):
    before = everything_in(server.output)
    assert "wants an even width and height, got 31 x 17" in refused(ODD, of_clip("RGBADeliver", "web", target="web"))  # type: ignore[operator]
    assert everything_in(server.output) == before


@pytest.mark.parametrize("prefix", ["x" * 198, "a/"])
def test_a_name_is_refused_before_and_after_its_target_is_added(refused: object, prefix: str):
    assert "filename_prefix wants folders and a name" in refused(EVEN, of_clip("RGBADeliver", prefix, target="OBS"))  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["RGBASaveVideo", "RGBASaveAnimation", "RGBASaveSpriteSheet", "RGBADeliver"])
@pytest.mark.parametrize("prefix", ["../out", "C:/out", "a//b", "x" * 300])
def test_names_that_leave_the_output_folder_are_refused_by_every_saver(
    server: comfy_host.Server, refused: object, kind: str, prefix: str
):
    needed = {
        "RGBASaveVideo": {"format": "ffv1", "association": "straight"},
        "RGBASaveAnimation": {"format": "webp", "loop": 0},
        "RGBASaveSpriteSheet": {"columns": 0, "max_size": 4096},
        "RGBADeliver": {"target": "OBS"},
    }[kind]
    before = everything_in(server.output)
    assert "filename_prefix wants folders and a name" in refused(EVEN, of_clip(kind, prefix, **needed))  # type: ignore[operator]
    assert everything_in(server.output) == before


def test_a_full_input_folder_with_links_to_itself_does_not_stop_the_host(host, tmp_path):
    """The host makes its lists on the thread that answers every request; such links kept it there for ever."""
    root = tmp_path / "comfy" / "input"
    (root / "many").mkdir(parents=True)
    for number in range(30_000):
        (root / "many" / f"frame_{number:05}.png").touch()
    for link, target in (("itself", root), ("parent", root.parent), ("many/up", root)):
        (root / link).symlink_to(target, target_is_directory=True)
    seconds: dict[str, float] = {}

    def ask(path: str) -> None:
        began = time.perf_counter()
        server.get(path)
        seconds[path] = time.perf_counter() - began

    with comfy_host.Server(host, input=root) as server:
        ask("/object_info/RGBALoadSequence")
        listing = threading.Thread(target=ask, args=["/object_info/RGBALoadVideo"])
        listing.start()
        ask("/system_stats")
        listing.join()
    assert len(seconds) == 3 and max(seconds.values()) < 1

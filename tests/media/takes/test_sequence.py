import errno
import json
import resource
import threading
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.alpha.checkerboard import checkerboard
from pipelines.media.in_order import THREADS
from pipelines.media.passes import PASS_SETS
from pipelines.media.stills.formats import STILLS
from pipelines.media.stills.quantise import quantise
from pipelines.media.takes.names import new_take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.sequence import write_sequence

FOUR_PASSES = PASS_SETS["fg + matte + processed + comp"]


class Interrupt(BaseException):
    """As the host's: it must not be caught by `except Exception`."""


def clip(frames, height=5, width=7, seed=0):
    return torch.rand(frames, height, width, 4, generator=torch.Generator().manual_seed(seed))


def plan_for(folder, name="parrot", existing="new version", still="png 8-bit", compression=1, **more):
    return Plan(new_take(folder, name, existing), STILLS[still](compression), Fraction(16), **more)


def files(plan):
    return sorted(path.relative_to(plan.take.folder).as_posix() for path in plan.take.folder.rglob("*"))


def told(plan):
    return json.loads((plan.take.folder / f"{plan.take.stem}.json").read_bytes())


def pixels(path):
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return stored if stored.ndim == 2 else stored[..., [2, 1, 0, 3][: stored.shape[-1]]]


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (33, 2)])
@pytest.mark.parametrize(("still", "bits"), [("png 8-bit", 8), ("png 16-bit", 16)])
def test_what_was_read_from_a_still_is_written_to_the_same_still(tmp_path, size, still, bits):
    peak = 2**bits - 1
    stored = np.random.default_rng(3).integers(0, peak, (3, *size, 4), endpoint=True)
    plan = plan_for(tmp_path, still=still)
    assert write_sequence(torch.from_numpy(stored / peak).float(), plan) == 3
    for index in range(3):
        read = pixels(plan.take.folder / f"parrot_v001.{1001 + index}.png")
        assert read.dtype.itemsize * 8 == bits
        assert np.array_equal(read.reshape(*size, 4), stored[index])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_type_is_written_as_its_values_round(tmp_path, dtype):
    frames = clip(2).to(dtype)
    plan = plan_for(tmp_path)
    write_sequence(frames, plan)
    for index in range(2):
        read = pixels(plan.take.folder / f"parrot_v001.{1001 + index}.png")
        assert np.array_equal(read, quantise(frames[index].float(), 8, 0))


def test_colour_under_alpha_0_is_kept(tmp_path):
    frames = clip(1)
    frames[..., 3] = 0
    plan = plan_for(tmp_path, still="png 16-bit")
    write_sequence(frames, plan)
    assert np.array_equal(pixels(plan.take.folder / "parrot_v001.1001.png"), quantise(frames[0], 16, 0))


def test_one_pass_stands_in_the_takes_folder(tmp_path):
    plan = plan_for(tmp_path, start=8, padding=2)
    write_sequence(clip(4), plan)
    assert files(plan) == [*(f"parrot_v001.{n}.png" for n in ("08", "09", "10", "11")), "parrot_v001.json"]


def test_a_number_longer_than_its_padding_grows(tmp_path):
    plan = plan_for(tmp_path, start=99, padding=2)
    write_sequence(clip(2), plan)
    assert files(plan) == ["parrot_v001.100.png", "parrot_v001.99.png", "parrot_v001.json"]


def test_several_passes_have_a_folder_and_a_name_each(tmp_path):
    plan = plan_for(tmp_path, passes=PASS_SETS["rgba + matte"])
    write_sequence(clip(1), plan)
    assert files(plan) == [
        "matte",
        "matte/parrot_v001_matte.1001.png",
        "parrot_v001.json",
        "rgba",
        "rgba/parrot_v001_rgba.1001.png",
    ]


def test_the_four_passes_are_what_they_are_called(tmp_path):
    frame = clip(1, 20, 40)[0]
    rgb, alpha = frame[..., :3], frame[..., 3:]
    plan = plan_for(tmp_path, still="png 16-bit", passes=FOUR_PASSES)
    write_sequence([frame], plan)

    def stored(name):
        return pixels(plan.take.folder / name / f"parrot_v001_{name}.1001.png")

    assert np.array_equal(stored("fg"), quantise(rgb, 16, 0))
    assert np.array_equal(stored("matte"), quantise(alpha[..., 0], 16, 0))
    assert np.array_equal(stored("processed"), quantise(torch.cat((rgb * alpha, alpha), -1), 16, 0))
    assert np.array_equal(stored("comp"), quantise(rgb * alpha + checkerboard(20, 40) * (1 - alpha), 16, 0))


def test_only_colour_is_tagged_srgb(tmp_path):
    plan = plan_for(tmp_path, passes=PASS_SETS["rgba + matte"])
    write_sequence(clip(1), plan)
    assert b"sRGB" in (plan.take.folder / "rgba" / "parrot_v001_rgba.1001.png").read_bytes()[:200]
    assert b"sRGB" not in (plan.take.folder / "matte" / "parrot_v001_matte.1001.png").read_bytes()[:200]


def test_the_sidecar_describes_the_take(tmp_path):
    plan = plan_for(
        tmp_path, still="png 16-bit", seeds=(42, 43), graph={"prompt": {"1": {}}, "workflow": {"nodes": []}}
    )
    write_sequence(clip(3), plan)
    assert told(plan) == {
        "version": 1,
        "name": "parrot_v001",
        "complete": True,
        "frames": {"first": 1001, "last": 1003, "count": 3},
        "padding": 4,
        "width": 7,
        "height": 5,
        "fps": {"num": 16, "den": 1, "value": 16.0},
        "format": "png",
        "bit_depth": 16,
        "color": {"space": "sRGB", "primaries": "Rec.709", "referred": "display", "emissive": False},
        "alpha": "1 = opaque",
        "passes": [
            {
                "name": "rgba",
                "pattern": "parrot_v001.####.png",
                "printf": "parrot_v001.%04d.png",
                "channels": "RGBA",
                "association": "straight",
                "transfer": "sRGB",
            }
        ],
        "seed": [42, 43],
        "graph": {"prompt": {"1": {}}, "workflow": {"nodes": []}},
    }


def test_the_sidecar_tells_the_association_of_each_pass(tmp_path):
    plan = plan_for(tmp_path, passes=FOUR_PASSES)
    write_sequence(clip(1), plan)
    passes = {each["name"]: each for each in told(plan)["passes"]}
    assert {name: each["association"] for name, each in passes.items()} == {
        "fg": "straight",
        "matte": None,
        "processed": "premultiplied",
        "comp": None,
    }
    assert passes["matte"]["transfer"] == "linear"
    assert passes["matte"]["pattern"] == "matte/parrot_v001_matte.####.png"
    for each in passes.values():
        assert (plan.take.folder / (each["printf"] % 1001)).is_file()


def test_the_graph_is_in_the_first_frame_only_and_nan_becomes_null(tmp_path):
    graph = {"prompt": {"1": {"is_changed": [float("nan")], "text": "schön 🦜"}}, "workflow": {"nodes": [1]}}
    plan = plan_for(tmp_path, graph=graph)
    write_sequence(clip(2), plan)
    strict = {"prompt": {"1": {"is_changed": [None], "text": "schön 🦜"}}, "workflow": {"nodes": [1]}}
    with Image.open(plan.take.folder / "parrot_v001.1001.png") as image:
        assert {key: json.loads(text) for key, text in image.text.items()} == strict
    with Image.open(plan.take.folder / "parrot_v001.1002.png") as image:
        assert image.text == {}
    assert told(plan)["graph"] == strict


def test_names_of_any_script_are_written(tmp_path):
    plan = plan_for(tmp_path, "Szenen/鹦鹉 schön")
    write_sequence(clip(1), plan)
    assert files(plan) == ["鹦鹉 schön_v001.1001.png", "鹦鹉 schön_v001.json"]
    assert told(plan)["name"] == "鹦鹉 schön_v001"


def test_progress_is_told_after_each_frame_stands(tmp_path):
    plan, seen = plan_for(tmp_path), []
    write_sequence(clip(6), plan, lambda count: seen.append((count, len(list(plan.take.folder.glob("*.png"))))))
    assert seen == [(n, n) for n in range(1, 7)]


def test_only_a_few_frames_are_held(tmp_path):
    taken, finished, most = 0, 0, 0

    def frames():
        nonlocal taken, most
        for frame in clip(20):
            taken += 1
            most = max(most, taken - finished)
            yield frame

    def on_frame(count):
        nonlocal finished
        finished = count

    write_sequence(frames(), plan_for(tmp_path), on_frame)
    assert most == THREADS + 1


def test_frames_of_inference_mode_are_written_and_not_modified(tmp_path):
    with torch.inference_mode():
        frames = clip(2)
        write_sequence(frames, plan_for(tmp_path, passes=FOUR_PASSES))
        assert torch.equal(frames, clip(2))


def test_an_interrupt_leaves_the_finished_frames_and_says_so(tmp_path):
    def stop_at_3(count):
        if count == 3:
            raise Interrupt("stop")

    plan, threads = plan_for(tmp_path, passes=PASS_SETS["rgba + matte"]), threading.active_count()
    with pytest.raises(Interrupt, match="stop"):
        write_sequence(clip(20), plan, stop_at_3)
    numbers = (1001, 1002, 1003)
    assert files(plan) == [
        "matte",
        *(f"matte/parrot_v001_matte.{n}.png" for n in numbers),
        "parrot_v001.json",
        "rgba",
        *(f"rgba/parrot_v001_rgba.{n}.png" for n in numbers),
    ]
    assert told(plan)["complete"] is False
    assert told(plan)["frames"] == {"first": 1001, "last": 1003, "count": 3}
    assert threading.active_count() == threads
    for n in numbers:
        assert np.array_equal(
            pixels(plan.take.folder / "rgba" / f"parrot_v001_rgba.{n}.png"), quantise(clip(20)[n - 1001], 8, 0)
        )


def test_the_sidecar_is_not_complete_while_frames_are_written(tmp_path):
    plan, seen = plan_for(tmp_path), []
    write_sequence(clip(2), plan, lambda _: seen.append((told(plan)["complete"], told(plan)["frames"]["count"])))
    assert seen == [(False, None), (False, None)]
    assert told(plan)["complete"] is True


def test_a_source_that_fails_goes_on_failing_and_the_take_is_accounted_for(tmp_path):
    def frames():
        yield from clip(10)
        raise LookupError("no more light")

    plan = plan_for(tmp_path)
    with pytest.raises(LookupError, match="no more light"):
        write_sequence(frames(), plan)
    count = told(plan)["frames"]["count"]
    assert count == 10 - THREADS
    assert files(plan) == [*(f"parrot_v001.{1001 + n}.png" for n in range(count)), "parrot_v001.json"]


def test_a_frame_that_is_not_finite_is_named_and_the_frames_before_it_stand(tmp_path):
    frames = clip(6)
    frames[3, 2, 2, 0] = float("nan")
    plan = plan_for(tmp_path)
    with pytest.raises(ValueError, match=r"Frame 1004: .* NaN"):
        write_sequence(frames, plan)
    assert files(plan) == [*(f"parrot_v001.{n}.png" for n in (1001, 1002, 1003)), "parrot_v001.json"]
    assert told(plan)["frames"]["count"] == 3


def test_a_write_that_fails_leaves_no_half_frame_and_says_how_many_are_finished(tmp_path, files_of_at_most):
    frames = torch.zeros(6, 200, 200, 4)
    frames[4] = clip(1, 200, 200)[0]  # noise does not fit
    plan = plan_for(tmp_path)
    refused = pytest.raises(OSError, match=r"parrot_v001.1005.png could not be written; 4 frames are finished")
    with files_of_at_most(32_768), refused as caught:
        write_sequence(frames, plan)
    assert caught.value.errno == errno.EFBIG
    assert files(plan) == [*(f"parrot_v001.{n}.png" for n in range(1001, 1005)), "parrot_v001.json"]
    assert told(plan)["complete"] is False
    assert told(plan)["frames"]["count"] == 4


def test_a_sidecar_that_no_longer_fits_leaves_the_one_of_the_beginning(tmp_path):
    plan = plan_for(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(count):
        resource.setrlimit(resource.RLIMIT_FSIZE, (16 if count == 2 else soft, hard))

    try:
        with pytest.raises(OSError, match="2 frames are finished"):
            write_sequence(clip(4), plan, fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(plan) == ["parrot_v001.1001.png", "parrot_v001.1002.png", "parrot_v001.json"]
    assert told(plan)["complete"] is False
    assert told(plan)["frames"]["count"] is None


def test_overwriting_removes_what_the_older_take_had_more(tmp_path):
    write_sequence(clip(5, seed=1), plan_for(tmp_path, passes=FOUR_PASSES, padding=5))
    plan = plan_for(tmp_path, existing="overwrite")
    strangers = ["notes.txt", "parrot_v001.1009.nk", "parrot_v002.1001.png", "matte/roto.nk"]
    for name in strangers:
        (plan.take.folder / name).write_bytes(b"mine")
    write_sequence(clip(2), plan)
    assert files(plan) == sorted(
        ["matte", "parrot_v001.1001.png", "parrot_v001.1002.png", "parrot_v001.json", *strangers]
    )
    assert told(plan)["frames"]["count"] == 2


def test_overwriting_that_is_stopped_keeps_the_older_frames_it_did_not_reach(tmp_path):
    write_sequence(clip(5, seed=1), plan_for(tmp_path))
    plan = plan_for(tmp_path, existing="overwrite")

    def stop(_):
        raise Interrupt

    with pytest.raises(Interrupt):
        write_sequence(clip(4, seed=2), plan, stop)
    stored = [pixels(plan.take.folder / f"parrot_v001.{1001 + n}.png") for n in range(5)]
    wanted = [clip(4, seed=2)[0], *clip(5, seed=1)[1:]]
    assert all(np.array_equal(a, quantise(b, 8, 0)) for a, b in zip(stored, wanted, strict=True))
    assert told(plan)["complete"] is False
    assert told(plan)["frames"]["count"] == 1


def test_two_takes_written_at_the_same_time_do_not_meet(tmp_path):
    plans = []

    def write(seed):
        plan = plan_for(tmp_path)
        write_sequence(clip(6, seed=seed), plan)
        plans.append((plan, seed))

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(plan.take.stem for plan, _ in plans) == [f"parrot_v00{n}" for n in range(1, 5)]
    for plan, seed in plans:
        last = pixels(plan.take.folder / f"{plan.take.stem}.1006.png")
        assert np.array_equal(last, quantise(clip(6, seed=seed)[5], 8, 0))


def test_an_empty_clip_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        write_sequence([], plan_for(tmp_path))


@pytest.mark.parametrize(
    "frame", [torch.zeros(5, 7, 3), torch.zeros(1, 5, 7, 4), torch.zeros(5, 7, 4, dtype=torch.uint8)]
)
def test_frames_of_another_layout_are_refused(tmp_path, frame):
    with pytest.raises(ValueError, match=r"Frame 0 of the clip: \(H, W, 4\) of straight RGBA"):
        write_sequence([frame], plan_for(tmp_path))


def test_frames_of_two_sizes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Frame 2 of the clip is 4 x 5, the frames before it 7 x 5"):
        write_sequence([*clip(2), *clip(1, 5, 4)], plan_for(tmp_path))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"start": -1}, "0 or above, got -1"),
        ({"padding": 0}, "padding of 0"),
        ({"passes": ()}, "At least one pass"),
        ({"passes": FOUR_PASSES * 2}, "none twice"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        plan_for(tmp_path, **wrong)

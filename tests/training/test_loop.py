"""The training loop: what it promises about stopping, processes, bad numbers and full disks."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.amp.grad_scaler import GradScaler
from toy import Toy, small_run, toy_loss

from pipelines.training import loop
from pipelines.training.checkpoints import checkpoints, read_checkpoint
from pipelines.training.loop import NotFinite, train

ROOT = Path(__file__).parents[2]


class Stopped(Exception):
    pass


def stop_at(step):
    def on_step(_model, now, _loss):
        if now == step:
            raise Stopped

    return on_step


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def dropping():
    model = Toy()
    model.drop.p = 0.5
    return model


@pytest.mark.parametrize(
    "settings", [{}, {"average": 0.9}, {"accumulate": 2}, {"precision": "bf16"}, {"precision": "fp16"}]
)
@pytest.mark.parametrize("make", [Toy, dropping])
def test_a_stopped_run_goes_on_to_bit_equal_weights(tmp_path, settings, make):
    whole = train(*toy_loss(make()), **small_run(tmp_path / "whole", settings))
    with pytest.raises(Stopped):
        train(*toy_loss(make()), **small_run(tmp_path / "parts", settings), on_step=stop_at(5))
    assert [step for step, _ in checkpoints(tmp_path / "parts/checkpoints")] == [3]
    resumed = train(*toy_loss(make()), **small_run(tmp_path / "parts", settings))
    assert equal(whole, resumed)


def test_a_run_learns(tmp_path):
    losses = []
    train(*toy_loss(Toy()), **small_run(tmp_path, batch=8, steps=40), on_step=lambda _m, _s, loss: losses.append(loss))
    assert losses[-1] < 0.5 * losses[0]


def test_another_seed_gives_other_weights(tmp_path):
    first = train(*toy_loss(Toy()), **small_run(tmp_path / "a", seed=5))
    second = train(*toy_loss(Toy()), **small_run(tmp_path / "b", seed=6))
    assert not equal(first, second)


def test_accumulating_two_batches_is_one_of_twice_the_size(tmp_path):
    twice = train(*toy_loss(Toy()), **small_run(tmp_path / "a", batch=2, accumulate=2))
    once = train(*toy_loss(Toy()), **small_run(tmp_path / "b", batch=4))
    assert all((twice[name] - once[name]).abs().max() < 1e-6 for name in once)


@pytest.mark.parametrize(("precision", "near"), [("no", 1e-6), ("fp16", 2e-3)])
def test_two_processes_train_as_one_with_twice_the_batch(tmp_path, precision, near):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true",
        "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, str(Path(__file__).with_name("two_processes.py")), str(tmp_path), precision]
    started = [
        subprocess.Popen([*command, rank], env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]
    assert [process.wait(timeout=300) for process in started] == [0, 0]
    alone = train(*toy_loss(Toy()), **small_run(tmp_path / "alone", batch=4, steps=6, precision=precision))
    first, second = (load_file(tmp_path / f"weights-{rank}.safetensors") for rank in ("0", "1"))
    assert equal(first, second)
    assert all((first[name] - alone[name]).abs().max() < near for name in alone)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_it(tmp_path):
    with pytest.raises(NotFinite, match=r"loss.*nan.*step 4, samples 8 to 9"):
        train(*toy_loss(Toy(), broken={9}), **small_run(tmp_path, batch=2))
    (step, path), *rest = checkpoints(tmp_path / "checkpoints")
    assert (step, rest) == (3, [])
    assert all(torch.isfinite(tensor).all() for tensor in read_checkpoint(path)["weights"].values())


def test_a_loss_that_is_not_finite_is_skipped_when_wanted(tmp_path, capfd):
    weights = train(*toy_loss(Toy(), broken={9}), **small_run(tmp_path, batch=2, on_not_finite="skip"))
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    assert re.search(r"step skipped: .*nan.* at step 4, samples 8 to 9", capfd.readouterr().err)


def test_a_run_that_skips_every_step_ends(tmp_path):
    with pytest.raises(NotFinite, match="20 steps in a row"):
        train(*toy_loss(Toy(), broken=range(999)), **small_run(tmp_path, steps=99, on_not_finite="skip"))


def last_scale(folder):
    """The loss scale in the last checkpoint of a run."""
    return read_checkpoint(checkpoints(folder / "checkpoints")[-1][1])["scaler"]["scale"]


@pytest.mark.parametrize("on_not_finite", ["stop", "skip"])
@pytest.mark.parametrize("settings", [{}, {"accumulate": 2}, {"average": 0.9}, {"workers": 1}])
def test_a_step_that_overflows_float16_is_repeated_and_leaves_no_trace(
    tmp_path, monkeypatch, capfd, settings, on_not_finite
):
    """The weights are those of a run whose loss scale was never too large."""
    settings = {"precision": "fp16", "on_not_finite": on_not_finite, **settings}
    steps = {"high": [], "low": []}

    def run(name):
        options = small_run(tmp_path / name, settings)
        return train(*toy_loss(Toy()), **options, on_step=lambda _model, step, _loss: steps[name].append(step))

    after_overflows = run("high")
    assert "repeated: the gradient overflows float16 at a loss scale of 65536; now 32768" in capfd.readouterr().err
    scale = last_scale(tmp_path / "high")
    assert scale < 65536
    monkeypatch.setattr(loop, "GradScaler", partial(GradScaler, init_scale=scale))
    without = run("low")
    assert "repeated" not in capfd.readouterr().err
    assert last_scale(tmp_path / "low") == scale
    assert steps["high"] == steps["low"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert equal(after_overflows, without)


def test_a_resumed_run_goes_on_with_the_loss_scale_of_its_checkpoint(tmp_path, capfd):
    def repeated_by(folder, steps):
        train(*toy_loss(Toy()), **small_run(tmp_path / folder, steps=steps, precision="fp16"))
        return re.findall(r"step \d+ repeated: .*", capfd.readouterr().err)

    whole = repeated_by("whole", 8)
    first, last = repeated_by("parts", 3), repeated_by("parts", 8)
    assert first and last
    assert first + last == whole
    assert last_scale(tmp_path / "parts") == last_scale(tmp_path / "whole") < 65536


def test_a_loss_that_is_not_finite_in_float16_is_skipped_and_the_loss_scale_stays(tmp_path, capfd):
    settings = {"batch": 2, "precision": "fp16", "on_not_finite": "skip"}
    weights = train(*toy_loss(Toy(), broken={9, 12}), **small_run(tmp_path / "broken", settings))
    said = capfd.readouterr().err
    assert re.findall(r"step skipped: .*nan.* at step (\d)", said) == ["4", "6"]
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    train(*toy_loss(Toy()), **small_run(tmp_path / "whole", settings))
    assert last_scale(tmp_path / "broken") == last_scale(tmp_path / "whole")


def test_a_loss_that_is_not_finite_in_float16_stops_the_run_and_names_it(tmp_path):
    with pytest.raises(NotFinite, match=r"loss.*nan.*step 4, samples 8 to 9"):
        train(*toy_loss(Toy(), broken={9}), **small_run(tmp_path, batch=2, precision="fp16"))


def steep(at):
    """A loss of 0 whose gradient is 0 times infinite, for the samples of these steps."""

    def loss(model, batch, _draws):
        steep.step += 1
        distance = (model(batch) * 0).abs()
        return {"loss": distance.sqrt().mean() if steep.step in at else model(batch).square().mean()}

    steep.step = -1
    return loss


def test_a_gradient_that_is_finite_at_no_loss_scale_ends_the_run_by_name(tmp_path):
    model, _, samples = toy_loss(Toy())
    with pytest.raises(NotFinite, match="the gradient's norm is nan at step 0; lower the learning rate"):
        train(model, steep(range(99)), samples, **small_run(tmp_path, precision="fp16"))


def test_a_gradient_that_is_finite_at_no_loss_scale_is_skipped_when_wanted_and_the_scale_comes_back(tmp_path, capfd):
    model, _, samples = toy_loss(Toy())
    run = small_run(tmp_path, precision="fp16", on_not_finite="skip", steps=2)
    train(model, steep(range(17)), samples, **run)  # as often as 65536 can be halved, and once more
    said = capfd.readouterr().err
    assert said.count("step 0 repeated") == 16
    assert "step skipped: the gradient's norm is nan at step 0" in said
    assert last_scale(tmp_path) == 65536
    with pytest.raises(NotFinite, match="20 steps in a row"):
        train(
            model,
            steep(range(999)),
            samples,
            **small_run(tmp_path / "all", steps=99, precision="fp16", on_not_finite="skip"),
        )


@pytest.fixture
def full_disk(monkeypatch):
    """Room for the first two checkpoints, then none: the third write fails half-way."""
    import pipelines.media.whole_file as whole_file

    replace, done = os.replace, []

    def replace_twice(source, target):
        if len(done) == 2:
            raise OSError(28, "No space left on device")
        done.append(target)
        replace(source, target)

    monkeypatch.setattr(whole_file.os, "replace", replace_twice)


def test_a_full_disk_stops_the_run_and_the_last_checkpoint_is_intact(tmp_path, full_disk):
    with pytest.raises(OSError, match="No space left"):
        train(*toy_loss(Toy()), **small_run(tmp_path, steps=12))
    assert [step for step, _ in checkpoints(tmp_path / "checkpoints")] == [3, 6]
    assert read_checkpoint(tmp_path / "checkpoints/step-00000006.pt")["step"] == 6
    assert not list((tmp_path / "checkpoints").glob(".*"))


def test_a_full_disk_is_told_and_passed_over_when_wanted(tmp_path, full_disk, capfd):
    train(*toy_loss(Toy()), **small_run(tmp_path, steps=12, on_full_disk="skip"))
    assert [step for step, _ in checkpoints(tmp_path / "checkpoints")] == [3, 6]
    assert "no checkpoint at step 9" in capfd.readouterr().err


def test_only_the_last_checkpoints_are_kept(tmp_path):
    train(*toy_loss(Toy()), **small_run(tmp_path, steps=12, keep=2))
    assert [step for step, _ in checkpoints(tmp_path / "checkpoints")] == [9, 12]


def test_a_checkpoint_of_another_seed_is_refused(tmp_path):
    train(*toy_loss(Toy()), **small_run(tmp_path))
    with pytest.raises(ValueError, match="another run: it has seed 5"):
        train(*toy_loss(Toy()), **small_run(tmp_path, seed=6))


def test_a_checkpoint_of_another_shape_is_refused(tmp_path):
    train(*toy_loss(Toy()), **small_run(tmp_path))
    with pytest.raises(ValueError, match=r"of another run: there .* is \(.*\), here"):
        train(*toy_loss(Toy(width=5)), **small_run(tmp_path, steps=12))


@pytest.mark.parametrize("data", [b"half a file", b"garbage", b""])
def test_a_broken_checkpoint_is_named(tmp_path, data):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/step-00000003.pt").write_bytes(data)
    with pytest.raises(ValueError, match=r"step-00000003\.pt wants to be a checkpoint"):
        train(*toy_loss(Toy()), **small_run(tmp_path))


def test_nothing_to_train_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nothing to train"):
        train(*toy_loss(Toy().requires_grad_(False)), **small_run(tmp_path))


def test_scalars_and_sample_clips_reach_tensorboard_and_the_folder(tmp_path):
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    clip = torch.rand(3, 4, 5, 4)
    train(*toy_loss(Toy()), **small_run(tmp_path, sample_every=4), sample=lambda _model, _step: {"clip": clip})
    log = EventAccumulator(str(tmp_path / "log"), size_guidance={"images": 0}).Reload()
    assert {"loss", "absolute", "rate", "gradient"} <= set(log.Tags()["scalars"])
    assert [event.step for event in log.Images("clip")] == [4, 8]
    with Image.open(tmp_path / "samples/step-00000004-clip.png") as picture:
        assert (picture.n_frames, picture.size, picture.mode) == (3, (5, 4), "RGBA")
        assert picture.getpixel((2, 1)) == tuple((clip[0, 1, 2] * 255).round().byte().tolist())


def test_worker_processes_change_nothing(tmp_path):
    alone = train(*toy_loss(Toy()), **small_run(tmp_path / "a"))
    helped = train(*toy_loss(Toy()), **small_run(tmp_path / "b", workers=1))
    assert equal(alone, helped)


def test_settings_that_make_no_sense_are_refused(tmp_path):
    with pytest.raises(ValueError, match="steps wants at least 1, got 0"):
        loop.Run(tmp_path, steps=0)

"""`comfy_host run` and `serve` as a shell sees them: what they print, how they exit, and what they leave behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from queue_graphs import DEMO_MODELS, ROOT, TEST_NODES, ellipses, keep, node, save, sidecar
from safetensors.torch import save_file

from tools import comfy_host

TOOL = ROOT / "tools" / "comfy_host"
DEMO = ROOT / "demo" / "graph_api.json"
LIMIT_S = 300


class Shell:
    """Starts the tool with the models and the nodes of the tests."""

    def __init__(self, folder: Path, models: Path, input_folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"
        folders = ["--models", str(models), str(DEMO_MODELS), "--custom-nodes", str(TEST_NODES)]
        self.always = [*folders, "--input", str(input_folder)]
        self.started: list[subprocess.Popen[str]] = []

    def start(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        line = [sys.executable, str(TOOL), command, *arguments, *self.always, "--output", str(self.output)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.started.append(subprocess.Popen(line, cwd=self.folder, preexec_fn=listens_to_ctrl_c, **pipes))
        return self.started[-1]

    def graph(self, name: str, graph: dict) -> str:
        path = self.folder / name
        path.write_text(json.dumps(graph))
        return str(path)


def listens_to_ctrl_c() -> None:
    """As at a terminal, also where these tests were started in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, models: Path, input_folder: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("shell"), models, input_folder)
    yield shell
    for process in shell.started:
        process.terminate()
        process.wait()


def clip_to(prefix: str, frames: int) -> dict:
    clip = node("QueueTestClip", frames=frames, width=160, height=96, channels=4, draw=1, still=True)
    return {"clip": clip} | save(prefix, "clip", compression=9)


@pytest.fixture(scope="module")
def ended(shell: Shell) -> dict[str, tuple[int, str, str]]:
    """Runs at the same time, one that ends well and three that do not: (exit status, output, errors)."""
    inverted = ["--set", "mean shift.subject_is=mask = 1 - alpha"]
    good = ["--set", "save.filename_prefix=shots/good", "--set", "seed.noise_seed=5", *inverted]
    processes = {
        "good": shell.start("run", str(DEMO), *good),
        "bad": shell.start("run", shell.graph("bad.json", clip_to("../bad", 2))),
        "odd": shell.start("run", shell.graph("odd.json", ellipses(width=72) | keep("ellipse", "odd", output=1))),
        "late": shell.start("run", shell.graph("late.json", clip_to("late", 4000)), "--timeout", "1"),
    }
    results = {name: process.communicate(timeout=LIMIT_S) for name, process in processes.items()}
    return {name: (processes[name].returncode, *texts) for name, texts in results.items()}


def test_run_prints_the_path_of_every_file_and_nothing_else(ended, shell):
    status, output, _ = ended["good"]
    take = shell.output / "shots" / "good_v001"
    files = [Path(line) for line in output.splitlines()]
    assert status == 0
    frames = [*(take / f"good_v001.{1001 + k}.png" for k in range(17)), take / "good_v001.json"]
    animation = shell.output / "demo_animation_v001.png"
    assert files in ([*frames, animation], [animation, *frames])  # the host chooses which saver goes first
    assert all(file.is_file() for file in files)
    assert sidecar(files)["seed"] == [5]


def test_run_prints_warnings_beside_it(ended):
    _, _, errors = ended["good"]
    told = [line for line in errors.splitlines() if not re.fullmatch(r"\d+/17 nodes  .* \(node .*\) +\d+%", line)]
    assert len(told) == 1  # lines of progress come every ten seconds only, where a terminal would show a bar
    assert told[0].startswith("warning: mean shift (node shift, RGBAMeanShift): The border of the subject")


def test_a_failing_node_prints_the_node_and_its_error_and_nothing_else(ended, shell):
    assert ended["bad"] == (
        1,
        "",
        "RGBASaveSequence (node save): filename_prefix wants folders and a name under the output folder, such as "
        "shots/parrot; got '../bad': .. is no name.\n",
    )
    assert not (shell.folder / "bad_v001").exists()


def test_a_node_that_fails_while_it_runs_prints_the_same(ended, shell):
    error = (
        "RGBAEllipseEditor (node ellipse): The clip must have a width and height that are multiples of 16, "
        "got 72 x 48; use 64 x 48 or 80 x 48.\n"
    )
    assert ended["odd"] == (1, "", error)
    assert not (shell.output / "odd.safetensors").exists()


def test_a_run_that_takes_too_long_is_interrupted_and_leaves_whole_frames(ended, shell):
    assert ended["late"] == (1, "", "the graph did not finish within 1 s and was interrupted\n")
    written = [path.name for path in shell.output.glob("late_v001/*")]
    assert len(written) < 4000
    if written:  # a busy machine has not begun to write within a second
        told = sidecar([shell.output / "late_v001" / "late_v001.json"])
        assert told["complete"] is False and told["frames"]["count"] == len(written) - 1


def test_an_unknown_node_fails_before_anything_starts(shell):
    began = time.monotonic()
    process = shell.start("run", str(DEMO), "--set", "parrot.seed=1")
    output, errors = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, output) == (1, "")
    refusal = "--set parrot.seed=1: no node called 'parrot'; the graph has model (base model), dora, ellipse, "
    assert errors.startswith(refusal)
    assert time.monotonic() - began < 10


@pytest.fixture(scope="module")
def told_to_stop(shell: Shell) -> dict[str, tuple[int, list[psutil.Process], list[Path], str]]:
    """`run` in the middle of a sequence and `serve` with nothing to do, each told to stop: (exit status, the processes
    that it had started, their folders, output).
    """
    running = shell.start("run", shell.graph("long.json", clip_to("long", 4000)))
    serving = shell.start("serve")
    assert serving.stdout is not None
    url = serving.stdout.readline().strip()
    assert json.load(urllib.request.urlopen(f"{url}/queue", timeout=60))["queue_running"] == []
    deadline = time.monotonic() + LIMIT_S
    while len([*(shell.output / "long_v001").glob("*.png")]) < 5:
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.05)
    results = {}
    for name, process, number in (("run", running, signal.SIGTERM), ("serve", serving, signal.SIGINT)):
        children = psutil.Process(process.pid).children(recursive=True)
        words = [word for child in children for word in child.cmdline()]
        folders = [Path(words[k + 1]) for k, word in enumerate(words) if word == "--base-directory"]
        assert folders and all(folder.is_dir() for folder in folders)
        os.kill(process.pid, number)
        output, errors = process.communicate(timeout=LIMIT_S)
        results[name] = (process.returncode, children, folders, output + errors)
    return results


@pytest.mark.parametrize(("command", "status"), [("run", 128 + signal.SIGTERM), ("serve", 130)])
def test_a_signal_stops_the_host_too_and_removes_its_folder(told_to_stop, command, status):
    found, children, folders, said = told_to_stop[command]
    assert found == status
    assert [child for child in children if child.is_running()] == []
    assert [folder for folder in folders if folder.exists()] == []
    assert "Traceback" not in said


def test_a_run_that_is_told_to_stop_leaves_whole_frames(told_to_stop, shell):
    take = shell.output / "long_v001"
    told = sidecar([take / "long_v001.json"])
    names = {path.name for path in take.iterdir()}
    assert told["complete"] is False
    assert told["frames"]["count"] == len(names) - 1 >= 5
    assert names == {*(f"long_v001.{1001 + k}.png" for k in range(len(names) - 1)), "long_v001.json"}


@pytest.fixture(scope="module")
def version(host: comfy_host.Host) -> str:
    """A version that `serve` can be asked for: not the default one, but where COMFYUI_ROOT leaves no other."""
    return host.version if os.environ.get("COMFYUI_ROOT") else comfy_host.OLDEST


@pytest.fixture(scope="module")
def asked(shell: Shell, models: Path, version: str) -> Iterator[Callable[[str], Any]]:
    """Asks a `serve` of that version, on a port of our choice, over two more folders with a file of one name."""
    for name in ("the first", "another"):
        (shell.folder / name / "loras").mkdir(parents=True)
        made_for = {"folder": name}
        save_file({"weight": torch.zeros(1)}, shell.folder / name / "loras" / "twice.safetensors", made_for)
    port = comfy_host.find_free_port()
    settings = ["--host-version", version, "--port", str(port), "--models", "the first", "another"]
    serving = shell.start("serve", *settings)
    assert serving.stdout is not None
    assert serving.stdout.readline() == f"http://127.0.0.1:{port}\n"
    yield lambda path: json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60))
    serving.terminate()
    serving.wait(LIMIT_S)


def test_serve_starts_the_version_that_was_asked_for_on_the_port_that_was_asked_for(asked, version):
    assert asked("/system_stats")["system"]["comfyui_version"] == version


def test_of_two_models_of_one_name_the_first_folders_wins(asked):
    assert asked("/view_metadata/loras?filename=twice.safetensors") == {"folder": "the first"}


def test_given_models_come_before_the_hosts_own(asked, shell, models, version):
    host = comfy_host.install(version)
    given = [shell.folder / "the first", shell.folder / "another", models]
    found = [Path(folder) for folder in asked("/internal/folder_paths")["loras"]]
    assert found[:3] == [folder / "loras" for folder in given]
    assert Path(host.root) / "models" / "loras" in found[3:]

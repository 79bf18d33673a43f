"""What `tools/comfy_host` knows without a running ComfyUI: graphs, archives, folders, locks, messages."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from tools import comfy_host
from tools.comfy_host import (
    HostError,
    answers,
    cache,
    client,
    command_line,
    existing_host,
    graphs,
    interpreters,
    releases,
    set_inputs,
    terminal,
)

TOOL = Path(comfy_host.__file__).parent
GRAPH = {
    "3": {"class_type": "KSampler", "_meta": {"title": "sample"}, "inputs": {"seed": 1, "cfg": 1.5, "model": ["4", 0]}},
    "4": {"class_type": "UNETLoader", "inputs": {"unet_name": "wan.safetensors"}},
    "5": {"class_type": "Prompt", "_meta": {"title": "Wan 2.1"}, "inputs": {"text": "a parrot", "quick": True}},
    "6": {"class_type": "Prompt", "_meta": {"title": "twin"}, "inputs": {"text": ""}},
    "7": {"class_type": "Prompt", "_meta": {"title": "twin"}, "inputs": {"text": ""}},
}


# --set


def test_a_node_is_found_by_its_id_and_by_its_title():
    changed = set_inputs(GRAPH, ["3.seed=2", "sample.cfg=2.5", "Wan 2.1.text=two words"])
    assert changed["3"]["inputs"] == {"seed": 2, "cfg": 2.5, "model": ["4", 0]}
    assert changed["5"]["inputs"]["text"] == "two words"


def test_the_graph_that_came_in_stays_as_it_was():
    before = json.dumps(GRAPH)
    set_inputs(GRAPH, ["3.seed=2"])
    assert json.dumps(GRAPH) == before


def test_an_id_wins_over_a_title():
    graph = GRAPH | {"8": {"class_type": "Prompt", "_meta": {"title": "4"}, "inputs": {"unet_name": ""}}}
    changed = set_inputs(graph, ["4.unet_name=x"])
    assert (changed["4"]["inputs"]["unet_name"], changed["8"]["inputs"]["unet_name"]) == ("x", "")


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("5.text=7", "7"),
        ("5.text=a=b.c", "a=b.c"),
        ("5.text=", ""),
        ("5.quick=false", False),
        ("3.seed=-1", -1),
        ("3.seed=1e3", 1000.0),
        ("3.model=plain text", "plain text"),
        ('3.model=["9", 1]', ["9", 1]),
    ],
)
def test_a_value_is_read_as_what_stands_there_now(assignment, value):
    node, key = assignment.split("=")[0].split(".")
    changed = set_inputs(GRAPH, [assignment])[node]["inputs"][key]
    assert changed == value and type(changed) is type(value)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seed=1", "--set wants NODE.INPUT=VALUE, got 'seed=1'"),
        ("3.seed", "--set wants NODE.INPUT=VALUE, got '3.seed'"),
        (".seed=1", "--set wants NODE.INPUT=VALUE"),
        ("parrot.seed=1", "no node called 'parrot'; the graph has 3 (sample), 4, 5 (Wan 2.1), 6 (twin), 7 (twin)"),
        ("twin.text=x", "several nodes called 'twin'; the graph has 6, 7"),
        ("3.steps=1", "'3' has no input 'steps' in this graph; it sets seed, cfg, model"),
        ("3.seed=one", "expected a number, such as 1, got 'one'"),
        ("3.seed=true", "expected a number, such as 1, got 'true'"),
        ("3.seed=[1]", "expected a number, such as 1, got '[1]'"),
        ("5.quick=1", "expected true or false, such as true, got '1'"),
    ],
)
def test_an_assignment_that_fits_nothing_is_refused(assignment, message):
    with pytest.raises(HostError) as caught:
        set_inputs(GRAPH, [assignment])
    assert message in str(caught.value)


# graphs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read"),
        ("{", "is not JSON"),
        ('{"nodes": [], "links": []}', "is not a graph in API format; in ComfyUI: Workflow, Export (API)"),
        ("[]", "is not a graph in API format"),
    ],
)
def test_a_file_that_is_no_graph_is_refused(tmp_path, text, message):
    path = tmp_path / "graph.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(HostError) as caught:
        graphs.read_graph(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_the_demos_graph_has_the_titles_that_the_readme_names():
    graph = graphs.read_graph(TOOL.parents[1] / "demo" / "graph_api.json")
    titles = {node["_meta"]["title"] for node in graph.values()}
    assert {"prompt", "ellipse", "seed", "save"} <= titles


# what the host answers


def test_a_refusal_names_each_node_by_its_title_and_every_problem():
    answer = {
        "error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"},
        "node_errors": {
            "3": {"errors": [{"message": "Value too big", "details": "cfg"}, {"message": "Return type mismatch"}]},
            "4": {"errors": [{"message": "Value not in list", "details": "unet_name: 'x' not in []"}]},
        },
    }
    assert answers.describe_refusal(answer, GRAPH).splitlines() == [
        "sample (node 3, KSampler): Value too big: cfg",
        "sample (node 3, KSampler): Return type mismatch",
        "UNETLoader (node 4): Value not in list: unet_name: 'x' not in []",
    ]


def test_a_refusal_of_an_unknown_class_names_its_node():
    error = {"message": "Node 'sample' not found.", "extra_info": {"node_id": "3"}}
    assert answers.describe_refusal({"error": error, "node_errors": {}}, GRAPH) == (
        "sample (node 3, KSampler): Node 'sample' not found."
    )


def test_a_refusal_of_the_whole_graph_is_its_message():
    assert answers.describe_refusal({"error": {"message": "Prompt has no outputs"}, "node_errors": []}, GRAPH) == (
        "Prompt has no outputs"
    )


def test_a_text_event_is_a_notice_and_a_preview_is_none():
    text = b"\0\0\0\3" + b"\0\0\0\1" + b"3" + "α is 1".encode()
    assert answers.read_notice(text, GRAPH) == [("3", "α is 1")]
    assert answers.read_notice(b"\0\0\0\1" + text[4:], GRAPH) == []
    assert answers.read_notice(b"\0\0\0\3" + b"\0\0\0\1" + b"9" + b"of another graph", GRAPH) == []


# progress

STATES = {
    "4": {"state": "finished", "value": 1, "max": 1},
    "3": {"state": "running", "value": 1, "max": 4},
    "5": {"state": "pending", "value": 0, "max": 0},
}


@pytest.fixture
def wide(monkeypatch):
    """A terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")


def test_the_bar_shows_the_running_node_and_how_far_it_is(wide, capsys):
    bar = terminal.Bar(GRAPH)
    bar.show(STATES)
    text = f"[{'#' * 7:<30}] 1/5 nodes  sample (node 3, KSampler)  25%"
    assert capsys.readouterr().err == f"\r{text:<79}\r"


def test_the_bar_counts_a_finished_node_once(wide, capsys):
    bar = terminal.Bar(GRAPH)
    for state in ({"4": STATES["4"]}, {"4": STATES["4"]}, {"3": STATES["3"]}):
        bar.show(state)
    assert "1/5 nodes" in capsys.readouterr().err


def test_the_bar_never_wraps_and_is_wiped_at_the_end(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    bar = terminal.Bar(GRAPH)
    bar.show(STATES)
    assert len(capsys.readouterr().err.strip("\r")) == 39
    bar.close()
    assert capsys.readouterr().err == f"\r{'':39}\r"


def test_a_node_without_steps_is_at_its_beginning(wide, capsys):
    terminal.Bar(GRAPH).show({"5": {"state": "running", "value": 0, "max": 0}})
    assert f"[{'':30}] 0/5 nodes  Wan 2.1 (node 5, Prompt)   0%" in capsys.readouterr().err


def test_a_log_hears_of_progress_now_and_then_and_never_of_a_short_run(monkeypatch, capsys):
    lines = terminal.Lines(GRAPH)
    lines.show(STATES)
    lines.close()
    assert capsys.readouterr().err == ""
    lines.last -= terminal.SPARSELY_S
    lines.show(STATES)
    lines.show(STATES)
    assert capsys.readouterr().err == "1/5 nodes  sample (node 3, KSampler)  25%\n"


# time


@pytest.mark.parametrize(("given", "seconds"), [([], None), (["--timeout", "90"], 90.0), (["--timeout", "0.5"], 0.5)])
def test_a_timeout_is_in_seconds_and_there_is_none_by_default(given, seconds):
    assert command_line._parser().parse_args(["run", "graph.json", *given]).timeout == seconds


def test_a_timeout_that_is_no_number_is_refused_before_anything_starts(capsys):
    with pytest.raises(SystemExit) as caught:
        command_line.main(["run", "graph.json", "--timeout", "soon"])
    assert caught.value.code == 2
    assert "argument --timeout: invalid float value: 'soon'" in capsys.readouterr().err


async def waited(limit: float | None, seconds: float) -> str:
    async with client._timeout(limit):
        await asyncio.sleep(seconds)
    return "done"


@pytest.mark.parametrize("limit", [None, 60])
def test_the_timeout_of_python_3_10_lets_pass_what_is_in_time(limit):
    assert asyncio.run(waited(limit, 0.01)) == "done"


def test_the_timeout_of_python_3_10_ends_what_takes_too_long():
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(waited(0.05, 60))
    assert time.monotonic() - began < 30


def test_the_timeout_of_python_3_10_leaves_another_cancellation_alone():
    async def cancelled() -> None:
        task = asyncio.create_task(waited(60, 60))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


# archives


def archive_of(folder: Path, members: list[tarfile.TarInfo | tuple[str, bytes]]) -> tuple[Path, str]:
    path = folder / "comfy.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def test_only_the_comfyui_folder_is_unpacked(tmp_path):
    members = [
        ("d-1/vendor/ComfyUI/main.py", b"main"),
        ("d-1/vendor/ComfyUI/comfy/sd.py", b"sd"),
        ("d-1/setup.py", b"no"),
    ]
    archive, digest = archive_of(tmp_path, members)
    releases.unpack(archive, digest, tmp_path / "host" / "ComfyUI")
    files = [path.relative_to(tmp_path / "host") for path in (tmp_path / "host").rglob("*") if path.is_file()]
    assert sorted(map(str, files)) == [str(Path("ComfyUI/comfy/sd.py")), str(Path("ComfyUI/main.py"))]


def test_members_that_would_land_elsewhere_are_left_out(tmp_path):
    inside = "d-1/vendor/ComfyUI/"
    outside = [
        f"{inside}../../up",
        f"{inside}a/../../../up",
        f"{inside}/absolute",
        f"{inside}{tmp_path}/up",
        f"/{inside}../up",
    ]
    links = [link(f"{inside}link", str(tmp_path)), link(f"{inside}hard", "d-1/setup.py", tarfile.LNKTYPE)]
    members = [
        *links,
        (f"{inside}link/through", b"bad"),
        *((name, b"bad") for name in outside),
        (f"{inside}main.py", b"main"),
    ]
    archive, digest = archive_of(tmp_path, members)
    target = tmp_path / "deep" / "host" / "ComfyUI"
    releases.unpack(archive, digest, target)
    bad = [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"bad"]
    assert [path for path in bad if not path.is_relative_to(target)] == []
    assert not any(path.is_symlink() for path in target.rglob("*"))
    assert (target / "main.py").read_bytes() == b"main"


def test_another_checksum_is_refused_and_the_older_tree_stays(tmp_path):
    archive, digest = archive_of(tmp_path, [("d-1/vendor/ComfyUI/main.py", b"evil")])
    target = tmp_path / "ComfyUI"
    target.mkdir()
    (target / "main.py").write_text("older")
    with pytest.raises(HostError, match=f"comfy.tar.gz has SHA-256 {digest}, expected {'0' * 64}; it was not unpacked"):
        releases.unpack(archive, "0" * 64, target)
    assert (target / "main.py").read_text() == "older"
    assert not (tmp_path / "ComfyUI.part").exists()


def test_a_new_tree_replaces_the_older_one_as_a_whole(tmp_path):
    target = tmp_path / "ComfyUI"
    target.mkdir()
    (target / "gone.py").write_text("older")
    archive, digest = archive_of(tmp_path, [("d-1/vendor/ComfyUI/main.py", b"new")])
    releases.unpack(archive, digest, target)
    assert [path.name for path in target.iterdir()] == ["main.py"]


# locks


def test_one_at_a_time_holds_the_lock(tmp_path):
    inside, most = 0, 0

    def work():
        nonlocal inside, most
        with cache.hold_lock(tmp_path / "lock"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_who_waits_for_the_lock_says_so_and_goes_on_when_the_other_process_dies(tmp_path, capsys):
    holding = "import sys; from tools.comfy_host.cache import hold_lock; from pathlib import Path\n"
    holding += "with hold_lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", holding, str(tmp_path / "lock")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": TOOL.parents[1]}
    with subprocess.Popen(command, **pipes) as holder:
        assert holder.stdout.readline() == "held\n"
        threading.Timer(0.3, holder.kill).start()
        with cache.hold_lock(tmp_path / "lock"):
            assert holder.wait(10) != 0
    assert f"another process is installing into {tmp_path}; waiting for it" in capsys.readouterr().err


# where and install


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A user's cache folder with nothing in it, and no COMFYUI_ROOT."""
    for name in ("COMFYUI_ROOT", "COMFYUI_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    uv = Path(interpreters.find_uv()).parent
    monkeypatch.setenv("PATH", f"{uv}{os.pathsep}{os.environ['PATH']}")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return tmp_path


def test_where_says_what_to_type_when_nothing_is_installed(elsewhere):
    with pytest.raises(HostError, match=r"no ComfyUI 0.24.1 in .*; type: .*comfy_host install --version 0.24.1$"):
        comfy_host.where("0.24.1")
    with pytest.raises(HostError, match=r"install --version 0.30.0 --dest my$"):
        comfy_host.where(dest=Path("my"))


def test_an_unknown_version_is_refused_naming_the_known_ones(elsewhere):
    with pytest.raises(HostError, match=r"no ComfyUI 0.1 is known here; known are 0.30.0, 0.24.1"):
        comfy_host.install("0.1")


def comfyui_of(folder: Path, version: str = "0.29.3") -> Path:
    folder.mkdir()
    (folder / "comfyui_version.py").write_text(f'# generated\n\n__version__ = "{version}"\n')
    return folder


def test_a_root_without_comfyui_is_refused(elsewhere, monkeypatch):
    monkeypatch.setenv("COMFYUI_ROOT", str(elsewhere))
    with pytest.raises(HostError, match=r"COMFYUI_ROOT is .* no comfyui_version.py; point it at the folder of main.py"):
        comfy_host.where()


def test_a_root_of_another_version_is_refused(elsewhere, monkeypatch):
    monkeypatch.setenv("COMFYUI_ROOT", str(comfyui_of(elsewhere / "ComfyUI")))
    with pytest.raises(HostError, match=r"COMFYUI_ROOT is ComfyUI 0.29.3, asked for 0.30.0; unset COMFYUI_ROOT"):
        comfy_host.install("0.30.0")


def test_a_root_without_an_interpreter_says_where_it_looked(elsewhere, monkeypatch):
    root = comfyui_of(elsewhere / "ComfyUI")
    monkeypatch.setenv("COMFYUI_ROOT", str(root))
    with pytest.raises(HostError) as caught:
        comfy_host.where()
    assert all(name in str(caught.value) for name in (".venv", "venv", "python_embeded", "set COMFYUI_PYTHON"))


def test_a_root_gets_an_environment_in_the_cache_folder_and_stays_as_it_is(elsewhere, monkeypatch):
    root = comfyui_of(elsewhere / "ComfyUI")
    (root / "requirements.txt").write_text("")
    monkeypatch.setenv("COMFYUI_ROOT", str(root))
    monkeypatch.setattr(existing_host, "RELEASES", {existing_host.NEWEST: releases.Release("none", "none", torch=())})
    made = existing_host.make_environment(root)
    assert made.is_file() and elsewhere / "cache" in made.parents
    assert sorted(path.name for path in root.iterdir()) == ["comfyui_version.py", "requirements.txt"]
    made.unlink()
    assert existing_host.make_environment(root) == made and not made.exists()  # nothing is asked for anew
    (root / "requirements.txt").write_text("# another version\n")
    assert existing_host.make_environment(root).is_file()


def test_a_new_environment_is_for_a_named_root_alone(elsewhere):
    with pytest.raises(HostError, match="--new-environment is for the ComfyUI that COMFYUI_ROOT names"):
        comfy_host.install(new_environment=True)


def test_an_interpreter_that_is_no_file_is_refused(elsewhere, monkeypatch):
    monkeypatch.setenv("COMFYUI_ROOT", str(comfyui_of(elsewhere / "ComfyUI")))
    monkeypatch.setenv("COMFYUI_PYTHON", str(elsewhere / "python"))
    with pytest.raises(HostError, match=r"COMFYUI_PYTHON is .*python, which is no file"):
        comfy_host.where()


def test_an_interpreter_that_fails_is_named_with_what_it_said():
    with pytest.raises(HostError) as caught:
        interpreters.ask(Path(sys.executable), "import no_such_module")
    assert str(caught.value).startswith(f"{sys.executable} cannot say")
    assert "No module named 'no_such_module'" in str(caught.value)


def test_what_a_child_compiles_goes_to_our_cache_folder_alone(elsewhere, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (elsewhere / "module.py").write_text("value = 7\n")
    code = "import module; print(module.value)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=elsewhere, env=comfy_host.environment())
    assert list(elsewhere.glob("__pycache__")) == []
    assert len(list(comfy_host.cache_folder().rglob("module.*.pyc"))) == 1


@pytest.mark.parametrize("command", ["install", "where", "serve", "run"])
def test_every_command_explains_itself(command):
    shown = subprocess.run([sys.executable, str(TOOL), command, "--help"], capture_output=True, text=True, check=True)
    assert command in shown.stdout and shown.stderr == ""


def test_it_is_the_same_program_as_a_folder_and_as_a_module(tmp_path):
    folder = subprocess.run([sys.executable, str(TOOL), "--help"], capture_output=True, text=True, cwd=tmp_path)
    module = [sys.executable, "-m", "tools.comfy_host", "--help"]
    module = subprocess.run(module, capture_output=True, text=True, cwd=TOOL.parents[1])
    assert (folder.returncode, folder.stdout, folder.stderr) == (module.returncode, module.stdout, module.stderr)
    assert folder.returncode == 0 and "A real ComfyUI" in folder.stdout


def test_where_prints_one_line_of_json_or_an_error_and_no_traceback(elsewhere):
    result = subprocess.run([sys.executable, str(TOOL), "where"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("no ComfyUI 0.30.0 in ") and "Traceback" not in result.stderr


TOLD_WHILE_A_LOOP_RUNS = f"""
import asyncio, os, signal, sys
sys.path.insert(0, {str(TOOL.parents[1])!r})
from tools.comfy_host import signals

async def work():
    os.kill(os.getpid(), signal.SIGTERM)
    print("the step goes on to its end")
    try:
        await asyncio.sleep(60)
    finally:
        print("and is cancelled after it")

signals.stop_when_told()
asyncio.run(signals.cancel_on_request(work()))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_request_to_end_does_not_break_into_a_step_of_a_loop():
    result = subprocess.run([sys.executable, "-c", TOLD_WHILE_A_LOOP_RUNS], capture_output=True, text=True, timeout=30)
    assert result.stdout.splitlines() == ["the step goes on to its end", "and is cancelled after it"]
    assert (result.returncode, result.stderr) == (128 + signal.SIGTERM, "")


# on a machine that has a host


@pytest.fixture(scope="module")
def host() -> comfy_host.Host:
    return comfy_host.install()


def test_a_second_install_takes_a_second(host):
    began = time.monotonic()
    result = subprocess.run([sys.executable, str(TOOL), "install"], capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 5
    assert json.loads(result.stdout) == {"root": host.root, "python": host.python, "version": host.version}
    assert result.stderr == ""


def test_where_prints_the_python_alone_for_a_shell(host):
    shown = subprocess.run([sys.executable, str(TOOL), "where", "--python"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"{host.python}\n"


ONE_ELLIPSE = json.dumps(
    {
        "version": 1,
        "ellipses": [{"id": "a", "keyframes": [{"frame": 0, "cx": 0.5, "cy": 0.5, "rx": 0.2, "ry": 0.3}]}],
    }
)
SUBJECT_AS_FRAMES = {
    "1": {
        "class_type": "RGBAEllipseEditor",
        "inputs": {"width": 64, "height": 48, "length": 5, "fps": 16.0, "ellipses": ONE_ELLIPSE},
    },
    "2": {"class_type": "MaskToImage", "inputs": {"mask": ["1", 1]}},
    "3": {
        "class_type": "RGBASaveSequence",
        "inputs": {
            "image": ["2", 0],
            "mask": ["1", 1],
            "filename_prefix": "ellipse",
            "format": "png 8-bit",
            "passes": "rgba",
            "start_frame": 1,
            "padding": 4,
            "fps": 16.0,
            "existing": "refuse",
            "compression": 1,
        },
    },
}
"""A graph of this pack and of the host that needs no model."""


@pytest.fixture(scope="module")
def of_a_user(host, tmp_path_factory):
    """A graph that was run by a ComfyUI of a user: (the run, its output folder, the user's files before and after)."""
    folder = tmp_path_factory.mktemp("user")
    users_cache = folder / "cache" / "rgba-video"
    users_cache.mkdir(parents=True)
    (users_cache / "bytecode").symlink_to(cache.bytecode_folder())  # compiled already, or this would take minutes
    uv = subprocess.run([interpreters.find_uv(), "cache", "dir"], capture_output=True, text=True, check=True)
    users = {"COMFYUI_ROOT": host.root, "COMFYUI_PYTHON": host.python}
    environment = os.environ | users | {"XDG_CACHE_HOME": str(users_cache.parent), "UV_CACHE_DIR": uv.stdout.strip()}
    graph = folder / "graph.json"
    graph.write_text(json.dumps(SUBJECT_AS_FRAMES))
    before = files_of(host)
    command = [sys.executable, str(TOOL), "run", str(graph), "--output", str(folder / "output")]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    return run, folder, before, files_of(host)


def files_of(host: comfy_host.Host) -> dict[str, tuple[int, int]]:
    """Size and time of every file of a ComfyUI and of the packages that it runs with, and of their folders."""
    found: dict[str, tuple[int, int]] = {}
    packages = "import sys; found = [folder for folder in sys.path if folder.endswith('-packages')]"
    folders = [host.root, *interpreters.ask(Path(host.python), packages)]
    while folders:
        for entry in os.scandir(folders.pop()):
            status = entry.stat(follow_symlinks=False)
            found[entry.path] = status.st_size, status.st_mtime_ns
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
    return found


def test_a_users_comfyui_runs_a_graph(of_a_user):
    run, folder, _, _ = of_a_user
    assert run.returncode == 0, run.stderr
    frames = [folder / "output" / "ellipse_v001" / f"ellipse_v001.{number:04d}.png" for number in range(1, 6)]
    files = [Path(line) for line in run.stdout.splitlines()]
    assert files == [*frames, frames[0].with_name("ellipse_v001.json")]
    assert all(file.is_file() for file in files)


def test_a_users_comfyui_and_its_packages_stay_as_they_were(of_a_user, host):
    run, folder, before, after = of_a_user
    assert f"environment beside {host.python} (nothing is written to it)" in run.stderr
    assert len([*folder.glob("cache/rgba-video/beside-*/installed.json")]) == 1
    assert len(before) > 10_000
    assert after == before

"""What `tools/comfy_host.py` knows without a running ComfyUI: graphs, archives, folders, locks, messages."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from tools import comfy_host
from tools.comfy_host import HostError, set_inputs

TOOL = Path(comfy_host.__file__)
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
        comfy_host._read_graph(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_the_demos_graph_has_the_titles_that_the_readme_names():
    graph = comfy_host._read_graph(TOOL.parents[1] / "demo" / "graph_api.json")
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
    assert comfy_host._refusal(answer, GRAPH).splitlines() == [
        "sample (node 3, KSampler): Value too big: cfg",
        "sample (node 3, KSampler): Return type mismatch",
        "UNETLoader (node 4): Value not in list: unet_name: 'x' not in []",
    ]


def test_a_refusal_of_an_unknown_class_names_its_node():
    error = {"message": "Node 'sample' not found.", "extra_info": {"node_id": "3"}}
    assert comfy_host._refusal({"error": error, "node_errors": {}}, GRAPH) == (
        "sample (node 3, KSampler): Node 'sample' not found."
    )


def test_a_refusal_of_the_whole_graph_is_its_message():
    assert comfy_host._refusal({"error": {"message": "Prompt has no outputs"}, "node_errors": []}, GRAPH) == (
        "Prompt has no outputs"
    )


def test_a_text_event_is_a_notice_and_a_preview_is_none():
    text = b"\0\0\0\3" + b"\0\0\0\1" + b"3" + "α is 1".encode()
    assert comfy_host._notice(text, GRAPH) == [("3", "α is 1")]
    assert comfy_host._notice(b"\0\0\0\1" + text[4:], GRAPH) == []
    assert comfy_host._notice(b"\0\0\0\3" + b"\0\0\0\1" + b"9" + b"of another graph", GRAPH) == []


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
    comfy_host._unpack(archive, digest, tmp_path / "host" / "ComfyUI")
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
    comfy_host._unpack(archive, digest, target)
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
        comfy_host._unpack(archive, "0" * 64, target)
    assert (target / "main.py").read_text() == "older"
    assert not (tmp_path / "ComfyUI.part").exists()


def test_a_new_tree_replaces_the_older_one_as_a_whole(tmp_path):
    target = tmp_path / "ComfyUI"
    target.mkdir()
    (target / "gone.py").write_text("older")
    archive, digest = archive_of(tmp_path, [("d-1/vendor/ComfyUI/main.py", b"new")])
    comfy_host._unpack(archive, digest, target)
    assert [path.name for path in target.iterdir()] == ["main.py"]


# locks


def test_one_at_a_time_holds_the_lock(tmp_path):
    inside, most = 0, 0

    def work():
        nonlocal inside, most
        with comfy_host._locked(tmp_path / "lock"):
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
    holding = "import sys; from tools.comfy_host import _locked; from pathlib import Path\n"
    holding += "with _locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", holding, str(tmp_path / "lock")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": TOOL.parents[1]}
    with subprocess.Popen(command, **pipes) as holder:
        assert holder.stdout.readline() == "held\n"
        threading.Timer(0.3, holder.kill).start()
        with comfy_host._locked(tmp_path / "lock"):
            assert holder.wait(10) != 0
    assert f"another process is installing into {tmp_path}; waiting for it" in capsys.readouterr().err


# where and install


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A user's cache folder with nothing in it, and no COMFYUI_ROOT."""
    for name in ("COMFYUI_ROOT", "COMFYUI_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return tmp_path


def test_where_says_what_to_type_when_nothing_is_installed(elsewhere):
    with pytest.raises(HostError, match=r"no ComfyUI 0.24.1 in .*; type: .*comfy_host.py install --version 0.24.1$"):
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


def test_an_interpreter_that_is_no_file_is_refused(elsewhere, monkeypatch):
    monkeypatch.setenv("COMFYUI_ROOT", str(comfyui_of(elsewhere / "ComfyUI")))
    monkeypatch.setenv("COMFYUI_PYTHON", str(elsewhere / "python"))
    with pytest.raises(HostError, match=r"COMFYUI_PYTHON is .*python, which is no file"):
        comfy_host.where()


def test_an_interpreter_that_fails_is_named_with_what_it_said():
    with pytest.raises(HostError) as caught:
        comfy_host._ask(Path(sys.executable), "import no_such_module")
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


def test_where_prints_one_line_of_json_or_an_error_and_no_traceback(elsewhere):
    result = subprocess.run([sys.executable, str(TOOL), "where"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("no ComfyUI 0.30.0 in ") and "Traceback" not in result.stderr

"""What is packed for a bare machine: the host without what no node needs, this pack without models and data."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import pack_for_gpu, run_packed
from tools.comfy_host import PACK_NAME


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed") / "gpu"
    pack_for_gpu.pack(folder, "3.12", ())
    return folder


def test_the_host_travels_without_tests_web_and_tokenizers(packed):
    host = packed / "ComfyUI"
    assert (host / "comfyui_version.py").is_file() and (host / "comfy" / "sd.py").is_file()
    assert not pack_for_gpu.HOST_WITHOUT & {path.name for path in host.iterdir()}
    other = [path for path in host.rglob("*") if path.is_file() and path.suffix != ".py"]
    assert other and max(path.stat().st_size for path in other) <= pack_for_gpu.SMALL


def test_the_pack_travels_without_demo_and_data(packed):
    pack = packed / PACK_NAME
    assert (pack / "tests" / "gpu" / "device_cases.py").is_file()
    assert {path.name for path in pack.iterdir() if path.is_dir()} == {
        "nodes",
        "pipelines",
        "tools",
        "benchmarks",
        "tests",
    }
    assert not [path for path in pack.rglob("*") if path.suffix in (".safetensors", ".bin", ".pyc")]


def test_everything_but_the_wheels_leaves_them_room(packed):
    assert pack_for_gpu.room_of(packed) < 15 * pack_for_gpu.MIB


def test_room_is_what_du_counts(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(b"x" * 5000)
    du = subprocess.run(["du", "-s", "--block-size=1", tmp_path], capture_output=True, text=True, check=True)
    assert pack_for_gpu.room_of(tmp_path) == int(du.stdout.split()[0])


def test_a_folder_over_its_limit_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pack", str(tmp_path / "gpu"), "--limit", "1"])
    monkeypatch.setattr(pack_for_gpu, "WHEELS", ())
    assert pack_for_gpu.main() == 1
    assert "allowed are 1" in capsys.readouterr().out


def test_a_folder_that_is_there_is_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pack", str(tmp_path)])
    with pytest.raises(SystemExit):
        pack_for_gpu.main()
    assert "is there already" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_the_packed_command_runs_the_packed_code_with_the_wheels_that_are_missing(packed):
    """Beside an installed torch, which is used, and a package that no index has."""
    wheels = packed / "wheels"
    wheels.mkdir()
    for name in ("torch", "rgba_not_installed"):
        with zipfile.ZipFile(wheels / f"{name}-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{name}.py", "raise ImportError('of the wheel')")
    run = subprocess.run([sys.executable, packed / "run.py", "--help"], capture_output=True, text=True)
    assert run.returncode == 0 and "--part" in run.stdout
    assert "taken from wheels/: rgba_not_installed\n" in run.stderr
    assert not run_packed.is_here(Path("rgba_not_installed-1.0.whl")) and run_packed.is_here(Path("torch-1.0.whl"))

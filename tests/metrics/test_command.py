import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipelines.ellipse.drawing import Drawing, Ellipse, Keyframe
from pipelines.metrics.__main__ import main
from pipelines.metrics.flow import CAVEAT

ROOT = Path(__file__).parents[2]


def clip(seed, frames=10):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(frames, 36, 40, 4, generator=generator) * 255).round() / 255


@pytest.fixture
def folders(tmp_path, write_clip):
    """Two clips by a reference, a method that copies it, one that does not, and the base model of that one."""
    for k, name in enumerate(("parrot", "smoke")):
        write_clip(tmp_path / "true" / name, clip(k))
        write_clip(tmp_path / "copy" / name, clip(k))
        write_clip(tmp_path / "other" / name, clip(k + 10))
        write_clip(tmp_path / "base" / name, clip(k + 10)[..., :3])
    return tmp_path


def run(capsys, *arguments):
    """Its exit status, its lines by their name, and all it said."""
    status = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    rows = [line.split("  ") for line in said.out.splitlines() if "  " in line]
    return status, {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows}, said.out + said.err


def test_a_copy_is_perfect_and_another_clip_is_not(folders, capsys):
    status, lines, said = run(
        capsys, folders / "true", folders / "copy", folders / "other", "--weights", folders / "none"
    )
    assert status == 0
    assert lines["colour PSNR, dB"][:3] == ["higher", "-", "inf"] and float(lines["colour PSNR, dB"][3]) < 20
    assert lines["RGBA SSIM"][:3] == ["higher", "-", "1"] and float(lines["RGBA SSIM"][3]) < 0.5
    assert lines["alpha MAE"][:3] == ["lower", "-", "0"]
    assert lines["diversity"][1] == lines["diversity"][2]
    assert said.startswith("2 clips")


def test_flow_difference_comes_with_its_caveat(folders, capsys):
    _, lines, said = run(capsys, folders / "true", folders / "other", "--weights", folders / "none")
    assert "flow difference, pixels" in lines and CAVEAT in said


def test_missing_weights_are_said_and_the_rest_is_printed(folders, capsys):
    _, lines, said = run(capsys, folders / "true", folders / "copy", "--weights", folders / "none")
    assert "LPIPS is left out" in said and "FVD is left out" in said and str(folders / "none") in said
    assert not any("LPIPS" in name or "FVD" in name for name in lines)


def test_with_the_networks_file_fvd_is_printed(folders, i3d_file, capsys):
    status, lines, said = run(
        *(capsys, folders / "true", folders / "copy", folders / "other"),
        *("--base", folders / "base", "--weights", i3d_file.parent),
    )
    assert status == 0 and "FVD is left out" not in said
    assert lines["FVD"][:2] == ["lower", "-"]
    assert float(lines["FVD"][2]) == pytest.approx(0, abs=1e-9) and float(lines["FVD"][3]) > 0
    assert float(lines["FVD to the base model"][3]) == pytest.approx(0, abs=1e-9)
    assert float(lines["FVD to the base model"][1]) > 0


def test_one_clip_is_too_few_for_fvd(folders, i3d_file, capsys):
    folder = folders / "true" / "parrot"
    status, lines, said = run(capsys, folder, folder, "--weights", i3d_file.parent)
    assert status == 0 and "FVD" not in lines and "at least 2 clips, each of at least 10 frames" in said


def test_rgb_preservation_is_against_the_base_model(folders, capsys):
    _, lines, _ = run(
        *(capsys, folders / "true", folders / "copy", folders / "other"),
        *("--base", folders / "base", "--weights", folders / "none"),
    )
    assert lines["PSNR to the base model, dB"][3] == "inf" and float(lines["PSNR to the base model, dB"][2]) < 20
    assert float(lines["SSIM to the base model"][1]) < 0.5 and lines["SSIM to the base model"][3] == "1"


def test_with_a_drawing_the_agreement_is_printed(folders, capsys):
    drawing = Drawing((Ellipse("e", "", (Keyframe(frame=0, cx=0.5, cy=0.5, rx=0.3, ry=0.3),)),))
    (folders / "drawing.json").write_text(drawing.to_json())
    _, lines, _ = run(
        *(capsys, folders / "true", folders / "copy"),
        *("--drawing", folders / "drawing.json", "--weights", folders / "none"),
    )
    assert float(lines["inside / outside"][1]) == pytest.approx(1, abs=0.1)


def test_the_page_and_its_key_are_written(folders, capsys):
    page = folders / "ranks.html"
    status, _, said = run(
        *(capsys, folders / "true", folders / "copy", "--weights", folders / "none"), *("--page", page, "--fps", "8")
    )
    assert status == 0 and "pipelines.metrics.ranks" in said
    assert '"fps": 8.0' in page.read_text("utf-8")
    orders = json.loads((folders / "ranks.key.json").read_text("utf-8"))["orders"]
    assert sorted(orders["smoke"]) == [str(folders / "copy"), str(folders / "true")]


@pytest.mark.parametrize(
    ("reference", "generated", "reason"),
    [
        ("true", "nowhere", "nowhere"),
        ("true", "short", "parrot: Two clips of one size"),
        ("true/parrot", "true", "one"),
    ],
)
def test_what_cannot_be_compared_is_named(folders, write_clip, capsys, reference, generated, reason):
    for name in ("parrot", "smoke"):
        write_clip(folders / "short" / name, clip(0, frames=9))
    status, lines, said = run(capsys, folders / reference, folders / generated, "--weights", folders / "none")
    assert status == 1 and reason in said and not lines


def test_a_broken_drawing_is_named(folders, capsys):
    (folders / "drawing.json").write_text("{")
    status, _, said = run(
        *(capsys, folders / "true", folders / "copy"),
        *("--drawing", folders / "drawing.json", "--weights", folders / "none"),
    )
    assert status == 1 and "drawing: expected JSON" in said


def test_it_runs_as_a_module(folders, monkeypatch, capsys):
    arguments = [folders / "true" / "parrot", folders / "copy" / "parrot", "--weights", folders]
    monkeypatch.setattr(sys, "argv", ["metrics", *map(str, arguments)])
    monkeypatch.delitem(sys.modules, "pipelines.metrics.__main__")
    with pytest.raises(SystemExit) as end:
        runpy.run_module("pipelines.metrics", run_name="__main__")
    assert end.value.code == 0 and "RGBA SSIM" in capsys.readouterr().out


def test_the_rooms_import_neither_opencv_nor_torchvision():
    code = "import sys, pipelines.metrics.__main__; print(sorted({'cv2', 'torchvision', 'scipy'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Every node on a GPU against the CPU, then time and memory at full size on random weights: one command, one JSON.

    make gpu                                 # both parts on CUDA; says why and ends well where there is none
    make gpu GPU="--device cpu --small"      # the same code on tiny models, to test the command itself
    python benchmarks/gpu --device cuda --part 1 --out benchmarks/results/gpu.json

Part 1 has the tests of tests/gpu, decoding, LayerDiffuse and the training steps of the RGBA VAE and of TransPixeler;
part 2 has Wan 14B and CogVideoX-5B with and without this pack, and the DoRA's training step. On one H200 each is meant
to end within 4 minutes, at which it is cut off. The figures of a case are written as soon as it ends; one that fails is
in the JSON with its error, and the command fails at the end. A second part is added to the file of the first.

Seconds are this machine's, on weights without meaning: what to compare is in `ratios`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

PACK = Path(__file__).resolve().parents[2]
sys.path[0] = str(PACK)
from tools import cases_apart  # noqa: E402
from tools.comfy_host import in_process  # noqa: E402

TESTS = "tests"
PARTS = {
    1: (
        TESTS, "decode_by_the_host", "decode_rgba", "layerdiffuse_plain", "layerdiffuse_patched",
        "layerdiffuse_decode", "train_wan_alpha_vae", "train_transpixeler_wan", "train_transpixeler_cogvideox",
        "train_transpixeler_mochi",
    ),
    2: (
        "wan_16_bit_plain", "wan_16_bit_merged", "wan_16_bit_unmerged", "wan_fp8_plain", "wan_fp8_merged",
        "wan_fp8_unmerged", "cogvideox_one_domain", "cogvideox_split", "cogvideox_open", "cogvideox_dense_mask",
        "train_wan_alpha_dora",
    ),
}  # fmt: skip
CASE_LIMIT_S = 75.0
TESTS_LIMIT_S = 140.0
PART_LIMIT_S = 238.0
"""Of a part at full size; a small one has no limit but those of its cases."""
STEP, WHOLE = ("step_seconds", "step_peak_bytes"), ("seconds", "peak_bytes")
RATIOS = {
    **{
        f"Wan step, {kind}, {way} / plain": (f"wan_{kind}_{way}", f"wan_{kind}_plain", STEP)
        for kind in ("16_bit", "fp8")
        for way in ("merged", "unmerged")
    },
    "CogVideoX step, both domains / one": ("cogvideox_split", "cogvideox_one_domain", STEP),
    "CogVideoX step, text kept from alpha by splitting / not kept": ("cogvideox_split", "cogvideox_open", STEP),
    "CogVideoX step, by a dense mask / by splitting": ("cogvideox_dense_mask", "cogvideox_split", STEP),
    "decode, RGBA decode / two VAE Decode": ("decode_rgba", "decode_by_the_host", WHOLE),
    "LayerDiffuse step / plain": ("layerdiffuse_patched", "layerdiffuse_plain", STEP),
}


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def run_part(part: int, device: str, size: str, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, figures) of each case as it ends."""
    until = time.monotonic() + (PART_LIMIT_S if size == "full" else float("inf"))
    names = PARTS[part]
    if TESTS in names:
        yield TESTS, run_tests(device, folder)
    command = [sys.executable, str(Path(__file__).parent / "run_cases.py"), device, size]
    measured = [name for name in names if name != TESTS]
    yield from cases_apart.run_apart(command, measured, folder, CASE_LIMIT_S, until)


def run_tests(device: str, folder: Path) -> dict[str, Any]:
    """How many tests passed; the failed ones and the reasons of the skipped ones by name."""
    report, began = folder / "tests.xml", time.monotonic()
    command = [sys.executable, "-m", "pytest", "-o", "pythonpath=", ".", "--device", device, f"--junitxml={report}"]
    command += ["--limit", str(TESTS_LIMIT_S)] if device == "cuda" else []
    folder_of_tests = PACK / "tests" / "gpu"
    run = subprocess.run(command, cwd=folder_of_tests, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not report.is_file():
        return {"error": run.stdout[-3000:]}
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = {case.get("name"): found.get("message") for case in cases for found in case if found.tag in FAILED}
    skipped = {str(found.get("message")) for case in cases for found in case if found.tag == "skipped"}
    figures = {
        "wall_seconds": round(time.monotonic() - began, 1),
        "passed": sum(all(found.tag not in (*FAILED, "skipped") for found in case) for case in cases),
        "failed": failed,
        "skipped": sorted(skipped),
        "distances": distances(cases),
    }
    return figures | ({"error": run.stdout[-3000:]} if run.returncode else {})


FAILED = ("failure", "error")


def distances(cases: list[ElementTree.Element]) -> dict[str, dict[str, float]]:
    """{case: {start of the host: the largest distance from the CPU's result, as a share of its norm}}"""
    found: dict[str, dict[str, float]] = {}
    for test in cases:
        values = [float(str(each.get("value")).split()[0]) for each in test.iter("property")]
        if values:
            _, _, parameters = str(test.get("name")).rstrip("]").partition("[")
            case, _, variant = parameters.partition("-")
            found.setdefault(case, {})[variant] = max(values)
    return found


def machine(device: str) -> dict[str, Any]:
    """What the figures were measured on."""
    import torch

    version = (Path(in_process.find_root()) / "comfyui_version.py").read_text().split('"')[1]
    name = platform.processor() or platform.machine()
    if device == "cuda":
        name = torch.cuda.get_device_name()
    return {
        "device": f"{name} x {os.cpu_count()}" if device == "cpu" else name,
        "torch": torch.__version__,
        "host": version,
        "dtype": "bfloat16" if device == "cuda" else "float32",
    }


def ratios(cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Of the cases that are there."""
    found = {}
    for what, (above, below, keys) in RATIOS.items():
        numbers = [[cases.get(name, {}).get(key) for name in (above, below)] for key in keys]
        if all(all(pair) for pair in numbers):
            found[what] = {key: round(pair[0] / pair[1], 3) for key, pair in zip(("time", "memory"), numbers)}
    return found


def write(result: dict[str, Any], out: Path | None) -> None:
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n")


def begun(out: Path | None, about: dict[str, Any]) -> dict[str, Any]:
    """The result of an earlier part on the same machine, or a new one."""
    if out is not None and out.is_file():
        earlier = json.loads(out.read_text())
        if {key: earlier.get(key) for key in about} == about:
            return earlier
    return {**about, "cases": {}, "ratios": {}}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), help="without it: cuda, or nothing where there is none")
    parser.add_argument("--small", action="store_true", help="tiny models: seconds on two cores, figures without worth")
    parser.add_argument("--part", type=int, choices=sorted(PARTS), help="one of the parts; without it, both")
    parser.add_argument("--out", type=Path, help="the JSON; benchmarks/results/gpu.json is the one that is published")
    options = parser.parse_args()
    import torch

    if options.device != "cpu" and not torch.cuda.is_available():
        say("skipped: there is no CUDA device here. To test the command on the CPU: --device cpu --small")
        return 1 if options.device else 0
    device, size = options.device or "cuda", "small" if options.small else "full"
    about = {**machine(device), "size": size}
    result = begun(options.out, about)
    for part in [options.part] if options.part else sorted(PARTS):
        say(f"part {part} on {about['device']}, {size} size")
        with tempfile.TemporaryDirectory() as folder:
            for name, figures in run_part(part, device, size, Path(folder)):
                result["cases"][name] = figures
                result["ratios"] = ratios(result["cases"])
                write(result, options.out)
                said = figures.get("error") or {key: value for key, value in figures.items() if key != "distances"}
                say(f"{name}: {said}")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    failed = [name for name, figures in result["cases"].items() if "error" in figures]
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

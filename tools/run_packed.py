"""Runs the GPU tests and benchmarks from a packed folder; nothing is installed and nothing is fetched.

    python FOLDER/run.py --device cuda --part 1 --out gpu.json

Needs a Python with torch and what else `tools/pack_for_gpu.py` takes as given. `tools/pack_for_gpu.py` puts this file
into the folder as run.py; the options are those of benchmarks/gpu.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOST, PACK, WHEELS = HERE / "ComfyUI", HERE / "ComfyUI-RGBA-Video", HERE / "wheels"


def is_here(wheel: Path) -> bool:
    """Whether this Python has the package already, in whatever version: then that one is used."""
    try:
        distribution(wheel.name.partition("-")[0])
    except PackageNotFoundError:
        return False
    return True


def main() -> int:
    with tempfile.TemporaryDirectory() as site:
        missing = [wheel for wheel in sorted(WHEELS.glob("*.whl")) if not is_here(wheel)]
        for wheel in missing:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
        names = ", ".join(wheel.name.partition("-")[0] for wheel in missing) or "nothing"
        sys.stderr.write(f"taken from {WHEELS.name}/: {names}\n")
        paths = [str(HOST), site, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, str(PACK / "benchmarks" / "gpu"), *sys.argv[1:]]
        return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())

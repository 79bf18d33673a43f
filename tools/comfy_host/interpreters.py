"""Python interpreters: where a virtual environment keeps its own, how one is started and asked, and uv."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .cache import bytecode_folder, cache_folder
from .host import HostError
from .terminal import say


def environment() -> dict[str, str]:
    """For every interpreter that is started here: it keeps what it compiles, in our cache folder and nowhere else."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONPYCACHEPREFIX": str(bytecode_folder())}


def venv_python(venv: Path) -> Path:
    """The interpreter of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ask(python: Path, code: str) -> Any:
    """What `python` leaves in the name `found` after `code`."""
    command = [str(python), "-c", f"{code}; import json; print(json.dumps(found))"]
    try:
        answer = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    except OSError as error:
        raise HostError(f"{python} does not start: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        raise HostError(f"{python} cannot say what ComfyUI needs to know: {error.stderr.strip()}") from None
    return json.loads(answer.stdout.splitlines()[-1])


def call(command: Sequence[str]) -> None:
    """Runs a command whose output goes to standard error. Errors: HostError."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.__stderr__)
    if result.returncode != 0:
        raise HostError(f"failed with exit code {result.returncode}: {' '.join(command)}")


def find_uv() -> str:
    """The program uv, from PATH or the cache folder, where pip puts it if it is missing. Errors: HostError."""
    if found := shutil.which("uv"):
        return found
    folder = cache_folder() / "uv"
    program = folder / "bin" / ("uv.exe" if os.name == "nt" else "uv")
    if not program.is_file():
        say("uv is missing: installing it into the cache folder")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "uv"]
        if subprocess.run(command).returncode != 0:
            raise HostError("could not install uv: this Python has no pip; install pip or uv and try again")
    return str(program)


@functools.cache
def has_accelerator(python: str) -> bool:
    code = "import torch; found = torch.cuda.is_available() or torch.backends.mps.is_available()"
    return bool(ask(Path(python), code))

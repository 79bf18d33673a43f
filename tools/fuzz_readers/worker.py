"""One process that reads damaged files: what became of each, how long it took, and by how much memory grew."""

from __future__ import annotations

import json
import os
import resource
import shutil
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import torch

from pipelines.media.footage import open_footage

from .mutations import mutate
from .seeds import TAKE

GIGABYTE = 1 << 30
REFUSALS = (ValueError, FileNotFoundError)
"""These very types: a UnicodeDecodeError is a ValueError too, and none that an artist can use."""


@dataclass(frozen=True)
class Result:
    """What became of the damaged file `index` of the format `name`.

    seconds  of the processor's and the disk's time alike, as an artist waits
    peak     bytes by which the process grew at most
    fault    what has to be mended, or ""
    outcome  read, refused, or failed
    """

    name: str
    index: int
    seconds: float
    peak: int
    fault: str
    message: str = ""
    outcome: str = "failed"


def work(pipe: Connection, seeds: Mapping[str, Path], seed: int, folder: Path) -> None:
    """Reads what is asked for through the pipe until None comes."""
    torch.set_num_threads(1)
    with open(os.devnull, "w") as nowhere:  # libraries print what they find in a damaged file
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
    limit = _status("VmSize") + GIGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (item := pipe.recv()) is not None:
        name, index = item
        shutil.rmtree(folder, ignore_errors=True)
        pipe.send(_read(damaged(seeds[name], name, index, seed, folder), name, index))


def damaged(path: Path, name: str, index: int, seed: int, folder: Path) -> Path:
    """A damaged copy of a seed in a new folder; of a take, the sidecar is damaged."""
    random = Random(f"{seed} {name} {index}")
    folder.mkdir(parents=True)
    if name == TAKE:
        target = Path(shutil.copytree(path, folder / path.name))
        sidecar = next(target.glob("*.json"))
        text = sidecar.read_bytes()
        if random.random() < 0.5:  # as another program would have written it
            text = json.dumps(json.loads(text)).encode()
        sidecar.write_bytes(mutate(text, ".json", random))
        return target
    target = folder / f"damaged{path.suffix}"
    target.write_bytes(mutate(path.read_bytes(), path.suffix, random))
    return target


def _read(path: Path, name: str, index: int) -> Result:
    Path("/proc/self/clear_refs").write_text("5")  # from here on the peak is counted anew
    before, began = _status("VmRSS"), time.perf_counter()
    fault, message, outcome = "", "", "read"
    try:
        clip = open_footage(path)
        frames = clip.read()
        clip.read_sound()
        if frames.ndim != 4 or frames.shape[-1] != 4 or frames.dtype != torch.float32:
            fault = f"frames are {tuple(frames.shape)}, {frames.dtype}"
        del frames
    except Exception as error:  # whatever a reader raises is what is looked for
        message, outcome = f"{error}", "refused"
        if type(error) not in REFUSALS or name == TAKE:
            fault, outcome = f"{type(error).__name__} at {_place(error)}", "failed"
        elif path.name not in message:
            fault = f"a message without the file's name at {_place(error)}"
    seconds, peak = time.perf_counter() - began, max(_status("VmHWM") - before, 0)
    return Result(name, index, seconds, peak, fault, message, outcome)


def _place(error: Exception) -> str:
    """The last line of ours that the error came through."""
    lines = [each for each in traceback.extract_tb(error.__traceback__) if "pipelines" in each.filename]
    return f"{Path(lines[-1].filename).name}:{lines[-1].lineno}" if lines else "another place"


def _status(key: str) -> int:
    """Bytes, from what the kernel says of this process."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{key}:")[2].split()[0]) * 1024

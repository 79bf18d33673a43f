"""Named cases in a process of their own: what is done stays, and one case that hangs or dies takes no other with it.

The child, which is any program that ends with `work_through`, writes FOLDER/NAME.json as each case ends. The parent
(`run_apart`) waits for these files one after the other. If a case takes too long or the child dies, the case has
failed, and a new child goes on with those that are left. CUDA needs this: after an illegal access nothing runs any more
in that process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
"""What is known of a case: `wall_seconds`, `error` if it failed, and whatever its function has returned."""
Cases = Mapping[str, Callable[[], Figures]]

START_S = 180.0
"""How long a child may take until it begins with its first case."""
POLL_S = 0.1
LAST = "the last of this process"
BROKEN_DEVICE = ("CUDA error", "CUBLAS_STATUS", "CUDNN_STATUS_EXECUTION")


def work_through(names: Iterable[str], folder: Path, run: Callable[[str], Figures]) -> None:
    """The child's part: every case, its figures or its error written at once."""
    for name in names:
        (folder / f"{name}.begun").touch()
        began = time.monotonic()
        figures: Figures = {}
        try:
            figures |= run(name)
        except Exception:  # whatever a case may raise is that case's result
            figures["error"] = traceback.format_exc()
        figures["wall_seconds"] = round(time.monotonic() - began, 3)
        broken = any(sign in str(figures.get("error")) for sign in BROKEN_DEVICE)
        figures |= {LAST: True} if broken else {}
        part = folder / f"{name}.json.part"
        part.write_text(json.dumps(figures))
        part.rename(folder / f"{name}.json")
        if broken:
            sys.exit("the device is broken for this process")


def run_apart(
    command: Sequence[str], names: Sequence[str], folder: Path, limit_s: float, until: float = float("inf")
) -> Iterator[tuple[str, Figures]]:
    """(name, figures) of each case as it ends, in order; `command` is given the folder and the names.

    limit_s is for each case. At `until`, a time of `time.monotonic`, the cases that are left fail for lack of time.
    """
    left = list(names)
    while left:
        log = folder / "log.txt"
        if time.monotonic() >= until:
            for name in left:
                yield name, {"error": "not begun: no time was left for it"}
            return
        with open(log, "ab") as output:
            child = subprocess.Popen(
                [*command, str(folder), *left], stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                while left:
                    figures, whole = _await(child, folder, left[0], limit_s, until, log)
                    yield left.pop(0), figures
                    if not whole:
                        break
            finally:
                _end(child)


def _await(
    child: subprocess.Popen[bytes], folder: Path, name: str, limit_s: float, until: float, log: Path
) -> tuple[Figures, bool]:
    """The figures of the case that the child is at, and whether it can go on; it is ended if it takes too long."""
    done, begun = folder / f"{name}.json", folder / f"{name}.begun"
    asked = time.time()
    while True:
        ended = child.poll() is not None  # before the look at the file, or the last case would be missed
        if done.is_file():
            figures = json.loads(done.read_text())
            return figures, not (figures.pop(LAST, False) or ended)
        if ended:
            return {"error": f"the process ended with {child.returncode}:\n{_tail(log)}"}, False
        since, limit = (begun.stat().st_mtime, limit_s) if begun.is_file() else (asked, START_S)
        if time.monotonic() > until:
            os.killpg(child.pid, signal.SIGKILL)
            return {"error": f"was cut off: no time was left for it\n{_tail(log)}"}, False
        if time.time() - since > limit:
            os.killpg(child.pid, signal.SIGKILL)
            return {"error": f"took over {limit:g} s\n{_tail(log)}"}, False
        time.sleep(POLL_S)


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends the child and whatever it has started."""
    try:
        child.wait(timeout=5 if child.poll() is None else 0)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

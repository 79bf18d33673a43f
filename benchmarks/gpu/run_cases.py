"""Cases in this process: run_cases.py cuda|cpu full|small FOLDER NAME ...; see tools/cases_apart."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
HERE = str(Path(__file__).resolve().parent)

sys.path[0] = str(PACK)
from tools import cases_apart  # noqa: E402
from tools.comfy_host import in_process  # noqa: E402

EXTRAS = ("nodes_custom_sampler",)


def main(device: str, size: str, out: str, *names: str) -> None:
    folder = Path(out)
    sys.path.insert(1, HERE)
    if device == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "1"

    @cache
    def inside_the_host() -> cases_apart.Cases:
        in_process.enter(in_process.find_root(), "--disable-dynamic-vram" if device == "cuda" else "--cpu")
        sys.path[1:1] = [HERE]
        in_process.load_nodes(*EXTRAS)
        pack = in_process.load_pack()
        import host_cases
        import sizes

        return host_cases.HostCases(getattr(sizes, size.upper()), folder, pack).cases()

    @cache
    def training() -> cases_apart.Cases:
        if str(PACK) not in sys.path:
            sys.path.append(str(PACK))  # behind the host, whose `nodes` is another
        import sizes
        import torch
        import training_cases

        return training_cases.cases(getattr(sizes, size.upper()), folder, torch.device(device))

    def run(name: str) -> cases_apart.Figures:
        import torch

        if size == "small":
            torch.set_num_threads(1)  # threads of so small models mostly wait for each other
        if name.startswith("train_"):
            return training()[name]()
        with torch.inference_mode():
            return inside_the_host()[name]()

    cases_apart.work_through(names, folder, run)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Cases on a host of this process: run_cases.py "HOST ARGUMENTS" FOLDER NAME ...; see tools/cases_apart."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
HERE = str(Path(__file__).resolve().parent)

sys.path[0] = str(PACK)
from tools import cases_apart  # noqa: E402
from tools.comfy_host import in_process  # noqa: E402


def main(arguments: str, folder: str, *names: str) -> None:
    in_process.enter(in_process.find_root(), *arguments.split())
    sys.path.insert(1, HERE)
    import torch

    torch.set_num_threads(1)  # of so small models
    import device_cases
    from safetensors.torch import save_file

    host = device_cases.Host(Path(folder))

    @torch.inference_mode()
    def run(name: str) -> cases_apart.Figures:
        torch.manual_seed(os.getpid())  # no two processes compute the same if that decides
        host.used.clear()
        results, figures = host.results_of(device_cases.CASES[name])
        save_file(results, Path(folder) / f"{name}.safetensors")
        return {"nodes": sorted(host.used), "every node": host.every_node(), **figures}

    cases_apart.work_through(names, Path(folder), run)


if __name__ == "__main__":
    main(*sys.argv[1:])

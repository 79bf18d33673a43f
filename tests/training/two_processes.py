"""One of two processes of a run, started by test_loop: python two_processes.py FOLDER PRECISION RANK."""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.torch import save_file
from toy import Toy, small_run, toy_loss

from pipelines.training.loop import train

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    weights = train(*toy_loss(Toy()), **small_run(folder, batch=2, steps=6, precision=sys.argv[2]))
    save_file(weights, folder / f"weights-{sys.argv[3]}.safetensors")

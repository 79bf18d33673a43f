"""`python -m nodes FILE...`: says what each weights file is and which node takes it.

Exit status 1 if a file could not be read, or is a DoRA or LoRA that lacks something; the reason goes to standard error.
Runs from the pack's folder, which is on the path then, so what it imports of `pipelines` it names in full.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.lora.dora import read_dora
from pipelines.lora.speed_lora import read_speed_lora
from pipelines.weights.kinds.table import identify
from pipelines.weights.kinds.wan import WAN_LORA
from pipelines.weights.kinds.wan_alpha import DORA
from pipelines.weights.weights_file import named, read_shapes, read_weights

from .names import TAKEN_BY

READERS = {DORA: read_dora, WAN_LORA: read_speed_lora}


def describe_file(path: str) -> str:
    """Kind, contents and taker of one file, in three lines. Raises ValueError as the readers do."""
    shapes = read_shapes(path)
    found = identify(shapes)
    if reader := READERS.get(found.kind):
        with named(Path(path)):
            reader(read_weights(path))
    dtypes = ", ".join(sorted({info.dtype for info in shapes.values()}))
    count = f"{len(shapes)} {'tensor' if len(shapes) == 1 else 'tensors'}"
    return f"{path}: {found.kind.name}\n  {count}, {dtypes}; {found.detail}\n  {TAKEN_BY[found.kind.name]}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Describe the files named on the command line; 0 if all could be read, else 1."""
    parser = argparse.ArgumentParser(prog="python -m nodes", description="Say what a weights file is.")
    parser.add_argument("files", nargs="+", metavar="FILE")
    status = 0
    for path in parser.parse_args(arguments).files:
        try:
            sys.stdout.write(describe_file(path))
        except ValueError as error:
            sys.stderr.write(f"{error}\n")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())

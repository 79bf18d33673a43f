"""`python -m pipelines.training COMMAND [CONFIG.toml] [--name value ...]`; for several devices
`accelerate launch -m pipelines.training COMMAND ...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .data.cache_joint import CacheJoint
from .data.cache_latents import CacheLatents
from .loop import NotFinite
from .methods.train_dora import TrainDoRA
from .methods.train_transpixeler import TrainTransPixeler
from .methods.train_vae import TrainVAE
from .settings import parse

COMMANDS = {
    "vae": TrainVAE,
    "cache": CacheLatents,
    "dora": TrainDoRA,
    "cache-joint": CacheJoint,
    "transpixeler": TrainTransPixeler,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the command went through, 1 when it was refused, 130 when it was interrupted; why, on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        about = "".join(f"  {name:14} {(kind.__doc__ or '').strip()}\n" for name, kind in COMMANDS.items())
        sys.stderr.write(f"python -m pipelines.training COMMAND [CONFIG.toml] [--name value ...]\n{about}")
        return 0 if words in (["--help"], ["-h"]) else 2
    try:
        parse(COMMANDS[words[0]], words[0], words[1:])()
    except (ValueError, NotFinite, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; the same command goes on from what is there\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

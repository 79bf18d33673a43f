"""`python3 tools/comfy_host` from any folder, or `python3 -m tools.comfy_host` from the checkout."""

import sys
from pathlib import Path

if not __package__:  # started as a folder: the checkout takes its place on sys.path
    sys.path[0] = str(Path(__file__).resolve().parents[2])
from tools.comfy_host.command_line import main
from tools.comfy_host.host import HostError

if __name__ == "__main__":
    try:
        sys.exit(main())
    except HostError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)

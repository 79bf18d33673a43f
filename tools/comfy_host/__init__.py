"""A real ComfyUI for the demo, the tests and the benchmarks, from Python; `command_line` has it for a shell.

    from tools.comfy_host import Server, install

    with Server(install()) as server:
        finished = server.run(graph)

Imports nothing but the standard library until a graph is run, which needs the host's websocket client.
"""

from .cache import cache_folder
from .client import Finished
from .graphs import read_graph, set_inputs
from .host import GraphError, Host, HostError
from .installation import install, where
from .interpreters import environment
from .pack import PACK, PACK_NAME
from .releases import NEWEST, OLDEST
from .server import Server, find_free_port

__all__ = [
    "NEWEST",
    "OLDEST",
    "PACK",
    "PACK_NAME",
    "Finished",
    "GraphError",
    "Host",
    "HostError",
    "Server",
    "cache_folder",
    "environment",
    "find_free_port",
    "install",
    "read_graph",
    "set_inputs",
    "where",
]

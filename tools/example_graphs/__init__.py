"""The example graphs in words: their nodes, values, links and columns. `save_workflows.py` builds and saves them.

A graph is columns from left to right; a column holds notes and groups from top to bottom, a group holds nodes. File
names are the published ones.
"""

from __future__ import annotations

from . import delivery, layerdiffuse, transpixeler, wan_alpha, wan_alpha_windows
from .description import Graph, Link  # noqa: F401  for who reads the graphs
from .files import *  # noqa: F403  for who puts files under the names

GRAPHS: tuple[Graph, ...] = (
    *wan_alpha.GRAPHS,
    *wan_alpha_windows.GRAPHS,
    *transpixeler.GRAPHS,
    *layerdiffuse.GRAPHS,
    *delivery.GRAPHS,
)

"""The pack as the host loads it: every node, category by category."""

from __future__ import annotations

from . import alpha_work, ellipses, in_and_out, layerdiffuse, transpixeler, wan_alpha
from .schema import ComfyExtension, io


class RGBAVideo(ComfyExtension):
    """Lists the nodes for the host."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        of_models = [*wan_alpha.NODES, *transpixeler.NODES, *layerdiffuse.NODES]
        return [*of_models, *ellipses.NODES, *alpha_work.NODES, *in_and_out.NODES]

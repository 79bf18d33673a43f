"""What the artist sees: one file per menu category, each a list of schemas with one sentence of work behind them."""

from __future__ import annotations

from . import alpha_work, ellipses, in_and_out, layerdiffuse, transpixeler, wan_alpha
from .schema import ComfyExtension, io


class RGBAVideo(ComfyExtension):
    """The pack, as the host loads it."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        of_models = [*wan_alpha.NODES, *transpixeler.NODES, *layerdiffuse.NODES]
        return [*of_models, *ellipses.NODES, *alpha_work.NODES, *in_and_out.NODES]

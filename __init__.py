"""RGBA Video for ComfyUI: video and pictures with a real alpha channel.

Nothing is imported here until the host asks for the nodes, so the pack adds nothing to its start and the pure rooms
under `pipelines` can be tested without it.
"""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():  # noqa: ANN201  the type is the host's, which must not be imported here
    """The host's door for node packs: returns the extension that lists our nodes."""
    from .nodes.extension import RGBAVideo

    return RGBAVideo()

"""The door to ComfyUI: the only room that imports `comfy.*`.

Each module hands one thing that the method rooms know to the host's models, memory, samplers and files, and undoes
nothing that another pack has done. `core` is what every method needs of the host, `pictures` its IMAGE and MASK,
`files` its folders; each method has a folder of its own and imports no other method. Nodes import what they run inside
`execute`, so that the host's start stays short.
"""

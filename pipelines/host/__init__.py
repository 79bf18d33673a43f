"""The door to ComfyUI: the only room that imports `comfy.*`.

Each module hands one thing that the method rooms know to the host's models, memory, samplers and files, and undoes
nothing that another pack has done. Import the module that is needed; this file imports none of them.
"""

"""What the pack knows, in rooms: compositing, ellipses, weights, sampling, files. Every room but `host` imports without
ComfyUI, takes what it needs as arguments, and can be used from a notebook or a training script just as well."""

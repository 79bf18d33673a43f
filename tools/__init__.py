"""Programs for those who work on the pack: a real ComfyUI, its web UI, the example graphs, tiny checkpoints."""

"""The papers' training: footage and caches (`data`), networks (`models`), what is trained for each paper (`methods`),
and the resumable loop with its settings, draws, notes and checkpoints.

`python -m pipelines.training COMMAND` runs it; `recipes` holds the settings of each command. Built on diffusers, peft
and accelerate, which only training and the demo's recipe import.
"""

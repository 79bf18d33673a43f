"""Weights files: what is in them, what they are, and whether they were made for a model.

`weights_file` reads them, `kinds` tells families apart by keys and shapes, `key_dialects` knows the spellings of LoRA
keys, `fit` compares a file with a model. Imports torch and safetensors, nothing of ours, nothing of the host.
"""

"""Low-rank weights: what a file is, what its keys are called, and how DoRA and LoRA change a weight.

`weights_file` reads, `file_kinds` tells what was read, `key_dialects` knows the spellings, `low_rank`, `dora` and
`speed_lora` are the mathematics, `fit` says whether a file was made for a model. `python -m pipelines.lora FILE...`
says what a file is. Imports torch and safetensors, nothing of ours, nothing of the host.
"""

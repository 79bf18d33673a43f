"""TransPixeler: a clip's RGB frames and its alpha frames in one sequence, generated together.

`halves` doubles and splits latents, `layout` says which rows are whose, `positions` gives both domains the same ones,
`split_attention` keeps domains from seeing each other without a mask, `alpha_lora` adds a LoRA to alpha rows alone,
`rgba_lora` reads the files, `families` holds what differs between CogVideoX, Wan and Mochi. For CogVideoX alone:
`cogvideox_keys` knows its files. `alpha.decoded` makes RGBA of the decoded halves.
Imports torch, `weights` and `latent_grid`, nothing of the host.
"""

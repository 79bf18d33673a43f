"""How low-rank changes act on a weight: `low_rank` is the product, `dora` and `speed_lora` read their files and apply
them. Imports torch and `weights`, nothing of the host."""

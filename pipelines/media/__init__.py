"""Bytes on disk: frame rates, takes and their names, stills, sequences and what is told beside them.

Pictures come in as straight RGBA tensors, 0..1 in display space (sRGB), alpha 1 = opaque; files leave whole or not
at all. A still format is one file with one `encode`, and one row in `stills`.
"""

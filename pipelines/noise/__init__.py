"""Sampling as Wan-Alpha's reference does it: the mean shift of the initial noise, and the flow-matching UniPC sampler
with its own noise levels."""

"""Sampling as the references do it: Wan-Alpha's mean shift of the initial noise and its flow-matching UniPC,
CogVideoX's variance-preserving DDIM and DPM (`vp`), each with its own noise levels."""

"""Wan-Alpha on the host: VAE, DoRA, mean shift, sampler and text encoder."""

"""What is trained, a recipe each: the RGBA VAE with TABD, the DoRA with its mean shift, TransPixeler."""

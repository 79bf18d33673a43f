"""The papers' training: data, losses, the RGBA VAE, the DoRA with its mean shift, the alpha-token LoRA, and the loop
that runs them all. Built on diffusers, peft and accelerate, which nothing outside of training and demo imports."""

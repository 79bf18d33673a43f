"""Wan-Alpha's VAE: one latent for colour and alpha, two decoders, and the block that merges on the way in.

`checkpoint` says what is in a file, `decoder_lora` makes the two decoders out of a stock Wan 2.1 VAE, `merge_block` is
the network between the encoder's features and the latent, `latent_stats` is the scale on which the diffusion model sees
that latent. `alpha.decoded` joins the decoded pair; the Wan VAE itself is the host's or diffusers'.
"""

"""TransPixeler on the host: a MODEL that generates RGB and alpha in one latent, on CogVideoX, Wan 2.1 and Mochi."""

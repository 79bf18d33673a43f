"""The latent grid: which sizes the models accept, how pixels and latent cells convert, and how a field is pooled."""

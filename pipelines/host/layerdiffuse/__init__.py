"""LayerDiffuse on the host: transparent pictures on SDXL, SD 1.5 and Flux, layers, and the transparent VAE."""

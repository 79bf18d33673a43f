"""LayerDiffuse: transparent pictures and layers from SDXL, SD 1.5 and Flux.

`decoder` makes colour and alpha of a latent and the picture that the ordinary VAE decoded from it, `views` makes that
steadier, `encoder` hides alpha in a latent, `padding` fills what cannot be seen before it is encoded, `variants` holds
what differs between the releases. `weight_patches` reads the files that change a UNet's weights, `attention_sharing`
and `control_maps` are the units that go beside SD 1.5's attention, `layers` says which rows of a batch are which layer.
Imports torch, `lora` and `weights`, nothing of the host.
"""

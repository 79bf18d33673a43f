"""The stages that train the demo models, each a resumable run in a folder of its own.

    vae_stills -> vae_clips ---> rgba_vae --------------.
                       `-> dit_stills -> dit_clips -----`-> dora
                                             `-> transpixeler

A stage writes RESULT into its folder when it is finished; called again, it reads that file. A stage calls the stages
that it needs, so any stage can be called first, and two stages that do not need each other can be trained by two
processes at a time. The published files are in MODELS, laid out as ComfyUI's models folder.

`recipe` says where and how to train and which files there are, `vae` trains the base VAE, `dit` the base model and its
text encoder, `adapters` what makes them transparent, `table` lists the stages and takes base models that exist.
"""

"""How good a transparent clip is, in numbers and in people's ranks.

Against a reference: `fidelity` (PSNR, SSIM), `matting` (errors of an alpha), `lpips`, `frechet` (FVD). Of a clip alone:
`flow`, `flicker`, `holes`, `ellipse_agreement`, `plain_background`. Of many: `diversity`. `regions` says where to look,
`weights` where files of others are looked for. `clips`, `comparison` and `table` make the command of them,
`python -m pipelines.metrics REF GEN`; `blind_page` and `ranks` are for human eyes.

A clip is a tensor (T, H, W, 4): straight RGBA, 0..1, alpha 1 = opaque. Every metric is a plain number; NaN means that
there was nothing to measure.
"""

"""One picture in one file: PNG, EXR, TIFF and TGA, in and out, colour as stored and as light.

`formats` has a row for each that can be written, `read_still` reads them all; each format is a module with `encode` and
`decode`. `light` and `gamut` are the scene-linear side of EXR, `quantise` is the rounding to whole numbers.
"""

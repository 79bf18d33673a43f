"""Colour with opacity: the eight background colours and the papers' renders, premultiplied and straight colour, sRGB
and light, the over operator and whole composites, edge bleed and un-matte, mattes put right, decontamination and the
blur of its backdrop, despill, resize, crop and retime on what is seen, the checkerboard, frames out of decoded colour
and alpha, and how much of a clip is opaque or empty."""

"""Colour with opacity: the eight background colours and the papers' renders, premultiplied and straight colour, the
over operator, the checkerboard, and how much of a clip is opaque or empty."""

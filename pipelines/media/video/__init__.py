"""A whole clip in one file: videos, animations and sprite sheets, with their sound.

`formats` has a row for each video format; `write_video` and `read_video` go through `frames` (pictures and FFmpeg's
frames) and `yuv`. `animation` writes WebP, APNG and GIF, `read_webp` reads what FFmpeg cannot.
"""

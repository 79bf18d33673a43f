"""How large a picture may be, looked at before memory is allocated for it: a file of 200 bytes can claim any size.

Range    pixels a side; bytes of a frame as RGBA in float32.
"""

LARGEST_SIDE = 16384
LARGEST_FRAME = 4 << 30
BYTES_PER_PIXEL = 16


def refuse_size(name: str, width: int, height: int) -> None:
    """ValueError when a picture of the file `name` is larger than the limits, or has no size at all."""
    if width < 1 or height < 1:
        raise ValueError(f"{name} has no picture size ({width} x {height}); the file is damaged. Export it again.")
    if max(width, height) > LARGEST_SIDE or width * height * BYTES_PER_PIXEL > LARGEST_FRAME:
        raise ValueError(
            f"{name} is {width} x {height} pixels; at most {LARGEST_SIDE} a side and {LARGEST_FRAME >> 30} GB a frame "
            "are read. Scale it down first, or raise LARGEST_SIDE and LARGEST_FRAME in pipelines/media/limits.py."
        )

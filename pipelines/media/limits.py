"""How large a frame may be. Looked at before anything is allocated, so that a few hostile bytes cost nothing.

Range    sides in pixels; bytes of a frame as RGBA float32, 16 a pixel.
Source   The limits can be raised in `limits.json` in the folder of this pack, for example
         {"largest_side": 32768, "largest_frame_gb": 16}.
"""

import json
from pathlib import Path

LARGEST_SIDE = 16384
LARGEST_FRAME = 4 << 30
RAISED = Path(__file__).resolve().parents[2] / "limits.json"
BYTES_PER_PIXEL = 16
CHEAP_PIXELS = (100 << 20) // BYTES_PER_PIXEL
"""A picture of so many costs 100 MB; a larger one has to have bytes to hold them."""
GB = 1 << 30


def check_size(width: int, height: int, pixel: int = BYTES_PER_PIXEL) -> None:
    """ValueError when a frame is empty or above the limits; the message says how to raise them.

    pixel  bytes of one, where they are more than those of RGBA.
    """
    if width < 1 or height < 1:
        raise ValueError(f"its size is {width} x {height}, which holds no pixels; the file is broken.")
    side, size = LARGEST_SIDE, LARGEST_FRAME
    needed = width * height * max(pixel, BYTES_PER_PIXEL)
    if max(width, height) <= side and needed <= size:
        return
    side, size = _raised_limits()
    if max(width, height) > side or needed > size:
        wanted_side, wanted_size = max(width, height, side), max(-(-needed // GB), size // GB)
        raise ValueError(
            f"its size is {width} x {height}, or {needed / GB:,.1f} GB in memory; at most "
            f'{side} pixels a side and {size / GB:g} GB are read. To read it, write {{"largest_side": {wanted_side}, '
            f'"largest_frame_gb": {wanted_size}}} into {RAISED.name} in the folder of the RGBA Video pack.'
        )


def refuse_size(name: str, width: int, height: int) -> None:
    """The same, for the file of this name."""
    try:
        check_size(width, height)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _raised_limits() -> tuple[int, int]:
    """The largest side and frame that `limits.json` allows, or the usual ones."""
    if not RAISED.is_file():
        return LARGEST_SIDE, LARGEST_FRAME
    try:
        raised = json.loads(RAISED.read_bytes())
        return int(raised.get("largest_side", LARGEST_SIDE)), int(raised.get("largest_frame_gb", 4) * GB)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise ValueError(
            f'{RAISED.name} in the folder of the RGBA Video pack cannot be read; {{"largest_side": 32768, '
            '"largest_frame_gb": 16}} is how it is written.'
        ) from None

"""What was written is decoded again before it gets its name, and compared: a difference is an error.

Layout   arrays of one shape.
"""

import numpy as np

BAND = 128
"""Rows that are compared at once: what is equal takes a byte for every value."""


class ReadBackError(RuntimeError):
    """A file that does not hold what was put into it; it has not been kept."""


def refuse_difference(what: str, written: np.ndarray, read: np.ndarray, limit: float = 0.0) -> None:
    """ReadBackError when sizes differ, or any value by more than `limit` in the unit of the values."""
    if written.shape != read.shape:
        raise ReadBackError(
            f"{what}: {written.shape} values were written, {read.shape} were read back; the encoder of this host is "
            "not to be trusted with it. Nothing was kept: choose another format."
        )
    if limit == 0.0 and _same_bits(written, read):
        return
    apart = np.abs(written.astype(np.float64) - read.astype(np.float64))
    if not float(apart.max(initial=0.0)) <= limit:
        raise ReadBackError(
            f"{what}: at most {limit:.4g} between what was written and what was read back was expected, got "
            f"{apart.max():.4g}; the encoder of this host is not to be trusted with it. Nothing was kept: choose "
            "another format."
        )


def _same_bits(written: np.ndarray, read: np.ndarray) -> bool:
    """In whatever order of bytes; as whole numbers, since half floats have no processor instruction for it."""
    bands = (slice(top, top + BAND) for top in range(0, len(written), BAND))
    return written.dtype == read.dtype.newbyteorder("=") and all(
        np.array_equal(_whole(written[band]), _whole(read[band])) for band in bands
    )


def _whole(values: np.ndarray) -> np.ndarray:
    return values.view(values.dtype.str.replace("f", "u"))

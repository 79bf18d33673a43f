"""OpenEXR: stills of light in half or full float, with named channels and what they mean in the header.

Layout   channels by name, each (H, W); the file's own names: R, G, B, A, and layer.R ...
Range    any finite amount; alpha 0..1. Half holds up to 65504.
Source   OpenEXR, technical introduction: colour is premultiplied by custom, A = 0 beside a colour is a glow.
Differs  The format holds NaN and infinity; we refuse to write them.

The library is the Academy Software Foundation's own, imported when it is needed: a host does not bring it along.
"""

import io
from collections.abc import Mapping
from fractions import Fraction
from types import ModuleType

import numpy as np

from .exr_zip import isa_l, zipped
from .gamut import REC709, Chromaticities

KINDS: Mapping[str, str] = {
    "zip": "ZIP_COMPRESSION",
    "zips": "ZIPS_COMPRESSION",
    "piz": "PIZ_COMPRESSION",
    "dwaa": "DWAA_COMPRESSION",
    "none": "NO_COMPRESSION",
}
"""Name in the menu, to the library's. All but dwaa are lossless."""

DEFLATED = frozenset({"zip", "zips"})
QUICK = 1
"""The level of zip at which ISA-L deflates."""

LOSSY = frozenset({"dwaa"})
LOSS = 0.05
"""Of dwaa at its usual level, 45: the most that we let pass, in the unit of the values; white is 1."""

PASS, MATTE = "rgbaVideoPass", "matte"
"""The attribute that a matte in Y alone has, so that it is not taken for a grey picture, and what it says."""

INSTALL = 'type pip install "OpenEXR>=3.5" in ComfyUI\'s environment and restart it.'

LARGEST_HALF = 65504.0
HALF_EXPONENT = 0x7C00


def library() -> ModuleType:
    """ImportError naming the command, where the library is missing or too old to work on bytes."""
    try:
        import OpenEXR
    except ImportError:
        raise ImportError(
            "EXR wants the OpenEXR library of the Academy Software Foundation, which this Python has not; type: "
            'pip install "OpenEXR>=3.5" in ComfyUI\'s environment and start it again, or take another format.'
        ) from None
    version = getattr(OpenEXR, "__version__", "0")
    if tuple(int(part) for part in version.split(".")[:2]) < (3, 5):
        found = "an old one" if version == "0" else version
        raise ImportError(
            f'EXR wants OpenEXR 3.5 or newer, found {found}; type: pip install --upgrade "OpenEXR>=3.5" '
            "in ComfyUI's environment and start it again."
        )
    return OpenEXR


def is_installed() -> bool:
    """Whether `library` finds one."""
    try:
        library()
    except ImportError:
        return False
    return True


def encode(
    channels: Mapping[str, np.ndarray],
    *,
    kind: str = "zip",
    compression: int = QUICK,
    chromaticities: Chromaticities = REC709,
    fps: Fraction | None = None,
    text: Mapping[str, str] | None = None,
) -> bytes:
    """A whole EXR file of float16 or float32 channels.

    kind         one of KINDS.
    compression  0 to 9, of zip and zips: 0 stores, as `none`; 1 is quick for zip, where ISA-L is installed; for all
                 others OpenEXR has one level. What is read is the same.
    text         becomes string attributes.

    ValueError for other kinds and levels, and for what is not finite: half overflows above 65504.
    """
    if kind not in KINDS:
        raise ValueError(f"EXR compression is one of {', '.join(KINDS)}; got {kind!r}.")
    if not 0 <= compression <= 9:
        raise ValueError(f"The level of an EXR's compression goes from 0 to 9, got {compression}; 1 is the usual one.")
    for name, values in channels.items():
        if not _finite(values):
            raise ValueError(f"Channel {name}: {_not_finite(values)}")
    exr = library()
    deflate = isa_l() if kind == "zip" and compression == QUICK else None
    stored = deflate is not None or (kind in DEFLATED and compression == 0)
    by_openexr = getattr(exr, KINDS["none" if stored else kind])
    header = {"type": exr.scanlineimage, "compression": by_openexr, "chromaticities": chromaticities}
    header |= dict(text or {}) | ({"framesPerSecond": fps} if fps else {})
    stream = io.BytesIO()
    exr.File(header, {name: np.ascontiguousarray(each) for name, each in channels.items()}, num_threads=0).write(stream)
    if deflate is None:
        return stream.getvalue()
    planes = list(channels.values())
    return zipped(stream.getvalue(), len(planes[0]), sum(plane[0].nbytes for plane in planes), deflate)


def _not_finite(values: np.ndarray) -> str:
    row, column = np.argwhere(~np.isfinite(values))[0]
    place = f"the first at x = {column}, y = {row}"
    if values.dtype == np.float16 and not np.isnan(values).any():
        return (
            f"amounts up to {LARGEST_HALF:g} were expected, some are larger or infinite, {place}; choose exr float, or "
            "look at the node before this one."
        )
    return f"finite amounts were expected, some are NaN or infinite, {place}; look at the node before this one."


def decode(file: bytes) -> dict[str, np.ndarray]:
    """Every channel of an EXR's first part, by name. ValueError when it is none, or cut."""
    exr = library()
    try:
        read = exr.File(io.BytesIO(file), separate_channels=True, num_threads=0)
        return {name: channel.pixels for name, channel in read.channels().items()}
    except Exception as error:  # the library raises RuntimeError, ValueError and TypeError for broken files
        raise ValueError(f"an EXR was expected, got {len(file)} bytes that are none or cut ({error}).") from None


def _finite(values: np.ndarray) -> bool:
    """No NaN, nothing infinite; of half floats by their exponent's bits, since processors have no half of their own."""
    if values.dtype != np.float16:
        return bool(np.isfinite(values).all())
    return not bool((values.view(np.uint16) & HALF_EXPONENT == HALF_EXPONENT).any())

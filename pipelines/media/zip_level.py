"""How hard OpenEXR deflates: a setting of the library that its Python binding does not hand on.

Range    0 (stored) to 9 (smallest, slow); the library's own is 4, which it may call -1.
Source   OpenEXR's C interface: exr_set_default_zip_compression_level, for files that are begun after it.
Differs  The library has one level for the whole process: it is ours while something is written, and then again what it
         was. Writers at the same time share the level of the first. Where the binding hides its library, as on
         Windows, the library's own level stays.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CDLL, byref, c_int
from threading import Lock
from types import ModuleType

_lock = Lock()
_writers = 0
_before = c_int()


@contextmanager
def zip_level(library: ModuleType, level: int) -> Iterator[None]:
    """Inside, `library`, which is OpenEXR, deflates new files at `level`; they hold the same at every level."""
    global _writers
    shown = CDLL(library.__file__)
    if not hasattr(shown, "exr_set_default_zip_compression_level"):
        yield
        return
    with _lock:
        if not _writers:
            shown.exr_get_default_zip_compression_level(byref(_before))
            shown.exr_set_default_zip_compression_level(level)
        _writers += 1
    try:
        yield
    finally:
        with _lock:
            _writers -= 1
            if not _writers:
                shown.exr_set_default_zip_compression_level(_before.value)

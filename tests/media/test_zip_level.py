from ctypes import CDLL, byref, c_int
from threading import Barrier, Thread
from types import ModuleType

import OpenEXR
import pytest

from pipelines.media.zip_level import zip_level


def level_now() -> int:
    level = c_int()
    CDLL(OpenEXR.__file__).exr_get_default_zip_compression_level(byref(level))
    return level.value


def test_the_level_is_another_inside_and_what_it_was_after():
    before = level_now()
    with zip_level(OpenEXR, 9):
        assert level_now() == 9
    assert level_now() == before


def test_an_error_leaves_the_level_as_it_was():
    before = level_now()
    with pytest.raises(ZeroDivisionError), zip_level(OpenEXR, 9):
        1 / 0  # noqa: B018
    assert level_now() == before


def test_what_another_has_asked_for_comes_back():
    library = CDLL(OpenEXR.__file__)
    before = level_now()
    library.exr_set_default_zip_compression_level(7)
    try:
        with zip_level(OpenEXR, 1):
            assert level_now() == 1
        assert level_now() == 7
    finally:
        library.exr_set_default_zip_compression_level(before)


def test_writers_at_once_share_the_level_until_the_last_has_ended():
    before, together, seen = level_now(), Barrier(4, timeout=10), []

    def write():
        with zip_level(OpenEXR, 2):
            together.wait()
            seen.append(level_now())

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [2, 2, 2, 2]
    assert level_now() == before


def test_a_binding_that_hides_its_library_keeps_its_level():
    before = level_now()
    hidden = ModuleType("hidden")
    hidden.__file__ = "libc.so.6"
    with zip_level(hidden, 9):
        assert level_now() == before

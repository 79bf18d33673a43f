import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def limited(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def files_of_at_most():
    """A limit of the kernel on every file this process writes: a write beyond it fails half-way, as on a full disk.

    Inside the test alone: pytest's own output may be a file.
    """
    return limited

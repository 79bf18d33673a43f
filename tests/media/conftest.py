import resource
import shutil
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


def program(name: str, package: str) -> str:
    """The path of a program of the system's, which `make test` installs."""
    found = shutil.which(name)
    assert found, f"this test asks {name}, which is not there; type: apt-get install {package}"
    return found


@pytest.fixture(scope="session")
def ffprobe() -> str:
    return program("ffprobe", "ffmpeg")


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    return program("ffmpeg", "ffmpeg")


@pytest.fixture(scope="session")
def exrheader() -> str:
    return program("exrheader", "openexr")

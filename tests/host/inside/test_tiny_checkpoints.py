"""The tiny checkpoints: what a seed fixes."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def written(tiny, tmp_path_factory):
    """{file: bytes} of seed 0, of seed 0 again, and of another seed."""
    found = {}
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        folder = tmp_path_factory.mktemp(name)
        tiny.write(folder, seed)
        found[name] = files_below(folder)
    return found


def files_below(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_one_seed_writes_the_same_bytes_again(written, tiny):
    first, again = written["first"], written["again"]
    assert {tiny.DIT, tiny.VAE, tiny.TEXT_ENCODER, tiny.DECODERS, tiny.ALPHA_VAE, tiny.DORA, tiny.SPEED} <= first.keys()
    assert first.keys() == again.keys()
    assert [name for name in first if first[name] != again[name]] == []


def test_another_seed_writes_other_weights_into_the_same_files(written, tiny):
    first, other = written["first"], written["other"]
    assert first.keys() == other.keys()
    assert [name for name in first if first[name] == other[name]] == [tiny.GAUSS_MASK]  # a ramp, not a draw

import pytest

from pipelines.media.whole_file import write_whole


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.png"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_files_get_the_permissions_of_ordinary_files(tmp_path):
    ordinary, whole = tmp_path / "ordinary", tmp_path / "whole"
    ordinary.write_bytes(b"x")
    write_whole(whole, b"x")
    assert whole.stat().st_mode == ordinary.stat().st_mode


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path, files_of_at_most):
    with files_of_at_most(4096), pytest.raises(OSError, match="File too large"):
        write_whole(tmp_path / "a.png", bytes(10_000))
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_half_way_leaves_the_older_file(tmp_path, files_of_at_most):
    path = tmp_path / "a.png"
    write_whole(path, b"older")
    with files_of_at_most(4096), pytest.raises(OSError, match="File too large"):
        write_whole(path, bytes(10_000))
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.png", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_name_at_the_file_systems_limit_is_written(tmp_path):
    path = tmp_path / ("x" * 251 + ".png")
    write_whole(path, b"x")
    assert path.read_bytes() == b"x"

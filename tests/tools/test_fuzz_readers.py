import zlib
from random import Random

from PIL import Image

from pipelines.media.footage import open_footage
from tools.fuzz_readers.__main__ import main
from tools.fuzz_readers.mutations import mutate, with_checksums


def test_a_few_damaged_files_of_every_format_are_read_or_refused_by_name(capsys):
    status = main(["--files", "300", "--seed", "5"])
    said = capsys.readouterr().out
    assert status == 0, said
    assert "300 files from" in said and " refused, " in said and " read; " in said


def test_what_has_to_be_mended_is_reported_and_kept(tmp_path, capsys, monkeypatch):
    """Here every refusal counts as one."""
    monkeypatch.setattr("tools.fuzz_readers.worker.REFUSALS", ())
    assert main(["--files", "40", "--only", "tga", "--keep", str(tmp_path)]) == 1
    assert "x ValueError at " in capsys.readouterr().out
    assert len(list(tmp_path.glob("*/damaged.tga"))) >= 1


def test_the_same_seed_damages_the_same_way():
    data = bytes(range(256))
    assert mutate(data, ".tga", Random("a")) == mutate(data, ".tga", Random("a"))
    assert len({mutate(data, ".tga", Random(str(number))) for number in range(50)}) > 45


def test_a_changed_png_gets_right_checksums(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (5, 4), 9).save(path)
    whole = path.read_bytes()
    assert with_checksums(whole) == whole
    changed = whole.replace(b"\x00\x00\x00\x05\x00\x00\x00\x04", b"\x00\x00\x00\x05\x00\x00\x00\x03")
    smaller = with_checksums(changed)
    assert smaller != changed and smaller[29:33] == zlib.crc32(smaller[12:29]).to_bytes(4, "big")
    path.write_bytes(smaller)
    assert open_footage(path).size == (5, 3)

import threading

import pytest

from pipelines.media.takes.names import Take, batch_entry, frame_name, new_take


def test_the_first_take_is_version_1(tmp_path):
    take = new_take(tmp_path, "parrot")
    assert take == Take(tmp_path / "parrot_v001", "parrot_v001")
    assert take.folder.is_dir()


def test_a_prefix_may_name_folders(tmp_path):
    assert new_take(tmp_path, "shots/010/parrot").folder == tmp_path / "shots" / "010" / "parrot_v001"
    assert new_take(tmp_path, "shots\\010\\parrot").folder == tmp_path / "shots" / "010" / "parrot_v002"


def test_a_new_version_follows_the_highest_there_is(tmp_path):
    for name in ("parrot_v002", "parrot_v007_b02", "parrot_v1", "other_v050", "parrot_v9x", "parrot_hero_v070"):
        (tmp_path / name).mkdir()
    assert new_take(tmp_path, "parrot").stem == "parrot_v008"
    (tmp_path / "parrot_v011.mov").write_bytes(b"")
    assert new_take(tmp_path, "parrot").stem == "parrot_v012"


def test_versions_grow_beyond_three_digits(tmp_path):
    (tmp_path / "parrot_v999").mkdir()
    assert new_take(tmp_path, "parrot").stem == "parrot_v1000"
    assert new_take(tmp_path, "parrot").stem == "parrot_v1001"


def test_characters_of_regular_expressions_are_plain_in_names(tmp_path):
    (tmp_path / "parrot_v004").mkdir()
    assert new_take(tmp_path, "p.rrot").stem == "p.rrot_v001"
    assert new_take(tmp_path, "a(b)[c]+").stem == "a(b)[c]+_v001"
    assert new_take(tmp_path, "a(b)[c]+").stem == "a(b)[c]+_v002"


@pytest.mark.parametrize("name", ["Papagei schön", "鹦鹉", "попугай", "🦜", "ببغاء"])
def test_names_of_any_script(tmp_path, name):
    assert new_take(tmp_path, f"{name}/{name}").stem == f"{name}_v001"
    assert new_take(tmp_path, f"{name}/{name}").stem == f"{name}_v002"


def test_writers_at_the_same_time_never_share_a_version(tmp_path):
    start, takes = threading.Barrier(8), []

    def claim():
        start.wait()
        takes.extend(new_take(tmp_path, "parrot") for _ in range(5))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({take.folder for take in takes}) == 40


def test_refuse_takes_version_1_once(tmp_path):
    assert new_take(tmp_path, "parrot", "refuse").stem == "parrot_v001"
    with pytest.raises(FileExistsError, match="parrot_v001 exists in"):
        new_take(tmp_path, "parrot", "refuse")


def test_refuse_names_the_newest_version(tmp_path):
    (tmp_path / "parrot_v003.mov").write_bytes(b"")
    with pytest.raises(FileExistsError, match="parrot_v003 exists in"):
        new_take(tmp_path, "parrot", "refuse")


def test_overwrite_takes_the_newest_version(tmp_path):
    assert new_take(tmp_path, "parrot", "overwrite").stem == "parrot_v001"
    (tmp_path / "parrot_v003").mkdir()
    (tmp_path / "parrot_v007.mov").touch()
    assert new_take(tmp_path, "parrot", "overwrite").stem == "parrot_v003"


def test_an_unknown_choice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="new version, refuse, overwrite; got 'append'"):
        new_take(tmp_path, "parrot", "append")


def test_clips_of_a_batch_share_the_version(tmp_path):
    take = new_take(tmp_path, "parrot")
    assert batch_entry(take, 1) == take
    assert batch_entry(take, 2) == Take(tmp_path / "parrot_v001_b02", "parrot_v001_b02")
    assert batch_entry(take, 100).stem == "parrot_v001_b100"
    assert batch_entry(take, 2).folder.is_dir()
    assert new_take(tmp_path, "parrot").stem == "parrot_v002"


def test_clips_of_a_batch_are_counted_from_1(tmp_path):
    with pytest.raises(ValueError, match="counted from 1, got 0"):
        batch_entry(new_take(tmp_path, "parrot"), 0)


def test_frame_numbers_are_padded_and_grow():
    assert frame_name("parrot_v001", 1001, 4, "png") == "parrot_v001.1001.png"
    assert frame_name("parrot_v001", 0, 5, "png") == "parrot_v001.00000.png"
    assert frame_name("parrot_v001", 123456, 4, "png") == "parrot_v001.123456.png"


@pytest.mark.parametrize(
    "prefix",
    [
        "..",
        "../parrot",
        "shots/../../parrot",
        "shots/..",
        "..\\parrot",
        "./parrot",
        "/etc/parrot",
        "\\\\server\\share\\parrot",
        "C:\\parrot",
        "c:parrot",
        "",
        "shots/",
        "shots//parrot",
        "par\0rot",
        "par\nrot",
        "par\x7frot",
        "par\ud83drot",
        "con",
        "shots/NUL/parrot",
        "Aux.tar",
        "com1",
        "lpt³",
        'par"rot',
        "par|rot",
        "parrot?",
        "parrot*",
        "<parrot>",
        "%date:yyyy%_parrot",
        "parrot_####",
        "shots./parrot",
        "parrot ",
        "x" * 201,
        "鹦" * 67,
    ],
)
def test_prefixes_that_leave_the_folder_or_are_no_names_are_refused(tmp_path, prefix):
    output = tmp_path / "output"
    output.mkdir()
    with pytest.raises(ValueError, match="filename_prefix wants folders and a name"):
        new_take(output, prefix)
    assert list(tmp_path.iterdir()) == [output]
    assert list(output.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["console", "null", "com", "com10", "..parrot", ".hidden", "a.b", "it's - fine, & so (on) ~1", "x" * 200]
)
def test_ordinary_names_are_not_refused(tmp_path, name):
    assert new_take(tmp_path, name).stem == f"{name}_v001"

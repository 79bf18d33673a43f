import time
from pathlib import Path

import pytest

from pipelines.media.takes.numbering import find_sequences


def found(*names):
    return [(each.label, list(each.files), [path.name for path in each.files.values()]) for each in of(*names)]


def of(*names):
    return find_sequences(map(Path, names))


@pytest.mark.parametrize(
    ("names", "label", "numbers"),
    [
        (["shot.0999.png", "shot.1000.png", "shot.10000.png"], "shot.#.png", [999, 1000, 10000]),
        (["a9.png", "a10.png"], "a#.png", [9, 10]),
        (["0001_rgba.png", "0002_rgba.png"], "#_rgba.png", [1, 2]),
        (["shot.0001.rgba.exr", "shot.0002.rgba.exr"], "shot.#.rgba.exr", [1, 2]),
        (["shot.0001.rgba16.exr", "shot.0002.rgba16.exr"], "shot.#.rgba16.exr", [1, 2]),
        (["sprite (1).png", "sprite (2).png", "sprite (10).png"], "sprite (#).png", [1, 2, 3]),
        (["a_00009_.png", "a_00010_.png"], "a_#_.png", [9, 10]),
        (["shot.-002.png", "shot.-001.png", "shot.0000.png", "shot.0001.png"], "shot.#.png", [-2, -1, 0, 1]),
        (["shot--1.png", "shot-0.png", "shot-1.png"], "shot-#.png", [-1, 0, 1]),
        (["-1.png", "0.png"], "#.png", [-1, 0]),
        (["shot-001.png", "shot-002.png", "shot-003.png"], "shot-#.png", [1, 2, 3]),
        (["day 2024-01-02.png", "day 2024-01-03.png"], "day 2024-01-#.png", [2, 3]),
        (["v2_0001_1920x1080.png", "v2_0002_1920x1080.png"], "v2_#_1920x1080.png", [1, 2]),
        (["a_0001.png", "a_0002.PNG", "a_0003.Png"], "a_#.png", [1, 2, 3]),
        (["a_0001.jpg", "a_0002.JPEG"], "a_#.jpg", [1, 2]),
        (["bild ä.1.tif", "bild ä.2.tiff"], "bild ä.#.tif", [1, 2]),
    ],
)
def test_names_that_differ_in_one_number_are_one_sequence(names, label, numbers):
    (sequence,) = of(*names)
    assert sequence.label == label and sorted(sequence.files) == numbers
    assert [sequence.files[number].name for number in numbers] == names


def test_other_words_are_other_sequences():
    assert [each.label for each in of("a_1_left.png", "a_1_right.png", "a_2_left.png", "a_2_right.png", "b.png")] == [
        "a_#_left.png",
        "a_#_right.png",
        "b.png",
    ]
    assert [each.label for each in of("a.1.png", "a.1.exr", "a.2.png", "a.2.exr")] == ["a.#.exr", "a.#.png"]


def test_of_two_numbers_the_one_that_leaves_fewer_sequences_counts_frames():
    versions = [f"{frame:04d}_v{version}.png" for frame in range(9) for version in (1, 2)]
    assert [each.label for each in of(*versions)] == ["#_v1.png", "#_v2.png"]
    shots = [f"s{shot}.{frame}.png" for frame in range(2) for shot in (1, 2)]
    assert [each.label for each in of(*shots)] == ["s1.#.png", "s2.#.png"]


def test_a_counter_beside_numbers_of_other_kinds_is_one_sequence_and_said():
    (sequence,) = of("a_77_0003.png", "a_9812_0001.png", "a_5_0002.png")
    assert [sequence.files[number].name for number in (1, 2, 3)] == [
        "a_9812_0001.png",
        "a_5_0002.png",
        "a_77_0003.png",
    ]
    assert sequence.notes == ("More than one number changes in the names; the frames are in the order of a_*_#.png.",)


def test_a_number_that_is_there_twice_is_said_and_the_common_padding_kept():
    (sequence,) = of("a_1.png", "a_01.png", "a_2.png")
    assert [path.name for path in sequence.files.values()] == ["a_1.png", "a_2.png"]
    assert sequence.notes == ("a_01.png has the same number as a_1.png and was left out.",)
    (sequence,) = of("a_1.png", *(f"a_{number:04d}.png" for number in range(1, 12)), "a_2.png")
    assert {len(path.stem) for path in sequence.files.values()} == {6}
    assert sequence.notes == ("a_1.png has the same number as a_0001.png and was left out, and 1 more like it.",)
    (sequence,) = of(*(f"a_{number}.png" for number in range(1, 100)), "a_01.png")
    assert sequence.files[1].name == "a_1.png"
    (sequence,) = of("a_1.png", "a_1.PNG", "a_2.PNG")
    assert "was left out" in sequence.notes[0]


def test_numbers_in_brackets_follow_one_another_and_gaps_are_said():
    (sequence,) = of("a (1).png", "a (2).png", "a (9).png", "a (10).png")
    assert [path.name for path in sequence.files.values()] == ["a (1).png", "a (2).png", "a (9).png", "a (10).png"]
    assert sequence.notes == ("6 numbers in brackets between 1 and 10 are not there; the files follow one another.",)


def test_negative_numbers_alone_are_said():
    (sequence,) = of("a.-3.png", "a.-2.png")
    assert sequence.notes == ("All numbers are below 0: a.-2.png is the last frame.",)


def test_ten_thousand_names_are_sorted_in_half_a_second():
    names = [f"shot{number % 7}.{number // 7}.png" for number in range(10_000)]
    began = time.process_time()
    assert len(of(*names)) == 7
    assert time.process_time() - began < 0.5

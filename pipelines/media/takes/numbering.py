"""Which of the numbers in files' names counts the frames.

    shot.1001.png  shot_-002.exr  shot.0001.rgba.png  0001_rgba.png  sprite (10).png  a_00001_.png  v7_0001.PNG

Names of one sequence are equal but for that number, the case of the suffix, and the number's padding. Where several
numbers change, it is the one that leaves the fewest sequences, of equal ones the last.

Differs  fileseq 3.4 takes the number to stand right before the suffix and any minus to be a sign, so that it finds no
         sequence in `sprite (1).png`, `0001_rgba.png`, `a_00001_.png` nor in .png beside .PNG, and plays shot-001.png,
         shot-002.png backwards.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NUMBER = re.compile(r"(?:(?:^|(?<=[._ (\[-]))-)?[0-9]+")
"""Digits, with a minus where something other than a letter or a digit stands before it: a-1 is 1, a.-1 and a--1 are -1.
"""

SAME_KIND: Mapping[str, str] = {".jpeg": ".jpg", ".tiff": ".tif"}

Pattern = tuple[str, ...]
Numbers = tuple[str, ...]


@dataclass(frozen=True)
class Numbered:
    """Files of one sequence by their numbers.

    label     such as a.#.png
    kind      the suffix in small letters
    counted   whether there is a number in the names
    notes     what is to be known of the names, a sentence each
    """

    label: str
    kind: str
    files: Mapping[int, Path]
    counted: bool
    notes: tuple[str, ...] = ()


def find_sequences(paths: Iterable[Path]) -> list[Numbered]:
    """The sequences that these files make, in the order of their labels; a file without a number is one of its own."""
    alike: dict[Pattern, list[tuple[Numbers, Path]]] = defaultdict(list)
    for path in sorted(paths):
        suffix = path.suffix.lower()
        pattern = (*NUMBER.split(path.stem), SAME_KIND.get(suffix, suffix))
        alike[pattern].append((tuple(NUMBER.findall(path.stem)), path))
    found = [sequence for pattern, members in alike.items() for sequence in _sequences(pattern, members)]
    return sorted(found, key=lambda each: each.label)


def _sequences(pattern: Pattern, members: Sequence[tuple[Numbers, Path]]) -> list[Numbered]:
    places = len(members[0][0])
    values = [tuple(int(number) for number in numbers) for numbers, _ in members]
    changing = [place for place in range(places) if len({each[place] for each in values}) > 1]
    if len(changing) > 1 and (place := _counting_alone(values, changing)) is not None:
        note = f"More than one number changes in the names; the frames are in the order of {_shown(pattern, place)}."
        return [_sequence(pattern, place, members, (note,))]
    place = _fewest(values, changing) if changing else places - 1
    groups: dict[tuple[int, ...], list[tuple[Numbers, Path]]] = defaultdict(list)
    for numbers, member in zip(values, members):
        groups[numbers[:place] + numbers[place + 1 :] if places else ()].append(member)
    return [_sequence(pattern, place, group) for group in groups.values()]


def _counting_alone(values: Sequence[tuple[int, ...]], changing: Sequence[int]) -> int | None:
    """The last place whose numbers follow one another without a gap, one for each file."""
    for place in reversed(changing):
        numbers = {each[place] for each in values}
        if len(numbers) == len(values) == max(numbers) - min(numbers) + 1:
            return place
    return None


def _fewest(values: Sequence[tuple[int, ...]], changing: Sequence[int]) -> int:
    """The place without which the fewest different names remain."""

    def remaining(place: int) -> int:
        return len({each[:place] + each[place + 1 :] for each in values})

    return min(reversed(changing), key=remaining)


def _sequence(
    pattern: Pattern, place: int, members: Sequence[tuple[Numbers, Path]], notes: tuple[str, ...] = ()
) -> Numbered:
    first = members[0][0]
    if not first:
        files, twice = _one_of_each([("0", path) for _, path in members])
        return Numbered(members[0][1].name, pattern[-1], files, counted=False, notes=twice)
    files, twice = _one_of_each([(numbers[place], path) for numbers, path in members])
    if pattern[place].endswith("(") and pattern[place + 1].startswith(")"):
        files, closed = _closed_up(files)
        notes = (*notes, *closed)
    if len(files) > 1 and all(number < 0 for number in files):
        notes = (*notes, f"All numbers are below 0: {files[max(files)].name} is the last frame.")
    return Numbered(_shown(pattern, place, first), pattern[-1], files, counted=True, notes=(*notes, *twice))


def _shown(pattern: Pattern, place: int, numbers: Numbers = ()) -> str:
    """The name with # for the number at `place`, and * for the others where they are not given."""
    *texts, suffix = pattern
    shown = [*(numbers or ("*",) * (len(texts) - 1)), ""]
    shown[place] = "#"
    return "".join(text + number for text, number in zip(texts, shown)) + suffix


def _one_of_each(members: Sequence[tuple[str, Path]]) -> tuple[dict[int, Path], tuple[str, ...]]:
    """{number: file}, and what was left out because its number is there twice: the padding that most have is kept."""
    alike: dict[int, list[tuple[str, Path]]] = defaultdict(list)
    for digits, path in members:
        alike[int(digits)].append((digits, path))
    if len(alike) == len(members):
        return {number: path for number, ((_, path),) in alike.items()}, ()
    padding = max(
        sorted({1, *(len(digits) for digits, _ in members)}),
        key=lambda width: sum(_is_padded(digits, width) for digits, _ in members),
    )
    files, left_out = {}, []
    for number, rivals in alike.items():
        kept, *others = (path for _, path in sorted(rivals, key=lambda rival: not _is_padded(rival[0], padding)))
        files[number] = kept
        left_out += [(other, kept) for other in others]
    (other, kept), more = left_out[0], len(left_out) - 1
    and_more = f", and {more} more like it" if more else ""
    return files, (f"{other.name} has the same number as {kept.name} and was left out{and_more}.",)


def _closed_up(files: Mapping[int, Path]) -> tuple[dict[int, Path], tuple[str, ...]]:
    """The files one after another: a file manager numbers `a (2).png` in the order of names, and counts no frames."""
    first, last = min(files), max(files)
    missing = last - first + 1 - len(files)
    note = f"{missing} numbers in brackets between {first} and {last} are not there; the files follow one another."
    in_order = [files[number] for number in sorted(files)]
    return dict(enumerate(in_order, first)), (note,) if missing else ()


def _is_padded(digits: str, width: int) -> bool:
    return digits == f"{int(digits):0{width}d}"

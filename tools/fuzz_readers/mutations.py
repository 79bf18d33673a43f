"""Files damaged at random, by a random generator that is passed in: the same seed damages the same way.

Source   AFL's havoc stage: a few changes of bits, bytes, whole numbers and blocks, one upon the other.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random

NUMBERS = (0, 1, 2, 3, 7, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
WORDS = (
    "-16",
    "0",
    "1e999",
    "NaN",
    "null",
    "[]",
    "{}",
    '""',
    "9" * 400,
    "-1",
    "true",
    '"../../x.####.png"',
    "[" * 5000,
)
MOST_CHANGES = 6
REPAIRED = 0.7
"""Of PNG files: this part gets right checksums, or no reader would look further."""


def mutate(data: bytes, suffix: str, random: Random) -> bytes:
    """The bytes of a file of this suffix with some of them changed, never the same as before but by chance."""
    file = bytearray(data)
    changes = (*CHANGES, *([_word] * 6 if suffix == ".json" else []))
    for _ in range(random.randint(1, MOST_CHANGES)):
        if file:
            random.choice(changes)(file, random)
    if suffix in (".png", ".apng") and random.random() < REPAIRED:
        return with_checksums(bytes(file))
    return bytes(file)


def with_checksums(png: bytes) -> bytes:
    """A PNG with the checksum of each chunk set right, as far as chunks go."""
    parts, at = [png[:8]], 8
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        end = at + 8 + length
        if end + 4 > len(png):
            break
        body = png[at + 4 : end]
        parts += [png[at : at + 4], body, struct.pack(">I", zlib.crc32(body))]
        at = end + 4
    return b"".join([*parts, png[at:]])


def _bit(file: bytearray, random: Random) -> None:
    file[random.randrange(len(file))] ^= 1 << random.randrange(8)


def _byte(file: bytearray, random: Random) -> None:
    file[_early(file, random)] = random.randrange(256)


def _number(file: bytearray, random: Random) -> None:
    """A number that programs trip over, of 2 or 4 bytes, in either order."""
    width = random.choice((2, 4))
    at = _early(file, random)
    value = random.choice(NUMBERS) % 2 ** (8 * width)
    file[at : at + width] = value.to_bytes(width, random.choice(("big", "little")))[: max(len(file) - at, 0)]


def _cut(file: bytearray, random: Random) -> None:
    del file[random.randrange(len(file)) :]


def _delete(file: bytearray, random: Random) -> None:
    del file[_block(file, random)]


def _repeat(file: bytearray, random: Random) -> None:
    at = random.randrange(len(file))
    file[at:at] = file[_block(file, random)] * random.choice((1, 1, 2, 8))


def _insert(file: bytearray, random: Random) -> None:
    at = random.randrange(len(file))
    file[at:at] = random.randbytes(random.randint(1, 32))


def _blank(file: bytearray, random: Random) -> None:
    block = _block(file, random)
    file[block] = bytes([random.choice((0, 255))]) * len(file[block])


def _swap(file: bytearray, random: Random) -> None:
    one, other = _block(file, random), _block(file, random)
    file[one] = file[other]


def _word(file: bytearray, random: Random) -> None:
    """A value of JSON for another one."""
    values = [*re.finditer(rb'(?<=: )("[^"]*"|-?[0-9.]+|\[[^\]]*\])', bytes(file))]
    if values:
        file[slice(*random.choice(values).span())] = random.choice(WORDS).encode()


CHANGES: Sequence[Callable[[bytearray, Random], None]] = (
    _bit, _bit, _byte, _byte, _number, _number, _number, _cut, _delete, _repeat, _insert, _blank, _swap,
)  # fmt: skip


def _early(file: bytearray, random: Random) -> int:
    """A place, most often near the beginning, where headers are."""
    return random.randrange(min(len(file), random.choice((32, 128, 512, len(file)))))


def _block(file: bytearray, random: Random) -> slice:
    at = random.randrange(len(file))
    return slice(at, at + random.choice((1, 2, 4, 8, 16, 64, 256)))

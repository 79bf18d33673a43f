"""A container as FFmpeg opens it: which files, what it says, and which of its packets are pictures.

Source   WebM's AlphaMode: the alpha of VP8 and VP9 is a second stream beside the first. RFC 6386, section 9.1, and VP9
         Bitstream Specification, section 7.2: a frame that is never shown, only referred to.
Differs  FFmpeg writes the tag AlphaMode as ALPHA_MODE when it copies; tags are read in any case.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..limits import BYTES_PER_PIXEL, CHEAP_PIXELS, LARGEST_FRAME, refuse_size
from .clock import SteadyClock
from .delays import from_its_beginning
from .vpx import sizes_in

SUFFIXES = frozenset(
    {
        ".mov", ".mp4", ".m4v", ".webm", ".mkv", ".avi", ".gif", ".apng", ".nut", ".webp", ".mxf", ".ts", ".m2ts",
        ".mts", ".wmv", ".asf", ".mpg", ".mpeg", ".vob", ".ogv", ".flv", ".f4v", ".3gp", ".3g2", ".qt", ".dv", ".gxf",
        ".ivf", ".y4m",
    }
)  # fmt: skip
WITH_ALPHA = {"vp9": "libvpx-vp9", "vp8": "libvpx"}
"""FFmpeg's own decoders of these leave alpha out without a word; libvpx decodes it."""

Source = str | Path | BytesIO
Track = TypeVar("Track", VideoStream, AudioStream)


def name_of(source: Source) -> str:
    return "the video" if isinstance(source, BytesIO) else Path(source).name


@contextmanager
def opened(source: Source) -> Iterator[InputContainer]:
    """An open file, from its beginning. ValueError when it is no video, or too large; FFmpeg's errors inside become
    ValueErrors as well.
    """
    name = name_of(source)
    if isinstance(source, Path) and not source.exists():
        raise FileNotFoundError(f"{source} is not there.")
    refuse_endless_tables(source)
    if isinstance(source, BytesIO):
        source.seek(0)
    try:
        given = source if isinstance(source, BytesIO) else str(source)
        container = cast(InputContainer, av.open(given, metadata_errors="replace", options=_probing(source)))
    except (FFmpegError, ValueError) as error:
        raise ValueError(f"A video was expected, {name} is none: {_reason(error)}.") from None
    with container:
        if not container.streams.video:
            raise ValueError(f"A video was expected, {name} has no picture in it.")
        for stream in container.streams.video:
            if stream.codec_context is None:
                raise ValueError(f"{name} is coded in a way that this host's FFmpeg cannot decode; convert it first.")
            if not stream.codec_context.width or not stream.codec_context.height:
                raise ValueError(
                    f"A video was expected, {name} is none: its picture has no size, or one that FFmpeg cannot hold."
                )
            width, height = stream.codec_context.width, stream.codec_context.height
            refuse_size(name, width, height)
            stream.codec_context.options = {"max_pixels": str(max(MOST_GROWTH * width * height, CHEAP_PIXELS))}
        try:
            yield container
        except FFmpegError as error:
            raise ValueError(f"{name} is cut or damaged: {_reason(error)}. Export it again.") from None


def _probing(source: Source) -> dict[str, str]:
    """How large a picture may be that FFmpeg decodes while it opens a small file; a large file may be anything."""
    with from_its_beginning(source) as file:
        most = max(CHEAP_PIXELS, MOST_PIXELS_PROBED * file.seek(0, 2))
    return {"max_pixels": str(most)} if most < LARGEST_FRAME // BYTES_PER_PIXEL else {}


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def default_first(streams: Iterable[Track]) -> list[Track]:
    """Streams of one kind, those that the file marks as its default before the others, as players choose."""
    return sorted(streams, key=lambda each: not each.disposition & Disposition.default)


def pictures_in(container: InputContainer) -> list[VideoStream]:
    """The video streams, cover pictures left out unless there is nothing else; those that players show first."""
    streams = default_first(container.streams.video)
    moving = [each for each in streams if not each.disposition & Disposition.attached_pic]
    return moving or streams


def tags_of(container: InputContainer, stream: VideoStream) -> dict[str, str]:
    """What file and stream say, names in small letters."""
    return {key.lower(): value for key, value in {**container.metadata, **stream.metadata}.items()}


def decoder_with_alpha(stream: VideoStream) -> str | None:
    """The decoder that keeps the alpha of VP8 and VP9; None where FFmpeg's own choice does."""
    own = WITH_ALPHA.get(stream.codec_context.name)
    said = {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode", "0")
    return own if said.strip() not in ("", "0") else None


def is_shown(codec: str, packet: Packet) -> bool:
    """Whether a packet is a picture of the clip: not before an edit's cut, nor one that others only refer to."""
    if not packet.size or packet.is_discard:
        return False
    data = memoryview(packet)
    if codec == "vp8":
        return bool(data[0] & 0x10)
    if codec == "vp9" and data[-1] & 0xE0 != 0xC0:  # a superframe ends so, and the last of its frames is shown
        later = 1 if data[0] & 0x30 == 0x30 else 0  # profile 3 has one more bit
        return bool(data[0] & (0x08 >> later) or data[0] & (0x02 >> later))
    return True


def packets_of(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[Packet]:
    """Every packet that has something in it, and the one that ends the stream; an empty one repeats a picture.

    ValueError where a stream begins in the middle of the file, which PyAV cannot follow.
    """
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except IndexError:
            raise ValueError(
                f"{Path(container.name).name} has a track that begins in the middle; copy it into an MKV first."
            ) from None
        if packet is None:
            return
        if packet.size or packet.dts is None:
            yield packet


def decode(
    container: InputContainer, stream: VideoStream, codec: VideoCodecContext | None = None
) -> Iterator[VideoFrame]:
    """The pictures of a stream, by `codec` or by FFmpeg's own choice. What refers to pictures before the file begins
    is left out.
    """
    begun = False
    for packet in packets_of(container, stream):
        if codec:
            _refuse_growth(container, stream, packet)
        try:
            frames = cast(
                "list[VideoFrame]", codec.decode(packet if packet.size else None) if codec else packet.decode()
            )
        except InvalidDataError:
            if begun:
                raise
            continue
        begun = begun or bool(frames)
        yield from frames


MOST_GROWTH = 4
"""By this much a picture may be larger than the file says; a clip has one size anyway."""
DENSE = frozenset({"hevc", "vp9", "av1", "libdav1d"})
MOST_PIXELS_PROBED, MOST_PIXELS_A_BYTE, MOST_PIXELS_A_DENSE_BYTE = 10_000, 20_000, 1_000_000
"""A byte: of a file; of a first picture that is one plain colour; of one in a codec that knows large blocks."""


def _refuse_claim(container: InputContainer, stream: VideoStream, packet: Packet) -> None:
    """ValueError where the first packet is too small for a picture of the size that is claimed."""
    codec = stream.codec_context
    pixels = codec.width * codec.height
    most = MOST_PIXELS_A_DENSE_BYTE if codec.name in DENSE else MOST_PIXELS_A_BYTE
    if packet.size and pixels > max(CHEAP_PIXELS, most * packet.size):
        raise ValueError(
            f"{Path(container.name).name} claims {codec.width} x {codec.height} pixels and has {packet.size} bytes for "
            "the first picture; it is cut or damaged. Export it again."
        )


def _refuse_growth(container: InputContainer, stream: VideoStream, packet: Packet) -> None:
    """ValueError where colour or alpha of VP8 and VP9 claims to be far larger than the file says, which libvpx would
    make room for.
    """
    codec = stream.codec_context
    most = max(MOST_GROWTH * codec.width * codec.height, CHEAP_PIXELS // MOST_GROWTH)
    for data in (bytes(packet), *_beside(packet)):
        for width, height in sizes_in(codec.name, data):
            if width * height > most:
                raise ValueError(
                    f"{Path(container.name).name} is cut or damaged: a picture of {codec.width} x {codec.height} "
                    f"claims to be {width} x {height}. Export it again."
                )


def _beside(packet: Packet) -> Iterator[bytes]:
    """The alpha of VP8 and VP9, after the number that says what it is."""
    sides = cast(Any, packet).iter_sidedata() if hasattr(packet, "iter_sidedata") else ()  # not in older PyAV
    yield from (bytes(each)[8:] for each in sides if each.data_type == "matroska_block_additional")


@dataclass(frozen=True)
class Scan:
    """What the packets of a stream say.

    times  when each picture is shown, in units of the stream's time base, rising, from the first one on that can be
           decoded; None when not every packet says it
    last   how long the last picture stands, 0 where that is not known
    first  the first picture that can be decoded, without the alpha of VP8 and VP9
    lost   pictures before it, which refer to what was cut away
    notes  what is to be said of the times
    """

    times: list[int] | None
    last: int
    first: VideoFrame
    lost: int = 0
    notes: Sequence[str] = ()


def scan(container: InputContainer, stream: VideoStream, until_first: bool = False) -> Scan:
    """Counts the pictures of a stream, of which only the first is decoded; with `until_first` it ends there."""
    codec = stream.codec_context.name
    times: list[tuple[int, int]] = []
    first, complete = None, True
    clock = SteadyClock(container, stream.time_base or Fraction(1, 1000))
    for packet in packets_of(container, stream):
        if first is None:
            _refuse_claim(container, stream, packet)
            first = _first_of(packet)
            if first is not None and until_first:
                break
        if is_shown(codec, packet):
            time = packet.dts if packet.pts is None else packet.pts
            complete = complete and time is not None and (packet.pts is not None or codec not in REORDERED)
            times.append(
                (0 if time is None else clock.move_shown(time, packet.dts, packet.duration or 0), packet.duration or 0)
            )
    if first is None:
        raise ValueError(
            f"{Path(container.name).name} is cut or damaged: none of its pictures can be decoded. Export it again."
        )
    begin = first.pts
    seen = sorted(each for each in times if begin is None or not complete or each[0] >= begin)
    if not complete or not seen:
        return Scan(None, 0, first)
    return Scan([time for time, _ in seen], seen[-1][1], first, len(times) - len(seen), clock.notes())


REORDERED = frozenset({"h264", "hevc", "mpeg2video", "vc1"})
"""Two packets of these may be the halves of one interlaced picture, of which the second has no time."""


def _first_of(packet: Packet) -> VideoFrame | None:
    """Pictures that refer to what was cut away are errors of the decoder; the first whole one is meant."""
    with suppress(InvalidDataError):
        return next(iter(cast("list[VideoFrame]", packet.decode())), None)
    return None


def refuse_endless_tables(source: Source) -> None:
    """ValueError for an MP4 that lists more pictures or samples than its bytes could hold: FFmpeg would make a list of
    all of them.
    """
    with from_its_beginning(source) as file:
        length = file.seek(0, 2)
        file.seek(0)
        if file.read(8)[4:] not in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot", b"styp"):
            return
        for count, size in _sample_tables(file, 0, length):
            if count * max(size, 1) > length + (1 << 20):
                raise ValueError(
                    f"{name_of(source)} claims {count} samples of {max(size, 1)} bytes or more and has {length} bytes; "
                    "it is cut or damaged. Export it again."
                )


def _sample_tables(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Number and size of the samples of every track."""
    at = begin
    while at + 8 <= end:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8).ljust(8, b"\0"))
        head = 8
        if size == 1:
            size, head = int.from_bytes(file.read(8), "big"), 16
        size = size or end - at
        if size < head:
            return
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            yield from _sample_tables(file, at + head, min(at + size, end))
        elif kind == b"stsz":
            table = file.read(12).ljust(12, b"\0")
            yield int.from_bytes(table[8:12], "big"), int.from_bytes(table[4:8], "big")
        at += size


def exact_frame_rates(stream: VideoStream) -> list[Fraction | None]:
    """The rates that FFmpeg believes in, the likeliest first."""
    return [stream.average_rate, stream.guessed_rate]

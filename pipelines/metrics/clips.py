"""Clips on disk: whatever `media.footage` opens, and folders of such, paired by name.

Layout   a clip (T, H, W, 4), float32.
Range    0..1, straight, alpha 1 = opaque; 1 where the file has none.
Differs  A lossy codec rounds colour and alpha, and a metric measures that as well: `lossy_note` says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..media.footage import Clip, is_animation, is_footage, open_footage
from ..media.passes import PASSES


@dataclass(frozen=True)
class Pairing:
    """Clips of one name: the reference, then that of each other folder, in the order given."""

    name: str
    clips: tuple[Clip, ...]


def pair(sources: Sequence[Path]) -> list[Pairing]:
    """Clips of the first folder beside those of every other one, by name; each source may also be one clip itself.

    Raises ValueError for a folder without clips, a single clip beside several, and names that are not everywhere.
    """
    found = [_clips(source) for source in sources]
    if all(len(clips) == 1 and "" in clips for clips in found):
        return [Pairing(sources[0].name, tuple(open_footage(clips[""]) for clips in found))]
    for source, clips in zip(sources, found, strict=True):
        if "" in clips:
            raise ValueError(
                f"{source}: folders of clips were expected, this is one clip itself; "
                "give one clip everywhere, or folders of clips everywhere."
            )
        if missing := found[0].keys() ^ clips.keys():
            raise ValueError(
                f"{source}: clips are paired by name with those of {sources[0]}, and {', '.join(sorted(missing))} "
                "is in only one of the two; rename or move it."
            )
    return [Pairing(name, tuple(open_footage(clips[name]) for clips in found)) for name in found[0]]


def read_clip(clip: Clip) -> Tensor:
    """All its frames. Raises ValueError naming a file that is broken, of another kind or another size."""
    return clip.read()


def notes_of(pairings: Sequence[Pairing]) -> list[str]:
    """What is to be known of how the clips are read, and of those that a codec has rounded."""
    clips = [clip for pairing in pairings for clip in pairing.clips]
    notes = [f"{clip.path}: {note}" for clip in clips for note in clip.notes]
    if lossy := sorted({clip.format for clip in clips if not clip.lossless}):
        count = sum(not clip.lossless for clip in clips)
        notes.append(
            f"{count} of {len(clips)} clips are stored as {', '.join(lossy)}, which rounds colour and alpha in most "
            "files: the numbers measure that as well. Compare PNG, EXR or FFV1 to measure the clips alone."
        )
    return notes


def _clips(source: Path) -> dict[str, Path]:
    """Clips by name; the name is empty where `source` is a clip itself."""
    if source.is_file():
        return {"": source}
    if not source.is_dir():
        raise ValueError(f"{source}: a clip, or a folder of clips, was expected; there is none.")
    inside = sorted(path for path in source.iterdir() if not path.name.startswith(".") and is_footage(path))
    clips = [path for path in inside if path.is_dir() or is_animation(path)]
    frames = [path for path in inside if path not in clips]
    if frames and clips:
        raise ValueError(
            f"{source}: frames or clips were expected, it holds both ({frames[0].name}, {clips[0].name}); "
            "name the one that is meant, or move the others away."
        )
    if frames or (clips and all(path.name in PASSES for path in clips)):
        return {"": source}
    if not clips:
        raise ValueError(f"{source}: no frames and no clips were found in it or in a folder of it.")
    names = [path.name if path.is_dir() else path.stem for path in clips]
    if len({*names}) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{source}: clips of different names were expected, {twice} is there twice; rename one.")
    return dict(zip(names, clips))

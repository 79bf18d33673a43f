"""Takes: where a clip's files go and what they are called.

    shots/parrot  ->  shots/parrot_v001/parrot_v001.1001.png                one pass
                      shots/parrot_v001/matte/parrot_v001_matte.1001.png    several: a folder and a name for each
                      shots/parrot_v001/parrot_v001.json                    the sidecar
                      shots/parrot_v001_b02/parrot_v001_b02.1001.png        the second clip of a batch

The number stands between dots and the version in the name, as compositors' file browsers expect; the pass is in the
file name too, because that is all a read node shows.
"""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

EXISTING = NEW_VERSION, REFUSE, OVERWRITE = "new version", "refuse", "overwrite"

FORBIDDEN = frozenset('<>:"|?*%#')
"""What Windows refuses in names, and % and #, which compositors read as the frame number."""

RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE | re.DOTALL)
LONGEST_NAME = 200
"""Bytes of UTF-8: file systems allow 255, and version, pass, number and suffix come behind."""


@dataclass(frozen=True)
class Take:
    """One version of one clip: its folder, which exists, and the stem of all its file names."""

    folder: Path
    stem: str


def new_take(output_dir: Path, prefix: str, existing: str = NEW_VERSION) -> Take:
    """Choose a version for `prefix` (a name, or folders and a name) under `output_dir`, and make its folder.

    new version  the number after the highest there is; making the folder claims it, so two queues never share one
    refuse       version 1 when the name has no version yet, else FileExistsError
    overwrite    the highest version that is a take, files of that name left aside, or 1

    ValueError when the prefix would leave `output_dir` or is no name on some system. Links that stand under
    `output_dir` are followed, as the host does.
    """
    if existing not in EXISTING:
        raise ValueError(f"`existing` is one of {', '.join(EXISTING)}; got {existing!r}.")
    *folders, name = name_parts(prefix)
    parent = output_dir.joinpath(*folders)
    parent.mkdir(parents=True, exist_ok=True)
    version = _newest_version(parent, name, takes_alone=existing == OVERWRITE)
    if existing == NEW_VERSION:
        version += 1
        while not _claimed(take := _versioned(parent, name, version)):
            version += 1
        return take
    take = _versioned(parent, name, version or 1)
    if existing == OVERWRITE:
        take.folder.mkdir(exist_ok=True)
    elif version or not _claimed(take):
        raise FileExistsError(_exists(take))
    return take


def new_files(output_dir: Path, prefix: str, suffix: str, clips: int = 1) -> list[Path]:
    """Free names for a new version of `prefix` as single files, one for each clip of a batch; their folder is made.

    ValueError as for a take.
    """
    *folders, name = name_parts(prefix)
    parent = output_dir.joinpath(*folders)
    parent.mkdir(parents=True, exist_ok=True)
    stem = f"{name}_v{_newest_version(parent, name) + 1:03d}"
    return [parent / f"{stem}{f'_b{entry:02d}' if entry > 1 else ''}.{suffix}" for entry in range(1, clips + 1)]


def refuse_existing(output_dir: Path, prefix: str) -> None:
    """Raises FileExistsError when the name has a version, ValueError when it is no name; changes nothing."""
    *folders, name = name_parts(prefix)
    parent = output_dir.joinpath(*folders)
    if version := _newest_version(parent, name) if parent.is_dir() else 0:
        raise FileExistsError(_exists(_versioned(parent, name, version)))


def batch_entry(take: Take, entry: int) -> Take:
    """The take of the batch's clip number `entry`, from 1: the first is `take` itself, others get `_b02`, `_b03`."""
    if entry < 1:
        raise ValueError(f"Clips of a batch are counted from 1, got {entry}.")
    if entry == 1:
        return take
    stem = f"{take.stem}_b{entry:02d}"
    folder = take.folder.with_name(stem)
    folder.mkdir(exist_ok=True)
    return Take(folder, stem)


def frame_name(stem: str, number: int, padding: int, suffix: str) -> str:
    """`stem.0101.png`; a number with more digits than `padding` keeps them all."""
    return f"{stem}.{number:0{padding}d}.{suffix}"


def name_parts(prefix: str) -> list[str]:
    """The folders and the name of a prefix, split at / and \\.

    Raises ValueError unless each of them is a plain name on every system.
    """
    parts = re.split(r"[/\\]", prefix)
    for part in parts:
        if problem := _name_problem(part):
            raise ValueError(
                f"filename_prefix wants folders and a name under the output folder, such as shots/parrot; "
                f"got {prefix!r}: {problem}."
            )
    return parts


def _name_problem(part: str) -> str | None:
    if not part:
        return "a part is empty (a slash at the beginning or the end, or two in a row)"
    if part in (".", ".."):
        return f"{part} is no name"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in part):
        return f"{part!r} has a control character"
    if refused := FORBIDDEN.intersection(part):
        return f"{part!r} has {' '.join(sorted(refused))}"
    if part.endswith((".", " ")):
        return f"{part!r} ends in a dot or a space, which Windows drops"
    if RESERVED.fullmatch(part):
        return f"{part!r} is a device on Windows"
    if len(part.encode()) > LONGEST_NAME:
        return f"a part is longer than {LONGEST_NAME} bytes"
    return None


def _newest_version(parent: Path, name: str, takes_alone: bool = False) -> int:
    """The highest version of `name` among files and folders of `parent`, batch entries included; 0 when none."""
    version = re.compile(re.escape(name) + r"_v([0-9]+)(_b[0-9]+)?(\.[^.]+)?")
    found = (version.fullmatch(path.name) for path in parent.iterdir() if not takes_alone or path.is_dir())
    return max((int(match[1]) for match in found if match), default=0)


def _versioned(parent: Path, name: str, version: int) -> Take:
    stem = f"{name}_v{version:03d}"
    return Take(parent / stem, stem)


def _exists(take: Take) -> str:
    return f"{take.stem} exists in {take.folder.parent}; choose another filename_prefix, or {NEW_VERSION}."


def _claimed(take: Take) -> bool:
    """Make the take's folder; False when somebody else has: the file system lets only one of two succeed."""
    try:
        take.folder.mkdir()
    except FileExistsError:
        return False
    return True

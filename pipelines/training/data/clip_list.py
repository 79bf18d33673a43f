"""Which clips there are: from a CSV file, or from a folder.

CSV      one line for each clip. Columns: `rgb`, and if wanted `alpha` (else the clip's own), `caption`, `shot`,
         `style`, `motion`, `quality`. Paths from the CSV's folder. The reference's names `video_fgr`, `video_pha` and
         VideoMatte240K's `fgr`, `pha` are known too; other columns are passed over.
Folder   `rgb/NAME`, `alpha/NAME` (or `fgr`, `pha`), `captions/NAME.txt`; videos, stills, or folders of stills. Without
         an alpha folder the clips' own. In a caption file, lines such as `style: realistic` are labels, the rest
         describes.
Source   Our own; Wan-Alpha's `transparent_video_dataset_image.py` reads a CSV, TransPixeler's data set is folders.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...media.footage import is_footage
from ...prompts.transparent import MOTIONS, QUALITIES, SHOTS, STYLES, Words

LABELS: Mapping[str, Words] = {"shot": SHOTS, "style": STYLES, "motion": MOTIONS, "quality": QUALITIES}
RGB_NAMES, ALPHA_NAMES = ("rgb", "video_fgr", "fgr"), ("alpha", "video_pha", "pha")

Complain = Callable[[str], None]
"""Told of each row that cannot be used; may raise."""


@dataclass(frozen=True)
class Row:
    """A clip. alpha None: the clip has its own. labels: the choices of `transparent_prompt` by name."""

    name: str
    rgb: Path
    alpha: Path | None = None
    caption: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def stop(complaint: str) -> None:
    """The strict Complain. Raises ValueError."""
    raise ValueError(complaint)


def read_rows(source: Path, complain: Complain = stop) -> list[Row]:
    """The usable rows; every other is told to `complain`. Raises ValueError when nothing is left."""
    if source.is_dir():
        rows = _from_folder(source, complain)
    elif source.suffix.lower() == ".csv":
        rows = _from_csv(source, complain)
    else:
        raise ValueError(f"{source}: expected a folder or a .csv file of clips.")
    if not rows:
        raise ValueError(f"{source}: no clip in it can be used; a folder has rgb/ and alpha/, a .csv a column rgb.")
    return rows


def _from_csv(source: Path, complain: Complain) -> list[Row]:
    with source.open(newline="", encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    rows = []
    for number, line in enumerate(table, start=2):
        rgb, alpha = _first(line, RGB_NAMES), _first(line, ALPHA_NAMES)
        if not rgb:
            complain(f"{source.name}, line {number}: there is no clip in the column rgb.")
            continue
        labels = {name: value.strip() for name in LABELS if (value := line.get(name) or "").strip()}
        row = Row(
            Path(rgb).with_suffix("").as_posix(),
            source.parent / rgb,
            source.parent / alpha if alpha else None,
            (line.get("caption") or line.get("prompt") or "").strip(),
            labels,
        )
        if problem := _problem(row):
            complain(f"{source.name}, line {number}: {problem}")
        else:
            rows.append(row)
    return rows


def _from_folder(source: Path, complain: Complain) -> list[Row]:
    colours, alphas = _clips(source, RGB_NAMES), _clips(source, ALPHA_NAMES)
    captions = {path.stem: path for path in sorted((source / "captions").glob("*.txt"))}
    rows = []
    names: list[str] = sorted({*(colours or {}), *captions})
    for name in names:
        if colours is None or name not in colours:
            complain(f"{captions[name]}: there is no clip {name} to this caption.")
            continue
        if alphas is not None and name not in alphas:
            complain(f"{colours[name]}: there is no alpha clip {name} to it.")
            continue
        caption, labels = _caption(captions[name]) if name in captions else ("", {})
        row = Row(name, colours[name], alphas[name] if alphas is not None else None, caption, labels)
        if problem := _problem(row):
            complain(f"{name}: {problem}")
        else:
            rows.append(row)
    return rows


def _clips(source: Path, names: tuple[str, ...]) -> dict[str, Path] | None:
    """Footage by name, of the first folder of these names; None when there is none of them."""
    for name in names:
        if (source / name).is_dir():
            return {path.stem: path for path in sorted((source / name).iterdir()) if is_footage(path)}
    return None


def _caption(path: Path) -> tuple[str, dict[str, str]]:
    """The description and the labels of a caption file."""
    said, labels = [], {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, colon, value = (part.strip() for part in line.partition(":"))
        if colon and name in LABELS:
            labels[name] = value
        elif line.strip():
            said.append(line.strip())
    return " ".join(said), labels


def _problem(row: Row) -> str | None:
    for path in (row.rgb, row.alpha):
        if path is not None and not path.exists():
            return f"there is no {path}."
    for name, value in row.labels.items():
        if value not in LABELS[name]:
            return f"{name} is one of {', '.join(LABELS[name])}; got {value!r}."
    return None


def _first(line: Mapping[str, str | None], names: tuple[str, ...]) -> str:
    return next((value.strip() for name in names if (value := line.get(name) or "").strip()), "")

"""Settings of a command: the fields of a frozen dataclass, from a TOML file, the command line, or both.

Each field is an Annotated with a sentence for --help.

    python -m pipelines.training COMMAND [CONFIG.toml] [--name value ...]

What the command line says goes before what the file says. A field without a default must be said; a name that is no
field is refused.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Settings = TypeVar("Settings")


def parse(kind: type[Settings], command: str, arguments: Sequence[str]) -> Settings:
    """The settings; argparse's exit for --help and for what it cannot read, ValueError for the rest."""
    parser = argparse.ArgumentParser(prog=f"python -m pipelines.training {command}", description=kind.__doc__)
    parser.add_argument("config", nargs="?", type=Path, help="a TOML file of the settings below")
    hints = get_type_hints(kind, include_extras=True)
    types = {name: get_args(hint)[0] for name, hint in hints.items()}
    known = {one.name: one for one in fields(cast("Any", kind))}
    for name, one in known.items():
        wanted = types[name]
        choices = get_args(wanted) if get_origin(wanted) is Literal else None
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_reader(wanted),
            choices=choices,
            help=_help(hints[name], one.default),
            metavar=None if choices else name,
        )
    said = vars(parser.parse_args(arguments))
    config = said.pop("config")
    values = _from_file(config, types) if config else {}
    values |= {name: value for name, value in said.items() if value is not None}
    missing = [name for name, one in known.items() if one.default is MISSING and name not in values]
    if missing:
        raise ValueError(f"{command} also wants {', '.join(missing)}; say --{missing[0].replace('_', '-')} VALUE.")
    return kind(**values)


def _from_file(path: Path, types: Mapping[str, Any]) -> dict[str, Any]:
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        table = toml.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file; type its whole path, or go to its folder.") from None
    except toml.TOMLDecodeError as problem:
        raise ValueError(f"{path}: expected TOML, {problem}.") from problem
    table = {name.replace("-", "_"): value for name, value in table.items()}
    unknown = sorted(table.keys() - types.keys())
    if unknown:
        raise ValueError(f"{path}: there are no settings {', '.join(unknown)}; there are {', '.join(sorted(types))}.")
    return {name: _checked(path, name, value, types[name]) for name, value in table.items()}


def _checked(path: Path, name: str, value: Any, wanted: Any) -> Any:
    if get_origin(wanted) is Literal:
        if value not in get_args(wanted):
            raise ValueError(f"{path}: {name} is one of {', '.join(get_args(wanted))}, got {value!r}.")
        return value
    plain = _plain(wanted)
    if plain is Path and isinstance(value, str):
        return path.parent / value
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, plain) or isinstance(value, bool) is not (plain is bool):
        raise ValueError(f"{path}: {name} wants {plain.__name__}, got {value!r}.")
    return value


def _reader(wanted: Any) -> Any:
    plain = str if get_origin(wanted) is Literal else _plain(wanted)
    return _yes_or_no if plain is bool else plain


def _plain(wanted: Any) -> type:
    """The type without its None."""
    if get_origin(wanted) in (UnionType, Union):
        return next(one for one in get_args(wanted) if one is not type(None))
    return wanted


def _yes_or_no(word: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if word.lower() not in words:
        raise argparse.ArgumentTypeError(f"wants true or false, got {word!r}")
    return words[word.lower()]


def _help(hint: Any, default: Any) -> str:
    return f"{get_args(hint)[1]} ({'required' if default is MISSING else f'default {default}'})"

"""Weights on disk: names and tensors from a safetensors file or a torch pickle, without running code out of the file.

Formats  safetensors; torch pickles, zip and legacy. Told apart by content, because published names end twice in
         .safetensors, or in nothing at all.
Values   {name: tensor as stored, on the CPU}. safetensors and zip pickles are mapped, not read: a 14 GB file costs
         nothing until a tensor is used. One nameless tensor, as in a released gauss_mask, comes as {"": tensor}.
Source   huggingface/safetensors, "Format"; torch.load with weights_only=True.
Differs  Wan-Alpha opens its pickles with plain torch.load, which runs whatever code they carry. We never do.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from torch import Tensor

Format = Literal["safetensors", "zip pickle", "legacy pickle"]

SHARD = re.compile(r"(.+)-\d{5}-of-(\d{5})(\.safetensors)")
HEAD_BYTES = 64
LONGEST_HEADER = 100_000_000  # bytes; the format's own limit
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


@dataclass(frozen=True)
class TensorInfo:
    """Shape and dtype of a stored tensor; `dtype` is torch's name without `torch.`, or the file's own for others."""

    shape: tuple[int, ...]
    dtype: str


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Puts the file's name in front of what is wrong with its contents."""
    try:
        yield
    except ValueError as problem:
        raise ValueError(f"{path.name}: {problem}") from problem


def read_weights(path: str | PathLike[str]) -> dict[str, Tensor]:
    """All tensors of a weights file, by name; a training checkpoint's `state_dict` counts as the file.

    Raises ValueError, naming the file, when it is missing, empty, cut off, a Git LFS pointer, a web page, a pickle
    that would run code, or a pickle of something else.
    """
    path = Path(path)
    kind = _format(path)
    if kind != "safetensors":
        return _read_pickle(path, mapped=kind == "zip pickle")
    header = _safetensors_header(path)
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in header}


def read_shapes(path: str | PathLike[str]) -> dict[str, TensorInfo]:
    """Shape and dtype of every tensor, by name; reads no more than a safetensors header. Raises as read_weights."""
    path = Path(path)
    if _format(path) != "safetensors":
        return shapes_of(read_weights(path))
    header = _safetensors_header(path)
    return {
        name: TensorInfo(tuple(entry["shape"]), DTYPES.get(str(entry["dtype"]), str(entry["dtype"])))
        for name, entry in header.items()
    }


def shapes_of(weights: Mapping[str, Tensor]) -> dict[str, TensorInfo]:
    """Shape and dtype of tensors that are already at hand."""
    return {
        name: TensorInfo(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in weights.items()
    }


def shards_of(path: Path) -> list[Path]:
    """Every file of the checkpoint that this file belongs to, in order; the file alone where it is the whole.

    Diffusers saves large ones in several: NAME-00001-of-00002.safetensors and its siblings. Raises ValueError, naming
    them, when siblings are missing.
    """
    match = SHARD.fullmatch(path.name)
    if match is None:
        return [path]
    name, count, suffix = match.groups()
    files = [path.with_name(f"{name}-{number:05}-of-{count}{suffix}") for number in range(1, int(count) + 1)]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ValueError(f"{path.name} is one of {int(count)} files; put {', '.join(missing)} beside it.")
    return files


def _format(path: Path) -> Format:
    if not path.is_file():
        raise ValueError(f"{path.name}: there is no such file. Refresh the list of files, or choose another one.")
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(b"PK\x03\x04"):
        return "zip pickle"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= LONGEST_HEADER:  # first: 0x80 can begin a length too
        return "safetensors"
    if head[:1] == b"\x80":
        return "legacy pickle"
    raise ValueError(f"{path.name}: {_what_it_is_instead(head)}")


def _what_it_is_instead(head: bytes) -> str:
    if not head:
        return "expected weights, the file is empty. Download it again."
    if head.startswith(b"version https://git-lfs"):
        return (
            "expected weights, this is the Git LFS pointer that stands for them."
            " Run `git lfs pull` in its folder, or download the file from its model page."
        )
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return (
            f"expected weights, this is text that begins {head[:40].decode('ascii')!r}: a web page or an error"
            " message was saved under this name. Download the file itself."
        )
    return (
        f"expected safetensors or a torch pickle, the first bytes are {head[:8].hex(' ')}."
        " The file is damaged or holds something else; download it again."
    )


def _safetensors_header(path: Path) -> dict[str, Any]:
    """{name: shape, dtype and place of a tensor}, after checking that the file is as long as they say."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length)
    if size < 8 + length:
        raise _wrong_size(path, f"at least {8 + length:,}", size)
    try:
        entries = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
        end = 8 + length + max(entry["data_offsets"][1] for entry in entries.values()) if entries else size
    except (ValueError, AttributeError, LookupError, TypeError) as error:  # no JSON, or JSON of something else
        raise ValueError(f"{path.name}: its safetensors header is damaged ({error}). Download it again.") from error
    if not entries:
        raise ValueError(f"{path.name}: expected weights, this safetensors file holds no tensor.")
    if size != end:
        raise _wrong_size(path, f"{end:,}", size)
    return entries


def _wrong_size(path: Path, expected: str, size: int) -> ValueError:
    return ValueError(
        f"{path.name}: by its safetensors header it should have {expected} bytes, it has {size:,}."
        " The download broke off or the file is damaged; download it again."
    )


def _read_pickle(path: Path, mapped: bool) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a damaged pickle fails wherever its bytes lead: EOFError, KeyError, RuntimeError
        raise ValueError(f"{path.name}: {_why_the_pickle_failed(error)}") from error
    if isinstance(content, Tensor):
        return {"": content.detach()}
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    _refuse_other_content(path, content)
    return {name: tensor.detach() for name, tensor in content.items()}


def _why_the_pickle_failed(error: Exception) -> str:
    if isinstance(error, pickle.UnpicklingError):
        name = re.search(r"(?:GLOBAL|class) ([\w.]+)", str(error))
        return (
            f"expected a pickle of tensors, this one holds {name[1] if name else 'other things'}: reading it would run"
            " code, so it was not opened. Use a safetensors version of it, or download it again if it may be damaged."
        )
    reason = str(error).split(". ")[0].split("\n")[0]
    return (
        f"expected a torch pickle of tensors, it could not be read ({type(error).__name__}{reason and ': '}{reason})."
        " The download broke off or the file is damaged; download it again."
    )


def _refuse_other_content(path: Path, content: object) -> None:
    if not isinstance(content, dict):
        raise ValueError(f"{path.name}: expected named tensors, this pickle holds a {type(content).__name__}.")
    if not content:
        raise ValueError(f"{path.name}: expected named tensors, this pickle holds none.")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(
                f"{path.name}: expected named tensors, this pickle also has {name!r}: {type(value).__name__}."
                " Choose the file with the weights alone."
            )

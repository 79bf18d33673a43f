"""The ComfyUI that COMFYUI_ROOT names: it is used, and nothing is written into it or its environment."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from .cache import cache_folder, hold_lock, stamp_of
from .host import Host, HostError
from .interpreters import ask, call, find_uv, venv_python
from .pack import TEST_NEEDS, read_pack_needs
from .releases import NEWEST, RELEASES
from .terminal import say


def find_existing(root: Path, version: str | None) -> Host:
    """The ComfyUI in `root` with an environment beside its own. Errors: HostError, also for another version."""
    version_file = root / "comfyui_version.py"
    if not version_file.is_file():
        raise HostError(f"COMFYUI_ROOT is {root}, which has no comfyui_version.py; point it at the folder of main.py")
    text = version_file.read_text()
    found = text.split("__version__ =", 1)[1].strip().splitlines()[0].strip("\"' ")
    if version is not None and version != found:
        raise HostError(f"COMFYUI_ROOT is ComfyUI {found}, asked for {version}; unset COMFYUI_ROOT to install that one")
    return Host(str(root), str(_beside(_python_of(root))), found)


def make_environment(root: Path) -> Path:
    """An environment in our cache folder with what this ComfyUI's requirements.txt asks for; root stays as it is.

    For a tree that came without one, such as a checkout of a newer version. Made again when its requirements change.
    """
    requirements = root / "requirements.txt"
    if not requirements.is_file():
        raise HostError(f"{root} has no requirements.txt to make an environment from")
    python = venv_python(_environment_folder(root) / "venv")
    stamp = stamp_of(_environment_folder(root))
    asked = requirements.read_text()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(stamp.parent / "lock"):
        if not (stamp.is_file() and stamp.read_text() == asked):
            stamp.unlink(missing_ok=True)
            say(f"environment for {root} (nothing is written to it)")
            uv = find_uv()
            venv = str(stamp.parent / "venv")
            call([uv, "venv", "--quiet", "--allow-existing", "--seed", "--python", sys.executable, venv])
            torch = RELEASES[NEWEST].torch
            call([uv, "pip", "install", "--python", str(python), *torch, "-r", str(requirements)])
            stamp.write_text(asked)
    return python


def _environment_folder(root: Path) -> Path:
    return cache_folder() / f"environment-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}"


def _python_of(root: Path) -> Path:
    if named := os.environ.get("COMFYUI_PYTHON"):
        if not Path(named).is_file():
            raise HostError(f"COMFYUI_PYTHON is {named}, which is no file; name the interpreter that runs ComfyUI")
        return Path(named)
    portable = root.parent / "python_embeded" / "python.exe"
    made = venv_python(_environment_folder(root) / "venv")
    candidates = [venv_python(root / ".venv"), venv_python(root / "venv"), portable, made]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    tried = ", ".join(str(c) for c in candidates)
    raise HostError(
        f"found no interpreter for {root} (tried {tried}); set COMFYUI_PYTHON, or type: "
        "python3 tools/comfy_host install --new-environment"
    )


def _beside(python: Path) -> Path:
    """An environment of our own that sees every package of `python`'s, and adds what this pack and its tests need.

    What `python` has is never installed a second time, in no version: the host runs with the packages of its user.
    """
    key = hashlib.sha256(json.dumps([str(python), read_pack_needs(), TEST_NEEDS]).encode()).hexdigest()[:12]
    folder = cache_folder() / f"beside-{key}"
    stamp = stamp_of(folder)
    if not stamp.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with hold_lock(folder / "lock"):
            if not stamp.is_file():
                say(f"environment beside {python} (nothing is written to it)")
                uv = find_uv()
                call([uv, "venv", "--quiet", "--allow-existing", "--python", str(python), str(folder / "venv")])
                ours = ask(venv_python(folder / "venv"), "import sysconfig; found = sysconfig.get_path('purelib')")
                sites = "site.getsitepackages() + [site.getusersitepackages()] * bool(site.ENABLE_USER_SITE)"
                seen = ask(python, f"import site; found = {sites}")
                lines = [f"import site; site.addsitedir({site!r})" for site in seen]
                (Path(ours) / "comfyui_host.pth").write_text("\n".join(lines) + "\n")
                there = ask(python, "from importlib.metadata import distributions as d; found = [x.name for x in d()]")
                kept = folder / "kept.txt"
                kept.write_text("".join(f"{name} ; sys_platform == 'none'\n" for name in sorted({*there} - {None})))
                target = ["--python", str(venv_python(folder / "venv")), "--override", str(kept)]
                call([uv, "pip", "install", *target, *read_pack_needs(), *TEST_NEEDS])
                stamp.write_text("")
    return venv_python(folder / "venv")

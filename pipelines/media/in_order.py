"""Work ahead on several threads, results in order."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


THREADS = min(4, os.cpu_count() or 1)
"""Items worked on at a time; one more is held, waiting for its turn."""


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int = THREADS
) -> Generator[Result, None, None]:
    """work(item) for every item, in the order of the items; at most workers + 1 items are held at a time.

    An exception of `work` comes out at its item's turn, so everything before it has been delivered. When the
    generator ends or is closed, work that has not begun is dropped, work that has is waited for, and the threads end.
    Who may be interrupted between two results closes it (`contextlib.closing`): what was raised keeps it alive.
    """
    under_way: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as threads:
        try:
            for item in items:
                under_way.append(threads.submit(work, item))
                if len(under_way) > workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for waiting in under_way:
                waiting.cancel()

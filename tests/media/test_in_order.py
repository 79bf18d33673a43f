import threading
import time
from contextlib import closing

import pytest

from pipelines.media.in_order import in_order


def test_results_come_in_the_order_of_the_items():
    def slower_first(n):
        time.sleep(0.002 * (10 - n))
        return n * n

    assert list(in_order(slower_first, range(10), 4)) == [n * n for n in range(10)]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_at_most_one_item_more_than_workers_is_held(workers):
    taken, given, most = 0, 0, 0

    def items():
        nonlocal taken, most
        for n in range(20):
            taken += 1
            most = max(most, taken - given)
            yield n

    for _ in in_order(lambda n: n, items(), workers):
        given += 1
    assert given == 20
    assert most == workers + 1


def test_work_runs_on_several_threads_at_once():
    both = threading.Barrier(2, timeout=5)
    assert len(list(in_order(lambda _: both.wait(), range(4), 2))) == 4


def test_a_failure_comes_at_its_turn():
    def work(n):
        if n == 3:
            raise LookupError("three")
        return n

    got = []
    with pytest.raises(LookupError, match="three"):
        for result in in_order(work, range(10), 2):
            got.append(result)
    assert got == [0, 1, 2]


def test_closing_early_ends_the_threads_and_takes_no_more_items():
    before = threading.active_count()
    items = iter(range(100))
    with closing(in_order(lambda n: n, items, 2)) as results:
        assert next(results) == 0
    assert threading.active_count() == before
    assert next(items) == 3

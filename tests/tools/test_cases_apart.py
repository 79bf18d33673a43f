"""Cases in a process of their own: what one that hangs, dies or raises leaves of the others."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tools.cases_apart import run_apart

CHILD = f"""
import os, sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tools.cases_apart import work_through

def run(name):
    if name == "raises":
        raise ValueError("of what it says")
    if name == "breaks":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if name == "dies":
        sys.stderr.write("last words")
        sys.stderr.flush()
        os._exit(7)
    if name == "hangs":
        time.sleep(600)
    return {{"process": os.getpid(), "answer": 42}}

work_through(sys.argv[2:], Path(sys.argv[1]), run)
"""


@pytest.fixture
def run(tmp_path):
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    folder = tmp_path / "cases"
    folder.mkdir()
    return lambda *names, **more: dict(
        run_apart([sys.executable, str(child)], names, folder, **{"limit_s": 60.0, **more})
    )


def test_figures_come_in_order_from_one_process(run):
    found = run("first", "second", "third")
    assert list(found) == ["first", "second", "third"]
    assert {each["answer"] for each in found.values()} == {42}
    assert len({each["process"] for each in found.values()}) == 1


def test_a_case_that_raises_fails_alone(run):
    found = run("first", "raises", "second")
    assert "ValueError: of what it says" in found["raises"]["error"]
    assert found["first"]["process"] == found["second"]["process"]


@pytest.mark.parametrize(
    ("case", "said"), [("dies", "the process ended with 7:\nlast words"), ("breaks", "illegal memory access")]
)
def test_after_a_case_that_takes_its_process_along_a_new_one_goes_on(run, case, said):
    found = run("first", case, "second")
    assert said in found[case]["error"]
    assert found["first"]["process"] != found["second"]["process"]


def test_a_case_that_hangs_is_ended_and_the_next_one_runs(run):
    began = time.monotonic()
    found = run("first", "hangs", "second", limit_s=1.0)
    assert found["hangs"]["error"].startswith("took over 1 s")
    assert found["second"]["answer"] == 42 and time.monotonic() - began < 60


def test_at_the_end_of_its_time_a_run_says_which_cases_are_left(run):
    found = run("hangs", "never", until=time.monotonic() + 3)
    assert found["hangs"]["error"].startswith("was cut off")
    assert found["never"] == {"error": "not begun: no time was left for it"}

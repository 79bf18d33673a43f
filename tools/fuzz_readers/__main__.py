"""Reads damaged files of every format through the one door to footage, and says what an artist must never see.

    make fuzz-readers
    python -m tools.fuzz_readers --files 4000 --only png --keep found

A file may be read, or refused by a ValueError (FileNotFoundError) that names it. Reported are other exceptions,
messages without the name, ends of the process, and more than 2 s or 1 GB; a worker cannot have more than that 1 GB
beside what it began with. The end of a process may be the work of a file that it read before. The same numbers give the
same files. Exit status 1 if anything is reported. Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from .seeds import make_seeds
from .worker import GIGABYTE, Result, damaged, work

SECONDS = 2.0
PATIENCE = 10.0
"""After so many seconds a worker is ended."""
SHOWN = 3
"""Files that are named for each kind of fault."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the files, prints the report; 1 if something has to be mended."""
    given = _parser().parse_args(arguments)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        made = make_seeds(Path(folder) / "seeds")
        seeds = {name: path for name, path in made.items() if any(text in name for text in given.only)}
        if not seeds:
            raise SystemExit(f"no format has {' or '.join(given.only)} in its name")
        sys.stdout.write(f"{given.files} files from {len(seeds)} formats\n")
        results = [*_results(seeds, given.files, given.seed, given.workers, Path(folder))]
        faults = _faults(results)
        if given.keep:
            for found in (each for group in faults.values() for each in group[:SHOWN]):
                target = given.keep / f"{found.index}_{found.name.replace(' ', '_').replace('.', '')}"
                damaged(seeds[found.name], found.name, found.index, given.seed, target)
    _print_report(results, faults, time.perf_counter() - began)
    return 1 if faults else 0


def _results(seeds: dict[str, Path], files: int, seed: int, workers: int, folder: Path) -> Iterator[Result]:
    """What became of each file. Workers are forked, so that each begins with everything imported."""
    context = get_context("fork")
    names = list(seeds)
    queue = iter([(names[index % len(names)], index) for index in range(files)])
    busy: dict[Connection, tuple[Any, tuple[str, int], float]] = {}

    def start(number: int) -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, seeds, seed, folder / f"worker_{number}"), daemon=True)
        process.start()
        theirs.close()
        give(ours, process)

    def give(pipe: Connection, process: Any) -> None:
        item = next(queue, None)
        pipe.send(item)
        if item is None:
            pipe.close()
            process.join()
        else:
            busy[pipe] = process, item, time.perf_counter()

    for number in range(workers):
        start(number)
    started = workers
    while busy:
        ready = [each for each in wait([*busy], timeout=0.5) if isinstance(each, Connection)]
        late = [pipe for pipe, (_, _, since) in busy.items() if time.perf_counter() - since > PATIENCE]
        for pipe in {*ready, *late}:
            process, (name, index), since = busy.pop(pipe)
            try:
                if pipe not in ready:
                    process.kill()
                result: Result = pipe.recv()
            except (EOFError, ConnectionResetError):  # the process is at its end
                process.join()
                seconds = time.perf_counter() - since
                fault = "no end" if pipe not in ready else f"the process ended: {process.exitcode}"
                yield Result(name, index, seconds, 0, fault)
                start(started)
                started += 1
                continue
            yield result
            give(pipe, process)


def _faults(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results that have to be mended, by kind."""
    faults: dict[str, list[Result]] = {}
    for each in results:
        kinds = [each.fault] if each.fault else []
        kinds += [f"more than {SECONDS:g} s"] if each.seconds > SECONDS else []
        kinds += ["more than 1 GB"] if each.peak > GIGABYTE else []
        for kind in kinds:
            faults.setdefault(kind, []).append(each)
    return faults


def _print_report(results: Sequence[Result], faults: dict[str, list[Result]], seconds: float) -> None:
    counts = Counter(each.outcome for each in results)
    lines = [f"{', '.join(f'{count} {outcome}' for outcome, count in counts.most_common())}; {seconds:.0f} s in all"]
    for kind, found in sorted(faults.items(), key=lambda item: -len(item[1])):
        examples = "; ".join(f"{each.name} {each.index}" for each in found[:SHOWN])
        lines.append(f"{len(found)} x {kind}\n    {examples}")
        lines += [f"    {found[0].message[:300]}"] if found[0].message else []
    for title, key in (("slowest", "seconds"), ("largest", "peak")):
        most = sorted(results, key=lambda each: -getattr(each, key))[:5]
        lines.append(f"{title}:")
        lines += [
            f"    {each.seconds:.2f} s, {each.peak / 2**20:.0f} MB  {each.name} {each.index}: "
            f"{each.outcome} {each.message[:100]}"
            for each in most
        ]
    sys.stdout.write("\n".join(lines) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz_readers", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("--files", type=int, default=40_000, help="how many damaged files (%(default)s)")
    add("--seed", type=int, default=0, help="other files for another number (%(default)s)")
    add("--workers", type=int, default=2, help="processes (%(default)s)")
    add("--only", default=[""], nargs="+", metavar="TEXT", help="formats with one of these texts in their names")
    add("--keep", type=Path, metavar="FOLDER", help="where to write the files that are reported")
    return parser


if __name__ == "__main__":
    sys.exit(main())

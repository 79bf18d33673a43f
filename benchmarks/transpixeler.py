"""TransPixeler's split attention and alpha LoRA against what they stand for, on the CPU, in one run.

    python benchmarks/transpixeler.py

Attention of 226 text tokens and two domains of L video tokens, 8 heads of 64, float32, by torch's own kernel: without
a mask (nothing blocked), split (text blocked from alpha), and with the dense masks that the split stands for. Time is
processor time, the best of a few rounds in which all take turns; memory is what a process of its own grows by at its
peak, beyond q, k and v, the mask included. The LoRA has rank 128 on a layer of width 3072.

The absolute numbers are this machine's; the ratios are what to compare, and what is judged: it fails when split costs
more than TIME or MEMORY of no mask, or the LoRA on alpha more than LORA of alpha's share of the tokens. Linux only, for
the peak.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pipelines.transpixeler.alpha_lora import add_low_rank_  # noqa: E402
from pipelines.transpixeler.layout import Layout  # noqa: E402
from pipelines.transpixeler.split_attention import NOTHING, Sight, split_attention  # noqa: E402

TEXT, HEADS, HEAD_DIM = 226, 8, 64
TOKENS = (2000, 4000, 8000)
ROUNDS = {2000: 12, 4000: 5, 8000: 3}
NO_MASK, SPLIT, BOOLEAN, FLOAT = WAYS = ("no mask", "split", "dense boolean", "dense float")
WIDTH, RANK = 3072, 128
TIME, MEMORY, LORA = 1.05, 1.6, 1.05

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """(B, S, heads * head_dim) in and out, as the host calls it."""
    q, k, v = (one.unflatten(2, (HEADS, HEAD_DIM)).transpose(1, 2) for one in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


def attention(way: str, layout: Layout) -> Attention:
    """One way, with its mask built."""
    if way == NO_MASK:
        return attend
    if way == SPLIT:
        return lambda q, k, v: split_attention(q, k, v, layout, Sight(NOTHING), attend)
    if way == BOOLEAN:
        mask = torch.ones(layout.total, layout.total, dtype=torch.bool)
        mask[layout.text_rows, layout.alpha_rows] = False
    else:
        mask = torch.zeros(layout.total, layout.total)
        mask[layout.text_rows, layout.alpha_rows] = -torch.inf
    return lambda q, k, v: attend(q, k, v, mask)


def inputs(layout: Layout) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(1, layout.total, HEADS * HEAD_DIM, generator=generator) for _ in range(3)]


def best_seconds(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least processor time of a few rounds of each, one after the other in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            began = time.process_time()
            work()
            seconds[name].append(time.process_time() - began)
    return {name: min(times) for name, times in seconds.items()}


def peak_growth(way: str, tokens: int) -> float:
    """MB by which one call raises the process's peak, its mask included."""
    layout = Layout(tokens, TEXT)
    small = Layout(8, 4)
    attention(way, small)(*inputs(small))  # whatever is made once is there now
    given = inputs(layout)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    attention(way, layout)(*given)
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    """A number of /proc/self/status, in kB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])


@torch.inference_mode()
def measure_attention(tokens: int) -> bool:
    """Whether split is within its limits."""
    layout = Layout(tokens, TEXT)
    given = inputs(layout)
    works = {way: partial(attention(way, layout), *given) for way in WAYS}
    seconds = best_seconds(works, ROUNDS[tokens])
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        memory = dict(zip(WAYS, pool.starmap(peak_growth, [(way, tokens) for way in WAYS], chunksize=1)))
    for way in WAYS:
        ratios = f"{seconds[way] / seconds[NO_MASK]:6.3f} {memory[way] / memory[NO_MASK]:7.2f}"
        say(f"{tokens:6d}  {way:<14} {seconds[way]:8.3f} s {memory[way]:8.0f} MB {ratios}")
    return within(f"{tokens} split, time", seconds[SPLIT] / seconds[NO_MASK], TIME) & within(
        f"{tokens} split, memory", memory[SPLIT] / memory[NO_MASK], MEMORY
    )


@torch.inference_mode()
def measure_lora(tokens: int) -> bool:
    """Whether the LoRA on alpha costs no more than its share."""
    generator = torch.Generator().manual_seed(0)
    total = Layout(tokens, TEXT).total
    x, output = (torch.randn(1, total, WIDTH, generator=generator) for _ in range(2))
    down, up = torch.randn(RANK, WIDTH, generator=generator), torch.randn(WIDTH, RANK, generator=generator)
    matrices = (lambda x: linear(x, down), [lambda x: linear(x, up)])
    works = {
        "alpha": lambda: add_low_rank_(output, x, tokens, *matrices, 1e-3),
        "all": lambda: add_low_rank_(output, x, total, *matrices, 1e-3),
    }
    seconds = best_seconds(works, 10)
    cost, share = seconds["alpha"] / seconds["all"], tokens / total
    say(
        f"{tokens:6d}  LoRA on alpha {seconds['alpha']:8.3f} s, on all {seconds['all']:.3f} s: "
        f"{cost:.3f} for {share:.3f} of the tokens"
    )
    return within(f"{tokens} LoRA on alpha, of its share", cost / share, LORA)


def within(what: str, ratio: float, limit: float) -> bool:
    if ratio > limit:
        say(f"{what}: {ratio:.3f}, allowed are {limit}")
    return ratio <= limit


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    say(f"{'L':>6}  {'attention':<14} {'time':>10} {'memory':>11}  time  memory (of no mask)")
    held = [measure_attention(tokens) for tokens in TOKENS] + [measure_lora(tokens) for tokens in TOKENS]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())

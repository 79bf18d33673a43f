import math

from pipelines.metrics.comparison import Measure, higher, lower
from pipelines.metrics.table import table


def test_a_table_by_hand():
    share = Measure("share")
    true = {share: 0.25, higher("last"): 1.0}
    made = {higher("PSNR, dB"): 31.2345, share: 1 / 3, lower("error"): math.nan, higher("last"): math.inf}
    lines = table(["REF", "mine"], [true, made]).splitlines()
    assert [line.split() for line in lines] == [
        ["better", "REF", "mine"],
        ["PSNR,", "dB", "higher", "-", "31.23"],
        ["share", "0.25", "0.3333"],
        ["error", "lower", "-", "-"],
        ["last", "higher", "1", "inf"],
    ]
    assert len({len(line) for line in lines}) == 1

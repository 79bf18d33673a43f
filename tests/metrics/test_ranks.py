import json

import pytest

from pipelines.metrics.comparison import lower
from pipelines.metrics.ranks import main, mean_ranks

KEY = {
    "trial": "t1",
    "questions": ["overall"],
    "orders": {"parrot": ["ours", "theirs"], "smoke": ["theirs", "ours"]},
}


def answer(parrot, smoke, trial="t1"):
    return {"trial": trial, "ranks": {"parrot": {"overall": parrot}, "smoke": {"overall": smoke}}}


def test_ranks_go_to_the_method_behind_the_letter():
    ranks = mean_ranks(KEY, [answer([1, 2], [2, 1])])
    assert ranks == {"ours": {lower("rank, overall"): 1.0}, "theirs": {lower("rank, overall"): 2.0}}


def test_it_is_the_mean_over_clips_and_viewers():
    ranks = mean_ranks(KEY, [answer([1, 2], [2, 1]), answer([1, 2], [1, 2])])
    assert ranks["ours"][lower("rank, overall")] == 1.25


def test_a_viewer_who_says_a_for_all_clips_says_nothing():
    ranks = mean_ranks(KEY, [answer([1, 2], [1, 2])])
    assert ranks["ours"] == ranks["theirs"]


def test_answers_to_another_trial_are_refused():
    with pytest.raises(ValueError, match="Answers 2 are to trial 't9', the key to 't1'"):
        mean_ranks(KEY, [answer([1, 2], [2, 1]), answer([1, 2], [2, 1], trial="t9")])


@pytest.mark.parametrize("ranks", [[1, 1], [1, None], [1], [0, 1]])
def test_ranks_that_are_none_are_refused(ranks):
    with pytest.raises(ValueError, match="smoke, overall: ranks 1 to 2, each once"):
        mean_ranks(KEY, [answer([1, 2], ranks)])


def test_a_clip_without_answer_is_refused():
    with pytest.raises(ValueError, match=r"smoke, overall.* got \[\]"):
        mean_ranks(KEY, [{"trial": "t1", "ranks": {"parrot": {"overall": [1, 2]}}}])


def test_the_command_prints_a_table(tmp_path, capsys):
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    (tmp_path / "one.json").write_text(json.dumps(answer([1, 2], [2, 1])))
    assert main([str(tmp_path / "key.json"), str(tmp_path / "one.json")]) == 0
    heading, line, _ = capsys.readouterr().out.splitlines()
    assert heading.split() == ["better", "ours", "theirs"]
    assert line.split() == ["rank,", "overall", "lower", "1", "2"]


def test_a_file_that_is_something_else_is_named(tmp_path, capsys):
    (tmp_path / "key.json").write_text("[]")
    assert main([str(tmp_path / "key.json"), str(tmp_path / "key.json")]) == 1
    assert "key.json: a key or answers" in capsys.readouterr().err
    (tmp_path / "key.json").write_text("nothing")
    assert main([str(tmp_path / "key.json"), str(tmp_path / "key.json")]) == 1

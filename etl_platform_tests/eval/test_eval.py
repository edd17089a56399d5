"""The policy against the oracle; and that the oracle can tell good from bad."""

from dataclasses import replace
from pathlib import Path

import pytest

from etl_platform_tests.eval.experiment import Score, run
from etl_platform_tests.eval.truth import best, priced, regret_usd, violations
from etl_platform_tests.eval.workloads import labelled

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Score:
    return run(tmp_path_factory.mktemp("eval"))


def test_the_set_is_large_enough(score: Score) -> None:
    assert score.workloads >= 60


def test_no_hard_limit_is_passed(score: Score) -> None:
    assert score.violations == ()


def test_a_choice_is_made_wherever_there_is_one(score: Score) -> None:
    assert score.undecided == 0


def test_no_deadline_is_missed_that_can_be_met(score: Score) -> None:
    assert score.late == 0


def test_most_choices_are_the_oracles(score: Score) -> None:
    # The oracle knows how long each takes; the policy pays for being sure of the deadline.
    assert score.exact >= 0.6
    assert score.platforms >= 0.8


def test_the_groups_add_up_to_the_whole(score: Score) -> None:
    assert sum(one.workloads for one in score.groups) == score.workloads
    assert sum(one.exact for one in score.groups) == pytest.approx(score.exact * score.workloads)
    assert sum(one.regret_usd for one in score.groups) == pytest.approx(score.regret_usd)


def test_little_money_is_given_away(score: Score) -> None:
    assert score.regret_usd <= 0.15 * score.oracle_usd


@pytest.mark.parametrize("priority", ["cost", "speed", "balanced"])
def test_the_oracle_regrets_nothing_and_the_worst_option_much(tmp_path: Path, priority: str) -> None:
    one = next(one for one in labelled() if one.name == f"first run, 50 GB, simple, by {priority}")
    case = one.case(tmp_path)
    options = priced(case, one.weight)
    oracle = best(case, options)
    assert oracle
    assert regret_usd(case, oracle, oracle) == pytest.approx(0.0, abs=1e-9)
    worse = replace(oracle, seconds=2 * oracle.seconds, usd=2 * oracle.usd)
    assert regret_usd(case, worse, oracle) >= oracle.usd * 0.99


def test_each_hard_limit_is_told(tmp_path: Path) -> None:
    budgeted = next(one for one in labelled() if "at most a dollar" in one.name).case(tmp_path / "a")
    few = next(one for one in labelled() if one.name.endswith("on emr_serverless")).case(tmp_path / "b")
    settled = next(one for one in labelled() if one.name.endswith("Glue settled")).case(tmp_path / "c")
    assert list(violations(budgeted, "glue", 1.01)) == ["$1.01 is over the budget"]
    assert list(violations(few, "emr", 0.1)) == ["emr is not allowed"]
    assert list(violations(settled, "emr", 0.1)) == ["emr is not the preference"]
    assert list(violations(settled, None, None)) == []

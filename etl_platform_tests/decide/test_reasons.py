"""The reason of a decision is true, and says what it was held against."""

import pytest

from etl_platform.decide.markdown import decision_table
from etl_platform_tests.decide.builders import decided, job, option, spark_job

CHEAPLY = {"optimization_priority": "cost"}
TWO = {"allowed_platforms": ["glue", "emr_serverless"]}


def text(decision) -> str:
    return " ".join(decision.reasoning)


def test_a_cheaper_platform_that_is_late_is_shown_with_its_probability():
    keys = {"allowed_platforms": ["glue", "batch"], "job_definition": "1.dkr.ecr/etl:1"}
    one = spark_job(keys, cost={"optimization_priority": "cost"}, sla={"max_duration_minutes": 60.0})
    decision = decided(one, volume_gb=200.0)
    batch = option(decision, "batch").figures
    assert decision.selected.platform == "glue"
    assert batch.usd is not None and batch.on_time is not None and batch.on_time < 0.95
    assert "meet the deadline of 60 minutes with 95% probability" in text(decision)
    assert f"batch would cost ${batch.usd:,.2f} but meets it with {int(batch.on_time * 100)}%" in text(
        decision
    )


@pytest.mark.parametrize(
    ("sections", "limit"),
    [
        ({"execution": {"timeout_minutes": 2.0}}, "the time limit (`timeout_minutes`) of 2 minutes"),
        ({"sla": {"max_duration_minutes": 2.0}}, "the deadline of 2 minutes"),
    ],
)
def test_a_limit_is_called_a_deadline_only_where_one_is_declared(sections, limit):
    assert f"no option surely meets {limit}" in text(decided(spark_job(TWO, **sections), volume_gb=500.0))


def test_a_budget_is_named_only_where_there_is_one():
    fast = decided(spark_job(TWO, cost={"optimization_priority": "speed"}))
    assert "it is the fastest" in text(fast) and "budget" not in text(fast)
    budget = {"optimization_priority": "speed", "budget_per_run_usd": 3.0}
    assert "the fastest within the budget of $3.00" in text(decided(spark_job(TWO, cost=budget)))


def test_the_best_within_a_hard_budget_is_taken():
    fast = {"optimization_priority": "speed"}
    cost = {**fast, "budget_per_run_usd": 1.5, "hard_limit": True}
    free = decided(spark_job(TWO, cost=fast), volume_gb=200.0).selected.figures.usd
    held = decided(spark_job(TWO, cost=cost), volume_gb=200.0)
    assert free is not None and free > 1.5
    assert held.selected.figures.usd is not None and held.selected.figures.usd <= 1.5
    assert held.selected.feasible


def test_a_preference_over_the_hard_budget_gives_way_to_what_is_within():
    keys = {"user_preference": "glue", "worker_type": "G.8X", "dpu_count": 160.0}
    decision = decided(spark_job(keys, cost={"budget_per_run_usd": 2.0, "hard_limit": True}), volume_gb=200.0)
    assert decision.selected.platform != "glue"
    assert "over the hard budget of $2.00 a run" in text(decision)


def test_where_nothing_is_within_a_hard_budget_the_cheapest_is_named():
    cost = {"budget_per_run_usd": 0.01, "hard_limit": True}
    decision = decided(spark_job(TWO, cost=cost), volume_gb=200.0)
    possible = [one.figures.usd for one in decision.options if one.feasible and one.charged]
    dollars = [usd for usd in possible if usd is not None]
    assert decision.selected.figures.usd == min(dollars)
    assert "no option is within the hard budget of $0.01" in text(decision)


@pytest.mark.parametrize("priority", ["cost", "balanced"])
def test_unknown_prices_are_ordered_by_those_of_the_home_region(priority):
    one = spark_job(TWO, cost={"optimization_priority": priority})
    home, away = decided(one), decided(one, region="eu-nowhere-1")
    assert away.selected.size == home.selected.size
    assert away.selected.figures.usd is None and away.confidence is None
    assert "prices refresh --region eu-nowhere-1" in text(away) and "us-east-1" in text(away)
    assert "prices refresh" not in text(home)


def test_where_size_changes_nothing_the_smallest_is_taken():
    tiny = decided(spark_job(sla={"max_duration_minutes": 1.0}), volume_gb=0.0001)
    for platform, label in {"emr": "2 × m5.xlarge", "glue": "2 × G.1X", "batch": "1 vCPU, 4 GB"}.items():
        found = option(tiny, platform)
        assert found.figures.on_time is not None and found.figures.on_time < 0.95
        assert found.size and found.size.label == label


@pytest.mark.parametrize("keys", [{"max_dpu": 8.0}, {"max_dpu": 8.0, "worker_type": "G.1X"}])
def test_no_size_within_the_bounds_is_better_in_everything(keys):
    limit = {"timeout_minutes": 90.0}
    found = option(decided(spark_job(keys, execution=limit), volume_gb=50.0), "glue")
    assert found.size and found.size.label == "8 × G.1X"
    assert found.figures.on_time is not None and found.figures.on_time >= 0.95


def test_one_option_is_the_only_one_and_no_certainty():
    decision = decided(spark_job({"allowed_platforms": ["glue"]}))
    assert decision.confidence is None
    assert decision.certainty == "the recommendation is the only one possible"
    assert "the only one possible" in text(decision)
    assert "(confidence: the recommendation is the only one possible)" in decision_table(decision)


def test_an_overruled_preference_is_named():
    decision = decided(spark_job({"user_preference": "glue", "auto_select_platform": True}))
    assert decision.selected.platform != "glue"
    assert "`auto_select_platform` overrules the preference glue" in text(decision)


def test_the_largest_size_looked_at_is_said_in_the_reason():
    decision = decided(spark_job({"allowed_platforms": ["emr"]}, cost={"optimization_priority": "speed"}))
    assert "33 instances are the most that were looked at" in text(decision)


def test_what_lambda_cannot_do_in_time_shows_its_time():
    lamda = option(decided(job(), volume_gb=9.0, complexity="complex"), "lambda")
    assert not lamda.feasible and lamda.figures.seconds is not None and lamda.size is not None

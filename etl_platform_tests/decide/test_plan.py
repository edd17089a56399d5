import datetime as dt
from pathlib import Path
from typing import Literal

import pytest

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.cold_start import start_seconds
from etl_platform.decide.options import Figures
from etl_platform.decide.plan import (
    BadWhatIfError,
    Plan,
    WhatIf,
    plan_job,
    plan_jobs,
    runs_a_month,
    runs_left,
)
from etl_platform.tracking.records import CostBreakdown, JobExecution
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform_tests.decide.builders import NOW


def job(size_gb: float | None = 20.0, **sections) -> Job:
    source: dict[str, object] = {
        "name": "orders",
        "source_type": "redshift",
        "cluster": "c",
        "database": "d",
        "table": "orders",
    }
    if size_gb is not None:
        source["size_gb"] = size_gb
    return Job.model_validate(
        {
            "job_id": "orders",
            "execution": {"sql": "select * from orders", "timeout_minutes": 600.0},
            "platform": {"user_preference": "glue"},
            "data_sources": [source],
            **sections,
        }
    )


def plan(
    folder: Path,
    one: Job,
    profile: Literal["aws", "local"] = "aws",
    what_if: str | None = None,
    executions=(),
) -> Plan:
    # Sizes come from `size_gb`: nothing is asked of an account.
    settings = GlobalSettings.model_validate({"feature_flags": {"enable_auto_size_detection": False}})
    config = Config(path=folder / "etl_config.json", jobs=(one,), settings=settings, profile=profile)
    store = SqliteStore(folder / "tracking.db", clock=lambda: NOW)
    for record in executions:
        store.put_execution(record)
        store.count_cost(record)
    return plan_job(config, one, store, now=NOW, what_if=WhatIf.parse(what_if) if what_if else None)


def test_ten_times_the_data_takes_longer_and_costs_more(tmp_path):
    one = job(platform={"user_preference": "glue", "dpu_count": 10.0})
    now, then = plan(tmp_path, one), plan(tmp_path, one, what_if="size=10x")
    assert then.workload.volume_gb == pytest.approx(200)
    assert now.decision and then.decision
    small, large = now.decision.selected.figures, then.decision.selected.figures
    assert small.seconds and large.seconds and small.usd and large.usd
    assert large.seconds > small.seconds and large.usd > 3 * small.usd


def here(count: int, seconds: float = 16.0) -> list[JobExecution]:
    """Runs on this machine, whose input nobody measured."""
    return [
        JobExecution(
            execution_id=f"exec-{n}",
            timestamp=NOW - n * 3600,
            job_name="orders",
            job_type="local",
            status="success",
            duration_seconds=seconds + 0.1 * n,
        )
        for n in range(1, count + 1)
    ]


def figures_here(folder: Path, size_gb: float | None, runs: int, what_if: str | None = None) -> Figures:
    answer = plan(folder, job(size_gb), "local", what_if, here(runs))
    assert answer.decision
    return answer.decision.selected.figures


def test_past_runs_of_unknown_input_ran_on_the_data_of_today(tmp_path):
    cold, cold_large = (figures_here(tmp_path / "cold", 0.01, 0, text) for text in (None, "size=1000x"))
    warm, large = (figures_here(tmp_path / "warm", 0.01, 8, text) for text in (None, "size=1000x"))
    assert cold.seconds and cold_large.seconds and warm.seconds and large.seconds
    assert warm.seconds == pytest.approx(16.45, rel=0.05)
    growth = cold_large.seconds / cold.seconds
    assert growth > 20
    # Runs that are nearly all start leave open how heavy the work is.
    assert large.seconds / warm.seconds == pytest.approx(growth, rel=0.25)
    assert warm.seconds_high and warm.seconds_low and large.seconds_high and large.seconds_low
    assert large.seconds_high / large.seconds_low > 10 * warm.seconds_high / warm.seconds_low


def test_a_thousand_times_an_unknown_size_is_unknown(tmp_path):
    assert figures_here(tmp_path, None, 8).seconds == pytest.approx(16.45, rel=0.05)
    assert figures_here(tmp_path, None, 8, "size=1000x").seconds is None


@pytest.mark.parametrize(("text", "volume"), [("size=500gb", 500), ("size = 2TB", 2048), ("size=0.5x", 10)])
def test_what_if_takes_factors_and_totals(tmp_path, text, volume):
    assert plan(tmp_path, job(), what_if=text).workload.volume_gb == pytest.approx(volume)


@pytest.mark.parametrize("text", ["size=big", "10x", "size=0x", "cost=2x", f"size={'9' * 320}x"])
def test_what_cannot_be_read_says_what_to_write(text):
    with pytest.raises(BadWhatIfError, match="size=10x"):
        WhatIf.parse(text)


def test_a_total_needs_a_known_size(tmp_path):
    with pytest.raises(BadWhatIfError, match="size of its input is unknown"):
        plan(tmp_path, job(None), what_if="size=10gb")


def test_an_estimate_over_a_hard_limit_is_refused(tmp_path):
    limits = {"budget_per_run_usd": 0.01, "hard_limit": True}
    answer = plan(tmp_path, job(cost=limits))
    assert not answer.budget.allowed
    assert plan(tmp_path, job(cost=limits), profile="local").budget.allowed


def test_the_month_is_what_is_left_of_the_schedule_times_the_estimate_before_there_are_runs(tmp_path):
    daily = job(execution={"sql": "select 1", "schedule": "0 5 * * *", "timeout_minutes": 600.0})
    answer = plan(tmp_path, daily)
    assert answer.decision and answer.decision.selected.figures.usd
    # NOW is the 21st of September, 14:13 UTC.
    assert answer.forecast_usd == pytest.approx(9 * answer.decision.selected.figures.usd)
    assert answer.forecast_from == "9 scheduled runs left at the estimate"
    assert answer.spent_usd == 0.0


def test_the_month_holds_what_is_spent_already(tmp_path):
    daily = job(execution={"sql": "select 1", "schedule": "0 5 * * *", "timeout_minutes": 600.0})
    answer = plan(tmp_path, daily, executions=runs_every(3600, 2))
    assert answer.decision and answer.decision.selected.figures.usd
    assert answer.forecast_usd == pytest.approx(4 + 9 * answer.decision.selected.figures.usd)
    assert answer.forecast_from == "9 scheduled runs left at the estimate"


@pytest.mark.parametrize(
    ("line", "zone", "left"),
    [
        ("0 5 * * *", "UTC", 9),
        ("0 23 * * *", "UTC", 10),
        ("0 23 * * *", "Asia/Tokyo", 9),
        ("0 0 * * *", "Asia/Tokyo", 9),
        (None, "UTC", None),
    ],
)
def test_runs_that_are_left_of_a_month(line, zone, left):
    one = job(execution={"sql": "select 1", "schedule": line, "timezone": zone})
    assert runs_left(one, NOW) == left


def runs_every(seconds: float, count: int) -> list[JobExecution]:
    """Runs of two dollars each before now."""
    return [
        JobExecution(
            execution_id=f"exec-{n}",
            timestamp=NOW - n * seconds,
            job_name="orders",
            job_type="glue",
            status="success",
            end_time=NOW - n * seconds + 60,
            duration_seconds=60,
            cost_breakdown=CostBreakdown(total_cost_usd=2.0),
        )
        for n in range(1, count + 1)
    ]


def test_an_hourly_job_has_spent_what_all_its_runs_cost(tmp_path):
    answer = plan(tmp_path, job(), executions=runs_every(3600, 200))
    assert answer.spent_usd == 400.0
    # Nine days and ten hours of September are left.
    assert answer.forecast_usd == pytest.approx(400 + 2 * 226, rel=0.05)


def test_the_month_comes_from_runs_where_there_are_some(tmp_path):
    answer = plan(tmp_path, job(), executions=runs_every(86_400, 14))
    # September 2026 has thirty days; the runs cover the last fourteen.
    assert answer.forecast_from == "its runs of 14 days"
    assert answer.spent_usd == 28.0
    assert answer.forecast_usd is not None and answer.forecast_usd > 28.0


def test_a_job_that_cannot_run_is_planned_with_its_refusal(tmp_path):
    strict = {"user_preference": "emr", "allow_agent_override": False}
    answer = plan(tmp_path, job(platform=strict))
    assert answer.decision is None
    assert answer.refusal and "cluster_id" in answer.refusal


def test_flags_that_are_off_are_said(tmp_path):
    assert "feature flag enable_auto_size_detection is off" in plan(tmp_path, job()).notes


@pytest.mark.parametrize(
    ("line", "runs"),
    [("0 5 * * *", 30), ("0 * * * *", 720), ("0 5 * * 1", 4), (None, None), ("streaming", None)],
)
def test_runs_of_a_month_by_its_schedule(line, runs):
    assert runs_a_month(job(execution={"sql": "select 1", "schedule": line}), dt.date(2026, 9, 21)) == runs


def test_plans_come_in_the_order_of_the_jobs(tmp_path):
    jobs = [Job.model_validate({"job_id": name, "execution": {"sql": "select 1"}}) for name in ("b", "a")]
    config = Config(path=tmp_path / "etl_config.json", jobs=tuple(jobs), settings=GlobalSettings())
    plans = plan_jobs(config, jobs, SqliteStore(tmp_path / "tracking.db", clock=lambda: NOW), now=NOW)
    assert [one.job.job_id for one in plans] == ["b", "a"]


def test_a_plan_says_that_spot_nodes_are_priced_as_on_demand(tmp_path):
    keys = {"user_preference": "emr", "allow_agent_override": False, "cluster_id": "j-1", "instance_count": 5}
    answer = plan(tmp_path, job(platform=keys, cost={"spot_instances": {"enabled": True}}))
    assert any("spot price of m5.xlarge is unknown" in note for note in answer.notes)
    plain = plan(tmp_path, job(platform=keys))
    assert not any("spot" in note for note in plain.notes)


def test_runs_without_charge_do_not_make_the_month_free(tmp_path):
    daily = job(execution={"sql": "select 1", "schedule": "0 5 * * *", "timeout_minutes": 600.0})
    free = CostBreakdown(total_cost_usd=0.0)
    runs = [one.model_copy(update={"cost_breakdown": free}) for one in runs_every(86_400, 6)]
    answer = plan(tmp_path, daily, executions=runs)
    assert answer.forecast_from == "9 scheduled runs left at the estimate"
    assert answer.forecast_usd


def test_no_run_is_shorter_than_half_of_a_start(tmp_path):
    decision = plan(tmp_path, job(0.001)).decision
    assert decision
    for option in decision.options:
        least = option.figures.seconds_low
        assert least is None or least >= 0.5 * start_seconds(option.platform, running_cluster=False)

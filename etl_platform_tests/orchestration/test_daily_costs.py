"""The daily look at costs tells each cause once, over several days."""

import json
from pathlib import Path
from typing import Any

from etl_platform.notify.deliver import ledger_of
from etl_platform.orchestration.daily_costs import tell_of_costs
from etl_platform.orchestration.keys import Graph
from etl_platform.tracking.open import open_store
from etl_platform_tests.agents.cases import DAY, case_of, glue_job, run

NOW = 1_790_000_000.0
"""As of the builders: 2026-09-21, 14:13 UTC."""


class Project:
    """A job with recorded runs, and the days that pass."""

    def __init__(self, folder: Path, **cost: Any):
        self._folder = folder
        job = glue_job(cost={"cost_alerts": {"enabled": True, "threshold_percent": 90}, **cost})
        case = case_of(folder, job, profile="local")
        self.config, self.cursor = case.config, dict[str, Any]()
        self.store = open_store(case.config)

    def day(self, days: float) -> list[str]:
        """What people are told on that day."""
        before = len(self.told())
        tell_of_costs(Graph(self.config), self.cursor, self.cursor.update, clock=lambda: NOW + days * DAY)
        return self.told()[before:]

    def told(self) -> list[str]:
        path = self.config.local_root / "notifications.jsonl"
        return (
            [json.loads(line)["summary"] for line in path.read_text().splitlines()] if path.exists() else []
        )

    def ran(self, number: int, *, days_ago: float, usd: float) -> None:
        self.store.put_execution(run(number, days_ago=days_ago, usd=usd))


def test_an_unusual_run_is_told_on_one_day(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for number in range(8):
        project.ran(number, days_ago=10 - number, usd=1.0)
    project.ran(8, days_ago=0.5, usd=40.0)
    first = project.day(0)
    assert len(first) == 1 and "exec-8 cost $40.0000" in first[0]
    assert [project.day(days) for days in (1, 2, 3)] == [[], [], []]


def test_why_it_cost_more_is_told_with_it(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for number in range(8):
        project.ran(number, days_ago=10 - number, usd=1.0)
    project.ran(8, days_ago=0.5, usd=40.0)
    assert "$1.0000 → $40.0000" in project.day(0)[0]


def test_a_month_over_its_budget_is_told_once_a_month(tmp_path: Path) -> None:
    project = Project(tmp_path, budget_monthly_usd=100.0)
    for number in range(30):
        project.ran(number, days_ago=30 - number, usd=4.0)
    first = project.day(0)
    assert any("The runs of 2026-09 will cost" in one for one in first)
    assert [project.day(days) for days in (1, 2)] == [[], []]


def test_a_budget_that_is_used_up_is_told_once(tmp_path: Path) -> None:
    project = Project(tmp_path, budget_per_run_usd=3.0)
    project.ran(0, days_ago=1, usd=4.0)
    first = project.day(0)
    assert len(first) == 1 and "133% of `budget_per_run_usd` of $3.00" in first[0]
    assert project.day(1) == []


def test_what_was_told_when_the_run_ended_is_not_told_again(tmp_path: Path) -> None:
    from etl_platform.notify import deliver
    from etl_platform.notify.observe import after_run, read_past

    project = Project(tmp_path, budget_per_run_usd=3.0)
    project.ran(0, days_ago=1, usd=4.0)
    execution = project.store.latest_execution("orders")
    assert execution
    events = after_run(project.config.jobs[0], execution, read_past(project.store, execution))
    deliver.tell(project.config, events, clock=lambda: NOW - DAY)
    assert ledger_of(project.config).is_open("budget_exceeded/orders/run")
    assert project.day(0) == []


def test_alerts_that_are_off_tell_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path, budget_per_run_usd=3.0, cost_alerts={"enabled": False})
    project.ran(0, days_ago=1, usd=4.0)
    assert project.day(0) == []


def test_a_day_that_one_tick_does_not_finish_goes_on(tmp_path: Path) -> None:
    jobs = [glue_job(job_id=f"job_{number}") for number in range(20)]
    config = case_of(tmp_path, jobs[0], others=jobs[1:], profile="local").config
    moments = iter(range(0, 100_000, 4))
    cursor: dict[str, Any] = {}

    def tick() -> str:
        return tell_of_costs(Graph(config), cursor, cursor.update, clock=lambda: NOW + next(moments))

    said = [tick()]
    while not cursor["done"]:
        said.append(tick())
    looked_at = [int(one.split()[0]) for one in said]
    assert sum(looked_at) == 20 and max(looked_at) < 10
    assert tick() == "Today's costs were looked at."

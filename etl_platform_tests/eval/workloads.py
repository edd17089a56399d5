"""The labelled set: jobs of known work, each with what really decides its cost.

A workload without runs behaves as the physics of a first run says. One with runs is heavier or lighter than
that by a factor that only its runs tell, as scripts are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from etl_platform.agents.agent import Case
from etl_platform.decide.size import Size, glue
from etl_platform.tracking.records import JobExecution, PlatformDecision, WorkloadCharacteristics
from etl_platform_tests.agents.decision_cases import case
from etl_platform_tests.eval.truth import seconds_of

DAY_SECONDS = 86_400.0
VOLUMES_GB = (0.02, 0.5, 5.0, 50.0, 500.0, 3000.0)
NOISE = (1.0, 0.94, 1.05, 0.98, 1.03, 0.96, 1.02)
"""Share by which runs of the same job differ; about what EMR runs of the same input do."""


@dataclass(frozen=True)
class Labelled:
    """One workload.

    Attributes:
        name: For people.
        size_gb: Its input.
        sections: Sections of the job, and `platform`.
        weight: Its work as a multiple of what physics expects.
        runs: Runs that are recorded, all on five Glue workers.
        kind: What is difficult about it.
    """

    name: str
    size_gb: float
    sections: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    runs: int = 0
    kind: str = ""

    def case(self, folder: Path, model: dict[str, Any] | None = None) -> Case:
        """Its case, with its runs in a store of that folder."""
        folder.mkdir(parents=True, exist_ok=True)
        one = case(folder, size_gb=self.size_gb, model=model, **self.sections)
        fresh = Case(one.config, one.job, one.store, one.now)
        for number in range(self.runs):
            seconds = seconds_of(fresh, RAN_ON, self.weight) * NOISE[number % len(NOISE)]
            one.store.put_execution(_run(number, one.now, seconds, self.size_gb))
        return one


RAN_ON: Size = glue("G.1X", 5)


def labelled() -> list[Labelled]:
    """All workloads."""
    kinds = {
        "first runs": _first_runs(),
        "deadlines": _deadlines(),
        "hard budgets": _budgets(),
        "few platforms": _few_platforms(),
        "preferences": _preferences(),
        "histories": _histories(),
    }
    return [replace(one, kind=kind) for kind, some in kinds.items() for one in some]


def _first_runs() -> Iterator[Labelled]:
    for gb, priority, complexity in product(VOLUMES_GB, ("cost", "speed", "balanced"), ("simple", "complex")):
        sections = {"cost": {"optimization_priority": priority}, "workload": {"complexity": complexity}}
        yield Labelled(f"first run, {gb:g} GB, {complexity}, by {priority}", gb, sections)


def _deadlines() -> Iterator[Labelled]:
    for gb, minutes in product((5.0, 50.0, 500.0), (15, 60)):
        sections = {
            "cost": {"optimization_priority": "cost"},
            "sla": {"max_duration_minutes": float(minutes)},
        }
        yield Labelled(f"{gb:g} GB within {minutes} minutes", gb, sections)


def _budgets() -> Iterator[Labelled]:
    for gb, priority in product((5.0, 50.0, 500.0, 3000.0), ("speed", "balanced")):
        cost = {"optimization_priority": priority, "budget_per_run_usd": 1.0, "hard_limit": True}
        yield Labelled(f"{gb:g} GB for at most a dollar, by {priority}", gb, {"cost": cost})


def _few_platforms() -> Iterator[Labelled]:
    for gb, allowed in product((0.5, 50.0, 500.0), (["glue", "emr"], ["emr_serverless"])):
        sections = {"platform": {"allowed_platforms": allowed}, "cost": {"optimization_priority": "cost"}}
        yield Labelled(f"{gb:g} GB on {' or '.join(allowed)}", gb, sections)


def _preferences() -> Iterator[Labelled]:
    kinds = {
        "preferred": {},
        "settled": {"allow_agent_override": False},
        "free": {"auto_select_platform": True},
    }
    for gb, (kind, keys) in product((0.5, 50.0, 500.0), kinds.items()):
        sections = {
            "platform": {"user_preference": "glue", **keys},
            "cost": {"optimization_priority": "cost"},
        }
        yield Labelled(f"{gb:g} GB, Glue {kind}", gb, sections)


def _histories() -> Iterator[Labelled]:
    for gb, weight, runs in product((5.0, 50.0, 500.0), (0.3, 3.0), (5, 12)):
        sections = {"cost": {"optimization_priority": "cost"}}
        yield Labelled(f"{gb:g} GB, {weight:g} × as heavy, {runs} runs", gb, sections, weight, runs)


def _run(number: int, now: float, seconds: float, gb: float) -> JobExecution:
    start = now - (number + 1) * DAY_SECONDS
    return JobExecution(
        execution_id=f"exec-{number}",
        timestamp=start,
        job_name="orders",
        job_type="glue",
        status="success",
        end_time=start + seconds,
        duration_seconds=seconds,
        workload_characteristics=WorkloadCharacteristics(data_volume_gb=gb),
        platform_decision=PlatformDecision(selected_platform="glue", size=RAN_ON.record()),
    )

"""Deciding ahead stops in time, also where a model is slow, and goes on where it stopped."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.orchestration.ahead import decide_changed
from etl_platform.orchestration.in_time import TICK_SECONDS, Tick
from etl_platform.orchestration.keys import Graph
from etl_platform.tracking.open import open_store
from etl_platform_tests.agents.cases import case_of, glue_job
from etl_platform_tests.agents.decision_cases import MODEL_KEY, server_model
from etl_platform_tests.agents.model_server import Reply, Turn, serving

NOW = time.time()
"""The store forgets invocations by the clock of the machine."""


class Clock:
    """Stands still, unless somebody lets it go on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def config_of(folder: Path, jobs: int, **settings: Any) -> Config:
    first, *others = (_job(number) for number in range(jobs))
    flags = {"feature_flags": {"enable_auto_size_detection": False}}
    return case_of(folder, first, others=others, profile="local", **flags, **settings).config


def _job(number: int) -> Job:
    return glue_job(job_id=f"job_{number}", platform={})


def asked(config: Config) -> int:
    return len(open_store(config).invocations_by_agent("decision", 0))


def tick(config: Config, cursor: dict[str, Any], clock: Callable[[], float]) -> str:
    return decide_changed(Graph(config), cursor, cursor.update, lambda plan: None, clock=clock)


@pytest.mark.slow
def test_a_slow_model_does_not_hold_a_tick_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MODEL_KEY", MODEL_KEY)
    clock = Clock()

    def ten_seconds(turn: Turn) -> Reply:
        clock.now += 10
        return Reply(calls=(("DecisionAnswer", {"platform": "local", "reasons": ["It is here."]}),))

    with serving(ten_seconds) as server:
        config = config_of(
            tmp_path,
            1000,
            secrets={"provider": "env", "prefix": "TEST_"},
            agents={"model": server_model("openai", server.url)},
        )
        cursor: dict[str, Any] = {}
        said = tick(config, cursor, clock)
        assert clock.now - NOW <= TICK_SECONDS
        assert said == "3 jobs looked at, 3 decided anew; the others are next."
        # What Dagster asks next goes on behind them.
        assert tick(config, cursor, clock) == "3 jobs looked at, 3 decided anew; the others are next."
    assert asked(config) == 6
    by_model = [one.provider for one in open_store(config).invocations_by_agent("decision", 0)]
    assert set(by_model) == {"openai:test-model"}


@pytest.mark.slow
def test_a_look_over_several_ticks_decides_each_job_once(tmp_path: Path) -> None:
    config, cursor = config_of(tmp_path, 120), dict[str, Any]()
    moments = iter(range(100_000))
    said = []
    while not cursor.get("ended"):
        said.append(tick(config, cursor, lambda: NOW + next(moments)))
    assert len(said) > 1
    assert (asked(config), sum(int(one.split()[0]) for one in said)) == (120, 120)


def test_a_model_has_no_longer_than_the_tick(tmp_path: Path) -> None:
    clock = Clock()
    config = config_of(tmp_path, 1, agents={"model": {"timeout_seconds": 600.0}})
    tick = Tick(clock)
    clock.now += 20
    limited = tick.limited(config)
    assert limited.settings.agents.model.timeout_seconds == 30
    assert config.settings.agents.model.timeout_seconds == 600


@pytest.mark.slow
def test_a_job_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    cursor: dict[str, Any] = {}
    tick(config_of(tmp_path, 3), cursor, lambda: NOW)
    tick(config_of(tmp_path, 1), cursor, lambda: NOW + 1000)
    assert list(cursor["seen"]) == ["job_0"]

"""What people are told of Dagster runs: the sensors as Dagster evaluates them, and the local outbox."""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.orchestration import assets, notifications, step
from etl_platform.orchestration.build import build_definitions
from etl_platform.orchestration.job_run import JobRun
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.notifications import notification_sensors, tell_of_run
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.store import TrackingStore
from etl_platform_tests.projects import ORDERS, copy_job, load_project, write_table

POSITIVE = {"field": "amount", "rule_type": "range", "min": 0, "dataset": "orders"}
BROKEN = {"copy_table.py": "def handler(event, context):\n    raise ValueError('no such customer')\n"}
LOG = logging.getLogger(__name__)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


class Daemon:
    """Evaluates the sensors of a configuration as Dagster's daemon does, and keeps their cursors."""

    def __init__(self, config: Config, instance: dg.DagsterInstance):
        self.config = config
        self.instance = instance
        self.cursors: dict[str, str | None] = {}
        self.sensors = notification_sensors(Graph(config), "etl")
        self.tick()

    def tick(self) -> list[tuple[str, str]]:
        """Evaluate all sensors; return event and state of all messages so far."""
        for sensor in self.sensors:
            self._evaluate(sensor)
        return [(each["event"], each["state"]) for each in messages(self.config)]

    def watch(self) -> None:
        """Evaluate the sensor that looks at what has not ended."""
        self._evaluate(self.sensors[-1])

    def _evaluate(self, sensor: dg.SensorDefinition) -> None:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursors.get(sensor.name))
        data = sensor.evaluate_tick(context)
        for reaction in data.dagster_run_reactions or ():
            assert reaction.error is None, reaction.error
        self.cursors[sensor.name] = data.cursor


def messages(config: Config) -> list[dict[str, Any]]:
    path = config.local_root / "notifications.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run(config: Config, instance: dg.DagsterInstance, *job_ids: str) -> dg.ExecuteInProcessResult:
    graph = Graph(config)
    subset = (
        build_definitions(config)
        .resolve_job_def("etl")
        .get_subset(
            asset_selection={dg.AssetKey(each) for each in job_ids},
            asset_check_selection={key for each in job_ids for key in graph.check_keys(config.job(each))},
        )
    )
    return subset.execute_in_process(instance=instance, raise_on_error=False)


def running_since(config: Config, minutes: float) -> None:
    record = JobExecution(
        execution_id="exec-1", timestamp=time.time() - minutes * 60, job_name="clean", status="running"
    )
    open_store(config).put_execution(record)


def test_a_run_that_succeeded_is_told(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean"))
    daemon = Daemon(config, instance)
    result = run(config, instance, "clean")
    assert daemon.tick() == [("run_succeeded", "info")]
    (message,) = messages(config)
    assert message["dagster_run_id"] == result.run_id
    record = open_store(config).execution(message["execution_id"])
    assert record is not None
    assert (record.notification_sent, record.notification_recipients) == (True, ["outbox"])


def test_a_failure_is_told_once_and_its_end_too(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean"), scripts=BROKEN)
    daemon = Daemon(config, instance)
    run(config, instance, "clean")
    assert daemon.tick() == [("run_failed", "firing")]
    assert "no such customer" in messages(config)[0]["summary"]
    run(config, instance, "clean")
    assert len(daemon.tick()) == 1
    config = load_project(tmp_path, copy_job("clean"))
    run(config, instance, "clean")
    assert daemon.tick()[1:] == [("run_succeeded", "info"), ("run_failed", "recovered")]


def test_a_job_that_did_not_start_says_why(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean", enabled=False))
    daemon = Daemon(config, instance)
    run(config, instance, "clean")
    assert daemon.tick() == [("run_failed", "firing")]
    assert messages(config)[0]["summary"].startswith("The run did not start: clean is disabled")


def test_a_job_held_back_by_another_is_not_told_of(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean"), copy_job("report", reads="clean"), scripts=BROKEN)
    daemon = Daemon(config, instance)
    run(config, instance, "clean", "report")
    daemon.tick()
    assert [message["job_id"] for message in messages(config)] == ["clean"]


@pytest.mark.parametrize(
    ("severity", "events"),
    [
        ("critical", [("quality_failed", "firing")]),
        ("low", [("quality_degraded", "firing"), ("run_succeeded", "info")]),
    ],
)
def test_rules_that_do_not_hold_are_told(
    tmp_path: Path, instance: dg.DagsterInstance, severity: str, events: list[tuple[str, str]]
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    rules = {"accuracy_rules": [{**POSITIVE, "severity": severity}]}
    config = load_project(tmp_path, copy_job("clean", data_quality=rules))
    daemon = Daemon(config, instance)
    run(config, instance, "clean")
    assert sorted(daemon.tick()) == sorted(events)


def test_rules_that_a_failed_run_did_not_come_to_say_nothing(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    rules = {"accuracy_rules": [{**POSITIVE, "severity": "low", "dataset": "target"}]}
    config = load_project(tmp_path, copy_job("clean", data_quality=rules), scripts=BROKEN)
    daemon = Daemon(config, instance)
    run(config, instance, "clean")
    assert daemon.tick() == [("run_failed", "firing")]


def test_rules_that_hold_again_are_told(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    rules = {"accuracy_rules": [{**POSITIVE, "severity": "low"}]}
    config = load_project(tmp_path, copy_job("clean", data_quality=rules))
    daemon = Daemon(config, instance)
    run(config, instance, "clean")
    daemon.tick()
    write_table(tmp_path, "orders", ORDERS[:2])
    run(config, instance, "clean")
    assert ("quality_degraded", "recovered") in daemon.tick()


def test_checks_are_told_while_their_run_goes_on(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    rules = {"accuracy_rules": [{**POSITIVE, "severity": "low"}]}
    config = load_project(tmp_path, copy_job("clean", data_quality=rules), copy_job("report", reads="clean"))
    daemon = Daemon(config, instance)
    seen: list[str] = []

    def look(context: dg.AssetExecutionContext, job: Job, *others: Any) -> JobRun | None:
        if job.job_id == "report":
            daemon.watch()
            seen.extend(message["event"] for message in messages(config))
        return step.run_job(context, job, *others)

    monkeypatch.setattr(assets, "run_job", look)
    run(config, instance, "clean", "report")
    assert seen == ["quality_degraded"]


@pytest.mark.parametrize(("minutes", "events"), [(1, []), (7, ["sla_at_risk"]), (11, ["sla_missed"])])
def test_a_run_that_goes_on_too_long_is_told_once(
    tmp_path: Path, instance: dg.DagsterInstance, minutes: float, events: list[str]
) -> None:
    sla = {"alert_threshold_minutes": 5, "max_duration_minutes": 10}
    config = load_project(tmp_path, copy_job("clean", sla=sla))
    running_since(config, minutes)
    daemon = Daemon(config, instance)
    assert [event for event, _ in daemon.tick()] == events


def test_a_missed_deadline_is_told(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_project(tmp_path, copy_job("clean", sla={"deadline_cron": "0 6 * * *"}))
    daemon = Daemon(config, instance)
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(notifications.time, "time", lambda: tomorrow)
    assert daemon.tick() == [("sla_missed", "firing")]
    assert daemon.tick() == [("sla_missed", "firing")]


def test_a_store_that_is_down_does_not_silence_a_failure(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean"), scripts=BROKEN)
    result = run(config, instance, "clean")
    down = tmp_path / "no-store"
    down.mkdir()
    monkeypatch.setattr(notifications, "open_store", lambda config: store_at(down))
    tell_of_run(Graph(config), instance, result.dagster_run, "", log=LOG)
    (message,) = messages(config)
    assert (message["event"], message.get("execution_id")) == ("run_failed", None)
    assert "no such customer" in message["summary"]


def store_at(folder: Path) -> TrackingStore:
    """A store whose file is a folder."""
    from etl_platform.tracking.sqlite import SqliteStore

    return SqliteStore(folder)


def test_the_sensors_are_on_and_named_after_their_job(tmp_path: Path) -> None:
    sensors = notification_sensors(Graph(load_project(tmp_path, copy_job("clean"))), "team_a")
    assert [each.name for each in sensors] == ["team_a_run_succeeded", "team_a_run_failed", "team_a_watch"]
    assert {each.default_status for each in sensors} == {dg.DefaultSensorStatus.RUNNING}

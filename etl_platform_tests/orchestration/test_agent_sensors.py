"""Agents are asked when something changed, and what they say is kept for the run."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_platform.catalog.cache import CACHE
from etl_platform.config.load import load
from etl_platform.config.project import Config
from etl_platform.orchestration.build import build_definitions
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.notifications import after_run_ended
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import JobExecution


def project(folder: Path, jobs: int = 1, **sections: Any) -> Config:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / "a.csv").write_text("id,amount\n1,2\n")
    (folder / "job.py").write_text("print('ran')\n")
    declared = [
        {
            "job_id": f"job_{number}",
            "execution": {"script_path": "job.py", "script_type": "python"},
            "data_sources": [{"name": "orders", "source_type": "file", "path": "in", "format": "csv"}],
            **sections,
        }
        for number in range(jobs)
    ]
    path = folder / "etl_config.json"
    path.write_text(json.dumps({"config_version": "2.0", "jobs": declared}))
    return load(path)


def tick(config: Config, name: str, cursor: str | None = None) -> tuple[str, str | None]:
    """What a tick of a sensor says, and its cursor."""
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        found = build_definitions(config).get_sensor_def(name)(context)
        assert isinstance(found, dg.SkipReason)
        return found.skip_message or "", context.cursor


def later(cursor: str | None) -> str:
    """The cursor as it is when the next look is due."""
    return json.dumps({**json.loads(cursor or "{}"), "ended": 0})


def asked(config: Config, agent: str) -> int:
    return len(open_store(config).invocations_by_agent(agent, 0))


@pytest.mark.slow
class TestPlatformDecision:
    def test_a_new_job_is_decided(self, tmp_path: Path) -> None:
        config = project(tmp_path)
        said, _ = tick(config, "etl_platform_decision")
        assert (said, asked(config, "decision")) == ("1 jobs looked at, 1 decided anew.", 1)

    def test_the_plan_stands_on_the_jobs_page_before_any_run(self, tmp_path: Path) -> None:
        definitions = build_definitions(project(tmp_path))
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance=instance)
            definitions.get_sensor_def("etl_platform_decision")(context)
            (record,) = instance.fetch_observations(dg.AssetKey("job_0"), limit=5).records
        seen = record.asset_observation
        assert seen and seen.description and seen.description.startswith("Runs next on local")
        assert {"sources", "data_flow", "decision"} <= seen.metadata.keys()

    def test_nothing_changed_asks_nobody(self, tmp_path: Path) -> None:
        config = project(tmp_path)
        _, cursor = tick(config, "etl_platform_decision")
        said, _ = tick(config, "etl_platform_decision", later(cursor))
        assert (said, asked(config, "decision")) == ("1 jobs looked at, 0 decided anew.", 1)

    def test_a_look_that_is_done_is_not_due_at_once(self, tmp_path: Path) -> None:
        config = project(tmp_path)
        _, cursor = tick(config, "etl_platform_decision")
        assert tick(config, "etl_platform_decision", cursor)[0] == "All jobs were looked at just now."

    def test_a_lost_cursor_asks_nobody_either(self, tmp_path: Path) -> None:
        config = project(tmp_path)
        tick(config, "etl_platform_decision")
        tick(config, "etl_platform_decision", None)
        assert asked(config, "decision") == 1

    @pytest.mark.parametrize("changed", ["size", "script", "columns"])
    def test_a_change_is_decided_anew(
        self, tmp_path: Path, changed: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = project(tmp_path)
        _, cursor = tick(config, "etl_platform_decision")
        # Measurements are kept for five minutes.
        monkeypatch.setattr(CACHE, "_kept", {})
        match changed:
            case "size":
                (tmp_path / "in" / "b.csv").write_text("id,amount\n" + "1,2\n" * 1_000)
            case "script":
                (tmp_path / "job.py").write_text("print('ran otherwise')\n")
            case "columns":
                (tmp_path / "in" / "a.csv").write_text("id,amounx\n1,2\n")
        said, _ = tick(project_again(tmp_path), "etl_platform_decision", later(cursor))
        assert said == "1 jobs looked at, 1 decided anew."

    def test_all_pages_are_looked_at(self, tmp_path: Path) -> None:
        config = project(tmp_path, jobs=120)
        said, cursor = tick(config, "etl_platform_decision")
        assert said == "120 jobs looked at, 120 decided anew."
        assert json.loads(cursor or "")["after"] is None


def project_again(folder: Path) -> Config:
    return load(folder / "etl_config.json")


def materialize(config: Config, log: Any = None) -> tuple[dg.ExecuteInProcessResult, JobExecution]:
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(config).resolve_job_def("etl")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        after_run_ended(
            Graph(config), instance, instance.get_runs()[0], "it failed", log=log or dg.get_dagster_logger()
        )
    execution = open_store(config).latest_execution("job_0")
    assert execution is not None
    return result, execution


@pytest.mark.slow
class TestRun:
    def test_a_run_takes_the_stored_decision(self, tmp_path: Path) -> None:
        config = project(tmp_path)
        tick(config, "etl_platform_decision")
        materialize(config)
        assert asked(config, "decision") == 1

    def test_a_run_without_one_decides_in_place(self, tmp_path: Path) -> None:
        config = project(tmp_path)
        materialize(config)
        assert asked(config, "decision") == 1

    def test_the_supervisor_reports_after_it(self, tmp_path: Path) -> None:
        config = project(tmp_path)
        _, execution = materialize(config)
        reports = [
            one
            for one in open_store(config).invocations(execution.execution_id)
            if one.agent_name == "supervisor"
        ]
        assert len(reports) == 1 and execution.recommendations is not None

    def test_it_leaves_a_learning_vector(self, tmp_path: Path) -> None:
        _, execution = materialize(project(tmp_path))
        assert execution.learning_vector_stored and execution.learning_vector_path

    def test_a_failure_is_reported_with_what_the_next_attempt_does(self, tmp_path: Path) -> None:
        config = project(tmp_path)
        (tmp_path / "job.py").write_text("raise MemoryError('too big')\n")
        _, execution = materialize(config)
        assert execution.status == "failed"
        assert any("out_of_memory" in one.title for one in execution.recommendations or [])

    def test_switched_off_agents_are_not_asked(self, tmp_path: Path) -> None:
        project(tmp_path)
        path = tmp_path / "etl_config.json"
        raw = json.loads(path.read_text())
        raw["global_settings"] = {
            "agents": {"decision_agent": {"enabled": False}, "supervisor_agent": {"post_run": False}}
        }
        path.write_text(json.dumps(raw))
        config = load(path)
        materialize(config)
        assert (asked(config, "decision"), asked(config, "supervisor")) == (0, 0)


@pytest.mark.slow
def test_the_cost_sensor_looks_once_a_day(tmp_path: Path) -> None:
    config = project(tmp_path)
    _, cursor = tick(config, "etl_cost")
    assert tick(config, "etl_cost", cursor)[0] == "Today's costs were looked at."

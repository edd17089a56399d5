"""What a language model decided ahead is what the run takes, as long as what it rests on holds."""

import logging
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_platform.config.load import load
from etl_platform.config.project import Config
from etl_platform.decide.plan import plan_job
from etl_platform.orchestration.ahead import decide_changed
from etl_platform.orchestration.build import build_definitions
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.notifications import after_run_ended
from etl_platform.orchestration.resources import AwsResource
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import JobExecution
from etl_platform_tests.agents.decision_cases import MODEL_KEY, server_model
from etl_platform_tests.agents.model_server import ModelServer, Reply, Turn, look_up_then, serving
from etl_platform_tests.decide.builders import EVERYWHERE
from etl_platform_tests.platforms.fake_platform import FakePlatform, FakeTime
from etl_platform_tests.projects import write_project

pytestmark = pytest.mark.slow


class Project:
    """A job that may run everywhere in an account, on a platform in memory."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("TEST_MODEL_KEY", MODEL_KEY)
        platform = FakePlatform(FakeTime(), seconds=0)
        monkeypatch.setattr(AwsResource, "platform", lambda self, config: platform)
        self._folder = folder
        self.write()
        self.engines_choice = self._planned()[0]
        self.models_choice = self._planned()[1]

    def write(self, *, gb: float = 20.0, model: dict[str, Any] | None = None) -> None:
        job = {
            "job_id": "clean",
            "execution": {"script_path": "job.py"},
            "workload": {"data_volume_gb": gb},
            "platform": EVERYWHERE,
        }
        settings = {
            "profile": "aws",
            "aws_region": "us-east-1",
            "tracking": {"backend": "sqlite"},
            "secrets": {"provider": "env", "prefix": "TEST_"},
            "agents": {"model": model or {"provider": "policy"}},
        }
        write_project(self._folder, [job], scripts={"job.py": ""}, settings=settings)

    @property
    def config(self) -> Config:
        return load(self._folder / "etl_config.json")

    def _planned(self) -> tuple[str, str]:
        config = self.config
        decision = plan_job(config, config.jobs[0], open_store(config), now=time.time()).decision
        assert decision
        own = decision.selected.platform
        return own, next(one.platform for one in decision.options if one.feasible and one.platform != own)

    def decide_ahead(self) -> None:
        decide_changed(Graph(self.config), {}, lambda cursor: None, lambda plan: None)

    def ran(self, *, reported: bool = False) -> JobExecution:
        config = self.config
        with dg.DagsterInstance.ephemeral() as instance:
            job = build_definitions(config).resolve_job_def("etl")
            assert job.execute_in_process(instance=instance).success
            if reported:
                run = instance.get_runs()[0]
                after_run_ended(Graph(config), instance, run, "", log=logging.getLogger("test"))
        execution = open_store(config).latest_execution("clean")
        assert execution
        return execution

    def invocations(self) -> list[str]:
        """Who decided, the first time first."""
        found = open_store(self.config).invocations_by_agent("decision", 0)
        return [one.provider or "" for one in sorted(found, key=lambda one: one.timestamp)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


def choosing(platform: str) -> Any:
    answer = {"platform": platform, "reasons": ["Its team knows it best."]}

    def script(turn: Turn) -> Reply:
        done = '"role": "tool"' in turn.text
        return Reply(calls=(("DecisionAnswer", answer),)) if done else look_up_then(answer)(turn)

    return script


def model_of(server: ModelServer, **keys: Any) -> dict[str, Any]:
    return server_model("openai", server.url, **keys)


def decision_of(execution: JobExecution) -> tuple[str | None, str | None]:
    decision = execution.platform_decision
    assert decision
    return decision.selected_platform, decision.provenance


def test_a_run_takes_what_the_model_decided_ahead(project: Project) -> None:
    with serving(choosing(project.models_choice)) as server:
        project.write(model=model_of(server))
        project.decide_ahead()
    # The model is gone: the run does not ask it again.
    execution = project.ran()
    assert decision_of(execution) == (project.models_choice, "llm")
    assert "Its team knows it best." in (execution.platform_decision or execution).model_dump_json()
    assert project.invocations() == ["openai:test-model"]


def test_what_has_changed_since_is_decided_in_place(project: Project) -> None:
    with serving(choosing(project.models_choice)) as server:
        project.write(model=model_of(server))
        project.decide_ahead()
        project.write(gb=21.0, model=model_of(server))
        execution = project.ran()
    assert decision_of(execution) == (project.models_choice, "llm")
    assert project.invocations() == ["openai:test-model"] * 2


def test_where_the_model_is_down_the_rule_decides_and_the_run_goes_on(project: Project) -> None:
    def down(turn: Turn) -> Reply:
        return Reply(status=500)

    with serving(down) as server:
        project.write(model=model_of(server))
        execution = project.ran()
    assert decision_of(execution) == (project.engines_choice, "policy")
    (asked,) = open_store(project.config).invocations_by_agent("decision", 0)
    assert asked.provider == "policy:decision"
    assert (asked.fallback_reason or "").startswith("unavailable")


def test_a_choice_that_is_not_feasible_is_not_taken(project: Project) -> None:
    with serving(choosing("local")) as server:
        project.write(model=model_of(server))
        execution = project.ran()
    assert decision_of(execution) == (project.engines_choice, "policy")


def test_a_report_adds_what_its_models_cost(project: Project) -> None:
    project.write()
    execution = project.ran(reported=True)
    # Rules cost nothing, and that is known.
    assert execution.cost_breakdown and execution.cost_breakdown.bedrock_cost_usd == 0.0


def test_tokens_of_an_unknown_price_cost_an_unknown_amount(project: Project) -> None:
    with serving(look_up_then({"summary": "All is well."}, "SupervisorAnswer")) as server:
        project.write(model=model_of(server))
        execution = project.ran(reported=True)
    assert execution.cost_breakdown is None or execution.cost_breakdown.bedrock_cost_usd is None

"""Who is asked in which order, what blocks a run, and what happens where an agent has no answer."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from etl_platform.agents.agent import Agent, Case
from etl_platform.agents.decision import AGENT as DECISION
from etl_platform.agents.supervisor import review
from etl_platform.tracking.records import CostBreakdown, JobExecution
from etl_platform_tests.agents.decision_cases import case, server_model
from etl_platform_tests.agents.model_server import Reply, Turn, serving


class Said(BaseModel):
    words: str
    stops: list[str] = []


def agent(name: str, words: str = "", stops: Sequence[str] = (), tool: Any = None) -> Agent[Said]:
    def look() -> str:
        """Look."""
        return "seen" if tool is None else tool()

    return Agent(
        name=name,
        version=f"{name}-1",
        prompt="Answer.",
        tools=lambda _: {"look": look},
        answer=Said,
        policy=lambda _, results: Said(words=words or name, stops=list(stops)),
        check=lambda _, answer: answer,
        blocks=lambda answer: answer.stops,
        says=lambda answer: [answer.words],
    )


def agents(*listed: Agent[Any]) -> Mapping[str, Agent[Any]]:
    return {one.name: one for one in listed}


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """An event that is set only after the test, so that no thread outlives it."""
    event = threading.Event()
    yield event
    event.set()


def test_before_a_run_the_decision_comes_after_what_it_may_weigh(tmp_path: Path) -> None:
    found = review(case(tmp_path), agents(DECISION, agent("optimization"), agent("learning")))
    assert list(found.answers) == ["learning", "decision", "optimization"]
    assert found.missing == {}
    assert found.report.answer.go is True
    assert found.report.provider == "policy:supervisor"


def test_each_agent_reads_what_the_others_said(tmp_path: Path) -> None:
    one = case(tmp_path)
    review(
        one, agents(agent("learning", "runs on Mondays are slow"), agent("decision"), agent("optimization"))
    )
    (first,) = one.store.invocations_by_agent("learning", 0)
    (last,) = one.store.invocations_by_agent("optimization", 0)
    assert "note" not in (first.input_parameters or {})
    note = str((last.input_parameters or {})["note"])
    assert "runs on Mondays are slow" in note and '"decision"' in note


def test_every_invocation_is_recorded_once(tmp_path: Path) -> None:
    one = case(tmp_path, execution_id="exec-1")
    review(one, agents(agent("quality"), agent("cost_tracking")))
    names = sorted(record.agent_name for record in one.store.invocations("exec-1"))
    assert names == ["cost_tracking", "quality", "supervisor"]


def test_what_an_agent_forbids_is_a_no_go(tmp_path: Path) -> None:
    found = review(case(tmp_path), agents(agent("compliance", stops=["no encryption"]), DECISION))
    assert found.report.answer.go is False
    assert found.report.answer.blocks == ["compliance: no encryption"]


def test_a_hard_budget_below_every_option_is_a_no_go(tmp_path: Path) -> None:
    cost = {"budget_per_run_usd": 0.000001, "hard_limit": True}
    found = review(case(tmp_path, cost=cost, platform={"allowed_platforms": ["glue"]}), agents(DECISION))
    assert found.report.answer.go is False
    assert found.answers["decision"].answer.platform is None


def test_an_agent_that_fails_is_missing(tmp_path: Path) -> None:
    def broken() -> str:
        raise RuntimeError("no host at postgres://etl:hunter2@db/x")

    found = review(case(tmp_path), agents(agent("quality", tool=broken), agent("learning")))
    assert list(found.answers) == ["learning"]
    assert set(found.missing) == {"quality"} == set(found.report.answer.missing)
    assert "hunter2" not in found.missing["quality"]
    assert "The quality agent has no answer." in found.report.answer.concerns


def test_an_agent_that_hangs_is_missing_and_the_others_are_asked(
    tmp_path: Path, never: threading.Event
) -> None:
    one = case(tmp_path, model={"timeout_seconds": 1.0})
    found = review(one, agents(agent("quality", tool=lambda: str(never.wait())), agent("learning")))
    assert list(found.answers) == ["learning"]
    assert found.missing == {"quality": "no answer within 2 seconds"}


def test_hand_offs_are_bounded(tmp_path: Path) -> None:
    one = case(tmp_path, agents={"supervisor_agent": {"max_handoffs": 1}})
    found = review(one, agents(agent("quality"), agent("learning")))
    assert list(found.answers) == ["learning"]
    assert "max_handoffs" in found.missing["quality"]


def test_after_a_run_its_figures_are_reported(tmp_path: Path) -> None:
    one = case(tmp_path, execution_id="exec-1")
    one.store.put_execution(
        JobExecution(
            execution_id="exec-1",
            timestamp=one.now - 600,
            job_name="orders",
            job_type="glue",
            status="success",
            duration_seconds=600.0,
            cost_breakdown=CostBreakdown(total_cost_usd=1.25),
        )
    )
    answer = review(one, agents(agent("cost_tracking", "Cheaper on Lambda."))).report.answer
    assert answer.summary == "orders succeeded on glue after 10 min 00 s; it cost $1.25."
    assert answer.findings == ["Cheaper on Lambda."]
    assert answer.go is None


@pytest.mark.slow
def test_a_language_model_cannot_turn_a_no_go_into_a_go(tmp_path: Path) -> None:
    """It answers for all: the members in one stage at once, then the supervisor."""

    def script(turn: Turn) -> Reply:
        if "Said" in turn.tools:
            return Reply(calls=(("Said", {"words": "fine", "stops": ["personal data without a mask"]}),))
        answer = {"summary": "All is well.", "go": True, "blocks": []}
        return Reply(calls=(("SupervisorAnswer", answer),))

    with serving(script) as server:
        one = case(tmp_path, model=server_model("openai", server.url))
        found = review(one, agents(agent("compliance"), agent("learning"), agent("quality")))
    assert found.report.by_model
    assert found.report.answer.summary == "All is well."
    assert found.report.answer.go is False
    assert set(found.answers) == {"compliance", "learning", "quality"}


def test_the_case_is_planned_once(tmp_path: Path) -> None:
    one = case(tmp_path)
    plans: list[int] = []

    def watch(of: Case) -> Mapping[str, Any]:
        plans.append(id(of.plan))
        return {}

    watching = Agent("learning", "1", "", watch, Said, lambda _c, _r: Said(words="x"), lambda _c, a: a)
    review(one, agents(watching, DECISION))
    assert plans == [id(one.plan)]

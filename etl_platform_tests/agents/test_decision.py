"""What the decision agent may choose, what its rule chooses, and how that becomes the plan's decision."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform.agents.agent import Case, InvalidAnswerError, ToolError
from etl_platform.agents.decision import AGENT, DecisionAnswer, adopt, choices
from etl_platform_tests.agents.decision_cases import case

BY_SPEED = {"optimization_priority": "speed"}


def rule(one: Case) -> DecisionAnswer:
    return AGENT.check(one, AGENT.policy(one, {}))


def says(platform: Any, **keys: Any) -> DecisionAnswer:
    return DecisionAnswer(platform=platform, reasons=["It is the better one."], **keys)


def other(one: Case) -> str:
    """A platform that the engine found feasible and did not take."""
    decision = one.plan.decision
    assert decision
    return next(
        option.platform
        for option in decision.options
        if option.feasible and option.platform != decision.selected.platform
    )


@pytest.mark.parametrize("size_gb", [0.01, 20.0, 900.0, None])
@pytest.mark.parametrize("priority", ["cost", "speed", "balanced"])
def test_the_rule_is_the_engines_own_decision(tmp_path: Path, size_gb: float | None, priority: str) -> None:
    one = case(tmp_path, size_gb=size_gb, cost={"optimization_priority": priority})
    plan = adopt(one, rule(one), by_model=False)
    assert plan.decision and one.plan.decision
    assert plan.decision.record() == one.plan.decision.record()


def test_figures_are_the_engines(tmp_path: Path) -> None:
    one = case(tmp_path)
    answer = AGENT.check(one, says(other(one), estimated_cost_usd=0.0, estimated_seconds=1.0, confidence=1.0))
    option = choices(one)[other(one)]
    assert (answer.estimated_cost_usd, answer.estimated_seconds) == (
        option.figures.usd,
        option.figures.seconds,
    )
    assert answer.size == (option.size and option.size.label)
    assert answer.confidence is None


def test_another_feasible_option_becomes_the_decision(tmp_path: Path) -> None:
    one = case(tmp_path)
    plan = adopt(one, AGENT.check(one, says(other(one))), by_model=True)
    assert plan.decision
    assert plan.decision.selected.platform == other(one)
    assert plan.decision.provenance == "llm"
    assert plan.decision.reasoning == ("It is the better one.",)
    assert plan.decision.apply(one.job).platform != one.job.platform


def test_the_plan_holds_the_new_estimate_against_the_budget(tmp_path: Path) -> None:
    by_price = sorted(choices(case(tmp_path)).values(), key=lambda option: option.figures.usd or 0.0)
    cheapest, dearest = by_price[0], by_price[-1]
    budget = ((cheapest.figures.usd or 0.0) + (dearest.figures.usd or 0.0)) / 2
    one = case(tmp_path, cost={"budget_per_run_usd": budget, "cost_alerts": {"threshold_percent": 100.0}})
    cheap, dear = (
        adopt(one, AGENT.check(one, says(option.platform)), by_model=True) for option in (cheapest, dearest)
    )
    assert cheap.budget.warnings == ()
    assert "is over `budget_per_run_usd`" in dear.budget.warnings[0]


def test_a_preference_is_kept_whatever_the_model_says(tmp_path: Path) -> None:
    one = case(tmp_path, platform={"user_preference": "emr"})
    assert list(choices(one)) == ["emr"]
    with pytest.raises(InvalidAnswerError, match="glue may not be chosen"):
        AGENT.check(one, says("glue"))
    plan = adopt(one, AGENT.check(one, says("emr")), by_model=True)
    assert plan.decision and plan.decision.provenance == "user"


def test_a_strict_preference_shows_nothing_else(tmp_path: Path) -> None:
    one = case(tmp_path, platform={"user_preference": "emr", "allow_agent_override": False})
    assert [option["platform"] for option in AGENT.tools(one)["options"]()] == ["emr"]
    assert rule(one).recommended is None


def test_a_preference_may_be_left_to_the_agent(tmp_path: Path) -> None:
    one = case(tmp_path, platform={"user_preference": "emr", "auto_select_platform": True})
    assert len(choices(one)) > 1


def test_a_preference_is_not_respected_where_the_settings_say_so(tmp_path: Path) -> None:
    agents = {"decision_agent": {"respect_user_preference": False}}
    one = case(tmp_path, platform={"user_preference": "glue"}, agents=agents)
    decision = one.plan.decision
    assert decision and decision.recommended
    assert decision.selected.platform == "glue" != decision.recommended.platform
    assert rule(one).platform == decision.recommended.platform


def test_without_automatic_selection_only_the_engine_chooses(tmp_path: Path) -> None:
    one = case(tmp_path, agents={"decision_agent": {"auto_platform_selection": False}})
    decision = one.plan.decision
    assert decision
    assert list(choices(one)) == [decision.selected.platform]


def test_under_the_local_profile_it_is_this_machine(tmp_path: Path) -> None:
    one = case(tmp_path, profile="local")
    assert list(choices(one)) == ["local"]
    assert rule(one).platform == "local"


def test_a_hard_budget_takes_the_best_that_it_allows(tmp_path: Path) -> None:
    free = case(tmp_path, size_gb=500.0, cost=BY_SPEED)
    usd = sorted(option.figures.usd or 0.0 for option in choices(free).values())
    budget = {"budget_per_run_usd": (usd[0] + usd[1]) / 2, "hard_limit": True}
    one = case(tmp_path, size_gb=500.0, cost={"optimization_priority": "balanced", **budget})
    allowed = choices(one)
    assert all((option.figures.usd or 0.0) <= budget["budget_per_run_usd"] for option in allowed.values())
    answer = rule(one)
    assert answer.platform in allowed
    plan = adopt(one, answer, by_model=False)
    assert plan.budget.allowed


def test_a_budget_below_everything_leaves_no_choice(tmp_path: Path) -> None:
    one = case(tmp_path, cost={"budget_per_run_usd": 1e-9, "hard_limit": True})
    answer = rule(one)
    assert answer.platform is None
    assert list(AGENT.blocks(answer)) == answer.reasons
    assert adopt(one, answer, by_model=False) == one.plan
    assert not one.plan.budget.allowed


def test_a_preference_over_the_budget_is_not_evaded(tmp_path: Path) -> None:
    cost = {"budget_per_run_usd": 1e-9, "hard_limit": True}
    one = case(tmp_path, platform={"user_preference": "emr"}, cost=cost)
    assert choices(one) == {}


def test_a_job_that_can_run_nowhere(tmp_path: Path) -> None:
    one = case(tmp_path, platform={"allowed_platforms": ["batch"], "job_queue": None})
    answer = rule(one)
    assert answer.platform is None
    assert "job_queue" in answer.reasons[0]
    with pytest.raises(ToolError, match="job_queue"):
        AGENT.tools(one)["options"]()
    with pytest.raises(InvalidAnswerError):
        AGENT.check(one, says("batch"))


def test_a_size_that_nobody_offered_is_refused(tmp_path: Path) -> None:
    one = case(tmp_path)
    with pytest.raises(InvalidAnswerError, match="no size of glue"):
        AGENT.check(one, says("glue", size="1,000 × G.8X"))


def test_no_platform_is_no_answer_where_there_is_a_choice(tmp_path: Path) -> None:
    with pytest.raises(InvalidAnswerError, match="no platform is named"):
        AGENT.check(case(tmp_path), says(None))


def test_a_figure_that_no_tool_gave_is_refused(tmp_path: Path) -> None:
    one = case(tmp_path)
    answer = says(other(one)).model_copy(update={"risks": ["It failed 4,711 times."]})
    with pytest.raises(InvalidAnswerError, match="4,711"):
        AGENT.check(one, answer)


def test_a_figure_of_the_script_is_none_of_ours(tmp_path: Path) -> None:
    execution = {"sql": "select * from t -- this costs $0.0123", "timeout_minutes": 600.0}
    one = case(tmp_path, execution=execution)
    with pytest.raises(InvalidAnswerError, match="0123"):
        AGENT.check(one, says(other(one)).model_copy(update={"reasons": ["It costs $0.0123."]}))


def test_what_is_not_considered_is_not_shown(tmp_path: Path) -> None:
    off = {"consider_cost": False, "consider_performance": False, "consider_reliability": False}
    tools = AGENT.tools(case(tmp_path, agents={"decision_agent": off}))
    assert "history" not in tools
    shown = tools["options"]()[0]
    assert not {"usd", "seconds"} & set(shown)
    assert {"usd", "seconds"} <= set(AGENT.tools(case(tmp_path))["options"]()[0])


def test_the_script_is_read_from_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("print(1)")
    execution = {"script_path": "job.py", "script_type": "python", "timeout_minutes": 600.0}
    assert AGENT.tools(case(tmp_path, execution=execution))["script"]() == "print(1)"
    with pytest.raises(ToolError, match="cannot be read"):
        AGENT.tools(case(tmp_path, execution=execution | {"script_path": "none.py"}))["script"]()
    with pytest.raises(ToolError, match="not on this machine"):
        AGENT.tools(case(tmp_path, execution=execution | {"script_path": "s3://b/job.py"}))["script"]()

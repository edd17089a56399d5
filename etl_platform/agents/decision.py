"""The decision agent: where a job runs and how big, among what the engine found feasible."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from etl_platform.agents.agent import Agent, Case, InvalidAnswerError, Tool, ToolError
from etl_platform.agents.once import once
from etl_platform.agents.stated_numbers import refuse_invented
from etl_platform.config.models.base import PlatformName
from etl_platform.decide.decision import Decision
from etl_platform.decide.options import Figures, PlatformOption
from etl_platform.decide.plan import Plan, redecided
from etl_platform.decide.ranking import CERTAINTY, goal_of, score
from etl_platform.notify.figures import duration, usd
from etl_platform.pricing.budget import check_budget
from etl_platform.tracking.records import JobExecution

PAST_RUNS = 10
"""Runs that are shown; older ones are in the figures of the options already."""

PROMPT = """You decide where one ETL job runs next: on which platform and with which size.

Call every tool before you answer. The tool `options` lists the platforms with their expected seconds and
dollars, which come from a price book and a runtime model: take them as they are and compute none yourself.
Choose one option with `may_choose`, and copy its `size`. Where none has it, answer null for both.
Weigh what the figures do not say: how past runs failed, what the findings and the script tell, how uncertain
the figures are. Where nothing of this speaks against it, take the option with `engine_choice`.
Say your reasons, the risks, and what would change your mind, each as a short sentence for the job's team.
Write no number that no tool gave you."""


class DecisionAnswer(BaseModel):
    """Where the job runs next, and why."""

    model_config = ConfigDict(extra="forbid")

    platform: PlatformName | None = Field(description="An option with `may_choose`; null where none has it.")
    size: str | None = Field(default=None, description="The `size` of that option, copied.")
    reasons: list[str] = Field(min_length=1, max_length=10, description="Why, a sentence each.")
    risks: list[str] = Field(default=[], max_length=10, description="What may go wrong, a sentence each.")
    would_change: list[str] = Field(
        default=[], max_length=10, description="What would change the choice, a sentence each."
    )
    recommended: PlatformName | None = Field(default=None, description="Leave out; it is looked up.")
    estimated_seconds: float | None = Field(default=None, description="Leave out; it is looked up.")
    estimated_cost_usd: float | None = Field(default=None, description="Leave out; it is looked up.")
    confidence: float | None = Field(default=None, description="Leave out; it is looked up.")


def choices(case: Case) -> dict[str, PlatformOption]:
    """The options that may be taken, by platform.

    These are the feasible ones within the hard budget, but only the engine's own where the team's preference
    or the profile leaves no choice, or where `decision_agent.auto_platform_selection` is off. Empty where the
    job cannot run, or a hard budget forbids all of them.
    """
    plan = case.plan
    decision = plan.decision
    if decision is None:
        return {}
    options = [decision.selected] if _settled(case, decision) else [_of_engine(case, decision)]
    if _free(case, decision):
        options += [one for one in decision.options if one.feasible]
    return {one.platform: one for one in options if _within_budget(plan, one)}


def adopt(case: Case, answer: DecisionAnswer, *, by_model: bool) -> Plan:
    """The plan of the case with what the agent answered; what `decide.plan.redecided` says of its budgets.

    Where the job cannot run, or a hard budget forbids every option, the plan stays, and says so itself.

    Args:
        case: What was decided.
        answer: An answer that passed `check`.
        by_model: A language model gave it.
    """
    plan, decision = case.plan, case.plan.decision
    if decision is None or answer.platform is None:
        return plan
    option = choices(case)[answer.platform]
    own = option.platform == decision.selected.platform
    provenance = "llm" if by_model else "policy"
    return redecided(
        plan,
        replace(
            decision,
            selected=option,
            # What a remedy changed was for the platform that it was decided for.
            changes=decision.changes if own else {},
            reasoning=_different((*(decision.reasoning if own else ()), *answer.reasons)),
            # A preference that is taken is the team's choice, whoever explains it.
            provenance="user" if own and decision.provenance == "user" else provenance,
        ),
    )


def _settled(case: Case, decision: Decision) -> bool:
    preference = decision.preference
    strict = preference is not None and not case.job.platform.allow_agent_override
    return case.config.profile == "local" or strict


def _free(case: Case, decision: Decision) -> bool:
    settings = case.config.settings.agents.decision_agent
    if _settled(case, decision) or not settings.auto_platform_selection:
        return False
    return not _preference_taken(case, decision) or not settings.respect_user_preference


def _preference_taken(case: Case, decision: Decision) -> bool:
    keys = case.job.platform
    return decision.selected.platform == keys.user_preference and not keys.auto_select_platform


def _of_engine(case: Case, decision: Decision) -> PlatformOption:
    respected = case.config.settings.agents.decision_agent.respect_user_preference
    if _preference_taken(case, decision) and not respected and decision.recommended:
        return decision.recommended
    return decision.selected


def _within_budget(plan: Plan, option: PlatformOption) -> bool:
    usd = option.figures.usd if option.charged else 0.0
    return check_budget(plan.job.cost, usd, plan.spent_usd or 0.0).allowed


def _policy_choice(case: Case) -> PlatformOption | None:
    decision, allowed = case.plan.decision, choices(case)
    if decision is None or not allowed:
        return None
    own = _of_engine(case, decision)
    if own.platform in allowed:
        return own
    goal = goal_of(case.config, case.job)
    return min(allowed.values(), key=lambda one: score(goal, one.figures, one.charged))


def _tools(case: Case) -> Mapping[str, Tool]:
    settings = case.config.settings.agents.decision_agent

    def sizes() -> dict[str, Any]:
        """How big the inputs of the job are, and how that was found out."""
        kept = {"size_gb", "row_count", "file_count", "partition_count", "format", "detected_by", "warnings"}
        return {name: one.model_dump(mode="json", include=kept) for name, one in case.plan.stats.items()}

    def data_flow() -> dict[str, Any]:
        """What the job does with its inputs: joins, broadcasts, shuffles, and how complex that is."""
        left_out = {"findings", "spark_conf", "joins", "shapes"}
        return case.plan.workload.model_dump(mode="json", exclude=left_out)

    def options() -> list[dict[str, Any]]:
        """The platforms: whether the job can run there, why not, its size, expected seconds and dollars."""
        decision = case.plan.decision
        if decision is None:
            raise ToolError(case.plan.refusal or "the job cannot run anywhere")
        allowed, own = choices(case), _policy_choice(case)
        listed = {one.platform: one for one in (*decision.options, decision.selected)}
        return [
            {
                "platform": one.platform,
                "size": one.size.label if one.size else None,
                "may_choose": one.platform in allowed,
                "engine_choice": own is not None and own.platform == one.platform,
                "feasible": one.feasible,
                "reasons": list(one.reasons),
                **_shown(one.figures, cost=settings.consider_cost, time=settings.consider_performance),
            }
            for one in listed.values()
        ]

    def history() -> list[dict[str, Any]]:
        """The latest runs of the job, newest first: where, how long, how much, and what they died of."""
        return [_run(one) for one in case.store.executions(case.job.job_id, limit=PAST_RUNS).items]

    def findings() -> dict[str, Any]:
        """What is wrong with the job's data and data flow, what its budgets say, what weakens the figures."""
        plan = case.plan
        found = [*(one for stats in plan.stats.values() for one in stats.findings), *plan.workload.findings]
        return {
            "findings": [one.model_dump(mode="json") for one in found],
            "budget": [*plan.budget.refusals, *plan.budget.warnings],
            "notes": list(plan.notes),
        }

    def script() -> str:
        """The text of the job's script or SQL."""
        return _script(case)

    tools: dict[str, Tool] = {one.__name__: one for one in (sizes, data_flow, options, findings, script)}
    if settings.consider_reliability:
        tools["history"] = history
    return tools


def _shown(figures: Figures, *, cost: bool, time: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if time:
        shown |= {
            "seconds": figures.seconds,
            "seconds_low": figures.seconds_low,
            "seconds_high": figures.seconds_high,
            "probability_on_time": figures.on_time,
        }
    if cost:
        shown |= {"usd": figures.usd, "usd_low": figures.usd_low, "usd_high": figures.usd_high}
    return shown


def _run(one: JobExecution) -> dict[str, Any]:
    return {
        "platform": one.job_type,
        "status": one.status,
        "started": one.timestamp,
        "seconds": one.duration_seconds,
        "usd": one.cost_breakdown.total_cost_usd if one.cost_breakdown else None,
        "input_gb": one.workload_characteristics.data_volume_gb if one.workload_characteristics else None,
        "error_class": one.error_details.error_class if one.error_details else None,
        "error": one.error_details.error_message if one.error_details else None,
    }


def _script(case: Case) -> str:
    execution = case.job.execution
    if execution.sql is not None:
        return execution.sql
    path = execution.script_path
    if path is None or "://" in path:
        raise ToolError("the script is not on this machine")
    try:
        return Path(case.config.resolve(path)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ToolError("the script cannot be read") from None


@once
def _rule(case: Case) -> DecisionAnswer:
    plan, option = case.plan, _policy_choice(case)
    decision = plan.decision
    if decision is None:
        return DecisionAnswer(platform=None, reasons=[plan.refusal or "The job cannot run anywhere."])
    if option is None:
        return DecisionAnswer(
            platform=None,
            reasons=["A hard budget forbids every option.", *plan.budget.refusals],
            would_change=["A higher budget, or `hard_limit` set to false."],
        )
    reasons = list(decision.reasoning)
    if option.platform != decision.selected.platform:
        why = "the preference is not respected here" if _free(case, decision) else "it is recommended"
        if not _within_budget(plan, decision.selected):
            why = f"a hard budget forbids {decision.selected.platform}"
        reasons = [f"{option.platform} is taken: {why}."]
    return DecisionAnswer(
        platform=option.platform,
        size=option.size.label if option.size else None,
        reasons=reasons[:10],
        risks=list(_risks(plan, option))[:10],
        would_change=list(_would_change(decision, option))[:10],
    )


def _risks(plan: Plan, option: PlatformOption) -> Iterator[str]:
    figures = option.figures
    if figures.seconds is None:
        yield "How long it takes is unknown: nothing was measured, and no run stands in the records."
    if option.charged and figures.usd is None:
        yield "What it costs is unknown."
    if figures.on_time is not None and figures.on_time < CERTAINTY:
        yield f"It meets its deadline with a probability of {figures.on_time:.0%} only."
    if figures.seconds_low and figures.seconds_high and figures.seconds_high > 2 * figures.seconds_low:
        low, high = duration(figures.seconds_low), duration(figures.seconds_high)
        yield f"The time is uncertain: {low} to {high}."
    yield from plan.budget.warnings
    if plan.workload.volume_unknown:
        yield f"Sizes are unknown of {', '.join(plan.workload.volume_unknown)}."


def _would_change(decision: Decision, option: PlatformOption) -> Iterator[str]:
    here = _expected(option.figures)
    for one in decision.options:
        if one.platform == option.platform:
            continue
        if not one.feasible:
            yield f"{one.platform} is left out: {'; '.join(one.reasons)}."
        elif one.charged and option.charged:
            yield f"{one.platform}, {_expected(one.figures)}, would have to become better than {here}."


def _expected(figures: Figures) -> str:
    time = "unknown time" if figures.seconds is None else duration(figures.seconds)
    return f"{time} for {'unknown dollars' if figures.usd is None else usd(figures.usd)}"


def _policy(case: Case, results: Mapping[str, Any]) -> DecisionAnswer:
    return _rule(case)


def _check(case: Case, answer: DecisionAnswer) -> DecisionAnswer:
    allowed = choices(case)
    if answer.platform is None:
        if allowed:
            raise InvalidAnswerError(f"no platform is named, though {', '.join(allowed)} may be chosen")
        option = None
    else:
        option = allowed.get(answer.platform)
        if option is None:
            listed = ", ".join(allowed) or "none"
            raise InvalidAnswerError(f"{answer.platform} may not be chosen; these may: {listed}")
        label = option.size.label if option.size else None
        if answer.size is not None and answer.size != label:
            raise InvalidAnswerError(f"no size of {answer.platform} that was offered is called so")
    rule = set(_sentences(_rule(case)))
    if written := [one for one in _sentences(answer) if one not in rule]:
        refuse_invented(written, _facts(case))
    decision = case.plan.decision
    recommended = decision.recommended if decision and _recommends(case) else None
    best = option is not None and recommended is not None and option.platform == recommended.platform
    return answer.model_copy(
        update={
            "size": option.size.label if option and option.size else None,
            "recommended": recommended.platform if recommended else None,
            "estimated_seconds": option.figures.seconds if option else None,
            "estimated_cost_usd": option.figures.usd if option else None,
            "confidence": decision.confidence if decision and best else None,
        }
    )


def _recommends(case: Case) -> bool:
    settings = case.config.settings.agents.decision_agent
    return settings.always_provide_recommendation or case.job.platform.user_preference is None


def _sentences(answer: DecisionAnswer) -> tuple[str, ...]:
    return (*answer.reasons, *answer.risks, *answer.would_change)


def _facts(case: Case) -> Any:
    # What a script says is no figure of ours.
    tools = [tool for name, tool in _tools(case).items() if name != "script"]
    return [_sentences(_rule(case)), *([tool() for tool in tools] if case.plan.decision else ())]


def _different(sentences: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentences))


def _blocks(answer: DecisionAnswer) -> tuple[str, ...]:
    return tuple(answer.reasons) if answer.platform is None else ()


def _says(answer: DecisionAnswer) -> tuple[str, ...]:
    return (*answer.reasons, *answer.risks)


AGENT = Agent(
    name="decision",
    version="decision-1",
    prompt=PROMPT,
    tools=_tools,
    answer=DecisionAnswer,
    policy=_policy,
    check=_check,
    blocks=_blocks,
    says=_says,
)

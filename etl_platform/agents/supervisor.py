"""The supervisor: asks the other agents in order, and makes one answer of theirs."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from etl_platform.agents.agent import Agent, Case, Tool, ToolError
from etl_platform.agents.failures import failure_label
from etl_platform.agents.guard import Invocation, invoke
from etl_platform.agents.loop import hide_contents
from etl_platform.agents.models import provider_of
from etl_platform.agents.outside import masked
from etl_platform.agents.registry import enabled_agents
from etl_platform.agents.stated_numbers import facts_of, refuse_invented
from etl_platform.notify.figures import duration, usd

if TYPE_CHECKING:
    from strands.agent.agent_result import AgentResult
    from strands.multiagent import GraphBuilder

BEFORE: tuple[tuple[str, ...], ...] = (
    ("learning", "quality", "compliance", "cost_tracking"),
    ("decision",),
    ("optimization",),
)
AFTER: tuple[tuple[str, ...], ...] = (
    ("quality", "compliance", "cost_tracking", "learning"),
    ("optimization",),
)
"""Who is asked before and after a run: those of one stage do not need each other's answers."""

NAME, VERSION = "supervisor", "supervisor-1"

LONGEST_SUMMARY = 2_000
"""Characters of a report's summary: about a page."""

PROMPT = """You speak for several agents who looked at one ETL job, each in its field.

Call every tool: each gives the answer of one agent. Before a run, say what speaks for and against starting
it; after a run, report what happened, what it cost, how good the data is and what should be done.
Whether the run may start is settled by rules, not by you. Where an agent has no answer, do not guess it.
Write a summary for the job's team in at most five sentences, then what worries you, and what the team should
know and do, each in one sentence, the most important first. Write no number that no tool gave you."""


class SupervisorAnswer(BaseModel):
    """One answer of all agents about a job."""

    model_config = ConfigDict(extra="forbid")

    summary: str = Field(min_length=1, max_length=LONGEST_SUMMARY, description="For the job's team.")
    concerns: list[str] = Field(default=[], max_length=20, description="What worries, a sentence each.")
    findings: list[str] = Field(
        default=[], max_length=20, description="What the team should know and do, a sentence each."
    )
    go: bool | None = Field(default=None, description="Leave out; it is looked up.")
    blocks: list[str] = Field(default=[], description="Leave out; it is looked up.")
    missing: dict[str, str] = Field(default={}, description="Leave out; it is looked up.")


@dataclass(frozen=True)
class Review:
    """What all agents say about a job.

    Attributes:
        report: The supervisor's answer. `go` is None after a run; before one it is false where any agent's
            rules forbid to start, and `blocks` says which.
        answers: What each agent said, by name, in the order of the answers.
        missing: Agents without an answer, and why.
    """

    report: Invocation[SupervisorAnswer]
    answers: Mapping[str, Invocation[Any]]
    missing: Mapping[str, str]


def review(case: Case, agents: Mapping[str, Agent[Any]] | None = None) -> Review:
    """Ask all agents about the next run of a job, or about the run of the case.

    One after another with the policy model; with a language model those who need no answer of each other at
    once. Each has twice the time of an invocation: once for its model, once for its rule; who has no answer
    by then, or fails, is missing. No more are asked than `supervisor_agent.max_handoffs`.

    Args:
        case: What it is about.
        agents: By name; None: all that the configuration enables.
    """
    asked = enabled_agents(case.config) if agents is None else agents
    # Agents at once would each make it.
    _ = case.plan
    answers, missing = _ask_all(case, asked)
    said = {name: one.answer for name, one in answers.items()}
    report = invoke(_supervisor(asked, said, missing), case)
    return Review(report, answers, missing)


def review_by_rule(case: Case, agents: Mapping[str, Agent[Any]]) -> SupervisorAnswer:
    """The supervisor's answer by the rules of all agents; nobody is asked, so nothing is recorded."""
    names = [name for stage in _stages(case, agents, len(agents))[0] for name in stage]
    answers = {name: agents[name].policy(case, facts_of(agents[name].tools(case))) for name in names}
    supervisor = _supervisor(agents, answers, {})
    return supervisor.check(case, supervisor.policy(case, facts_of(supervisor.tools(case))))


class _Member:
    """One agent as a node of a Strands graph: it never fails, so that the others are asked nevertheless."""

    def __init__(
        self,
        agent: Agent[Any],
        case: Case,
        threads: ThreadPoolExecutor,
        answers: dict[str, Invocation[Any]],
        missing: dict[str, str],
    ):
        self._agent = agent
        self._case = case
        self._threads = threads
        self._answers = answers
        self._missing = missing

    def __call__(self, prompt: Any = None, **kwargs: Any) -> "AgentResult":
        return asyncio.run(self.invoke_async(prompt, **kwargs))

    async def invoke_async(self, prompt: Any = None, **kwargs: Any) -> "AgentResult":
        name = self._agent.name
        seconds = 2 * self._case.config.settings.agents.model.timeout_seconds
        ask = partial(invoke, self._agent, self._case, note=_text(prompt))
        asking = asyncio.wrap_future(self._threads.submit(ask))
        await asyncio.wait([asking], timeout=seconds)
        if not asking.done():
            self._missing[name] = f"no answer within {seconds:g} seconds"
            return _result("timed out")
        if error := asking.exception():
            self._missing[name] = masked(f"{type(error).__name__}: {error}")
            return _result("failed")
        self._answers[name] = asking.result()
        return _result(self._answers[name].answer.model_dump_json())

    async def stream_async(self, prompt: Any = None, **kwargs: Any) -> AsyncIterator[dict[str, Any]]:
        yield {"result": await self.invoke_async(prompt, **kwargs)}


def _ask_all(
    case: Case, agents: Mapping[str, Agent[Any]]
) -> tuple[dict[str, Invocation[Any]], dict[str, str]]:
    # The graph makes the tracer, which reads once what it may show.
    hide_contents()
    from strands.multiagent import GraphBuilder

    answers: dict[str, Invocation[Any]] = {}
    missing: dict[str, str] = {}
    most = case.config.settings.agents.supervisor_agent.max_handoffs
    stages, left_out = _stages(case, agents, most)
    missing |= dict.fromkeys(left_out, f"not asked: `supervisor_agent.max_handoffs` is {most}")
    if not stages:
        return answers, missing
    # An agent that hangs is left behind, so nobody waits for its thread.
    threads = ThreadPoolExecutor(thread_name_prefix="supervisor")
    graph = GraphBuilder()
    for stage in stages:
        for name in stage:
            graph.add_node(_Member(agents[name], case, threads, answers, missing), name)
    _connect(graph, stages)
    graph.set_max_node_executions(most)
    try:
        graph.build()(f"The job {case.job.job_id}.")
    finally:
        threads.shutdown(wait=False)
    return answers, missing


def _stages(case: Case, agents: Mapping[str, Agent[Any]], most: int) -> tuple[list[list[str]], list[str]]:
    """Who is asked, stage by stage, and who is one too many."""
    wanted = BEFORE if case.execution_id is None else AFTER
    names = [name for stage in wanted for name in stage if name in agents]
    asked = names[:most]
    if provider_of(case.config) == "policy":
        return [[name] for name in asked], names[most:]
    stages = [[name for name in stage if name in asked] for stage in wanted]
    return [stage for stage in stages if stage], names[most:]


def _connect(graph: "GraphBuilder", stages: Sequence[Sequence[str]]) -> None:
    """Each stage begins when the one before has ended, and reads the answers of all before."""
    for name in stages[0]:
        graph.set_entry_point(name)
    for earlier in range(len(stages) - 1):
        for later in range(earlier + 1, len(stages)):
            for first in stages[earlier]:
                for second in stages[later]:
                    graph.add_edge(first, second, condition=_all_done(stages[later - 1]))


def _all_done(names: Sequence[str]) -> Any:
    def done(state: Any) -> bool:
        return {node.node_id for node in state.completed_nodes} >= set(names)

    return done


def _text(prompt: Any) -> str | None:
    if not isinstance(prompt, list):
        return None
    texts = [block["text"] for block in prompt if "text" in block]
    # The first block only names the job, which every agent knows.
    return "\n".join(texts[1:]) or None


def _result(text: str) -> "AgentResult":
    from strands.agent.agent_result import AgentResult
    from strands.telemetry.metrics import EventLoopMetrics

    return AgentResult(
        stop_reason="end_turn",
        message={"role": "assistant", "content": [{"text": text}]},
        metrics=EventLoopMetrics(),
        state={},
    )


def _supervisor(
    agents: Mapping[str, Agent[Any]], answers: Mapping[str, Any], missing: Mapping[str, str]
) -> Agent[SupervisorAnswer]:
    """The supervisor of some answers, as an agent of its own."""

    def tools(case: Case) -> Mapping[str, Tool]:
        return {name: _report(name, answers, missing) for name in (*answers, *missing)} | {"run": _run(case)}

    def policy(case: Case, results: Mapping[str, Any]) -> SupervisorAnswer:
        blocked = _blocks(agents, answers)
        return SupervisorAnswer(
            summary=_summary(case, blocked, results.get("run"))[:LONGEST_SUMMARY],
            concerns=[f"The {name} agent has no answer." for name in missing],
            findings=[sentence for name, one in answers.items() for sentence in agents[name].says(one)][:20],
        )

    def check(case: Case, answer: SupervisorAnswer) -> SupervisorAnswer:
        blocked = _blocks(agents, answers)
        run = _run_figures(case)
        rule = policy(case, {"run": run} if run else {})
        own = {rule.summary, *rule.concerns, *rule.findings}
        said = (answer.summary, *answer.concerns, *answer.findings)
        facts = [
            rule.model_dump(mode="json"),
            run,
            [one.model_dump(mode="json") for one in answers.values()],
        ]
        refuse_invented([one for one in said if one not in own], facts)
        go = not blocked if case.execution_id is None else None
        return answer.model_copy(update={"go": go, "blocks": blocked, "missing": dict(missing)})

    return Agent(
        name=NAME,
        version=VERSION,
        prompt=PROMPT,
        tools=tools,
        answer=SupervisorAnswer,
        policy=policy,
        check=check,
    )


def _report(name: str, answers: Mapping[str, Any], missing: Mapping[str, str]) -> Tool:
    def report() -> Any:
        if name in missing:
            raise ToolError(f"no answer: {missing[name]}")
        return answers[name].model_dump(mode="json")

    report.__name__ = name
    report.__doc__ = f"What the {name} agent says."
    return report


def _run(case: Case) -> Tool:
    def run() -> dict[str, Any]:
        """What is recorded of the run."""
        figures = _run_figures(case)
        if figures is None:
            raise ToolError("no run is asked about" if case.execution_id is None else "the run has no record")
        return figures

    return run


def _run_figures(case: Case) -> dict[str, Any] | None:
    record = case.store.execution(case.execution_id) if case.execution_id else None
    if record is None:
        return None
    error, cost = record.error_details, record.cost_breakdown
    return {
        "execution_id": record.execution_id,
        "status": record.status,
        "platform": record.job_type,
        "seconds": record.duration_seconds,
        "usd": cost.total_cost_usd if cost else None,
        "error_class": error.error_class if error else None,
        "error": error.error_message if error else None,
    }


def _blocks(agents: Mapping[str, Agent[Any]], answers: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {why}" for name, one in answers.items() for why in agents[name].blocks(one)]


def _summary(case: Case, blocked: Sequence[str], run: Mapping[str, Any] | None) -> str:
    job_id = case.job.job_id
    if case.execution_id is None:
        if blocked:
            return f"{job_id} must not start: {' '.join(blocked)}"
        return f"{job_id} may start."
    if run is None:
        return f"Nothing is recorded of the run {case.execution_id} of {job_id}."
    ended = _ENDED.get(run["status"], run["status"])
    of = f" ({failure_label(run['error_class'])})" if run["error_class"] else ""
    where = "this machine" if run["platform"] == "local" else run["platform"] or "an unknown platform"
    took = "an unknown time" if run["seconds"] is None else duration(run["seconds"])
    # Nobody charges for this machine.
    cost = "" if run["platform"] == "local" else f"; it cost {_dollars(run['usd'])}"
    # The first line says what; what follows is a stack, or a log.
    error = masked(run["error"] or "").strip().partition("\n")[0]
    return f"{job_id} {ended}{of} on {where} after {took}{cost}.{f' {error}' if error else ''}"


_ENDED = {
    "success": "succeeded",
    "timeout": "was stopped",
    "cancelled": "was cancelled",
    "running": "is running",
}


def _dollars(dollars: float | None) -> str:
    return "an unknown amount" if dollars is None else usd(dollars)

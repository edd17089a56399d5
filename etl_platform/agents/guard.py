"""Asks an agent, within limits that code keeps; where its model fails, the agent's own rule answers."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import uuid4

from pybreaker import CircuitBreakerError
from pydantic import BaseModel

from etl_platform.agents.agent import Agent, Case, InvalidAnswerError, Tool
from etl_platform.agents.breaker import BREAKER_OPEN, breaker_of
from etl_platform.agents.loop import LoopFailedError, Usage, looked_up, run_loop
from etl_platform.agents.models import (
    ModelConfigurationError,
    language_model,
    model_name,
    provider_of,
)
from etl_platform.agents.next_run import next_run
from etl_platform.agents.outside import LONGEST_TEXT, marked, masked, masked_json
from etl_platform.config.secrets import UnknownSecretError
from etl_platform.pricing.book import book_of
from etl_platform.pricing.quote import quote
from etl_platform.pricing.tokens import TokenUsage
from etl_platform.tracking.outbox import open_outbox
from etl_platform.tracking.records import AgentInvocation, TokensConsumed
from etl_platform.tracking.values import Json

if TYPE_CHECKING:
    from etl_platform.agents.policy_model import PolicyModel

Answer = TypeVar("Answer", bound=BaseModel)

POLICY = "policy:"
"""Begins the provider of an answer by rule."""


@dataclass(frozen=True)
class Invocation(Generic[Answer]):
    """What an agent answered.

    Attributes:
        answer: The answer; it passed the agent's `check`.
        provider: What gave it: `policy:<agent>`, or `<provider>:<model id>`.
        fallback_reason: Why the configured model did not; None where it did. It begins with a code and a
            colon: `throttled`, `timeout`, `unavailable`, `limit`, `no_answer`, `invalid_answer`,
            `configuration` or `breaker_open`.
        record: As it is stored.
        warning: Why the record waits in the outbox; None where it is stored.
    """

    answer: Answer
    provider: str
    fallback_reason: str | None
    record: AgentInvocation
    warning: str | None = None

    @property
    def by_model(self) -> bool:
        """Whether a language model gave the answer."""
        return not self.provider.startswith(POLICY)


class _ModelFailedError(RuntimeError):
    """The model gave no answer that may be taken; the message begins with a code and a colon."""


def invoke(
    agent: Agent[Answer],
    case: Case,
    *,
    note: str | None = None,
    facts: Mapping[str, Json] | None = None,
) -> Invocation[Answer]:
    """Ask an agent; each call leaves one record.

    Args:
        agent: The agent.
        case: What it is asked about.
        note: What else it is to know, such as what other agents said; it is read as data.
        facts: Kept with the input in the record; the agent is not told.

    Returns:
        A valid answer in every case: of the configured model, or by rule where that failed.

    Raises:
        StoreError: The record is refused for good.
        Exception: What the agent's own rule or tools raise; it is recorded as a failed invocation.
    """
    started = time.perf_counter()
    provider, usage, reason = model_name(case.config, agent.name), Usage(), None
    tools = agent.tools(case)
    asked: dict[str, Json] = {"job_id": case.job.job_id, "model": provider, **(facts or {})}
    if note:
        asked["note"] = masked(note)[:LONGEST_TEXT]
    try:
        try:
            answer = _ask(agent, case, tools, note, usage)
        except _ModelFailedError as error:
            provider, reason = f"{POLICY}{agent.name}", str(error)
            answer = agent.check(case, agent.policy(case, looked_up(tools)))
    except Exception as error:
        _write(case, _record(agent, case, asked, usage, started, provider, reason, error))
        raise
    record = _record(agent, case, asked, usage, started, provider, reason, answer)
    return Invocation(answer, provider, reason, record, _write(case, record))


def _ask(
    agent: Agent[Answer], case: Case, tools: Mapping[str, Tool], note: str | None, usage: Usage
) -> Answer:
    if provider_of(case.config) == "policy":
        return _loop(agent, case, tools, note, usage)
    breaker = breaker_of(case.store, model_name(case.config, agent.name), case.now)
    try:
        return breaker.call(_loop, agent, case, tools, note, usage)
    except CircuitBreakerError:
        raise _ModelFailedError(f"{BREAKER_OPEN}: its last {breaker.fail_max} invocations failed") from None


def _loop(
    agent: Agent[Answer], case: Case, tools: Mapping[str, Tool], note: str | None, usage: Usage
) -> Answer:
    by_rule = provider_of(case.config) == "policy"
    try:
        answer = run_loop(
            _by_rule(agent, case, tools) if by_rule else language_model(case.config),
            prompt=agent.prompt,
            question=_question(case, note),
            tools=tools,
            answer=agent.answer,
            limits=case.config.settings.agents.model,
            usage=usage,
            # The rule needs all of it, and shows it to nobody.
            show=json.dumps if by_rule else marked,
        )
        assert isinstance(answer, agent.answer), "the loop gives the form that it is asked for"
        return agent.check(case, answer)
    except LoopFailedError as error:
        raise _ModelFailedError(str(error)) from error
    except InvalidAnswerError as error:
        raise _ModelFailedError(f"invalid_answer: {masked(str(error))}") from error
    except (ModelConfigurationError, UnknownSecretError) as error:
        raise _ModelFailedError(f"configuration: {masked(str(error))}") from error


def _by_rule(agent: Agent[Any], case: Case, tools: Mapping[str, Tool]) -> "PolicyModel":
    # Strands takes a third of a second to import.
    from etl_platform.agents.policy_model import PolicyModel

    return PolicyModel(agent.name, tuple(tools), partial(agent.policy, case))


def _question(case: Case, note: str | None) -> str:
    about = f"about its run {case.execution_id}" if case.execution_id else "before its next run"
    described = f"\nIts team says of it: {marked(case.job.description)}" if case.job.description else ""
    said = f"\nWhat is known besides: {marked(note)}" if note else ""
    return f"The job is {case.job.job_id}; you are asked {about}.{described}{said}"


def _record(
    agent: Agent[Any],
    case: Case,
    asked: dict[str, Json],
    usage: Usage,
    started: float,
    provider: str,
    reason: str | None,
    outcome: BaseModel | Exception,
) -> AgentInvocation:
    failed = isinstance(outcome, Exception)
    return AgentInvocation(
        invocation_id=f"inv-{uuid4().hex}",
        timestamp=case.now,
        execution_id=case.execution_id or next_run(case.job.job_id),
        agent_name=agent.name,
        agent_version=agent.version,
        provider=provider,
        input_parameters=asked,
        output_response=None if failed else masked_json(outcome.model_dump(mode="json")),
        duration_ms=(time.perf_counter() - started) * 1000,
        tokens_consumed=_tokens(case, usage),
        success=not failed,
        error_message=masked(f"{type(outcome).__name__}: {outcome}") if failed else reason,
        fallback_reason=reason,
    )


def _tokens(case: Case, usage: Usage) -> TokensConsumed:
    usd = None
    if usage.input_tokens is not None and usage.output_tokens is not None:
        model_id = case.config.settings.agents.model.model_id
        used = TokenUsage(
            model_id=model_id or POLICY,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
        )
        usd = quote(book_of(case.config), used).total_usd
    return TokensConsumed(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, total_cost_usd=usd
    )


def _write(case: Case, record: AgentInvocation) -> str | None:
    return open_outbox(case.config, case.store).write("put_invocation", record)

"""What makes an agent: what it is asked, what it may look up, what it answers, and its answer by rule."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.plan import Plan, plan_job
from etl_platform.tracking.store import TrackingStore

Answer = TypeVar("Answer", bound=BaseModel)

Tool = Callable[..., Any]
"""A plain function with a docstring and typed parameters that returns JSON, or raises `ToolError`.

It is bound to its case by closure, changes nothing, and takes no number that it can look up by itself.
"""


class ToolError(Exception):
    """A tool that has no answer; the message is shown to the model, so it holds no secret and no value."""


class InvalidAnswerError(Exception):
    """An answer outside what the engine allows; the message says how."""


@dataclass(frozen=True)
class Case:
    """What an agent is asked about.

    Attributes:
        config: The configuration.
        job: The job.
        store: Its past.
        now: Unix seconds.
        execution_id: The run that it is about; None before a run.
        planned: The plan of the run, where it stands already.
        most_gb: Larger datasets are not read; None: what this machine reads as fast as a cluster starts.
    """

    config: Config
    job: Job
    store: TrackingStore
    now: float
    execution_id: str | None = None
    planned: Plan | None = None
    most_gb: float | None = None

    @cached_property
    def plan(self) -> Plan:
        """The plan that agents speak about; made once, where none was given."""
        return self.planned or plan_job(self.config, self.job, self.store, now=self.now)


def _nothing(answer: Any) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Agent(Generic[Answer]):
    """One agent, for any model.

    Attributes:
        name: Such as `decision`; `<name>_agent` is its section in the configuration.
        version: Raised when prompt, tools or answer change.
        prompt: The system prompt.
        tools: Makes the tools of a case; what they measure is measured once a case.
        answer: Model of the structured output.
        policy: The answer by rule, from the results of all tools, by tool name; one that raised `ToolError`
            is left out. It is what the policy model says, and what counts where a model fails.
        check: Gives the answer with every figure recomputed from the same engine, or raises
            `InvalidAnswerError` where it is outside the limits.
        blocks: Why a run must not start, by an answer that passed `check`; nothing by default.
        says: What the supervisor's report is to tell people of an answer, in sentences; nothing by default.
    """

    name: str
    version: str
    prompt: str
    tools: Callable[[Case], Mapping[str, Tool]]
    answer: type[Answer]
    policy: Callable[[Case, Mapping[str, Any]], Answer]
    check: Callable[[Case, Answer], Answer]
    blocks: Callable[[Answer], Sequence[str]] = _nothing
    says: Callable[[Answer], Sequence[str]] = _nothing

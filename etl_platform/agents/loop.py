"""One run of the Strands loop: a fresh agent, bounded in turns, tokens and seconds."""

import asyncio
import contextvars
import json
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from etl_platform.agents.agent import Tool, ToolError
from etl_platform.agents.outside import RULE, marked, masked
from etl_platform.config.models.agents import AgentModel

if TYPE_CHECKING:
    from strands.hooks import AfterToolCallEvent
    from strands.models.model import Model

MODEL_ATTEMPTS, RETRY_SECONDS = 2, 1
"""A throttled call is sent once more after a second; where that fails too, the policy answers."""

UNAVAILABLE = "unavailable"
"""Key of a tool result that says why there is none."""

LONGEST_REASON = 500
"""Characters of a reason in a record."""

_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
_UNREDACTED = "gen_ai_unredacted_attributes="


class LoopFailedError(RuntimeError):
    """A loop that gave no answer.

    Attributes:
        code: `throttled`, `timeout`, `unavailable`, `limit`, `no_answer` or `configuration`.
    """

    def __init__(self, code: str, message: str):
        self.code = code
        first = message.strip().partition("\n")[0]
        super().__init__(f"{code}: {masked(first)[:LONGEST_REASON]}")


@dataclass
class Usage:
    """Tokens that a loop consumed, also one that failed; None where the model did not say.

    It is zero where no model was asked.
    """

    input_tokens: int | None = 0
    output_tokens: int | None = 0


def run_loop(
    model: "Model",
    *,
    prompt: str,
    question: str,
    tools: Mapping[str, Tool],
    answer: type[BaseModel],
    limits: AgentModel,
    usage: Usage,
    show: Callable[[Any], str] = marked,
) -> BaseModel:
    """Ask a model.

    Args:
        model: The model.
        prompt: The system prompt.
        question: What it is asked.
        tools: What it may look up, by name.
        answer: Form of the answer.
        limits: Turns, tokens and seconds.
        usage: Is told the tokens, as soon as they are known.
        show: From the result of a tool to the text that the model reads.

    Raises:
        LoopFailedError: It gave no answer within the limits.
    """
    hide_contents()
    from strands import Agent as StrandsAgent
    from strands import ModelRetryStrategy
    from strands import tool as strands_tool
    from strands.hooks import AfterToolCallEvent
    from strands.tools.executors import SequentialToolExecutor

    agent = StrandsAgent(
        model=model,
        tools=[strands_tool(name=name)(_shown(tool, show)) for name, tool in tools.items()],
        system_prompt=f"{prompt}\n\n{RULE}",
        callback_handler=None,
        # Tools share what they measure, so that the second of two at once would only wait.
        tool_executor=SequentialToolExecutor(),
        retry_strategy=ModelRetryStrategy(max_attempts=MODEL_ATTEMPTS, initial_delay=RETRY_SECONDS),
    )
    agent.add_hook(_redact, AfterToolCallEvent)
    stop = threading.Event()

    async def ask() -> Any:
        return await agent.invoke_async(
            question,
            structured_output_model=answer,
            limits={"turns": limits.max_turns, "total_tokens": limits.max_tokens},
            cancel_signal=stop,
        )

    # A blocking call of a client cannot be cancelled: it is left behind, and ends by its own read time limit.
    executor = ThreadPoolExecutor(1, thread_name_prefix="agent")
    future: Future[Any] = executor.submit(contextvars.copy_context().run, lambda: asyncio.run(ask()))
    executor.shutdown(wait=False)
    wait([future], timeout=limits.timeout_seconds)
    consumed = agent.event_loop_metrics.accumulated_usage
    answered = future.done() and future.exception() is None
    said = answered or consumed["totalTokens"] > 0
    usage.input_tokens = consumed["inputTokens"] if said else None
    usage.output_tokens = consumed["outputTokens"] if said else None
    if not future.done():
        stop.set()
        raise LoopFailedError("timeout", f"no answer within {limits.timeout_seconds:g} seconds")
    if error := future.exception():
        raise LoopFailedError(_code(error), _message(error)) from error
    result = future.result()
    if result.structured_output is None:
        stopped = str(result.stop_reason)
        code = "limit" if stopped.startswith("limit") or stopped == "max_tokens" else "no_answer"
        raise LoopFailedError(code, f"the model stopped without an answer ({stopped})")
    return result.structured_output


def looked_up(tools: Mapping[str, Tool]) -> dict[str, Any]:
    """The results of all tools as JSON, as the policy reads them; a tool without an answer is left out."""
    results = {name: _answered(tool) for name, tool in tools.items()}
    return {name: result for name, result in results.items() if not isinstance(result, ToolError)}


def _answered(tool: Tool, *arguments: Any, **named: Any) -> Any:
    try:
        return json.loads(json.dumps(tool(*arguments, **named)))
    except ToolError as error:
        return error


def _shown(tool: Tool, show: Callable[[Any], str]) -> Tool:
    @wraps(tool)
    def shown(*arguments: Any, **named: Any) -> dict[str, Any]:
        result = _answered(tool, *arguments, **named)
        text = show({UNAVAILABLE: str(result)} if isinstance(result, ToolError) else result)
        return {"status": "success", "content": [{"text": text}]}

    return shown


def _redact(event: "AfterToolCallEvent") -> None:
    if event.exception is not None and event.selected_tool is not None:
        # The text of an error may hold an address with its password.
        text = f"{event.tool_use['name']} failed ({type(event.exception).__name__})."
        event.result = {**event.result, "content": [{"text": text}]}


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        following = getattr(following, "original_exception", None) or following.__cause__
    return found


def _code(error: BaseException) -> str:
    from strands.types.exceptions import (
        ContextWindowOverflowException,
        MaxTokensReachedException,
        ModelThrottledException,
        StructuredOutputException,
    )

    for one in _causes(error):
        match one:
            case ModelThrottledException():
                return "throttled"
            case MaxTokensReachedException() | ContextWindowOverflowException():
                return "limit"
            case StructuredOutputException():
                return "no_answer"
        # Each client has its own: botocore, httpx, openai, litellm.
        if any("Timeout" in kind.__name__ for kind in type(one).__mro__):
            return "timeout"
    return "unavailable"


def _message(error: BaseException) -> str:
    cause = next((one for one in _causes(error) if str(one).strip()), error)
    return f"{type(cause).__name__}: {cause}"


def hide_contents() -> None:
    """Keep messages out of traces, unless the environment already says which attributes are shown."""
    opted = os.environ.get(_OPT_IN, "")
    if _UNREDACTED not in opted:
        os.environ[_OPT_IN] = ",".join(filter(None, (opted, _UNREDACTED)))

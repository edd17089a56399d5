"""The model that needs no server: it calls an agent's tools in their order and ends with the agent's rule."""

import json
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel
from strands.models.model import Model  # noqa: TID253 - the class below is one; it is imported where one is made.

from etl_platform.agents.loop import UNAVAILABLE

if TYPE_CHECKING:
    from strands.types.content import Messages
    from strands.types.streaming import StreamEvent
    from strands.types.tools import ToolSpec

T = TypeVar("T", bound=BaseModel)


class PolicyFailedError(RuntimeError):
    """The rule cannot answer: a tool broke, or the loop asked for something else than its answer."""


class PolicyModel(Model):
    """A Strands model that answers by rule.

    It keeps nothing between calls: what was already looked up stands in the messages. It reports no tokens.
    """

    def __init__(self, name: str, tools: tuple[str, ...], policy: Callable[[Mapping[str, Any]], BaseModel]):
        """Drive one agent.

        Args:
            name: Name of the agent; the model's id is `policy:<name>`.
            tools: Names of its tools, in the order of the calls.
            policy: From the results of the tools, by name, to the answer.
        """
        self._config = {"model_id": f"policy:{name}"}
        self._tools = tools
        self._policy = policy

    def update_config(self, **model_config: Any) -> None:
        """Change the configuration, which has no effect on the answers."""
        self._config.update(model_config)

    def get_config(self) -> dict[str, Any]:
        """The configuration: `model_id`."""
        return self._config

    def structured_output(
        self, output_model: type[T], prompt: "Messages", system_prompt: str | None = None, **kwargs: Any
    ) -> AsyncGenerator[dict[str, T | Any], None]:
        """Not offered: the answer is a tool call of `stream`.

        Raises:
            PolicyFailedError: Always.
        """
        raise PolicyFailedError("the policy model answers through the agent loop only.")

    async def stream(
        self,
        messages: "Messages",
        tool_specs: "list[ToolSpec] | None" = None,
        system_prompt: str | None = None,
        **kwargs: Any,
    ) -> AsyncIterable["StreamEvent"]:
        """Call all tools that have no result yet, or else the tool of the structured output.

        Raises:
            PolicyFailedError: A tool broke, or there is no tool for the answer.
        """
        results = _results(messages)
        missing = [name for name in self._tools if name not in results]
        calls: list[tuple[str, Mapping[str, Any]]] = [(name, {}) for name in missing]
        if not missing:
            # The one tool that is not the agent's own takes the answer.
            answer_tool = next(
                (one["name"] for one in tool_specs or [] if one["name"] not in self._tools), None
            )
            if answer_tool is None:
                raise PolicyFailedError("the loop offers no tool for the answer.")
            known = {name: value for name, value in results.items() if not _is_unavailable(value)}
            calls = [(answer_tool, self._policy(known).model_dump(mode="json"))]
        yield {"messageStart": {"role": "assistant"}}
        for number, (name, arguments) in enumerate(calls):
            identity = f"policy-{len(messages)}-{number}"
            yield {"contentBlockStart": {"start": {"toolUse": {"toolUseId": identity, "name": name}}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps(arguments)}}}}
            yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use"}}
        yield {
            "metadata": {
                "usage": {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0},
                "metrics": {"latencyMs": 0},
            }
        }


def _results(messages: "Messages") -> dict[str, Any]:
    names: dict[str, str] = {}
    results: dict[str, Any] = {}
    for message in messages:
        for block in message["content"]:
            if "toolUse" in block:
                names[block["toolUse"]["toolUseId"]] = block["toolUse"]["name"]
            elif "toolResult" in block:
                result = block["toolResult"]
                name, text = names[result["toolUseId"]], result["content"][0].get("text", "")
                if result["status"] != "success":
                    raise PolicyFailedError(f"the tool {name} broke: {text}")
                results[name] = json.loads(text)
    return results


def _is_unavailable(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {UNAVAILABLE}

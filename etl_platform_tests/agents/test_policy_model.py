"""The model that answers by rule drives the real loop, and keeps nothing between its calls."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import BaseModel

from etl_platform.agents.policy_model import PolicyFailedError, PolicyModel


class Sum(BaseModel):
    total: int


SPECS: Any = [{"name": name, "description": "", "inputSchema": {"json": {}}} for name in ("a", "b", "Sum")]


def model() -> PolicyModel:
    return PolicyModel("adder", ("a", "b"), lambda results: Sum(total=sum(results.values())))


def said(of: PolicyModel, messages: Any, specs: Any = SPECS) -> list[Any]:
    async def collect() -> list[Any]:
        return [event async for event in of.stream(messages, specs)]

    return asyncio.run(collect())


def calls(events: list[Any]) -> list[tuple[str, Any]]:
    names = [
        one["contentBlockStart"]["start"]["toolUse"]["name"] for one in events if "contentBlockStart" in one
    ]
    inputs = [
        json.loads(one["contentBlockDelta"]["delta"]["toolUse"]["input"])
        for one in events
        if "contentBlockDelta" in one
    ]
    return list(zip(names, inputs, strict=True))


def called(name: str, identity: str) -> Any:
    return {"toolUse": {"toolUseId": identity, "name": name, "input": {}}}


def result(identity: str, value: Any, status: str = "success") -> Any:
    return {"toolResult": {"toolUseId": identity, "status": status, "content": [{"text": json.dumps(value)}]}}


def conversation(*results: Any) -> Any:
    asked = [called(name, name) for name in ("a", "b")]
    return [
        {"role": "user", "content": [{"text": "?"}]},
        {"role": "assistant", "content": asked},
        {"role": "user", "content": list(results)},
    ]


QUESTION: Any = [{"role": "user", "content": [{"text": "?"}]}]


def test_it_calls_all_tools_in_their_order_first() -> None:
    assert calls(said(model(), QUESTION)) == [("a", {}), ("b", {})]


def test_it_answers_from_the_results_in_the_messages() -> None:
    messages = conversation(result("a", 2), result("b", 3))
    assert calls(said(model(), messages)) == [("Sum", {"total": 5})]


def test_it_keeps_nothing_between_calls() -> None:
    one = model()
    said(one, conversation(result("a", 2), result("b", 3)))
    assert calls(said(one, QUESTION)) == [("a", {}), ("b", {})]


def test_it_asks_again_for_what_is_missing() -> None:
    assert calls(said(model(), conversation(result("a", 2)))) == [("b", {})]


def test_a_tool_without_an_answer_is_left_out() -> None:
    messages = conversation(result("a", 2), result("b", {"unavailable": "nothing known"}))
    assert calls(said(model(), messages)) == [("Sum", {"total": 2})]


def test_a_broken_tool_is_no_answer() -> None:
    with pytest.raises(PolicyFailedError, match="the tool b broke"):
        said(model(), conversation(result("a", 2), result("b", "KeyError", "error")))


def test_it_needs_a_tool_for_its_answer() -> None:
    with pytest.raises(PolicyFailedError, match="no tool for the answer"):
        said(model(), conversation(result("a", 2), result("b", 3)), SPECS[:2])


def test_it_reports_no_tokens_and_its_own_name() -> None:
    usage = said(model(), QUESTION)[-1]["metadata"]["usage"]
    assert usage == {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    assert model().get_config() == {"model_id": "policy:adder"}

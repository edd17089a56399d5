import math
from typing import Any

import pytest
from pydantic import ValidationError

from etl_platform.tracking.records import AgentInvocation, CostBreakdown, CostTrend, JobExecution
from etl_platform_tests.tracking.build import an_execution, an_invocation


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        JobExecution.model_validate({**an_execution().model_dump(), "cost": 1})


def test_what_is_unknown_is_absent() -> None:
    dumped = an_execution(status="running").model_dump(exclude_none=True)
    assert set(dumped) == {
        *("execution_id", "timestamp", "job_name", "status"),
        *("warnings", "stakeholders", "tags"),
    }


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e126])
def test_a_number_that_no_store_can_keep_is_refused(number: float) -> None:
    with pytest.raises(ValidationError, match="leave out what is not known"):
        CostBreakdown(total_cost_usd=number)


def test_a_number_next_to_nothing_is_zero() -> None:
    assert CostBreakdown(total_cost_usd=1e-130).total_cost_usd == 0


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else "end"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "leave out what is not known"),
        (10**38, "at most 38 digits"),
        ({"": 1}, "an empty key"),
        (deep(30), "at most 24 levels"),
        ("\ud800", "text that UTF-8 can hold"),
    ],
)
def test_free_json_that_no_store_can_keep_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        an_invocation(input_parameters={"value": value})


def test_a_key_is_not_empty() -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        AgentInvocation(invocation_id="", timestamp=1, agent_name="a", success=True)


def test_a_trend_is_about_a_day() -> None:
    with pytest.raises(ValidationError, match="date"):
        CostTrend.model_validate(
            {"date": "2026-11", "job_name": "a", "total_executions": 1, "successful_executions": 1}
        )

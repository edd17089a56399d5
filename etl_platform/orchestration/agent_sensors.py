"""Sensors that ask agents: where jobs run next, and what they cost."""

import json
import logging
from collections.abc import Callable
from typing import Any

import dagster as dg

from etl_platform.orchestration.ahead import DECISION_SECONDS, decide_changed
from etl_platform.orchestration.daily_costs import tell_of_costs
from etl_platform.orchestration.keys import Graph

TICK_SECONDS = 30
"""How often a look that one tick could not finish goes on; one that is done costs nothing until the next."""

_Cursor = dict[str, Any]
_Look = Callable[[_Cursor, Callable[[_Cursor], None], logging.Logger], str]
"""One look: gets what the last tick kept, what keeps it for the next, and a log; says what it has done."""


def agent_sensors(graph: Graph, job_name: str) -> list[dg.SensorDefinition]:
    """The sensors of the decision agent and of the cost agent.

    Args:
        graph: The jobs.
        job_name: Name of the Dagster job over them; the sensors are named after it.
    """
    return [
        _sensor(
            f"{job_name}_platform_decision",
            f"Each {DECISION_SECONDS // 60} minutes decides anew where a job runs next, if its sizes, "
            "columns, script, configuration or history have changed; a run takes the decision while nothing "
            "has changed again.",
            lambda cursor, keep, log: decide_changed(graph, cursor, keep, log),
        ),
        _sensor(
            f"{job_name}_cost",
            "Looks each day at budgets, forecasts and unusual costs, and tells people, once for each cause.",
            lambda cursor, keep, _: tell_of_costs(graph, cursor, keep),
        ),
    ]


def _sensor(name: str, description: str, look: _Look) -> dg.SensorDefinition:
    """A sensor that starts no run, and goes on where its last tick stopped."""

    @dg.sensor(
        name=name,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cursor = json.loads(context.cursor) if context.cursor else {}

        def keep(cursor: _Cursor) -> None:
            context.update_cursor(json.dumps(cursor))

        return dg.SkipReason(look(cursor, keep, context.log))

    return sensor

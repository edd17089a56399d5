"""Sensors that ask agents: where jobs run next, and what they cost."""

import json

import dagster as dg

from etl_platform.orchestration.ahead import DECISION_SECONDS, decide_changed
from etl_platform.orchestration.daily_costs import tell_of_costs
from etl_platform.orchestration.keys import Graph

TICK_SECONDS = 30
"""How often a look that one tick could not finish goes on; one that is done costs nothing until the next."""


def agent_sensors(graph: Graph, job_name: str) -> list[dg.SensorDefinition]:
    """The sensors of the decision agent and of the cost agent.

    Args:
        graph: The jobs.
        job_name: Name of the Dagster job over them; the sensors are named after it.
    """

    @dg.sensor(
        name=f"{job_name}_platform_decision",
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Each {DECISION_SECONDS // 60} minutes decides anew where a job runs next, if its "
        "sizes, columns, script, configuration or history have changed; a run takes the decision while "
        "nothing has changed again.",
    )
    def platform_decision(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cursor = json.loads(context.cursor) if context.cursor else {}

        def keep(cursor: dict) -> None:
            context.update_cursor(json.dumps(cursor))

        return dg.SkipReason(decide_changed(graph, cursor, keep, context.log))

    @dg.sensor(
        name=f"{job_name}_cost",
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks each day at budgets, forecasts and unusual costs, and tells people, once for "
        "each cause.",
    )
    def cost(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cursor = json.loads(context.cursor) if context.cursor else {}

        def keep(cursor: dict) -> None:
            context.update_cursor(json.dumps(cursor))

        return dg.SkipReason(tell_of_costs(graph, cursor, keep))

    return [platform_decision, cost]

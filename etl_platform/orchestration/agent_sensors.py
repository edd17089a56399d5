"""Sensors that ask agents: where jobs run next, and what they cost."""

import json
from collections.abc import Callable
from typing import Any

import dagster as dg

from etl_platform.decide.plan import Plan
from etl_platform.orchestration.ahead import DECISION_SECONDS, decide_changed
from etl_platform.orchestration.daily_costs import tell_of_costs
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.planning import plan_metadata

TICK_SECONDS = 30
"""How often a look that one tick could not finish goes on; one that is done costs nothing until the next."""

_Cursor = dict[str, Any]
_Look = Callable[[_Cursor, Callable[[_Cursor], None], Callable[[Plan], None]], str]
"""One look: gets what the last tick kept, what keeps it for the next, and what tells of a plan; says what it
has done."""


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
            "has changed again. The plan stands on the job's page as an observation.",
            lambda cursor, keep, tell: decide_changed(graph, cursor, keep, tell),
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

        def tell(plan: Plan) -> None:
            assert plan.decision is not None, "what was decided has a decision"
            said = f"Runs next on {plan.decision.selected.platform}: {' '.join(plan.decision.reasoning)}"
            context.log.info("%s: %s", plan.job.job_id, said)
            context.instance.report_runless_asset_event(
                dg.AssetObservation(plan.job.job_id, description=said, metadata=plan_metadata(plan))
            )

        return dg.SkipReason(look(cursor, keep, tell))

    return sensor

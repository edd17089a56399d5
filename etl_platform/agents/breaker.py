"""Leaves a language model out for a while after its service failed some times in a row.

As with the platforms' breaker, the state is what is recorded, so that all processes share it and none can
lose it: each process begins with the failures that the latest invocations of all agents speak of.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from pybreaker import STATE_CLOSED, STATE_OPEN, CircuitBreaker, CircuitMemoryStorage

from etl_platform.config.models.agents import Agents
from etl_platform.decide.circuit import FAILURES, OPEN_SECONDS
from etl_platform.tracking.records import AgentInvocation
from etl_platform.tracking.store import TrackingStore

BREAKER_OPEN = "breaker_open"

SERVICE_FAULTS = ("throttled", "timeout", "unavailable")
"""Reasons that the service has to answer for; a bad answer, a limit or a missing key are not its failure."""

_SUFFIX = "_agent"


def agent_names() -> list[str]:
    """The agents that the configuration knows."""
    return [name.removesuffix(_SUFFIX) for name in Agents.model_fields if name.endswith(_SUFFIX)]


def breaker_of(store: TrackingStore, model: str, now: float) -> CircuitBreaker:
    """The breaker of a model, as the invocations of all agents left it.

    Args:
        store: Where the invocations are recorded.
        model: `<provider>:<model id>`.
        now: Unix seconds.
    """
    # Twice as long, so that one failure after it was tried again opens it anew.
    since = now - 2 * OPEN_SECONDS
    invocations = (one for name in agent_names() for one in store.invocations_by_agent(name, since))
    failures, last = _failures(invocations, model)
    storage = CircuitMemoryStorage(STATE_OPEN if failures >= FAILURES else STATE_CLOSED)
    for _ in range(failures):
        storage.increment_counter()
    if last is not None:
        # pybreaker reads its own clock.
        storage.opened_at = datetime.now(timezone.utc) - timedelta(seconds=now - last)
    return CircuitBreaker(
        fail_max=FAILURES,
        reset_timeout=OPEN_SECONDS,
        state_storage=storage,
        throw_new_error_on_trip=False,
        name=model,
    )


def _failures(invocations: Iterable[AgentInvocation], model: str) -> tuple[int, float | None]:
    """Failures in a row of the latest invocations that asked the model, and when the last one was."""
    asked = [
        one
        for one in invocations
        if (one.input_parameters or {}).get("model") == model and _reason(one) != BREAKER_OPEN
    ]
    asked.sort(key=lambda one: one.timestamp, reverse=True)
    failures = 0
    for one in asked:
        if _reason(one) not in SERVICE_FAULTS:
            break
        failures += 1
    return failures, asked[0].timestamp if failures else None


def _reason(one: AgentInvocation) -> str | None:
    return one.fallback_reason.partition(":")[0] if one.fallback_reason else None

"""Tell people: each cause once, to all its targets, within a bound of time.

`tell` writes to the ledger first and sends then. A target that does not answer costs at most
`BOUND_SECONDS`; what it did not take stays in the ledger, is sent by a later call, and `undelivered` lists
it meanwhile.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import uuid4

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_random_exponential

from etl_platform.config.project import Config
from etl_platform.config.secrets import UnknownSecretError
from etl_platform.notify import outbox, pagerduty, ses, slack, smtp, sns, webhook
from etl_platform.notify.errors import DeliveryError
from etl_platform.notify.events import Happening, Recovery
from etl_platform.notify.ledger import Ledger, Waiting
from etl_platform.notify.message import Message, compose
from etl_platform.notify.routing import Route, TargetName, routes

_log = logging.getLogger(__name__)

BOUND_SECONDS = 25.0
"""Longest time of one call, for all targets together: Dagster ends the evaluation of a sensor after 60 s."""

ATTEMPTS = 3
RETRY_SECONDS = 10.0
"""No further attempt at a message after this; an attempt itself may take 8 s of waiting for an answer."""

LEASE_SECONDS = 60.0
"""When another process may send to a target although the one that sends has not said that it is done."""

_BACKOFF = wait_random_exponential(multiplier=0.3, max=3)


@dataclass(frozen=True)
class Delivery:
    """A message that a target took.

    Attributes:
        message: The message.
        target: The target, without addresses of people.
    """

    message: Message
    target: str


@dataclass
class _Pass:
    """What the threads of one call share."""

    ends: float
    deliveries: list[Delivery] = field(default_factory=list)


def ledger_of(config: Config, clock: Callable[[], float] = time.time) -> Ledger:
    """The ledger of a configuration: `notifications.db` in the local root, beside tracking's file."""
    return Ledger(config.local_root / "notifications.db", clock=clock)


def tell(
    config: Config,
    happenings: Iterable[Happening],
    *,
    once: str | None = None,
    clock: Callable[[], float] = time.time,
    bound_seconds: float = BOUND_SECONDS,
) -> list[Delivery]:
    """Tell people what happened, unless they know, and send what waited from before.

    Args:
        config: The configuration.
        happenings: Events and ends of events, of jobs of the configuration.
        once: A name of all of them, as of a run that ended: where they were told under it before, nobody is
            told again, although later events may have ended them meanwhile.
        clock: Unix seconds UTC.
        bound_seconds: Longest time that sending may take.

    Returns:
        What was sent.

    Raises:
        LedgerError: The ledger cannot be used; nothing was sent.
    """
    ledger = ledger_of(config, clock)
    for happening in () if once and ledger.is_told(once) else happenings:
        if isinstance(happening, Recovery):
            if ledger.is_open(happening.cause):
                ledger.recover(compose(config, happening, clock()), happening.details)
        elif ways := routes(config, happening):
            ledger.tell(compose(config, happening, clock()), happening.details, ways)
    if once:
        ledger.note_told(once)
    return send_waiting(config, clock=clock, bound_seconds=bound_seconds)


def send_waiting(
    config: Config, *, clock: Callable[[], float] = time.time, bound_seconds: float = BOUND_SECONDS
) -> list[Delivery]:
    """Send what is due to all targets at once.

    Raises:
        LedgerError: The ledger cannot be used.
    """
    ledger = ledger_of(config, clock)
    going = _Pass(time.monotonic() + bound_seconds)
    # Daemons: a target that never answers must hold neither the caller nor the end of its process.
    threads = [
        threading.Thread(target=_send_all, args=(target, config, ledger, going), name=target, daemon=True)
        for target in ledger.due_targets()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, going.ends - time.monotonic()))
    return list(going.deliveries)


def undelivered(config: Config) -> list[Waiting]:
    """What some target has not got, oldest first, with the reason; what is given up stays for 30 days.

    Raises:
        LedgerError: The ledger cannot be used.
    """
    return ledger_of(config).waiting()


def _send_all(target: TargetName, config: Config, ledger: Ledger, going: _Pass) -> None:
    with ledger.alone(target, uuid4().hex, LEASE_SECONDS) as alone:
        number = 0
        while alone and time.monotonic() < going.ends and (waiting := ledger.next_due(target, number)):
            number = waiting.number
            try:
                _send_with_retries(waiting, config, going.ends)
            except DeliveryError as error:
                ledger.failed(number, error)
                _log.warning(
                    "target=<%s> event=<%s> job_id=<%s> | message kept, to be sent later: %s",
                    target,
                    waiting.message.event,
                    waiting.message.job_id,
                    error,
                )
                if error.retry_can_help:
                    return
            else:
                ledger.sent(number)
                going.deliveries.append(Delivery(waiting.message, waiting.route.shown))


def _send_with_retries(waiting: Waiting, config: Config, ends: float) -> None:
    left = max(0.0, min(RETRY_SECONDS, ends - time.monotonic()))
    for attempt in Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, DeliveryError) and error.retry_can_help),
        stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(left),
        wait=_wait,
        reraise=True,
    ):
        with attempt:
            _send(waiting.message, waiting.route, config)


def _asked_seconds(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (error.retry_after_seconds or 0.0) if isinstance(error, DeliveryError) else 0.0


def _wait(state: RetryCallState) -> float:
    return max(_BACKOFF(state), _asked_seconds(state))


def _send(message: Message, route: Route, config: Config) -> None:
    if route.target == "email" and not route.to:
        raise DeliveryError(
            "email",
            f"nobody to write to: set `global_settings.notifications.email.recipients`, or `owners` of "
            f"{message.job_id} with addresses.",
            retry_can_help=False,
        )
    try:
        match route.target:
            case "slack":
                slack.send(message, route, config)
            case "email" if config.settings.notifications.email.backend == "smtp":
                smtp.send(message, route, config)
            case "email":
                ses.send(message, route, config)
            case "pagerduty":
                pagerduty.send(message, config)
            case "sns":
                sns.send(message, config)
            case "webhook":
                webhook.send(message, config)
            case "outbox":
                outbox.send(message, config)
    except UnknownSecretError as error:
        raise DeliveryError(route.target, str(error), retry_can_help=False) from None

"""Questions about all jobs, answered by rule from what is recorded: costs, failures, runs, quality."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from etl_platform.agents.failures import failure_label
from etl_platform.config.project import Config
from etl_platform.notify.figures import duration, usd
from etl_platform.tracking.records import JobExecution, Status
from etl_platform.tracking.store import TrackingStore

MOST = 10
"""Jobs or runs that an answer lists."""

LONGEST_REASON = 200
"""Characters of what a run failed of."""

PAGE = 500


@dataclass(frozen=True)
class Period:
    """A time range.

    Attributes:
        since: Unix seconds.
        until: Unix seconds.
        words: As people say it, with what it is by the clock.
    """

    since: float
    until: float
    words: str


@dataclass(frozen=True)
class FleetAnswer:
    """An answer about all jobs.

    Attributes:
        text: For people.
        records: Ids of the executions that it rests on.
    """

    text: str
    records: tuple[str, ...] = ()


Answer = Callable[[Config, TrackingStore, Period], FleetAnswer]


def period_of(question: str, now: float, default: str) -> Period:
    """The period that a question names, in UTC.

    Args:
        question: In lower case.
        now: Unix seconds.
        default: What counts where it names none, such as `last 24 hours`.
    """
    moment = dt.datetime.fromtimestamp(now, dt.timezone.utc)
    today = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    day = dt.timedelta(days=1)
    if found := re.search(r"\b(?:last|past) (\d+) (hour|day|week)s?", question):
        back = dt.timedelta(**{f"{found[2]}s": int(found[1])})
        return _period(moment - back, moment, f"in the {found[0]}")
    month = today.replace(day=1)
    monday = today - today.weekday() * day
    named = {
        r"last night|over ?night|tonight": (today - dt.timedelta(hours=6), today + dt.timedelta(hours=8)),
        r"yesterday": (today - day, today),
        r"today|this morning": (today, moment),
        r"last week": (monday - 7 * day, monday),
        r"this week": (monday, moment),
        r"last month": ((month - day).replace(day=1), month),
        r"this month": (month, moment),
    }
    for words, (since, until) in named.items():
        if match := re.search(rf"\b(?:{words})\b", question):
            return _period(since, min(until, moment), match[0])
    return period_of(default, now, default)


def _period(since: dt.datetime, until: dt.datetime, words: str) -> Period:
    shown = f"{words} ({since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC)"
    return Period(since.timestamp(), until.timestamp(), shown)


def answer_about_all(config: Config, store: TrackingStore, question: str, now: float) -> FleetAnswer | None:
    """Answer a question about all jobs; None where no rule knows."""
    text = question.lower()
    for words, default, answer in _QUESTIONS:
        if re.search(rf"\b(?:{words})", text):
            return answer(config, store, period_of(text, now, default))
    return None


def _costs(config: Config, store: TrackingStore, period: Period) -> FleetAnswer:
    runs = _runs(store, period)
    sums: dict[str, float] = {}
    priced: Counter[str] = Counter()
    for one in runs:
        paid = one.cost_breakdown.total_cost_usd if one.cost_breakdown else None
        if paid is not None:
            sums[one.job_name] = sums.get(one.job_name, 0.0) + paid
            priced[one.job_name] += 1
    unknown = len(runs) - priced.total()
    if not sums:
        why = f"the cost of none of the {_count(len(runs), 'run')} is known" if runs else "nothing ran"
        return FleetAnswer(f"{_begun(period)} {why}.")
    dearest = sorted(sums, key=lambda name: -sums[name])
    lines = [f"{_begun(period)} all runs cost {usd(sum(sums.values()))}."]
    lines += [f"  {name}: {usd(sums[name])} for {_count(priced[name], 'run')}" for name in dearest[:MOST]]
    lines += [f"  and {_count(len(dearest) - MOST, 'more job')}"] if len(dearest) > MOST else []
    lines += [f"The cost of {_count(unknown, 'run')} is unknown, and left out."] if unknown else []
    return FleetAnswer("\n".join(lines), tuple(one.execution_id for one in runs)[:MOST])


def _failures(config: Config, store: TrackingStore, period: Period) -> FleetAnswer:
    failed = _with_status(store, period, ("failed", "timeout"))
    if not failed:
        ran = len(_runs(store, period))
        return FleetAnswer(
            f"Nothing failed {period.words}; {_count(ran, 'run')} ended well."
            if ran
            else f"Nothing failed {period.words}, because nothing ran."
        )
    lines = [f"{_count(len(failed), 'run')} failed {period.words}, the newest first:"]
    lines += [f"  {_failed(store, one)}" for one in failed[:MOST]]
    lines += [f"  and {len(failed) - MOST} more"] if len(failed) > MOST else []
    return FleetAnswer("\n".join(lines), tuple(one.execution_id for one in failed[:MOST]))


def _failed(store: TrackingStore, one: JobExecution) -> str:
    error = one.error_details
    of = failure_label(error.error_class if error else None)
    first = (
        ((error and error.error_message) or "no reason is known").strip().partition("\n")[0][:LONGEST_REASON]
    )
    latest = store.latest_execution(one.job_name)
    since = " It succeeded since." if latest and latest.status == "success" else ""
    at = dt.datetime.fromtimestamp(one.timestamp, dt.timezone.utc)
    return f"{one.job_name} at {at:%H:%M} UTC ({one.execution_id}), {of}: {first}{since}"


def _running(config: Config, store: TrackingStore, period: Period) -> FleetAnswer:
    runs = _with_status(store, period, ("running",))
    if not runs:
        return FleetAnswer("Nothing is running.")
    lines = [f"{_count(len(runs), 'run')} {'is' if len(runs) == 1 else 'are'} going on:"]
    lines += [
        f"  {one.job_name} for {duration(period.until - one.timestamp)} on {one.job_type or 'no platform'} "
        f"({one.execution_id})"
        for one in runs[:MOST]
    ]
    return FleetAnswer("\n".join(lines), tuple(one.execution_id for one in runs[:MOST]))


def _slowest(config: Config, store: TrackingStore, period: Period) -> FleetAnswer:
    longest: dict[str, JobExecution] = {}
    for one in _runs(store, period):
        known = longest.get(one.job_name)
        if one.duration_seconds and (known is None or one.duration_seconds > (known.duration_seconds or 0)):
            longest[one.job_name] = one
    ordered = sorted(longest.values(), key=lambda one: -(one.duration_seconds or 0))[:MOST]
    if not ordered:
        return FleetAnswer(f"No run has ended {period.words}.")
    lines = [f"The longest run of each job {period.words}:"]
    lines += [f"  {one.job_name}: {duration(one.duration_seconds)} ({one.execution_id})" for one in ordered]
    return FleetAnswer("\n".join(lines), tuple(one.execution_id for one in ordered))


def _quality(config: Config, store: TrackingStore, period: Period) -> FleetAnswer:
    latest = [
        one
        for job in config.jobs
        for one in store.quality_trend(job.job_id, limit=1)
        if one.overall_score is not None
    ]
    if not latest:
        return FleetAnswer("No job has a score of its data yet: `etl-platform run JOB` makes one.")
    lowest = sorted(latest, key=lambda one: one.overall_score or 0.0)[:MOST]
    lines = ["The latest scores of the data, of 100, the lowest first:"]
    lines += [
        f"  {one.job_name}: {one.overall_score:.1f}, {_count(one.quality_checks_failed or 0, 'check')} failed"
        f"{f', {one.trend}' if one.trend else ''} ({one.execution_id})"
        for one in lowest
    ]
    return FleetAnswer("\n".join(lines), tuple(one.execution_id for one in lowest))


def _summary(config: Config, store: TrackingStore, period: Period) -> FleetAnswer:
    runs = _runs(store, period)
    if not runs:
        return FleetAnswer(f"Nothing ran {period.words}.")
    by_status = Counter(one.status for one in runs)
    told = ", ".join(f"{count} {status}" for status, count in by_status.most_common())
    jobs = len({one.job_name for one in runs})
    failures = _failures(config, store, period)
    bad = f"\n{failures.text}" if failures.records else ""
    return FleetAnswer(
        f"{_begun(period)} {_count(len(runs), 'run')} of {_count(jobs, 'job')} ended: {told}.{bad}",
        failures.records or tuple(one.execution_id for one in runs[:MOST]),
    )


_QUESTIONS: tuple[tuple[str, str, Answer], ...] = (
    (r"cost|expensive|spend|spent|dear|dollar|bill|money|pay\b|paid", "this month", _costs),
    (r"fail|broke|crash|error|went wrong|wrong", "last 24 hours", _failures),
    (r"running|going on|in progress|right now", "last 7 days", _running),
    (r"quality|score|bad data|checks?\b|rules?\b", "last 24 hours", _quality),
    (r"slow|longest|how long|duration", "last 7 days", _slowest),
    (
        r"what (?:ran|happened)|which jobs? ran|how (?:did|is|are|was)|status|report|summary|runs?\b",
        "last 24 hours",
        _summary,
    ),
)
"""Words, the period where a question names none, and who answers; the first that fits."""

EXAMPLES = (
    "which jobs cost the most this month?",
    "what failed last night?",
    "what is running?",
    "which jobs were the slowest this week?",
    "which jobs have bad data?",
    "what happened today?",
)


def _runs(store: TrackingStore, period: Period) -> list[JobExecution]:
    """The runs of a period that ended, newest first."""
    cursor, found = None, list[JobExecution]()
    while True:
        page = store.executions(since=period.since, until=period.until, limit=PAGE, cursor=cursor)
        found += [one for one in page.items if one.status != "running"]
        cursor = page.cursor
        if cursor is None:
            return found


def _with_status(store: TrackingStore, period: Period, statuses: Sequence[Status]) -> list[JobExecution]:
    found = [one for each in statuses for one in store.executions_by_status(each, period.since)]
    return sorted((one for one in found if one.timestamp <= period.until), key=lambda one: -one.timestamp)


def _begun(period: Period) -> str:
    return period.words[0].upper() + period.words[1:]


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

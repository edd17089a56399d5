"""What a run of a job will do, where, how long and for how much: all that is known before a cent is spent."""

import calendar
import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from etl_platform.catalog.measure import measure_jobs
from etl_platform.catalog.stats import TableStats
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.arithmetic import remarks
from etl_platform.decide.circuit import OpenCircuit, open_circuits
from etl_platform.decide.cold_start import work_of
from etl_platform.decide.decision import CannotRunError, Decision, decide
from etl_platform.decide.history import History, history_of
from etl_platform.decide.learning_storage import LearningStorageError
from etl_platform.decide.learnings import Learnings
from etl_platform.decide.options import PlatformOption, Situation
from etl_platform.decide.rates import Rates
from etl_platform.pricing.book import PriceBook, book_of
from etl_platform.pricing.budget import BudgetVerdict, check_budget
from etl_platform.pricing.forecast import forecast_month, spent_in_month
from etl_platform.tracking.store import TrackingStore
from etl_platform.workload.analyze import analyze
from etl_platform.workload.model import Workload

MOST = 1e15
"""Largest factor or size of a what-if: as much as the configuration takes for a size in GB."""


class BadWhatIfError(ValueError):
    """A what-if that cannot be read."""


@dataclass(frozen=True)
class WhatIf:
    """Inputs that are not as measured.

    Attributes:
        factor: All sizes times this; None: not scaled.
        volume_gb: The input as a whole is this big; None: not set.
    """

    factor: float | None = None
    volume_gb: float | None = None

    @classmethod
    def parse(cls, text: str) -> "WhatIf":
        """Read `size=10x`, `size=200mb`, `size=500gb` or `size=2tb`.

        Raises:
            BadWhatIfError: It is none of these.
        """
        match = re.fullmatch(r"size\s*=\s*(\d+(?:\.\d+)?)\s*(x|mb|gb|tb)", text.strip().lower())
        if match is None or not 0 < float(match.group(1)) <= MOST:
            raise BadWhatIfError(
                f'"{text}" is no what-if; write size=10x, size=200mb, size=500gb or size=2tb.'
            )
        amount, unit = float(match.group(1)), match.group(2)
        if unit == "x":
            return cls(factor=amount)
        return cls(volume_gb=amount * {"mb": 1 / 1024, "gb": 1, "tb": 1024}[unit])

    def apply(
        self, config: Config, job: Job, stats: Mapping[str, TableStats]
    ) -> tuple[Job, dict[str, TableStats], float]:
        """The job and its sources as they would be, and how many times as big.

        Raises:
            BadWhatIfError: A total is given, and the size of the input is unknown.
        """
        factor = self.factor
        if factor is None:
            now = analyze(config, job, stats).volume_gb
            if not now or self.volume_gb is None:
                raise BadWhatIfError(
                    f"{job.job_id}: the size of its input is unknown; say size=10x, or set `size_gb`."
                )
            factor = self.volume_gb / now
        declared = job.workload.data_volume_gb
        if declared is not None:
            workload = job.workload.model_copy(update={"data_volume_gb": declared * factor})
            job = job.model_copy(update={"workload": workload})
        return job, {name: _scaled(one, factor) for name, one in stats.items()}, factor


@dataclass(frozen=True)
class Plan:
    """The plan of one job.

    Attributes:
        job: The job as it was planned.
        stats: Figures of its sources.
        workload: What it is about to do.
        decision: Where it runs; None where it cannot run.
        refusal: Why it cannot run; None where it can.
        budget: What its budgets say.
        spent_usd: Cost of this month's runs, 0.0 before the first of them; None: unknown.
        forecast_usd: Cost of the whole month; None: unknown.
        forecast_from: What the forecast rests on.
        saving_usd: What the recommendation saves a run against the job's preference; None: unknown, or none.
        notes: What weakens the plan: flags that are off, a price book that is old, platforms that fail.
        situation: What the decision rests on.
    """

    job: Job
    stats: Mapping[str, TableStats]
    workload: Workload
    decision: Decision | None
    refusal: str | None
    budget: BudgetVerdict
    spent_usd: float | None
    forecast_usd: float | None
    forecast_from: str
    saving_usd: float | None
    notes: tuple[str, ...]
    situation: Situation


def plan_job(
    config: Config, job: Job, store: TrackingStore, *, now: float, what_if: WhatIf | None = None
) -> Plan:
    """Measure, analyze and decide, and hold the estimate against the budget; nothing is submitted.

    Args:
        config: The configuration.
        job: The job.
        store: Where its past runs are kept.
        now: Unix seconds.
        what_if: Inputs that are not as measured.

    Raises:
        BadWhatIfError: The what-if needs a size that is unknown.
    """
    return plan_jobs(config, [job], store, now=now, what_if=what_if)[0]


def plan_jobs(
    config: Config, jobs: Iterable[Job], store: TrackingStore, *, now: float, what_if: WhatIf | None = None
) -> list[Plan]:
    """The plans of several jobs; sources that they share are measured once. See `plan_job`."""
    jobs = list(jobs)
    measured = measure_jobs(config, jobs)
    book, circuits, learnings = book_of(config), open_circuits(store, now), Learnings(config, now)
    rates = Rates(book)
    return [
        _plan(
            config,
            job,
            measured[job.job_id],
            history_of(store, job, _day(now)),
            book,
            rates,
            circuits,
            learnings,
            what_if,
        )
        for job in jobs
    ]


def _plan(
    config: Config,
    job: Job,
    stats: Mapping[str, TableStats],
    history: History,
    book: PriceBook,
    rates: Rates,
    circuits: dict,
    learnings: Learnings,
    what_if: WhatIf | None,
) -> Plan:
    factor, now = 1.0, learnings.now
    if what_if:
        job, stats, factor = what_if.apply(config, job, stats)
    workload = analyze(config, job, stats)
    history, learned = _with_learnings(learnings, job, workload, history)
    situation = Situation(work_of(workload), history, book, circuits, now, factor, rates)
    decision, refusal = None, None
    try:
        decision = decide(config, job, situation)
    except CannotRunError as error:
        refusal = str(error)
    today = _day(now)
    spent = spent_in_month(history.days, today)
    budget, forecast, source = _money(job, situation, decision, spent)
    return Plan(
        job=job,
        stats=stats,
        workload=workload,
        decision=decision,
        refusal=refusal,
        budget=budget,
        spent_usd=spent,
        forecast_usd=forecast,
        forecast_from=source,
        saving_usd=_saving(decision),
        notes=(
            *_notes(config, job, book, circuits, workload, today, now),
            *_priced_so(book, job, decision),
            *learned,
        ),
        situation=situation,
    )


def _with_learnings(
    learnings: Learnings, job: Job, workload: Workload, history: History
) -> tuple[History, tuple[str, ...]]:
    """The history with runs of similar jobs where the job has few, and a note about them."""
    try:
        borrowed = learnings.borrowed(job, workload, history)
    except LearningStorageError as error:
        return history, (f"nothing is learned from similar jobs: {error}",)
    if not borrowed:
        return history, ()
    jobs = ", ".join(sorted({one.job_id for one in borrowed}))
    note = f"its own runs are few, so {len(borrowed)} runs of similar jobs ({jobs}) speak for its runtime"
    return replace(history, borrowed=borrowed), (note,)


def redecided(plan: Plan, decision: Decision) -> Plan:
    """The plan with another decision, whose estimate is held against the budgets anew."""
    budget, forecast, source = _money(plan.job, plan.situation, decision, plan.spent_usd)
    return replace(plan, decision=decision, budget=budget, forecast_usd=forecast, forecast_from=source)


def _money(
    job: Job, situation: Situation, decision: Decision | None, spent: float | None
) -> tuple[BudgetVerdict, float | None, str]:
    estimate = None
    free = decision is not None and not decision.selected.charged
    if decision:
        estimate = 0.0 if free else decision.selected.figures.usd
    forecast, source = _month(job, situation.history, estimate, free, situation.now)
    return check_budget(job.cost, estimate, spent or 0.0, forecast), forecast, source


def _day(now: float) -> dt.date:
    return dt.datetime.fromtimestamp(now, dt.timezone.utc).date()


def _month(
    job: Job, history: History, estimate: float | None, free: bool, now: float
) -> tuple[float | None, str]:
    if free:
        return None, "this machine charges nothing"
    today = _day(now)
    forecast = forecast_month(history.days, today)
    # Runs that cost nothing, as those of this machine, say nothing of a platform that charges.
    if forecast.expected_usd is not None and any(one.usd for one in history.days):
        return forecast.expected_usd, f"its runs of {forecast.days} days"
    left = runs_left(job, now)
    if left is None:
        return None, "it has no schedule and too few priced runs"
    if estimate is None:
        return None, "the cost of a run is unknown"
    source = f"{left:,} scheduled run{'' if left == 1 else 's'} left at the estimate"
    its = [one for one in history.days if (one.day.year, one.day.month) == (today.year, today.month)]
    runs, unpriced = sum(one.runs for one in its), sum(one.unpriced for one in its)
    if unpriced:
        source += f", without {unpriced:,} of {runs:,} runs so far, whose cost is unknown"
    return (forecast.spent_usd or 0.0) + left * estimate, source


def runs_a_month(job: Job, today: dt.date) -> int | None:
    """How often the schedule starts a job in the month of a day; None without a cron line."""
    first = dt.datetime(today.year, today.month, 1, tzinfo=ZoneInfo(job.execution.timezone))
    return _starts(job, first.timestamp() - 1)


def runs_left(job: Job, now: float) -> int | None:
    """How often the schedule still starts a job until the month ends; None without a cron line.

    Args:
        job: The job, whose time zone also tells when the month ends.
        now: Unix seconds.
    """
    return _starts(job, now)


def _starts(job: Job, after: float) -> int | None:
    """Starts after a moment, up to the end of the month of the second that follows it."""
    line = job.execution.schedule
    return None if line in (None, "streaming") else _count(line, job.execution.timezone, after)


@lru_cache(maxsize=1024)
def _count(line: str, timezone: str, after: float) -> int:
    from cronsim import CronSim

    start = dt.datetime.fromtimestamp(after, ZoneInfo(timezone))
    first = start + dt.timedelta(seconds=1)
    days = calendar.monthrange(first.year, first.month)[1]
    end = dt.datetime(first.year, first.month, 1, tzinfo=first.tzinfo) + dt.timedelta(days=days)
    return sum(1 for _ in takewhile(lambda moment: moment < end, CronSim(line, start)))


def _saving(decision: Decision | None) -> float | None:
    if decision is None or decision.recommended is None or decision.preference is None:
        return None
    preferred = next((one for one in decision.options if one.platform == decision.preference), None)
    if preferred is None or preferred.figures.usd is None:
        return None
    best = _cheaper_figures(decision.recommended)
    return None if best is None else preferred.figures.usd - best


def _cheaper_figures(option: PlatformOption) -> float | None:
    known = [option.figures.usd, option.recommended_figures and option.recommended_figures.usd]
    return min((usd for usd in known if usd is not None), default=None)


def _notes(
    config: Config,
    job: Job,
    book: PriceBook,
    circuits: Mapping[str, OpenCircuit],
    workload: Workload,
    today: dt.date,
    now: float,
) -> Iterable[str]:
    if not job.enabled:
        yield "the job is disabled; it is planned, and will not run"
    flags = config.settings.feature_flags.model_dump()
    yield from (f"feature flag {name} is off" for name, on in flags.items() if not on)
    if workload.volume_unknown:
        yield f"sizes unknown of {', '.join(workload.volume_unknown)}: the input is at least what is shown"
    if age := book.age_warning(today):
        yield age
    yield from (f"{platform}: {one.sentence(now)}" for platform, one in circuits.items())
    if not book.prices:
        yield f"no price of region {book.region} is known: all dollars are unknown"


def _priced_so(book: PriceBook, job: Job, decision: Decision | None) -> Iterable[str]:
    size = decision.selected.size if decision else None
    # Where the book has no price at all another note says so.
    return remarks(book, job, size) if size and book.prices else ()


def _scaled(stats: TableStats, factor: float) -> TableStats:
    def times(value: float | None) -> float | None:
        return None if value is None else value * factor

    def count(value: int | None) -> int | None:
        return None if value is None else max(1, round(value * factor))

    return stats.model_copy(
        update={
            "size_gb": times(stats.size_gb),
            "filtered_gb": times(stats.filtered_gb),
            "row_count": count(stats.row_count),
            "file_count": count(stats.file_count),
            "detected_by": f"{stats.detected_by}; what if: × {factor:g}",
        }
    )

"""Where a job could run: whether and why not, how big, how long and for how many dollars."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.circuit import OpenCircuit
from etl_platform.decide.cold_start import (
    BILLED_START,
    START_AT_LEAST,
    Work,
    estimate_seconds,
    start_seconds,
)
from etl_platform.decide.history import History
from etl_platform.decide.obstacles import LAMBDA_SECONDS, needs_account, obstacles
from etl_platform.decide.ranking import Goal, better
from etl_platform.decide.rates import Rates
from etl_platform.decide.run_features import RunShape
from etl_platform.decide.runtime_model import Prediction, RuntimeModel
from etl_platform.decide.size import (
    EMR_TYPE,
    Size,
    as_one_process_uses,
    candidates,
    declared,
    emr,
    is_one_process,
    largest_looked_at,
    usage,
)
from etl_platform.decide.size_limits import beyond_service
from etl_platform.pricing.book import PriceBook
from etl_platform.pricing.quote import quote

if TYPE_CHECKING:
    from numpy import ndarray

NO_ACCOUNT = "no account under the profile `local`"

LOW, HIGH = 0.05, 0.95
"""Ends of the ranges that are shown."""


@dataclass(frozen=True)
class Figures:
    """What a run of one size is expected to take; None is unknown.

    Attributes:
        on_time: Probability that it meets the deadline; None without a deadline or without seconds.
        usd: Dollars; None where a price is unknown, and on this machine, which charges nothing.
        usd_elsewhere: Dollars by the prices of another region, where those of the own one are unknown; they
            serve to order options and are no estimate.
    """

    seconds: float | None = None
    seconds_low: float | None = None
    seconds_high: float | None = None
    on_time: float | None = None
    usd: float | None = None
    usd_low: float | None = None
    usd_high: float | None = None
    usd_elsewhere: float | None = None


@dataclass(frozen=True)
class PlatformOption:
    """One platform for one job.

    Attributes:
        feasible: The job can run there now.
        reasons: Why not.
        size: The size it would get; None where none fits.
        figures: What that is expected to take.
        charged: Whether anybody bills it; false for this machine.
        recommended_size: A better size, where the job's own keys fix another one.
        recommended_figures: Figures of that size.
        lacks_only_account: It would be feasible, were there an account.
        notes: What is to be known of the size besides, as sentences.
    """

    platform: PlatformName
    feasible: bool
    reasons: tuple[str, ...]
    size: Size | None
    figures: Figures
    charged: bool
    recommended_size: Size | None = None
    recommended_figures: Figures | None = None
    lacks_only_account: bool = False
    notes: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        """Feasible, or would be with an account."""
        return self.feasible or self.lacks_only_account


@dataclass(frozen=True)
class Situation:
    """All that the options of a job depend on besides the job.

    Attributes:
        work: What it has to do.
        history: Its runs so far.
        book: The prices.
        circuits: Platforms that fail.
        now: Unix seconds.
        factor: The input is this many times that of today: more or less than 1 in a what-if.
        rates: Of the book, shared by the jobs that are planned together; None: of this job alone.
    """

    work: Work
    history: History
    book: PriceBook
    circuits: dict[PlatformName, OpenCircuit]
    now: float
    factor: float = 1.0
    rates: Rates | None = None


class Forecaster:
    """Seconds and dollars of one job on any size, from its physics and its runs so far."""

    def __init__(self, config: Config, job: Job, situation: Situation):
        """Learn from the runs of the job, and from those that it borrows, where the flags allow it."""
        self._job = job
        self._situation = situation
        self._rates = situation.rates or Rates(situation.book)
        self._running_cluster = job.platform.cluster_id is not None
        self._one_process = is_one_process(job)
        scaling = config.settings.feature_flags.enable_predictive_scaling
        runs = situation.history.runs if scaling else ()
        # Runs of unknown input count as runs of today's: what differs is left to the model's doubt.
        known = [one.data_gb for one in runs if one.data_gb is not None]
        volume, factor = situation.work.volume_gb, situation.factor
        usual = None if volume is None else volume / factor
        if usual is None and known:
            usual = median(known)
        elif usual is None and runs and factor == 1:
            usual = 1.0
        self._data_gb = None if usual is None else usual * factor
        learned = [(one, usual if one.data_gb is None else one.data_gb) for one in runs if usual is not None]
        self.learned_from = len(learned)
        self._seen = {one.size.platform for one, _ in learned}
        self._borrowed = situation.history.borrowed if scaling else ()
        self.borrowed_from = len(self._borrowed)
        rows = [(self._shape(one.size, self._work(data)), one.seconds) for one, data in learned]
        for one in self._borrowed:
            size, seconds = one.size, one.seconds
            assert size and seconds, "only runs that teach are borrowed"
            self._seen.add(size.platform)
            size = as_one_process_uses(size) if one.traits.kind == "python" else size
            shape = estimated(size, one.work, self._running_cluster)
            rows.append((replace(shape, extra={"job": one.job_id}), seconds))
        shapes, seconds = zip(*rows, strict=True) if rows else ((), ())
        self._model = RuntimeModel.fit(shapes, seconds)

    def predictions(self, sizes: Sequence[Size]) -> list[Prediction] | None:
        """Runtime of each size; None where the input is unknown and there are no runs to learn from."""
        data = self._data_gb
        if data is None:
            return None
        work = self._work(data)
        shapes = [self._shape(size, work) for size in sizes]
        predictions = self._model.predict(shapes)
        return [self._with_start(*one) for one in zip(sizes, shapes, predictions, strict=True)]

    def _with_start(self, size: Size, shape: RunShape, one: Prediction) -> Prediction:
        # Runs elsewhere tell how heavy the work of a job is, not how long this platform takes to start.
        if not self._seen or size.platform in self._seen:
            return one
        share = one.seconds / (shape.start_seconds + shape.work_seconds)
        return replace(one, seconds=shape.start_seconds + share * shape.work_seconds)

    def joint_errors(self, sizes: Sequence[Size]) -> "ndarray":
        """Covariance of the errors of the logarithms of the expected seconds."""
        work = self._work(self._data_gb or 0.0)
        return self._model.joint_errors([self._shape(size, work) for size in sizes])

    def figures(self, sizes: Sequence[Size], deadline: float | None) -> list[Figures]:
        """What a run of each size is expected to take, without the range of its dollars."""
        found = self.compared(sizes, deadline)
        return [self._quoted(size, one) for size, one in zip(sizes, found, strict=True)]

    def compared(self, sizes: Sequence[Size], deadline: float | None) -> list[Figures]:
        """As `figures`, with dollars that may be off by the cost of a second: for comparing many sizes."""
        predictions = self.predictions(sizes)
        if predictions is None:
            return [Figures() for _ in sizes]
        found = []
        for size, one in zip(sizes, predictions, strict=True):
            least = START_AT_LEAST * start_seconds(size.platform, self._running_cluster)
            low, high = one.quantile(LOW), one.quantile(HIGH)
            # Runs that are over within the start show one that is shorter than is known here.
            low = max(low, least) if one.seconds > 2 * least else low
            billed = self._billed(size, one.seconds)
            usd = self._rates.usd(size, self._job, billed)
            elsewhere = self._rates.elsewhere if usd is None else None
            found.append(
                Figures(
                    seconds=one.seconds,
                    seconds_low=low,
                    seconds_high=high,
                    on_time=None if deadline is None else one.probability_within(deadline),
                    usd=usd,
                    usd_elsewhere=elsewhere and elsewhere.usd(size, self._job, billed),
                )
            )
        return found

    def _quoted(self, size: Size, figures: Figures) -> Figures:
        return figures if figures.seconds is None else replace(figures, usd=self.usd(size, figures.seconds))

    def ranged(self, size: Size, figures: Figures) -> Figures:
        """The figures with quoted dollars, and the range of these, which is as rough as that of time."""
        if figures.seconds_low is None or figures.seconds_high is None:
            return figures
        low, high = (
            self._rates.usd(size, self._job, self._billed(size, seconds))
            for seconds in (figures.seconds_low, figures.seconds_high)
        )
        return replace(self._quoted(size, figures), usd_low=low, usd_high=high)

    def usd(self, size: Size, seconds: float) -> float | None:
        """Dollars of a run that takes so long; None where nobody bills it, or a price is unknown."""
        used = usage(size, self._job, self._billed(size, seconds))
        return None if used is None else quote(self._situation.book, used).total_usd

    def _billed(self, size: Size, seconds: float) -> float:
        start = start_seconds(size.platform, self._running_cluster)
        return seconds if BILLED_START[size.platform] else seconds - min(start, seconds)

    def _work(self, data_gb: float) -> Work:
        work, today = self._situation.work, self._situation.work.volume_gb
        if not today:
            return replace(work, volume_gb=data_gb)
        share = data_gb / today
        return replace(
            work, volume_gb=data_gb, shuffle_gb=work.shuffle_gb * share, files=round(work.files * share)
        )

    def _shape(self, size: Size, work: Work) -> RunShape:
        used = as_one_process_uses(size) if self._one_process else size
        shape = estimated(used, work, self._running_cluster)
        # The job is a feature where there are runs of others: its own runs then say most about it.
        return replace(shape, extra={"job": self._job.job_id}) if self._borrowed else shape


def estimated(size: Size, work: Work, running_cluster: bool) -> RunShape:
    """A run of some size, with what a cold start says of its work, whose volume is known."""
    seconds = estimate_seconds(work, size, running_cluster)
    assert seconds is not None and work.volume_gb is not None, "the volume is known"
    start = start_seconds(size.platform, running_cluster)
    return size.shape(work.volume_gb, start, seconds - start)


def options(
    config: Config,
    job: Job,
    situation: Situation,
    goal: Goal,
    platforms: Sequence[PlatformName],
) -> tuple[list[PlatformOption], Forecaster]:
    """What some platforms have to offer to a job.

    Args:
        config: For profile and flags.
        job: The job.
        situation: What it has to do, its history, prices, failing platforms.
        goal: What makes a size better than another.
        platforms: The platforms to look at.
    """
    forecaster = Forecaster(config, job, situation)
    sizes = [_sizes(job, platform) for platform in platforms]
    every = [size for some in sizes for size in some]
    # All at once: the model answers many questions in hardly more time than one.
    figures = iter(forecaster.compared(every, goal.deadline_seconds))
    found = [
        _option(
            config,
            job,
            situation,
            goal,
            platform,
            forecaster,
            {one.label: (one, next(figures)) for one in some},
        )
        for platform, some in zip(platforms, sizes, strict=True)
    ]
    return found, forecaster


def _sizes(job: Job, platform: PlatformName) -> list[Size]:
    """The sizes that may be compared on a platform, and the one that the job's own keys give."""
    sizes, given = list(candidates(job, platform)), declared(job, platform)
    # They differ in their number alone, which is kept within the limits: one speaks for all.
    if sizes and beyond_service(sizes[0], job):
        sizes = []
    compared = given is not None and given not in sizes and beyond_service(given, job) is None
    return [given, *sizes] if given and compared else sizes


def _option(
    config: Config,
    job: Job,
    situation: Situation,
    goal: Goal,
    platform: PlatformName,
    forecaster: Forecaster,
    compared: dict[str, tuple[Size, Figures]],
) -> PlatformOption:
    against = obstacles(config, job, platform)
    if circuit := situation.circuits.get(platform):
        against.append(circuit.sentence(situation.now))
    given, work = declared(job, platform), situation.work
    free = given is None or _may_resize(config, job, platform)
    every = [size for size, _ in compared.values()]
    figures = {label: one for label, (_, one) in compared.items()}
    sizes = [size for size in every if not too_small(size, figures[size.label], work)]
    best = better(
        goal, [(size, figures[size.label], platform != "local") for size in _roomy(job, sizes, work)]
    )
    chosen = best if free else given
    if chosen is None:
        # What cannot do it is shown all the same, with its time and cost.
        chosen = given or max(every, key=lambda size: size.memory_gb, default=None)
    if chosen is None:
        against.append(_no_size(job, platform))
    elif reason := beyond_service(chosen, job) or too_small(chosen, figures[chosen.label], work):
        against.append(reason)
    account = needs_account(config, platform)
    reasons = [*against, *([NO_ACCOUNT] if account else [])]
    other = best if best and chosen and best.label != chosen.label else None
    return PlatformOption(
        platform=platform,
        feasible=not reasons,
        reasons=tuple(reasons),
        size=chosen,
        figures=forecaster.ranged(chosen, figures.get(chosen.label, Figures())) if chosen else Figures(),
        charged=platform != "local",
        recommended_size=other,
        recommended_figures=forecaster.ranged(other, figures[other.label]) if other else None,
        lacks_only_account=account and not against,
        notes=tuple(_notes(job, chosen, given, free, work)) if chosen else (),
    )


def _notes(job: Job, chosen: Size, given: Size | None, free: bool, work: Work) -> Iterator[str]:
    volume = work.volume_gb
    if is_one_process(job) and volume is not None and volume > chosen.memory_gb:
        yield (
            f"{volume:,.1f} GB of input are more than its {chosen.memory_gb:g} GB of memory: the script must "
            "read them in parts."
        )
    asked = job.platform.dpu_count
    if chosen == given and chosen.platform == "glue" and asked and chosen.keys["dpu_count"] != asked:
        yield f"{asked:g} DPU are no whole size: {chosen.label} is taken, {chosen.keys['dpu_count']:g} DPU."
    largest = largest_looked_at(job, chosen) if free else None
    if largest:
        yield largest


def _roomy(job: Job, sizes: Sequence[Size], work: Work) -> Sequence[Size]:
    # One process holds its data in memory, where it can: less memory is taken only where there is no more.
    if not is_one_process(job) or work.volume_gb is None:
        return sizes
    needed = min(work.volume_gb, max((size.memory_gb for size in sizes), default=0.0))
    return [size for size in sizes if size.memory_gb >= needed]


def too_small(size: Size, figures: Figures, work: Work) -> str | None:
    """Why a size cannot do the work; None where it can, as far as that is known."""
    if size.platform != "lambda":
        return None
    if figures.seconds_high is not None and figures.seconds_high > LAMBDA_SECONDS:
        return f"it may take {figures.seconds_high / 60:,.0f} minutes, and Lambda stops after 15"
    if work.volume_gb is not None and work.volume_gb > size.memory_gb:
        return f"{work.volume_gb:,.1f} GB of input do not fit into {size.memory_gb:.1f} GB of memory"
    return None


def _no_size(job: Job, platform: PlatformName) -> str:
    keys = job.platform
    if platform == "emr":
        kind = keys.core_instance_type or keys.instance_type or EMR_TYPE
        return beyond_service(emr(kind, 2), job) or f"no size of {kind} fits"
    first = next(candidates(job, platform), None)
    if first and (reason := beyond_service(first, job)):
        return reason
    if platform == "glue":
        least, most = keys.min_dpu or 0, keys.max_dpu
        return (
            f"no number of workers, two at least, lies between `platform.min_dpu` of {least:g} and "
            f"`platform.max_dpu` of {most:g}"
            if most
            else f"no number of workers has `platform.min_dpu` of {least:g}"
        )
    return "no size fits"


def _may_resize(config: Config, job: Job, platform: PlatformName) -> bool:
    if not config.settings.feature_flags.enable_auto_optimization:
        return False
    keys = job.platform
    return keys.auto_adjust_memory if platform in ("lambda", "batch") else keys.auto_adjust_dpu

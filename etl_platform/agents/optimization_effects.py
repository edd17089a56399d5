"""What a change of a job would do to its time and cost, as far as the models of `decide` can tell."""

from dataclasses import dataclass, replace

from etl_platform.agents.agent import Case
from etl_platform.agents.once import once
from etl_platform.config.container_sizes import container
from etl_platform.config.models.job import Job
from etl_platform.config.models.platform import WorkerType
from etl_platform.decide.cold_start import Work, estimate_seconds
from etl_platform.decide.options import Figures, Forecaster
from etl_platform.decide.ranking import goal_of
from etl_platform.decide.size import Size, emr, glue, serverless


@dataclass(frozen=True)
class Effect:
    """What a run takes more (or, negative, less); None is unknown.

    Attributes:
        basis: On what the figures rest.
    """

    seconds: float | None
    usd: float | None
    basis: str


@once
def forecaster(case: Case) -> Forecaster:
    """The runtime model of the job, as its decision used it."""
    return Forecaster(case.config, case.plan.job, case.plan.situation)


def of_work(case: Case, before: Work, after: Work, basis: str) -> Effect | None:
    """The effect of other work on the size that was decided.

    The physical estimates of both give the ratio; the runtime model gives the seconds. Where it has learned
    from runs these were runs of the work as it is, else its figure is that of the planned work.
    """
    decision = case.plan.decision
    if decision is None or decision.selected.size is None or decision.selected.figures.seconds is None:
        return None
    size, running = decision.selected.size, case.job.platform.cluster_id is not None
    planned, now, then = (
        estimate_seconds(work, size, running) for work in (case.plan.situation.work, before, after)
    )
    if planned is None or now is None or then is None:
        return None
    seconds = decision.selected.figures.seconds * (1.0 if decision.learned_from else now / planned)
    return _between(case, size, seconds, seconds * then / now, basis)


def _between(case: Case, size: Size, before: float, after: float, basis: str) -> Effect:
    model = forecaster(case)
    dollars = [model.usd(size, seconds) for seconds in (before, after)]
    usd = None if dollars[0] is None or dollars[1] is None else dollars[1] - dollars[0]
    return Effect(after - before, usd, basis)


def of_size(case: Case, size: Size) -> Effect | None:
    """The effect of another size in place of the one that was decided."""
    decision = case.plan.decision
    if decision is None:
        return None
    figures = forecaster(case).figures([size], goal_of(case.config, case.plan.job).deadline_seconds)[0]
    return of_figures(decision.selected.figures, figures)


def of_figures(before: Figures, after: Figures) -> Effect | None:
    """The difference of two expectations; None where no time is known."""
    if before.seconds is None or after.seconds is None:
        return None
    usd = None if before.usd is None or after.usd is None else after.usd - before.usd
    return Effect(after.seconds - before.seconds, usd, "runtime model and price book")


def roomier(job: Job, size: Size) -> Size | None:
    """A size of as many cores with twice the memory; None where the platform has none."""
    match size.platform:
        case "glue" if size.keys.get("worker_type", "").startswith("G."):
            scale = size.keys["worker_type"].removeprefix("G.")
            types: dict[str, WorkerType] = {"1X": "R.1X", "2X": "R.2X", "4X": "R.4X", "8X": "R.8X"}
            if scale not in types:
                return None
            # One worker is the driver, which `nodes` leaves out.
            return glue(types[scale], round(size.nodes) + 1)
        case "emr" if size.keys.get("instance_type", "").startswith("m5."):
            kind = size.keys["instance_type"].replace("m5.", "r5.")
            larger = emr(kind, size.keys["instance_count"])
            return larger if larger.cores else None
        case "emr_serverless":
            cores = size.keys["executor_cores"]
            larger = container(cores, 2 * size.keys["executor_memory_gb"])
            if larger is None or larger[0] != cores:
                return None
            keys = job.platform.model_copy(update={"executor_memory_gb": larger[1]})
            return serverless(keys, size.keys["max_executors"])
    return None


def with_shuffle(work: Work, more_gb: float) -> Work:
    """The work with so much more to shuffle."""
    return replace(work, shuffle_gb=work.shuffle_gb + more_gb)


def with_files(work: Work, fewer: int) -> Work:
    """The work with so many files fewer to open."""
    return replace(work, files=max(work.files - fewer, 1))

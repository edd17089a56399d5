"""What past runs say: similar runs, patterns in the job's own, and what the runtime model made of them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil, exp, log
from statistics import median
from typing import Any

from etl_platform.agents.agent import Case, ToolError
from etl_platform.agents.once import once
from etl_platform.decide.decision import CannotRunError, decide
from etl_platform.decide.history import LATEST, History
from etl_platform.decide.learning_storage import LearningStorageError
from etl_platform.decide.learning_vectors import traits_of
from etl_platform.decide.learnings import Learnings, Similar
from etl_platform.decide.options import Figures, Forecaster, PlatformOption
from etl_platform.decide.ranking import goal_of
from etl_platform.tracking.records import JobExecution

SHOWN = 20
"""Similar runs that are shown."""

OFTEN = 0.2
"""Share of the runs from which something is a pattern."""

BIAS = 1.5
"""Factor by which runs differ from what was expected of them, from which that is a pattern."""

GROWTH = 1.25
"""Factor by which the input of the later half of the runs exceeds that of the earlier, likewise."""


@dataclass(frozen=True)
class Pattern:
    """Something that the job's runs have in common.

    Attributes:
        pattern_id: Stable name.
        sentence: What, for people.
        runs: Runs that show it.
        of_runs: Runs that were looked at.
        action: What to do; None: nothing follows from it alone.
    """

    pattern_id: str
    sentence: str
    runs: int
    of_runs: int
    action: str | None = None


def least_runs(case: Case) -> int:
    """Runs before learnings act: `min_history_samples`."""
    return case.config.settings.agents.learning_agent.min_history_samples


@once
def own_runs(case: Case) -> list[JobExecution]:
    """The latest runs of the job that ended by themselves, newest first."""
    found = case.store.executions(case.job.job_id, until=case.now, limit=LATEST).items
    return [one for one in found if one.status not in ("running", "cancelled")]


@once
def similar_runs(case: Case) -> list[Similar]:
    """Stored runs of this and other jobs that are as similar as `similarity_threshold` asks.

    Raises:
        ToolError: The learning storage cannot be read.
    """
    try:
        found = Learnings(case.config, case.now).similar(traits_of(case.job, case.plan.workload))
    except LearningStorageError as error:
        raise ToolError(str(error)) from error
    # The run in question is no past run.
    return [one for one in found if one.vector.execution_id != case.execution_id]


def patterns(case: Case) -> list[Pattern]:
    """Patterns in the job's own runs; none below `min_history_samples` runs."""
    runs = own_runs(case)
    if len(runs) < least_runs(case) or not case.config.settings.enable_agent_learning:
        return []
    return [*_failures(runs), *_spills(runs), *_biases(runs), *_growths(runs)]


def _failures(runs: list[JobExecution]) -> Iterator[Pattern]:
    died = [one for one in runs if one.status != "success"]
    classes = Counter((one.error_details and one.error_details.error_class) or "unknown" for one in died)
    for name, count in classes.most_common():
        # What none of the newer half shows was mended meanwhile.
        lately = any(_class(one) == name for one in runs[: ceil(len(runs) / 2)] if one in died)
        if count < 2 or count < OFTEN * len(runs) or not lately:
            continue
        where = Counter(_where(one) for one in died if _class(one) == name)
        place, there = where.most_common(1)[0]
        share = "all of them" if there == count else f"{there} of them"
        yield Pattern(
            f"failure_{name}",
            f"{count} of the last {len(runs)} runs {_FAILED[name]}, {share} on {place}.",
            count,
            len(runs),
            _CURES.get(name),
        )


_FAILED = {
    "out_of_memory": "ran out of memory",
    "timeout": "ran into their time limit",
    "throttled": "were throttled",
    "permission": "lacked a permission",
    "missing_input": "did not find their input",
    "capacity": "got no capacity",
    "code": "failed by an error in the script",
    "unknown": "failed for a reason that nobody knows",
}
"""Error class to what became of the runs."""

_CURES = {
    "out_of_memory": "Give it more memory: a larger worker type, or fewer cores an executor.",
    "timeout": "Raise `execution.timeout_minutes`, or let it run on a larger size.",
    "throttled": "Start it at another time, or ask for a higher quota.",
    "permission": "Grant what the error names.",
    "missing_input": "Let it depend on the job that writes its input.",
    "capacity": "Allow a further platform in `platform.allowed_platforms`.",
    "code": "Mend the script: `etl-platform show EXECUTION` has the error of a run.",
}
"""Error class to what follows where it comes again and again."""


def _spills(runs: list[JobExecution]) -> Iterator[Pattern]:
    measured = [
        (one, one.execution_metrics.spilled_gb)
        for one in runs
        if one.execution_metrics and one.execution_metrics.spilled_gb is not None
    ]
    spilled = [gb for _, gb in measured if gb > 0]
    if spilled and len(spilled) >= max(2, OFTEN * len(measured)):
        yield Pattern(
            "spill",
            f"{len(spilled)} of {len(measured)} measured runs spilled to disk, half of these at least "
            f"{median(spilled):,.2f} GB.",
            len(spilled),
            len(measured),
            "More memory a core, or more and smaller shuffle partitions.",
        )


def _biases(runs: list[JobExecution]) -> Iterator[Pattern]:
    ratios = _ratios(runs)
    if len(ratios) < 2:
        return
    factor = median(ratios)
    if factor >= BIAS or factor <= 1 / BIAS:
        yield Pattern(
            "estimate_bias",
            f"Runs take {factor:,.2f} times as long as is expected of them (median of {len(ratios)}).",
            len(ratios),
            len(runs),
        )


def _growths(runs: list[JobExecution]) -> Iterator[Pattern]:
    sizes = [
        one.workload_characteristics.data_volume_gb
        for one in runs
        if one.workload_characteristics and one.workload_characteristics.data_volume_gb
    ]
    if len(sizes) < 4:
        return
    later, earlier = median(sizes[: len(sizes) // 2]), median(sizes[len(sizes) // 2 :])
    if later / earlier >= GROWTH:
        yield Pattern(
            "growth",
            f"The input grew from {earlier:,.2f} GB to {later:,.2f} GB over {len(sizes)} runs.",
            len(sizes),
            len(runs),
            "Read only what is new (`workload.incremental`), or plan for the larger size.",
        )


def _class(one: JobExecution) -> str:
    return (one.error_details and one.error_details.error_class) or "unknown"


def _where(one: JobExecution) -> str:
    size = one.platform_decision.size if one.platform_decision else None
    label = size and size.get("label")
    return place(one.job_type, str(label) if label else None)


def place(platform: str | None, label: str | None) -> str:
    """Platform and size for people; the size of this machine tells the platform by itself."""
    if platform == "local":
        return label or "this machine"
    return ", ".join(filter(None, (platform, label))) or "an unknown platform"


def _ratios(runs: list[JobExecution]) -> list[float]:
    """What successful runs took, over what was expected of them."""
    return [
        one.duration_seconds / one.platform_decision.estimated_seconds
        for one in runs
        if one.status == "success"
        and one.duration_seconds
        and one.platform_decision
        and one.platform_decision.estimated_seconds
    ]


def runtime_model(case: Case) -> dict[str, Any]:
    """What the runtime model expects of the next run, on what it rests, and how right it was so far."""
    decision, ratios = case.plan.decision, _ratios(own_runs(case))
    ranged = [
        one.platform_decision.estimated_seconds_low
        <= one.duration_seconds
        <= one.platform_decision.estimated_seconds_high
        for one in own_runs(case)
        if one.status == "success"
        and one.duration_seconds
        and one.platform_decision
        and one.platform_decision.estimated_seconds_low is not None
        and one.platform_decision.estimated_seconds_high is not None
    ]
    figures = decision.selected.figures if decision else Figures()
    size = decision.selected.size if decision else None
    return {
        "platform": decision.selected.platform if decision else None,
        "size": size.label if size else None,
        "seconds": figures.seconds,
        "seconds_low": figures.seconds_low,
        "seconds_high": figures.seconds_high,
        "usd": figures.usd,
        "learned_from": decision.learned_from if decision else 0,
        "borrowed_from": len(case.plan.situation.history.borrowed),
        # The factor by which an expectation was wrong, in the middle.
        "usual_error_factor": exp(median(abs(log(one)) for one in ratios)) if ratios else None,
        "runs_within_range": sum(ranged) if ranged else None,
        "runs_with_range": len(ranged),
    }


def learned_choice(case: Case) -> Mapping[str, Any] | None:
    """What would be chosen without any run to learn from, and what is with them.

    Both are priced by the model that has learned. None where nothing was learned, or no choice is left.
    """
    plan, decision = case.plan, case.plan.decision
    history = plan.situation.history
    if decision is None or not (decision.learned_from or history.borrowed):
        return None
    try:
        naive = decide(case.config, plan.job, replace(plan.situation, history=History(days=history.days)))
    except CannotRunError:
        return None
    # Under the profile `local` the run stays here; what is learned shows in what is recommended.
    before, after = (one.recommended or one.selected for one in (naive, decision))
    forecaster = Forecaster(case.config, plan.job, plan.situation)
    deadline = goal_of(case.config, plan.job).deadline_seconds
    return {
        "without_learning": _choice(before, forecaster, deadline),
        "with_learning": _choice(after, forecaster, deadline),
        "changed": (before.platform, before.size and before.size.label)
        != (after.platform, after.size and after.size.label),
    }


def _choice(option: PlatformOption, forecaster: Forecaster, deadline: float | None) -> dict[str, Any]:
    figures = forecaster.figures([option.size], deadline)[0] if option.size else Figures()
    return {
        "platform": option.platform,
        "size": option.size.label if option.size else None,
        "keys": dict(option.size.keys) if option.size else {},
        "seconds": figures.seconds,
        "usd": figures.usd,
        "probability_on_time": figures.on_time,
    }

"""Changes that past runs, the data flow and the options ask for, each with its evidence."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import Any, Literal

from etl_platform.agents.agent import Case
from etl_platform.agents.once import once
from etl_platform.agents.optimization_effects import (
    Effect,
    of_figures,
    of_size,
    of_work,
    roomier,
    with_files,
    with_shuffle,
)
from etl_platform.catalog.findings import MANY_FILES, SMALL_FILE_MB, Finding, coalesce_target
from etl_platform.config.models.base import Severity
from etl_platform.decide.options import NO_ACCOUNT
from etl_platform.tracking.records import ExecutionMetrics
from etl_platform.workload.analyze import PARTITION_MB

Area = Literal["script", "settings", "partitioning", "file_format", "file_size", "size"]

LATEST_RUNS = 10
"""Runs whose metrics count."""

SKEW = 5.0
"""Default of `spark.sql.adaptive.skewJoin.skewedPartitionFactor`: what Spark itself calls skewed."""

SKEW_SPLIT_MB = 64
"""A quarter of the default of `spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes`."""

GC_SHARE = 0.1
"""Garbage collection over task time from which Spark's own web page marks an executor red."""

FULL = 0.9
"""Share of the allocated memory from which it is nearly full."""

LARGE_TEXT_GB = 0.125
"""Text files from one Spark partition on; below, the format does not matter."""

LARGE_GB = 1.0
"""Sources from which reading all of their partitions matters."""

OFF_BY_DEFAULT = ("3.0",)
"""Glue versions of Spark 3.1, where adaptive execution is off (Spark SQL migration guide, "3.1 to 3.2")."""

SPARK_PARTITIONS = "200"
"""Default of `spark.sql.shuffle.partitions`."""

FORMATS = ("csv", "json")


@dataclass(frozen=True)
class Change:
    """Something to change.

    Attributes:
        change_id: Stable name.
        evidence: What was measured or found.
        action: What to do.
        keys: Configuration that does it, to be merged into the job; empty where the script must change.
        effect: What the models expect of it; None: no model can tell.
    """

    change_id: str
    area: Area
    severity: Severity
    evidence: tuple[str, ...]
    action: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    effect: Effect | None = None


@once
def usual_metrics(case: Case) -> dict[str, float]:
    """Medians of the metrics of the latest successful runs, with `runs`, their number.

    Empty where `learning_from_history` is off, or nothing was measured.
    """
    if not case.config.settings.agents.optimization_agent.learning_from_history:
        return {}
    found = case.store.executions(case.job.job_id, until=case.now, limit=LATEST_RUNS).items
    measured = [one.execution_metrics for one in found if one.status == "success" and one.execution_metrics]
    values = {
        name: [value for one in measured if (value := getattr(one, name)) is not None]
        for name in ExecutionMetrics.model_fields
    }
    usual: dict[str, float] = {name: median(some) for name, some in values.items() if some}
    return {**usual, "runs": float(len(measured))} if usual else {}


@once
def changes(case: Case) -> list[Change]:
    """All changes, those that save most first."""
    settings = case.config.settings.agents.optimization_agent
    found = [*_of_findings(case), *_of_files(case), *_of_partitions(case)]
    if settings.auto_tune_spark_config:
        found += _of_settings(case)
    if settings.auto_adjust_resources:
        found += [*_of_memory(case), *_of_options(case)]
    order: tuple[Severity, ...] = ("critical", "high", "medium", "low")
    return sorted(
        found,
        key=lambda one: (
            (one.effect.usd or 0.0) if one.effect else 0.0,
            (one.effect.seconds or 0.0) if one.effect else 0.0,
            order.index(one.severity),
            one.change_id,
        ),
    )


def _of_findings(case: Case) -> Iterator[Change]:
    """What the script and the files of the sources show."""
    for one in _findings(case):
        if one.category not in ("join", "broadcast", "small_files"):
            continue
        small = one.category == "small_files"
        effect = None
        if small and one.dataset:
            effect = _fewer_files(case, one.dataset)
        elif one.type == "missing_broadcast" and one.dataset:
            effect = _broadcast(case, one.dataset)
        yield Change(
            change_id="/".join(filter(None, (one.type, one.dataset))),
            area="file_size" if small else "script",
            severity=one.severity,
            evidence=(one.description,),
            action=one.recommendation,
            effect=effect,
        )


def _findings(case: Case) -> list[Finding]:
    stats = case.plan.stats.values()
    found = [*(one for each in stats for one in each.findings), *case.plan.workload.findings]
    return list({(one.type, one.dataset): one for one in found}.values())


def _fewer_files(case: Case, source: str) -> Effect | None:
    stats, work = case.plan.stats[source], case.plan.situation.work
    if stats.size_gb is None or stats.file_count is None:
        return None
    target = coalesce_target(round(stats.size_gb * 2**30))
    after = with_files(work, stats.file_count - target)
    return of_work(case, work, after, f"runtime model: {stats.file_count:,} → {target:,} files")


def _broadcast(case: Case, source: str) -> Effect | None:
    step = next((one for one in case.plan.workload.order if one.source == source), None)
    if step is None or step.shuffle_gb is None or step.shuffle_without_broadcast_gb is None:
        return None
    # The plan counts on the broadcast; as the script stands, this much is shuffled besides.
    saved = step.shuffle_without_broadcast_gb - step.shuffle_gb
    work = case.plan.situation.work
    return of_work(case, with_shuffle(work, saved), work, f"runtime model: {saved:,.2f} GB less to shuffle")


def _of_settings(case: Case) -> Iterator[Change]:
    own = {key: str(value).lower() for key, value in case.job.execution.spark_conf.items()}
    yield from _planned_settings(case)
    adaptive = own.get("spark.sql.adaptive.enabled")
    old = case.job.platform.glue_version in OFF_BY_DEFAULT and _platform(case) == "glue"
    if adaptive == "false" or (adaptive is None and old):
        why = "The job switches it off." if adaptive else "On Glue 3.0 it is off unless it is set."
        yield _setting("adaptive", "medium", why, {"spark.sql.adaptive.enabled": "true"})
    usual = usual_metrics(case)
    if usual.get("task_skew", 0.0) >= SKEW:
        yield _setting(
            "skew",
            "medium",
            f"The longest task of the heaviest stage takes {usual['task_skew']:,.1f} times the median one "
            f"(middle of {usual['runs']:.0f} runs).",
            {"spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes": f"{SKEW_SPLIT_MB}m"},
            "Let Spark split smaller partitions too; where a single key is so frequent, salt it.",
        )
    partitions = _partitions_against_spill(case, own, usual)
    if partitions:
        yield _setting(
            "spill",
            "high",
            f"{usual['spilled_gb']:,.2f} GB spilled to disk while {usual['shuffle_write_gb']:,.2f} GB were "
            f"shuffled (middle of {usual['runs']:.0f} runs).",
            {"spark.sql.shuffle.partitions": str(partitions)},
        )


def _planned_settings(case: Case) -> Iterator[Change]:
    """What the data flow asks for; the job's own settings win and are not in it."""
    workload = case.plan.workload
    for key, value in workload.spark_conf.items():
        if key == "spark.sql.autoBroadcastJoinThreshold":
            why = tuple(one.reason for one in workload.broadcasts if one.chosen)
            if value == "-1":
                why = ('`data_flow.join_strategy` is "shuffle".',)
        else:
            moved = max((one.shuffle_gb or 0.0 for one in workload.order), default=0.0)
            why = (f"The largest shuffle moves {moved:,.2f} GB, {PARTITION_MB} MB a partition.",)
        yield _setting(key.rpartition(".")[2], "low", " ".join(why), {key: value})


def _partitions_against_spill(case: Case, own: Mapping[str, str], usual: Mapping[str, float]) -> int | None:
    """Shuffle partitions of PARTITION_MB by what was measured, where it spilled with larger ones."""
    shuffled = usual.get("shuffle_write_gb", 0.0)
    if not usual.get("spilled_gb") or not shuffled:
        return None
    key = "spark.sql.shuffle.partitions"
    now = own.get(key) or case.plan.workload.spark_conf.get(key) or SPARK_PARTITIONS
    wanted = ceil(shuffled * 1024 / PARTITION_MB)
    return wanted if now.isdigit() and wanted > int(now) else None


def _setting(
    name: str, severity: Severity, evidence: str, conf: dict[str, str], action: str | None = None
) -> Change:
    told = ", ".join(f"{key} = {value}" for key, value in conf.items())
    return Change(
        f"spark_conf/{name}",
        "settings",
        severity,
        (evidence,),
        action or f"Set {told}.",
        {"execution": {"spark_conf": conf}},
    )


def _of_memory(case: Case) -> Iterator[Change]:
    decision, usual = case.plan.decision, usual_metrics(case)
    size = decision.selected.size if decision else None
    larger = roomier(case.job, size) if size else None
    evidence = list(_tight(usual))
    if size is None or larger is None or not evidence:
        return
    yield Change(
        "memory",
        "size",
        "high",
        tuple(evidence),
        f"Take {larger.label} in place of {size.label}: as many cores, twice the memory.",
        {"platform": dict(larger.keys)},
        of_size(case, larger),
    )


def _tight(usual: Mapping[str, float]) -> Iterator[str]:
    tasks, collecting = usual.get("executor_seconds", 0.0), usual.get("gc_seconds", 0.0)
    if tasks and collecting / tasks >= GC_SHARE:
        yield f"Garbage collection takes {collecting / tasks:.0%} of the tasks' time."
    used, given = usual.get("memory_mb_max", 0.0), usual.get("memory_mb_allocated", 0.0)
    if given and used / given >= FULL:
        yield f"Memory was {used / given:.0%} full: {used:,.0f} of {given:,.0f} MB."
    if usual.get("spilled_gb") and not usual.get("shuffle_write_gb"):
        yield f"{usual['spilled_gb']:,.2f} GB spilled to disk."


def _of_options(case: Case) -> Iterator[Change]:
    """A better size than the job fixes, or a better platform than it prefers."""
    decision = case.plan.decision
    if decision is None:
        return
    now = decision.selected
    if now.recommended_size and now.recommended_figures and now.size:
        yield Change(
            "size",
            "size",
            "medium",
            (f"The job fixes {now.size.label}; the engine finds {now.recommended_size.label} better.",),
            f"Take {now.recommended_size.label}, or let `platform.auto_adjust_dpu` choose.",
            {"platform": dict(now.recommended_size.keys)},
            of_figures(now.figures, now.recommended_figures),
        )
    best = decision.recommended
    if best and best.size and best.platform != now.platform and now.charged:
        yield Change(
            f"platform/{best.platform}",
            "size",
            "medium",
            tuple(one for one in decision.reasoning if NO_ACCOUNT not in one),
            f"Let it run on {best.platform}, {best.size.label}.",
            {"platform": {"user_preference": best.platform, **best.size.keys}},
            of_figures(now.figures, best.figures),
        )


def _of_files(case: Case) -> Iterator[Change]:
    usual, target = usual_metrics(case), case.job.target
    count, average = usual.get("output_file_count", 0.0), usual.get("output_avg_file_mb", 0.0)
    wanted = coalesce_target(round(count * average * 2**20)) if average else 0
    # A file for each partition is the least that a partitioned target has.
    parts = bool(target and target.partition_by)
    if average and average < SMALL_FILE_MB and count > (MANY_FILES if parts else 2 * wanted):
        yield Change(
            "output_files",
            "file_size",
            "medium" if count > MANY_FILES else "low",
            (f"A run writes {count:,.0f} files of {average:,.2f} MB (middle of {usual['runs']:.0f} runs).",),
            "Partition the target less finely, or `repartition` by its partition columns before the write."
            if parts
            else f"`coalesce({wanted})` before the write: {count * average / wanted:,.1f} MB a file.",
        )
    large = not average or count * average / 1024 >= LARGE_TEXT_GB
    if target and target.format in FORMATS and large:
        yield Change(
            "target_format",
            "file_format",
            "medium" if average else "low",
            (f"The target is written as {target.format}, which each reader parses whole.",),
            "Write Parquet: readers then read only the columns and row groups that they need.",
            {"target": {"format": "parquet"}},
        )
    for name, stats in case.plan.stats.items():
        if stats.format in FORMATS and (stats.size_gb or 0.0) >= LARGE_TEXT_GB:
            yield Change(
                f"source_format/{name}",
                "file_format",
                "medium",
                (f"`{name}` is {stats.size_gb:,.2f} GB of {stats.format}, parsed whole by each run.",),
                f"Let whoever writes `{name}` write Parquet, or convert it once.",
            )


def _of_partitions(case: Case) -> Iterator[Change]:
    filtered = {source.name: source.partition_filter for source in case.job.data_sources}
    in_parts = case.job.execution.partitions is not None or case.job.workload.incremental
    for name, stats in case.plan.stats.items():
        count, size = stats.partition_count or 0, stats.size_gb or 0.0
        if count < 2 or size < LARGE_GB or filtered.get(name):
            continue
        yield Change(
            f"partition_filter/{name}",
            "partitioning",
            "high" if in_parts else "low",
            (f"`{name}` has {count:,} partitions, {size:,.2f} GB, and no `partition_filter`: all are read.",),
            f"Where a run needs some of them only, set `partition_filter` of `{name}` over "
            f"{', '.join(stats.partition_keys or ('its keys',))}.",
        )


def _platform(case: Case) -> str | None:
    return case.plan.decision.selected.platform if case.plan.decision else None

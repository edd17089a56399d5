"""What a job is about to do: joins, roles, broadcasts, order, shuffle, volume, complexity."""

from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path

from etl_platform.catalog.location import s3_path
from etl_platform.catalog.stats import TableStats
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.workload.broadcast import BROADCAST_SETTING, SPARK_THRESHOLD_GB, broadcasts_of
from etl_platform.workload.complexity import complexity_of
from etl_platform.workload.declared import declared_joins, guessed_joins
from etl_platform.workload.findings import findings_of
from etl_platform.workload.frames import Frame, ScriptFacts
from etl_platform.workload.joins import JoinGraph, merged
from etl_platform.workload.memory import declared_executor_memory_gb
from etl_platform.workload.model import Broadcast, Role, Step, Workload
from etl_platform.workload.names import SourceNames
from etl_platform.workload.order import join_order, starts_of, total, with_self_joins
from etl_platform.workload.roles import roles_of, shapes_of
from etl_platform.workload.script import read_python
from etl_platform.workload.sql import SqlReader
from etl_platform.workload.volume import file_count_of, stream_gb_per_hour, volume_of

PARTITION_MB = 128
"""Shuffled MB a partition: the default of `spark.sql.files.maxPartitionBytes`, so tasks are alike."""

WIDE = ("aggregate", "window", "distinct", "sort", "pivot", "repartition")


def analyze(
    config: Config,
    job: Job,
    stats: Mapping[str, TableStats],
    *,
    executor_memory_gb: float | None = None,
) -> Workload:
    """Work out what a job is about to do; the same inputs always give the same answer.

    Args:
        config: For the script, the profile and the feature flags.
        job: The job.
        stats: Figures by source name, as `catalog.measure.measure_job` gives them.
        executor_memory_gb: Memory of an executor on the platform in question; None: as the job declares it.
    """
    volume_gb, volume_from, volume_unknown = volume_of(job, stats)
    workload = Workload(
        job_id=job.job_id,
        query_pattern=job.workload.query_pattern,
        volume_gb=volume_gb,
        volume_from=volume_from,
        volume_unknown=volume_unknown,
        stream_gb_per_hour=stream_gb_per_hour(job, stats),
        file_count=file_count_of(job, stats),
        complexity=job.workload.complexity or "simple",
        complexity_reasons=("declared",) if job.workload.complexity else (),
        findings=tuple(finding for one in stats.values() for finding in one.findings),
    )
    off = None
    if not config.settings.feature_flags.enable_data_flow_analysis:
        off = "data flow not analysed: feature flag enable_data_flow_analysis is off"
    elif not job.data_flow.analysis_enabled:
        off = "data flow not analysed: data_flow.analysis_enabled is false"
    if off is None:
        return _with_data_flow(workload, config, job, stats, executor_memory_gb)
    if job.workload.complexity is None:
        workload = workload.model_copy(update={"complexity_reasons": ("not analysed",)})
    return workload.model_copy(update={"notes": (off,)})


def _with_data_flow(
    workload: Workload,
    config: Config,
    job: Job,
    stats: Mapping[str, TableStats],
    executor_memory_gb: float | None,
) -> Workload:
    sizes = {name: one.read_gb for name, one in stats.items()}
    script, notes = read_script(config, job, {name: one.columns for name, one in stats.items()})
    graph = _graph(job, stats, script)
    by_role = {role.source: role for role in roles_of(job, graph, sizes)}
    memory = declared_executor_memory_gb(job) if executor_memory_gb is None else executor_memory_gb
    starts = set(starts_of(graph, by_role, sizes))
    hinted = script.hinted if script else set()
    broadcasts = broadcasts_of(job, graph, stats, starts, hinted, memory)
    chosen = {one.source for one in broadcasts if one.chosen}
    order = join_order(graph, by_role, sizes, chosen, optimize=job.data_flow.auto_optimize_join_order)
    order = with_self_joins(order, script.joins if script and job.data_flow.auto_detect_joins else ())
    shapes = shapes_of(graph, by_role)
    operations = dict(sorted((+script.operations).items())) if script else {}
    complexity, reasons = complexity_of(order, shapes, operations, len(script.cartesian) if script else 0)
    if job.workload.complexity:
        complexity, reasons = job.workload.complexity, ("declared",)
    conf = _spark_conf(config, job, order, broadcasts)
    return workload.model_copy(
        update={
            "roles": tuple(by_role.values()),
            "joins": graph.joins,
            "shapes": shapes,
            "broadcasts": broadcasts,
            "order": order,
            "shuffle_gb": total([step.shuffle_gb for step in order]),
            "shuffle_without_broadcasts_gb": total([step.shuffle_without_broadcast_gb for step in order]),
            "broadcast_gb": total([one.size_gb for one in broadcasts if one.chosen]),
            "wide_shuffle_gb_at_most": _wide_gb(order, by_role, operations) if script else None,
            "operations": operations,
            "complexity": complexity,
            "complexity_reasons": reasons,
            "spark_conf": conf,
            "findings": (
                *workload.findings,
                *findings_of(job, graph, by_role, broadcasts, script, conf),
            ),
            "notes": (*notes, *_uncounted(script)),
        }
    )


def _uncounted(script: ScriptFacts | None) -> Iterator[str]:
    for left, right in script.cartesian if script else ():
        yield (
            f"how many rows come of {left} with {right}, which nothing joins, is not known: volume, time and "
            "cost are of less than the job does"
        )


def _graph(job: Job, stats: Mapping[str, TableStats], script: ScriptFacts | None) -> JoinGraph:
    names = tuple(source.name for source in job.data_sources)
    joins = declared_joins(job)
    if job.data_flow.auto_detect_joins:
        joins += script.joins if script else []
        columns = {name: one.columns for name, one in stats.items()}
        joins += guessed_joins(names, columns, joins)
    return JoinGraph(names, merged(joins))


def read_script(
    config: Config, job: Job, columns: Mapping[str, Mapping[str, str]]
) -> tuple[ScriptFacts | None, list[str]]:
    """What is read off the script or SQL of a job, and notes; None where it cannot be read.

    Args:
        config: For the place of the script.
        job: The job.
        columns: Source to its columns, where they are known.
    """
    execution = job.execution
    text = execution.sql
    if text is None:
        if execution.script_path is None:
            return None, ["the job has no script"]
        path = _script_file(config, execution.script_path)
        if path is None:
            return None, [f"{execution.script_path} is not on this machine, so the script is not analysed"]
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            return None, [f"cannot read the script {path}: {error}"]
    names = SourceNames(job, config)
    if execution.kind == "sql":
        facts = ScriptFacts()

        def resolve(name: str) -> Frame:
            return facts.read(names.path(name) if "/" in name else names.table(name), name)

        SqlReader(facts, resolve, columns).read(text)
    else:
        facts = read_python(text, names, columns, execution.arguments)
    notes = list(dict.fromkeys(facts.notes))
    if facts.unresolved:
        notes.append(f"reads whose table or path is known only when the script runs: {facts.unresolved}")
    return facts, notes


def _script_file(config: Config, script_path: str) -> Path | None:
    if not script_path.startswith("s3://"):
        return config.resolve(script_path)
    return s3_path(script_path, config.local_root) if config.profile == "local" else None


def _wide_gb(
    order: tuple[Step, ...], roles: Mapping[str, Role], operations: Mapping[str, int]
) -> float | None:
    """All rows once for each wide operation; Spark aggregates before it shuffles, so it is at most that.

    The rows are those of the scans and of the joined facts, which `join_order` calls A.
    """
    count = sum(operations.get(kind, 0) for kind in WIDE)
    facts = ("fact", "streaming_source")
    rows = total(
        [step.size_gb for step in order if step.kind.endswith("scan") or roles[step.source].role in facts]
    )
    if not count:
        return 0.0
    return None if rows is None else rows * count


def _spark_conf(
    config: Config, job: Job, order: tuple[Step, ...], broadcasts: tuple[Broadcast, ...]
) -> dict[str, str]:
    """Settings that make Spark do as planned; those that the job sets itself are left alone."""
    if not config.settings.feature_flags.enable_auto_optimization:
        return {}
    conf: dict[str, str] = {}
    largest = max((one.size_gb for one in broadcasts if one.chosen and one.size_gb is not None), default=0.0)
    if largest > SPARK_THRESHOLD_GB:
        conf[BROADCAST_SETTING] = f"{ceil(largest * 1024) + 1}m"
    if job.data_flow.join_strategy == "shuffle":
        conf[BROADCAST_SETTING] = "-1"
    moved = max((step.shuffle_gb for step in order if step.shuffle_gb is not None), default=0.0)
    if job.data_flow.shuffle_optimization == "auto" and moved:
        conf["spark.sql.shuffle.partitions"] = str(max(1, ceil(moved * 1024 / PARTITION_MB)))
    return {key: value for key, value in conf.items() if key not in job.execution.spark_conf}

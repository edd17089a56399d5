"""Which sources are small enough to be sent to every executor whole."""

from collections.abc import Mapping, Set

from etl_platform.catalog.markdown import gb
from etl_platform.catalog.stats import BYTES_PER_GB, TableStats
from etl_platform.config.models.job import Job
from etl_platform.workload.joins import JoinGraph
from etl_platform.workload.memory import broadcast_memory_gb
from etl_platform.workload.model import Broadcast

BROADCAST_SETTING = "spark.sql.autoBroadcastJoinThreshold"

SPARK_THRESHOLD_GB = 10 / 1024
"""Up to here Spark broadcasts by itself: the default of the setting."""

BROADCAST_LIMIT_GB = 1.0
SPARK_LIMIT_GB = 8.0
"""Spark refuses to broadcast more (`MAX_BROADCAST_TABLE_BYTES`)."""

ROW_BYTES = 8
TYPE_BYTES = {"string": 20, "varchar": 20, "char": 20, "text": 20, "binary": 100}
"""Spark's estimate of a row in memory: 8 bytes, and each type's `defaultSize`, at most 8 for all others."""


def broadcasts_of(
    job: Job,
    graph: JoinGraph,
    stats: Mapping[str, TableStats],
    starts: Set[str],
    hinted: Set[str],
    executor_memory_gb: float | None,
) -> tuple[Broadcast, ...]:
    """Decide for each joined source that does not begin the join order.

    The smallest come first, and what they take of the executors' memory is no longer there for the others.

    Args:
        job: For `broadcast_eligible`, `join_strategy` and `auto_detect_broadcast_candidates`.
        graph: Joins; an outer join cannot broadcast the side whose every row it keeps.
        stats: Figures by source.
        starts: Sources that begin the join order; they are streamed through, never sent.
        hinted: Sources with a hint in the script.
        executor_memory_gb: None: only the limit of 1 GB is checked, and the reason says so.
    """
    left_gb = None if executor_memory_gb is None else broadcast_memory_gb(executor_memory_gb)
    sources = [
        source for source in job.data_sources if graph.joins_of(source.name) and source.name not in starts
    ]
    sources.sort(key=lambda source: (_size(stats, source.name), source.name))
    found = []
    for source in sources:
        one = _decide(source.name, source.broadcast_eligible, job, graph, stats, hinted, left_gb)
        if one.chosen and left_gb is not None and one.memory_gb is not None:
            left_gb -= one.memory_gb
        found.append(one)
    return tuple(found)


def _size(stats: Mapping[str, TableStats], name: str) -> float:
    size = stats[name].read_gb if name in stats else None
    return float("inf") if size is None else size


def _decide(
    name: str,
    eligible: object,
    job: Job,
    graph: JoinGraph,
    stats: Mapping[str, TableStats],
    hinted: Set[str],
    left_gb: float | None,
) -> Broadcast:
    one = stats.get(name)
    size = one.read_gb if one else None
    memory = in_memory_gb(one) if one else None
    forced = eligible is True or name in hinted or job.data_flow.join_strategy == "broadcast"
    limit = SPARK_LIMIT_GB if forced else BROADCAST_LIMIT_GB
    limit = limit if left_gb is None else min(limit, left_gb)
    kept = _keeps_every_row(graph, name)

    def answer(chosen: bool, reason: str) -> Broadcast:
        return Broadcast(
            source=name,
            size_gb=size,
            memory_gb=memory,
            limit_gb=limit,
            chosen=chosen,
            hinted=name in hinted,
            reason=reason,
        )

    if job.data_flow.join_strategy == "shuffle":
        return answer(False, "join_strategy is `shuffle`")
    if eligible is False:
        return answer(False, "broadcast_eligible is false")
    if not forced and not job.data_flow.auto_detect_broadcast_candidates:
        return answer(False, "auto_detect_broadcast_candidates is false")
    if size is None or memory is None:
        known = eligible is True and not kept
        return answer(known, "declared; its size is unknown" if known else "size unknown")
    sizes = gb(size) if memory == size else f"{gb(size)} stored, {gb(memory)} in memory"
    if size >= (SPARK_LIMIT_GB if forced else BROADCAST_LIMIT_GB):
        return answer(False, f"{sizes}: not under {gb(SPARK_LIMIT_GB if forced else BROADCAST_LIMIT_GB)}")
    if kept:
        return answer(False, f"Spark can broadcast only the other side of its {kept} join")
    if left_gb is not None and memory >= left_gb:
        return answer(False, f"{sizes}: not under the {gb(left_gb)} that executors have left for broadcasts")
    checked = "" if left_gb is None else f" and under the {gb(left_gb)} that executors have for broadcasts"
    unknown = "; executor memory unknown, so not checked" if left_gb is None else ""
    limit_text = f"{gb(SPARK_LIMIT_GB)}, Spark's own limit" if forced else gb(BROADCAST_LIMIT_GB)
    return answer(True, f"{sizes} < {limit_text}{checked}{unknown}")


def _keeps_every_row(graph: JoinGraph, name: str) -> str | None:
    """The outer join that keeps every row of a source, if there is one (Spark's `canBuildBroadcast…`)."""
    for join in graph.joins_of(name):
        kept = {"full": join.pair, "left": {join.left}, "right": {join.right}}.get(join.how, set())
        kept = kept | ({join.left} if join.how in ("semi", "anti") else set())
        if name in kept:
            return join.how
    return None


def in_memory_gb(stats: TableStats) -> float | None:
    """Size of a table as Spark holds it: as stored, or rows times the width of their types if more."""
    size = stats.read_gb
    if size is None or stats.row_count is None or not stats.columns:
        return size
    width = ROW_BYTES + sum(_width(type_) for type_ in stats.columns.values())
    share = size / stats.size_gb if stats.size_gb else 1.0
    return max(size, stats.row_count * share * width / BYTES_PER_GB)


def _width(type_: str) -> int:
    word = type_.lower().split("(")[0].strip()
    return next((size for name, size in TYPE_BYTES.items() if name in word), 8)

"""What is worth changing in the data flow of a job."""

from collections.abc import Iterable, Mapping

from etl_platform.catalog.findings import Finding
from etl_platform.catalog.markdown import gb
from etl_platform.config.models.job import Job
from etl_platform.config.secrecy import masked
from etl_platform.workload.frames import ScriptFacts
from etl_platform.workload.joins import JoinGraph
from etl_platform.workload.model import Broadcast, Role

SPARK_THRESHOLD_GB = 10 / 1024
"""Up to here Spark broadcasts by itself: the default of `spark.sql.autoBroadcastJoinThreshold`."""

READ_BY_TABLE_OR_PATH = ("glue_catalog", "s3", "file", "job", "redshift", "rds", "postgres", "mysql")


def findings_of(
    job: Job,
    graph: JoinGraph,
    roles: Mapping[str, Role],
    broadcasts: Iterable[Broadcast],
    script: ScriptFacts | None,
) -> tuple[Finding, ...]:
    """All findings about the data flow; those about the files of a source come with its figures."""
    found = list(_disconnected(graph, roles, script))
    if script is not None:
        found += _script_findings(job, graph, script)
        found += [finding for one in broadcasts if (finding := _broadcast_finding(one, script))]
    return tuple(found)


def _disconnected(
    graph: JoinGraph, roles: Mapping[str, Role], script: ScriptFacts | None
) -> Iterable[Finding]:
    """Sources without any join that nobody declared to stand alone."""
    if len(graph.sources) < 2:
        return
    for name in graph.sources:
        alone = not graph.joins_of(name) and not roles[name].declared
        if not alone or (script and name in script.unioned):
            continue
        yield Finding(
            type="disconnected_table",
            severity="medium",
            category="join",
            dataset=name,
            description=f"Nothing joins `{name}` with the other sources: no joins_with, no join in the "
            "script, no key-like column.",
            recommendation=f"Declare `joins_with` and `join_keys`, or `role_in_flow` `lookup` or `reference` "
            f"where it stands alone on purpose, or remove `{name}`.",
        )


def _script_findings(job: Job, graph: JoinGraph, script: ScriptFacts) -> Iterable[Finding]:
    for left, right in dict.fromkeys(script.crossed):
        if left != right and not any(join.pair == {left, right} for join in graph.joins):
            yield Finding(
                type="cartesian_join",
                severity="high",
                category="join",
                dataset=right,
                description=f"The script joins `{left}` with `{right}` without any condition: each row of "
                "one meets each row of the other.",
                recommendation="Join on the columns that belong together.",
            )
    for text in script.undeclared:
        # An address may hold a password.
        shown = masked(text, ("url",), from_environment=False) if "://" in text else text
        yield Finding(
            type="undeclared_source",
            severity="medium",
            category="lineage",
            description=f"The script reads `{shown}`, which no source declares: it is not in the lineage, "
            "not measured and not checked.",
            recommendation="Add it to `data_sources`.",
        )
    understood = script.reads and not script.unresolved and not script.notes
    for source in job.data_sources if understood else ():
        if source.name not in script.reads and source.source_type in READ_BY_TABLE_OR_PATH:
            yield Finding(
                type="unused_source",
                severity="low",
                category="lineage",
                dataset=source.name,
                description=f"The script does not read `{source.name}`.",
                recommendation="Remove it from `data_sources`, so that the job does not wait for it.",
            )


def _broadcast_finding(one: Broadcast, script: ScriptFacts) -> Finding | None:
    if one.hinted and not one.chosen and one.size_gb is not None:
        return Finding(
            type="broadcast_too_large",
            severity="high",
            category="broadcast",
            dataset=one.source,
            description=f"The script broadcasts `{one.source}`, which should not be: {one.reason}.",
            recommendation="Remove the hint, or filter the table before the join.",
        )
    joined = any(one.source in join.pair for join in script.joins)
    if one.chosen and not one.hinted and joined and (one.size_gb or 0) > SPARK_THRESHOLD_GB:
        return Finding(
            type="missing_broadcast",
            severity="medium",
            category="broadcast",
            dataset=one.source,
            description=f"`{one.source}` ({gb(one.size_gb)}) is joined without a broadcast hint and is over "
            f"Spark's own threshold of {gb(SPARK_THRESHOLD_GB)}, so the larger table is shuffled for it.",
            recommendation=f"Join with `broadcast({one.source})`, or raise "
            "`spark.sql.autoBroadcastJoinThreshold`.",
        )
    return None

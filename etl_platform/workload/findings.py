"""What is worth changing in the data flow of a job."""

from collections.abc import Iterable, Mapping

from etl_platform.catalog.findings import Finding
from etl_platform.catalog.markdown import gb
from etl_platform.config.models.job import Job
from etl_platform.config.secrecy import masked
from etl_platform.workload.broadcast import BROADCAST_SETTING, SPARK_THRESHOLD_GB
from etl_platform.workload.frames import ScriptFacts
from etl_platform.workload.joins import JoinGraph
from etl_platform.workload.model import Broadcast, Role

READ_BY_TABLE_OR_PATH = ("glue_catalog", "s3", "file", "job", "redshift", "rds", "postgres", "mysql")


def findings_of(
    job: Job,
    graph: JoinGraph,
    roles: Mapping[str, Role],
    broadcasts: Iterable[Broadcast],
    script: ScriptFacts | None,
    spark_conf: Mapping[str, str],
) -> tuple[Finding, ...]:
    """All findings about the data flow; those about the files of a source come with its figures.

    Args:
        job: The job.
        graph: Its joins.
        roles: Role by source.
        broadcasts: What was decided for each joined source.
        script: What was read off its script.
        spark_conf: Settings that its runs get to carry out the plan.
    """
    found = list(_disconnected(graph, roles, script))
    if script is not None:
        found += _script_findings(job, script)
        raised = BROADCAST_SETTING in spark_conf
        found += [finding for one in broadcasts if (finding := _broadcast_finding(one, script, raised))]
    return tuple(found)


def _disconnected(
    graph: JoinGraph, roles: Mapping[str, Role], script: ScriptFacts | None
) -> Iterable[Finding]:
    """Sources without any join that nobody declared to stand alone."""
    if len(graph.sources) < 2:
        return
    for name in graph.sources:
        alone = not graph.joins_of(name) and not roles[name].declared
        crossed = script and any(name in pair for pair in script.cartesian)
        if not alone or crossed or (script and name in script.unioned):
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


def _script_findings(job: Job, script: ScriptFacts) -> Iterable[Finding]:
    for left, right in script.cartesian:
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


def _broadcast_finding(one: Broadcast, script: ScriptFacts, raised: bool) -> Finding | None:
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
            severity="low" if raised else "medium",
            category="broadcast",
            dataset=one.source,
            description=f"`{one.source}` ({gb(one.size_gb)}) is joined without a broadcast hint and is over "
            f"Spark's own threshold of {gb(SPARK_THRESHOLD_GB)}, so "
            + (
                f"it is broadcast only because runs get a higher `{BROADCAST_SETTING}`."
                if raised
                else "the larger table is shuffled for it."
            ),
            recommendation=f"Join with `broadcast({one.source})`, so that it holds wherever the script runs."
            if raised
            else f"Join with `broadcast({one.source})`, or raise `{BROADCAST_SETTING}`.",
        )
    return None

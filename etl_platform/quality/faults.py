"""Faults of rules that can be told without looking at data, for `validate` and the loader above."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from etl_platform.config.models import data_quality as models
from etl_platform.config.models.job import Job
from etl_platform.quality.rules import TARGET, rules_of


def check_expressions(job: Job) -> list[str]:
    """What is wrong with a job's rules: expressions, patterns, bounds, types, and columns that are declared.

    Args:
        job: A resolved job; its time zone must be a known one.

    Returns:
        One sentence each, beginning with the check and its dataset; none where all is well.
    """
    from etl_platform.quality.schema import Context, schema_of

    declared = {source.name: source.columns for source in job.data_sources}
    if job.target:
        declared[TARGET] = job.target.columns
    rules = rules_of(job)
    zone, now = ZoneInfo(job.execution.timezone), datetime.now(timezone.utc)
    faults: list[str] = []
    for dataset in dict.fromkeys(rule.dataset for rule in rules):
        chosen = [rule for rule in rules if rule.dataset == dataset]
        if dataset not in declared:
            known = ", ".join(declared) or "none"
            faults += [f"{r.check_name}: there is no dataset `{dataset}`; there are {known}." for r in chosen]
            continue
        found = schema_of(chosen, Context(declared[dataset] or None, zone, now), dataset=dataset).faults
        faults += [f"{name} on `{dataset}`: {fault}" for name, fault in found.items()]
    for rule in rules:
        if isinstance(rule.spec, models.ReferentialIntegrity) and rule.spec.parent_table not in declared:
            faults.append(f"{rule.check_name}: there is no dataset `{rule.spec.parent_table}`.")
    return faults

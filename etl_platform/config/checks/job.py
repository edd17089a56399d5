"""All checks of one job, and the sections that each of them reads."""

from collections.abc import Iterator, Set
from typing import Final

from etl_platform.config.checks import execution, labels, limits, rules, sources, storage
from etl_platform.config.checks.problem import JobCheck, Problem
from etl_platform.config.models.job import Job

_CHECKS: Final[tuple[tuple[JobCheck, frozenset[str]], ...]] = (
    (execution.script_or_query, frozenset({"execution"})),
    (execution.times, frozenset({"execution"})),
    (execution.deadline, frozenset({"sla"})),
    (storage.target_is_named, frozenset({"target"})),
    (storage.names_stay_below_their_root, frozenset({"target", "data_sources"})),
    (storage.redshift_is_reached, frozenset({"data_sources"})),
    (sources.names_are_unique, frozenset({"data_sources"})),
    (sources.joins_name_sources, frozenset({"data_sources"})),
    (rules.datasets_exist, frozenset({"data_quality", "data_sources", "target"})),
    (rules.bounds_can_be_met, frozenset({"data_quality"})),
    (limits.preference_is_allowed, frozenset({"platform"})),
    (limits.sizes_are_in_order, frozenset({"platform"})),
    (limits.alert_comes_first, frozenset({"sla"})),
    (labels.owners, frozenset({"owners"})),
    (labels.tags, frozenset({"tags"})),
)


def problems(job: Job, unsure: Set[str] = frozenset()) -> Iterator[Problem]:
    """What is wrong with a job whose types are right.

    Args:
        job: The job.
        unsure: Sections that may lack something because of a fault; checks that read them are left out.
    """
    for check, reads in _CHECKS:
        if not reads & unsure:
            yield from check(job)

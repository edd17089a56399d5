"""Keys that are accepted but not acted on yet."""

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple

from etl_platform.config.models.base import Section
from etl_platform.config.project import Config
from etl_platform.config.shape import attributes

PENDING: Final = (
    "workload.incremental_column",
    "workload.partition_keys",
    "workload.expected_growth_rate_monthly",
    "data_sources.dimension_type",
    "data_sources.cache_ttl_seconds",
    "data_sources.filter_pushdown",
    "data_sources.batch_*",
    "data_sources.starting_position",
    "data_sources.group_id",
    "data_sources.pagination",
    "data_sources.records_path",
    "compliance.masking",
    "compliance.gdpr_*",
    "compliance.hipaa_*",
    "compliance.data_*",
    "compliance.retention_*",
    "compliance.encryption_*",
    "compliance.audit_logging",
    "monitoring.metrics",
    "monitoring.cloudwatch_dashboard",
    "monitoring.custom_metrics",
    "global_settings.agents.cost_tracking_agent.track_all_costs",
    "global_settings.agents.compliance_agent.audit_all_access",
)
"""Key paths of a job, or of the top level; an element of a list has the path of the list.

`*` stands for any letters. All below a key is meant with it.
"""


class PendingKey(NamedTuple):
    """A key that a configuration uses and that is not acted on yet."""

    key: str
    """Path of the key."""
    jobs: tuple[str, ...]
    """Ids of the jobs that use it; none for a key of `global_settings`."""


def pending(config: Config) -> list[PendingKey]:
    """The keys of a configuration that are not acted on yet, in the order of first use."""
    used: dict[str, dict[str, None]] = {}
    for job in config.jobs:
        for key in _used(job, ""):
            used.setdefault(key, {})[job.job_id] = None
    for key in _used(config.settings, "global_settings."):
        used.setdefault(key, {})
    return [PendingKey(key, tuple(jobs)) for key, jobs in used.items()]


def _used(value: Section, prefix: str) -> list[str]:
    found: list[str] = []
    for key, name in attributes(type(value)).items():
        part = getattr(value, name)
        if name not in value.model_fields_set or part is None:
            continue
        path = prefix + key
        if is_pending(path):
            found.append(path)
        else:
            for inner in part if isinstance(part, list) else [part]:
                if isinstance(inner, Section):
                    found += _used(inner, f"{path}.")
    return found


@lru_cache(maxsize=4096)
def is_pending(path: str) -> bool:
    """Whether the list names a key path, or a key path with a value."""
    return any(fnmatchcase(path, pattern) for pattern in PENDING)

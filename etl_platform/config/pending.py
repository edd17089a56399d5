"""Keys that are accepted but not acted on yet."""

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple

from etl_platform.config.models.base import Section
from etl_platform.config.project import Config
from etl_platform.config.shape import attributes

PENDING: Final = (
    "platform.glue_*",
    "platform.worker_type",
    "platform.dpu_count",
    "platform.execution_class",
    "platform.python_version",
    "platform.iam_role",
    "platform.connections",
    "platform.cluster_id",
    "platform.release_label",
    "platform.*instance_*",
    "platform.service_role",
    "platform.subnet_id",
    "platform.application_id",
    "platform.execution_role_arn",
    "platform.driver_*",
    "platform.executor_*",
    "platform.max_executors",
    "platform.lambda_function_name",
    "platform.memory_mb",
    "platform.concurrent_executions",
    "platform.architecture",
    "platform.job_*",
    "platform.vcpus",
    "platform.enable_*",
    "platform.spark_event_logs_path",
    "workload.incremental_column",
    "workload.partition_keys",
    "workload.expected_growth_rate_monthly",
    "data_sources.dimension_type",
    "data_sources.cache_ttl_seconds",
    "data_sources.filter_pushdown",
    "data_sources.read_options",
    "data_sources.batch_*",
    "data_sources.starting_position",
    "data_sources.group_id",
    "data_sources.pagination",
    "data_sources.records_path",
    "data_quality.parallel_validation",
    "compliance.auto_detect_pii",
    "compliance.masking",
    "compliance.gdpr_*",
    "compliance.hipaa_*",
    "compliance.data_*",
    "compliance.retention_*",
    "compliance.encryption_*",
    "compliance.audit_logging",
    "cost.spot_instances",
    "monitoring.metrics",
    "monitoring.cloudwatch_dashboard",
    "monitoring.custom_metrics",
    "global_settings.enable_agent_learning",
    "global_settings.learning_storage",
    "global_settings.agents",
    "global_settings.feature_flags.enable_cost_optimization",
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

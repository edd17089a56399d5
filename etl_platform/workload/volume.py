"""How much a job reads."""

from collections.abc import Mapping

from etl_platform.catalog.stats import TableStats
from etl_platform.config.models.job import Job


def volume_of(job: Job, stats: Mapping[str, TableStats]) -> tuple[float | None, str, tuple[str, ...]]:
    """Input of a run in GB, how it came about, and the sources whose size it lacks."""
    if job.workload.data_volume_gb is not None:
        return job.workload.data_volume_gb, "data_volume_gb of the configuration", ()
    if not job.workload.auto_calculate_volume:
        return None, "auto_calculate_volume is false and data_volume_gb is not set", ()
    sizes = {name: one.read_gb for name, one in stats.items() if one.format not in ("kinesis", "kafka")}
    known = [size for size in sizes.values() if size is not None]
    unknown = tuple(name for name, size in sizes.items() if size is None)
    how = f"sum of {len(known)} of {len(sizes)} sources"
    if guessed := [name for name, one in stats.items() if one.size_rough]:
        how += f"; {', '.join(guessed)} by `expected_size_hint`, which nobody measured"
    if any(one.filtered_gb is not None for one in stats.values()):
        how += ", of filtered ones the partitions that partition_filter keeps"
    if job.workload.incremental:
        how += "; an incremental run reads a part of it that is not known beforehand"
    return (sum(known) if known else None), how, unknown


def stream_gb_per_hour(job: Job, stats: Mapping[str, TableStats]) -> float | None:
    """What streams bring in an hour: as declared, else as measured; None where neither tells."""
    declared = job.workload
    if declared.events_per_second is not None and declared.avg_event_size_kb is not None:
        return _per_hour(declared.events_per_second, declared.avg_event_size_kb)
    rates = [
        _per_hour(one.records_per_second, one.avg_record_kb)
        for one in stats.values()
        if one.records_per_second is not None and one.avg_record_kb is not None
    ]
    return sum(rates) if rates else None


def _per_hour(events_per_second: float, event_kb: float) -> float:
    return events_per_second * event_kb * 3600 / 2**20


def file_count_of(job: Job, stats: Mapping[str, TableStats]) -> int | None:
    """Input files: counted where auto_calculate_file_count allows, else as declared."""
    known = [one.file_count for one in stats.values() if one.file_count is not None]
    if job.workload.auto_calculate_file_count and known:
        return sum(known)
    return job.workload.estimated_file_count

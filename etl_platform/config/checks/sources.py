"""Names of sources within a job, and what refers to them."""

from collections.abc import Iterator

from etl_platform.config.checks.problem import Problem
from etl_platform.config.faults import did_you_mean
from etl_platform.config.models.job import Job


def names_are_unique(job: Job) -> Iterator[Problem]:
    """No two sources of a job have the same name, and none is named `target`."""
    first: dict[str, int] = {}
    for index, source in enumerate(job.data_sources):
        path = ("data_sources", index, "name")
        if source.name in first:
            message = f"is also the name of data_sources[{first[source.name]}]; names are unique within a job"
            yield Problem(path, message, source.name)
        if source.name == "target":
            yield Problem(path, 'a source cannot be named "target", which stands for what the job writes')
        first.setdefault(source.name, index)


def joins_name_sources(job: Job) -> Iterator[Problem]:
    """`joins_with` and `join_keys` name other sources of the job."""
    names = [source.name for source in job.data_sources]
    for index, source in enumerate(job.data_sources):
        others = [name for name in names if name != source.name]
        for position, name in enumerate(source.joins_with):
            if name not in others:
                path = ("data_sources", index, "joins_with", position)
                yield Problem(path, f"is no other source of this job{did_you_mean(name, others)}", name)
        for name in source.join_keys:
            if name not in others:
                path = ("data_sources", index, "join_keys", name)
                yield Problem(path, f"is no other source of this job{did_you_mean(name, others)}", name)

"""What must hold between jobs: unique ids, names that exist, one writer for each dataset, no cycle."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from etl_platform.config.checks.problem import Problem
from etl_platform.config.faults import did_you_mean
from etl_platform.config.identity import DatasetKey, producers, target_key, upstream_jobs
from etl_platform.config.models.data_sources import JobSource
from etl_platform.config.models.job import Job


@dataclass(frozen=True)
class Declared:
    """A job as far as it could be read.

    Attributes:
        job_id: Its id; None where there is none.
        name: How to name it in a message: its place in the files.
        job: Its typed form, without what is faulty in it; None where nothing is usable.
        unsure: The sections that may lack something because of a fault.
    """

    job_id: str | None
    name: str
    job: Job | None
    unsure: Set[str]

    def reads(self, *sections: str) -> Job | None:
        """The job, if these sections of it are what the file says."""
        return None if self.unsure & {*sections} else self.job


def problems(jobs: Sequence[Declared]) -> Iterator[tuple[int, Problem]]:
    """What is wrong between jobs; each with the index of the job that it is reported on."""
    yield from _repeated_ids(jobs)
    yield from _unknown_jobs(jobs)
    yield from _second_writers(jobs)
    yield from _cycles(jobs)


def _repeated_ids(jobs: Sequence[Declared]) -> Iterator[tuple[int, Problem]]:
    first: dict[str, Declared] = {}
    for index, declared in enumerate(jobs):
        if declared.job_id is None:
            continue
        if declared.job_id in first:
            message = f"is also the id of the job in {first[declared.job_id].name}"
            yield index, Problem(("job_id",), message, declared.job_id)
        first.setdefault(declared.job_id, declared)


def _unknown_jobs(jobs: Sequence[Declared]) -> Iterator[tuple[int, Problem]]:
    known = {declared.job_id for declared in jobs if declared.job_id}
    for index, declared in enumerate(jobs):
        named = []
        job = declared.reads("execution")
        if job:
            named += [
                (("execution", "depends_on", i), name) for i, name in enumerate(job.execution.depends_on)
            ]
        job = declared.reads("data_sources")
        if job:
            named += [
                (("data_sources", i, "job_id"), source.job_id)
                for i, source in enumerate(job.data_sources)
                if isinstance(source, JobSource)
            ]
        for path, name in named:
            if name == declared.job_id:
                yield index, Problem(path, "a job cannot wait for itself")
            elif name not in known:
                yield index, Problem(path, f"is the id of no job{did_you_mean(name, known)}", name)


def _second_writers(jobs: Sequence[Declared]) -> Iterator[tuple[int, Problem]]:
    writers: dict[DatasetKey, Declared] = {}
    for index, declared in enumerate(jobs):
        job = declared.reads("job_id", "target")
        key = target_key(job.target) if job and job.target else None
        if key is None or not all(key):
            continue
        if key in writers:
            first = writers[key]
            message = f'the job "{first.job_id}" in {first.name} writes the same target'
            yield index, Problem(("target",), message)
        writers.setdefault(key, declared)


def _cycles(jobs: Sequence[Declared]) -> Iterator[tuple[int, Problem]]:
    usable = [
        job for declared in jobs if (job := declared.reads("job_id", "execution", "data_sources", "target"))
    ]
    index_of = {declared.job_id: index for index, declared in reversed([*enumerate(jobs)]) if declared.job_id}
    written_by = producers(tuple(usable))
    upstream = {job.job_id: {*upstream_jobs(job, written_by)} - {job.job_id} for job in usable}
    while cycle := _cycle(upstream):
        # The sorter names each job after the one that it waits for.
        waits = [*reversed(cycle[:-1])]
        start = waits.index(min(waits, key=lambda job_id: index_of[job_id]))
        waits = waits[start:] + waits[:start]
        message = f"the jobs wait for each other in a cycle: {' → '.join([*waits, waits[0]])}"
        yield index_of[waits[0]], Problem((), message)
        upstream[waits[0]].discard(waits[1])


def _cycle(upstream: Mapping[str, Set[str]]) -> list[str] | None:
    try:
        TopologicalSorter(upstream).prepare()
    except CycleError as error:
        return error.args[1]
    return None

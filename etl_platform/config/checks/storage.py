"""What names a target or a source: the keys that each kind of store needs."""

from collections.abc import Iterator

from etl_platform.config.checks.problem import Problem
from etl_platform.config.models.data_sources import FileSource, RedshiftSource
from etl_platform.config.models.job import Job

_TARGET_NEEDS = {
    "glue_catalog": ("database", "table"),
    "s3": ("path",),
    "redshift": ("database", "table"),
    "rds": ("database", "table"),
    "dynamodb": ("table",),
}


def target_is_named(job: Job) -> Iterator[Problem]:
    """A target has the keys that name it in its kind of store."""
    if job.target is None:
        return
    missing = [key for key in _TARGET_NEEDS[job.target.type] if not getattr(job.target, key)]
    if missing:
        needs = " and ".join(f"`{key}`" for key in missing)
        yield Problem(("target",), f'a target of type "{job.target.type}" needs {needs}')


def names_stay_below_their_root(job: Job) -> Iterator[Problem]:
    """Paths and table names hold no step up: under the profile `local` they are folders."""
    places = [(("data_sources", index), source) for index, source in enumerate(job.data_sources)]
    for path, place in [*places, (("target",), job.target)]:
        for key in ("path", "database", "table"):
            name = getattr(place, key, None)
            if not isinstance(name, str) or isinstance(place, FileSource):
                continue
            parts = name.split("://")[-1].split("/")
            if ".." in parts or "\\" in name or (key != "path" and len(parts) > 1):
                yield Problem((*path, key), "is no name of a table or place: it may hold no `..`", name)


def redshift_is_reached(job: Job) -> Iterator[Problem]:
    """A Redshift source names a cluster or a workgroup."""
    for index, source in enumerate(job.data_sources):
        if isinstance(source, RedshiftSource) and bool(source.cluster) == bool(source.workgroup):
            needs = "either, not both" if source.cluster else "one of them"
            message = f"a Redshift source is reached by `cluster` or `workgroup`; it needs {needs}"
            yield Problem(("data_sources", index), message)

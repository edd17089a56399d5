"""Which layer set each value of a resolved job."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from etl_platform.config.faults import KeyPath
from etl_platform.config.load import load_traced
from etl_platform.config.models.base import Section
from etl_platform.config.origin import Origin
from etl_platform.config.project import Place
from etl_platform.config.secrecy import masked
from etl_platform.config.shape import attributes

DEFAULT_LAYER: Final = "default"


@dataclass(frozen=True)
class Explained:
    """One value of a resolved job.

    Attributes:
        key: The way to the value from the job.
        value: The value; a secret is shown as `${SECRET:key}`, what else may be secret as `***`.
        layer: What set it: `default`, `template NAME`, `the job`, `variable NAME`,
            `environment variable NAME` or `condition`.
        place: Where that was written; None for a default.
    """

    key: KeyPath
    value: Any
    layer: str
    place: Place | None


def explain(
    path: str | Path, job_id: str, *, strict: bool = False, environ: Mapping[str, str] | None = None
) -> list[Explained]:
    """Every value of a resolved job with the layer that set it, in the order of the models.

    Raises:
        ConfigError: The configuration has faults.
        UnknownJobError: It has no such job.
    """
    loaded = load_traced(path, strict=strict, environ=environ)
    job = loaded.config.job(job_id)
    piece = loaded.jobs[job_id]
    return [*_values(job, piece.value, piece.origin, ())]


def _values(value: Any, written: Any, origin: Origin | None, path: KeyPath) -> Iterator[Explained]:
    """The values within a part of a job.

    Args:
        value: The part as the models have it.
        written: The same part as the files have it, after templates, conditions and variables.
        origin: Where it was written; None for a default.
        path: The way to it from the job.
    """
    for key, part in _parts(value):
        given = origin is not None and (isinstance(key, int) or key in written)
        inner = origin.child(key) if origin is not None and given else None
        inner_written = written[key] if given else None
        if [*_parts(part)]:
            yield from _values(part, inner_written, inner, (*path, key))
        else:
            yield _explained((*path, key), part, inner)


def _parts(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Section):
        for key, name in attributes(type(value)).items():
            yield key, getattr(value, name)
    elif isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _explained(path: KeyPath, value: Any, origin: Origin | None) -> Explained:
    if origin is None:
        return Explained(path, value, DEFAULT_LAYER, None)
    written = origin.written()
    line, _ = written.document.place(written.path)
    place = Place(written.document.text.path.resolve(), line)
    return Explained(
        path, masked(value, path, from_environment=written.from_environment), written.layer, place
    )

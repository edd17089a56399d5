"""Source types that installed packages add, by the entry-point group `etl_platform.sources`."""

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Final, Union, get_args

from pydantic import Discriminator, create_model

from etl_platform.config.models.data_sources import AnySource, Source
from etl_platform.config.models.job import Job
from etl_platform.config.shape import fields, sections

GROUP: Final = "etl_platform.sources"


class SourceTypeError(ImportError):
    """An installed package whose source type cannot be used."""

    def __init__(self, entry_point: EntryPoint, reason: str):
        self.entry_point = entry_point
        package = entry_point.dist.name if entry_point.dist else "an unnamed package"
        super().__init__(
            f'the source type "{entry_point.name}" ({entry_point.value}) of {package} cannot be used: '
            f"{reason}; mend or uninstall the package"
        )


@lru_cache(maxsize=1)
def job_model() -> type[Job]:
    """The model of a job, with the source types of all installed packages.

    Raises:
        SourceTypeError: A package offers something that is no source type, or one that there is already.
    """
    added = [_load(entry_point) for entry_point in entry_points(group=GROUP)]
    return Job if not added else job_model_with(tuple(added))


def job_model_with(added: tuple[type[Source], ...]) -> type[Job]:
    """The model of a job that may also have sources of these types."""
    union: Any = Annotated[Union[(*sections(AnySource), *added)], Discriminator("source_type")]
    field = (list[union], Job.model_fields["data_sources"])
    return create_model(
        "Job", __base__=Job, __doc__=Job.__doc__, __module__=Job.__module__, data_sources=field
    )


def _load(entry_point: EntryPoint) -> type[Source]:
    try:
        model = entry_point.load()
    except (ImportError, AttributeError) as error:
        raise SourceTypeError(entry_point, str(error)) from error
    if not (isinstance(model, type) and issubclass(model, Source)):
        raise SourceTypeError(entry_point, f"it is no subclass of {Source.__module__}.Source")
    tags = _tags(model)
    if not tags:
        raise SourceTypeError(entry_point, 'it has no field `source_type: Literal["…"]`')
    taken = tags & {tag for kind in sections(AnySource) for tag in _tags(kind)}
    if taken:
        raise SourceTypeError(entry_point, f"there is already a source type {', '.join(sorted(taken))}")
    return model


def _tags(model: type[Any]) -> set[str]:
    field = fields(model).get("source_type")
    return {*get_args(field.annotation)} if field else set()

"""A look at the datasets of a job: their columns, a sample of their values, and which are personal data.

Values stay in here: what leaves are names, types and counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from etl_platform.agents.agent import Case
from etl_platform.agents.once import once
from etl_platform.catalog.location import NoLocationError
from etl_platform.compliance.detect import ColumnFinding, detect
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.column_types import family
from etl_platform.quality.dataset import AUTO_LOCAL_LIMIT_GB, dataset_files, open_dataset
from etl_platform.quality.files import NoDataError
from etl_platform.quality.frame import QueryError
from etl_platform.quality.rules import TARGET, datasets_in_order

SAMPLE_ROWS = 1000
"""Rows that are looked at: a kind that half of them have is not missed."""


@dataclass(frozen=True)
class Look:
    """What was seen of a dataset.

    Attributes:
        columns: Column to type; as declared where the data could not be read.
        samples: Column to values as text; texts and whole numbers only. Never shown.
        unread: Why the data was not read; None: it was.
        too_big: It was not read because of its size.
    """

    columns: Mapping[str, str]
    samples: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    unread: str | None = None
    too_big: bool = False


def look(config: Config, job: Job, dataset: str, most_gb: float = AUTO_LOCAL_LIMIT_GB) -> Look:
    """Look at a dataset on this machine, if it is not larger than that."""
    try:
        size_gb = dataset_files(config, job, dataset).bytes / 2**30
        if size_gb > most_gb:
            unread = f"{size_gb:,.1f} GB are too much to be read on this machine"
            return Look(declared_columns(job, dataset), unread=unread, too_big=True)
        with open_dataset(config, job, dataset, engine="local") as data:
            frame = data.frame
            names = [name for name, kind in frame.columns.items() if family(kind) in ("string", "integer")]
            listed = ", ".join(f"CAST({frame.column(name)} AS VARCHAR)" for name in names)
            some = frame.sampled(SAMPLE_ROWS, max(frame.count(), 1))
            rows = frame.collect(frame.relation(f"SELECT {listed} FROM {some.name}")) if names else []
            values = zip(*rows, strict=True) if rows else ((),) * len(names)
            samples = {
                name: tuple(value for value in column if value is not None)
                for name, column in zip(names, values, strict=True)
            }
            return Look(dict(frame.columns), samples)
    except QueryError as error:
        # An engine's message may quote a value.
        return Look(declared_columns(job, dataset), unread=f"the engine answered {error.kind}")
    except (NoLocationError, NoDataError) as error:
        return Look(declared_columns(job, dataset), unread=str(error))


def declared_columns(job: Job, dataset: str) -> dict[str, str]:
    """Columns of a dataset as the job declares them."""
    if dataset == TARGET:
        return dict(job.target.columns) if job.target else {}
    return dict(next(one.columns for one in job.data_sources if one.name == dataset))


@once
def looks(case: Case) -> dict[str, Look]:
    """A look at each dataset of the job, in order."""
    most_gb = AUTO_LOCAL_LIMIT_GB if case.most_gb is None else case.most_gb
    return {name: look(case.config, case.job, name, most_gb) for name in datasets_in_order(case.job)}


def personal(job: Job, seen: Look, *, values: bool = True) -> list[ColumnFinding]:
    """The columns of a dataset with personal data, by declaration, names, and values where they count."""
    return detect(seen.columns, seen.samples if values else {}, job.compliance.pii_fields)


def guarded(job: Job, seen: Look) -> Job:
    """The job with all personal columns of a dataset declared, so that no engine tells a value of them."""
    names = dict.fromkeys([*job.compliance.pii_fields, *(one.column for one in personal(job, seen))])
    compliance = job.compliance.model_copy(update={"pii_fields": list(names)})
    return job.model_copy(update={"compliance": compliance})

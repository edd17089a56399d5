"""What a job reads, as assets upstream."""

from collections.abc import Iterator

import dagster as dg

from etl_platform.config.identity import source_key
from etl_platform.config.models.data_sources import AnySource, S3Source
from etl_platform.orchestration.keys import Graph


def source_specs(graph: Graph) -> Iterator[dg.AssetSpec]:
    """One asset for each dataset that jobs read and none writes; the first job that names it describes it."""
    seen: set[tuple[str, ...]] = set()
    for job in graph.config.jobs:
        for source in job.data_sources:
            key = source_key(source)
            if key in seen or graph.producer(source):
                continue
            seen.add(key)
            yield _spec(source, key)


def _spec(source: AnySource, key: tuple[str, ...]) -> dg.AssetSpec:
    metadata: dict[str, object] = {}
    if isinstance(source, S3Source):
        metadata["dagster/uri"] = source.path
    else:
        metadata["dagster/table_name"] = ".".join(key[1:])
    if source.columns:
        columns = [dg.TableColumn(name, type_) for name, type_ in source.columns.items()]
        metadata["dagster/column_schema"] = dg.TableSchema(columns=columns)
    return dg.AssetSpec(
        key,
        description=source.description or None,
        group_name="sources",
        kinds={source.source_type},
        metadata=metadata,
    )

"""What a job reads, as assets upstream that can be observed: one op measures all that are selected."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from etl_platform.catalog.measure import measure
from etl_platform.catalog.stats import TableStats
from etl_platform.config.identity import source_key
from etl_platform.config.models.data_sources import AnySource, S3Source
from etl_platform.orchestration.keys import Graph, asset_key_of


def observable_sources(graph: Graph, name: str) -> list[dg.AssetsDefinition]:
    """The datasets that jobs read and none writes; none where there are no such.

    Args:
        graph: The configuration.
        name: Name of the op that observes them.
    """
    sources = _sources(graph)
    if not sources:
        return []

    @dg.multi_observable_source_asset(
        name=name,
        specs=[_spec(key, source) for key, source in sources.items()],
        description="Measures the sources of the configuration's jobs.",
        can_subset=True,
    )
    def observe(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        for key in context.selected_asset_keys:
            stats = measure(sources[key], graph.config, max_age_seconds=0)
            for warning in stats.warnings:
                context.log.warning(warning)
            version = stats.data_version
            yield dg.ObserveResult(
                asset_key=key,
                data_version=dg.DataVersion(version) if version else None,
                metadata=stats_metadata(stats),
            )

    return [observe]


def _sources(graph: Graph) -> Mapping[dg.AssetKey, AnySource]:
    """Each source once; the first job that names it describes it."""
    found: dict[dg.AssetKey, AnySource] = {}
    for job in graph.config.jobs:
        for source in job.data_sources:
            if not graph.producer(source):
                found.setdefault(asset_key_of(source_key(source)), source)
    return found


def _spec(key: dg.AssetKey, source: AnySource) -> dg.AssetSpec:
    metadata: dict[str, object] = {}
    if isinstance(source, S3Source):
        metadata["dagster/uri"] = source.path
    else:
        metadata["dagster/table_name"] = ".".join(key.path[1:])
    if source.columns:
        metadata["dagster/column_schema"] = column_schema(source.columns)
    return dg.AssetSpec(
        key,
        description=source.description or None,
        group_name="sources",
        kinds={source.source_type},
        metadata=metadata,
    )


def column_schema(columns: Mapping[str, str]) -> dg.TableSchema:
    """Columns and their types as Dagster shows them."""
    return dg.TableSchema(columns=[dg.TableColumn(name, type_) for name, type_ in columns.items()])


def stats_metadata(stats: TableStats) -> dict[str, Any]:
    """Figures of a dataset as metadata; what is unknown is left out."""
    figures: dict[str, Any] = {
        "size_gb": stats.size_gb,
        "file_count": stats.file_count,
        "avg_file_mb": stats.avg_file_mb,
        "dagster/row_count": stats.row_count,
        "partition_count": stats.partition_count,
        "format": stats.format,
        "last_updated": dg.MetadataValue.timestamp(stats.last_updated) if stats.last_updated else None,
        "detected_by": stats.detected_by,
        "dagster/column_schema": column_schema(stats.columns) if stats.columns else None,
        "warnings": "\n".join(stats.warnings) or None,
    }
    return {name: value for name, value in figures.items() if value is not None}

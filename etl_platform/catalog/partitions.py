"""Which partitions a source's `partition_filter` keeps."""

import re
from collections.abc import Mapping, Sequence

from etl_platform.catalog.files import PartitionValues
from etl_platform.catalog.stats import CannotMeasureError

INTEGER = re.compile(r"-?\d{1,18}")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def kept_by_filter(
    filter_sql: str, keys: Sequence[str], partition_bytes: Mapping[PartitionValues, int]
) -> tuple[int, int]:
    """Count what a filter over the partition columns keeps.

    The filter runs in DuckDB, which sees no file and no network. As in Spark, a column whose values are all
    whole numbers or all dates has that type, so `month >= 2` and `day >= current_date - 7` work.

    Args:
        filter_sql: The SQL of `partition_filter`.
        keys: Partition columns.
        partition_bytes: Values of each partition to its size.

    Returns:
        Number of partitions kept, and their bytes.

    Raises:
        CannotMeasureError: The filter is not valid SQL over these columns.
    """
    import duckdb

    if not keys:
        raise CannotMeasureError(
            f"partition_filter `{filter_sql}` is not applied: the data has no partitions; remove the key."
        )
    rows = [
        (*(_value(dict(values).get(key)) for key in keys), size)
        for values, size in partition_bytes.items()
        if values
    ]
    columns = ", ".join(
        '"' + key.replace('"', '""') + '" ' + _type([row[index] for row in rows])
        for index, key in enumerate(keys)
    )
    try:
        with duckdb.connect(config={"enable_external_access": "false"}) as connection:
            connection.execute(f"CREATE TABLE partitions ({columns}, __bytes BIGINT)")
            marks = ", ".join("?" * (len(keys) + 1))
            connection.executemany(f"INSERT INTO partitions VALUES ({marks})", rows)
            kept = connection.execute(
                f"SELECT count(*), coalesce(sum(__bytes), 0)::BIGINT FROM partitions WHERE ({filter_sql})"
            ).fetchone()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise CannotMeasureError(
            f"partition_filter `{filter_sql}` cannot be evaluated over {', '.join(keys)}: {reason}"
        ) from error
    if kept is None:
        return 0, 0
    return int(kept[0]), int(kept[1])


def _value(text: str | None) -> str | None:
    """The value; Hive's name for the missing one becomes NULL."""
    return None if text == "__HIVE_DEFAULT_PARTITION__" else text


def _type(values: Sequence[str | int | None]) -> str:
    known = [str(value) for value in values if value is not None]
    if known and all(INTEGER.fullmatch(value) for value in known):
        return "BIGINT"
    return "DATE" if known and all(DATE.fullmatch(value) for value in known) else "VARCHAR"

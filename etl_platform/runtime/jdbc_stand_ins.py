"""Tables that a PySpark script reads by JDBC, as the local stand-ins of their servers."""

import functools
from typing import Any

from etl_platform.runtime.glue_path.awsglue.connections import server_table
from etl_platform.runtime.glue_path.awsglue.localfiles import format_of


def offer_stand_ins(reader_class: Any, *, has_jars: bool) -> None:
    """Have `spark.read.jdbc(…)` and `spark.read.format("jdbc")…load()` read the local stand-in.

    Args:
        reader_class: The `DataFrameReader` of classic Spark, or of Spark Connect.
        has_jars: The job brings jars, perhaps a driver: then a table without stand-in is asked of its server.
    """
    asked_format, option, options = reader_class.format, reader_class.option, reader_class.options
    load = reader_class.load

    @functools.wraps(asked_format)
    def remember_format(self: Any, source: str) -> Any:
        self._asked_format = source
        return asked_format(self, source)

    @functools.wraps(option)
    def remember_option(self: Any, key: str, value: Any) -> Any:
        self._asked = {**getattr(self, "_asked", {}), key.lower(): value}
        return option(self, key, value)

    @functools.wraps(options)
    def remember_options(self: Any, **given: Any) -> Any:
        for key, value in given.items():
            remember_option(self, key, value)
        return options(self)

    @functools.wraps(load)
    def load_stand_in(
        self: Any, path: Any = None, format: Any = None, schema: Any = None, **given: Any
    ) -> Any:
        if (format or getattr(self, "_asked_format", None)) != "jdbc":
            return load(self, path, format, schema, **given)
        table = server_table("jdbc", {**getattr(self, "_asked", {}), **given})
        try:
            folder = table.stand_in()
        except LookupError:
            if has_jars:
                return load(self, path, format, schema, **given)
            raise
        found = format_of(folder)
        # Spark Connect's reader keeps its session under another name.
        session = self._spark if hasattr(self, "_spark") else self._client
        reader = session.read.format(found)
        if found == "csv":
            reader = reader.options(header=True, inferSchema=True)
        return reader.load(str(folder))

    def jdbc(self: Any, url: str, table: str, *_: Any, **__: Any) -> Any:
        return load_stand_in(self, format="jdbc", url=url, dbtable=table)

    reader_class.format, reader_class.option, reader_class.options = (
        remember_format,
        remember_option,
        remember_options,
    )
    reader_class.load, reader_class.jdbc = load_stand_in, functools.wraps(reader_class.jdbc)(jdbc)

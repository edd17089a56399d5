"""`create_dynamic_frame.…`: where frames come from."""

from typing import Any

from .refusal import missing, public_names


class DynamicFrameReader:
    """Reads DynamicFrames.

    Args:
        glue_context: The GlueContext.
    """

    def __init__(self, glue_context: Any):
        self._glue_context = glue_context

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise missing(type(self).__name__, name, public_names(type(self)))

    def from_rdd(self, data: Any, name: str, schema: Any = None, sampleRatio: float | None = None) -> Any:
        """A frame of an RDD's records: dicts, Rows or tuples."""
        return self._glue_context.create_dynamic_frame_from_rdd(data, name, schema, sampleRatio)

    def from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any] | None = None,
        format: str | None = None,
        format_options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **kwargs: Any,
    ) -> Any:
        """A frame of a connection's records."""
        return self._glue_context.create_dynamic_frame_from_options(
            connection_type,
            connection_options,
            format,
            format_options,
            transformation_ctx,
            push_down_predicate,
            **kwargs,
        )

    def from_catalog(
        self,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        additional_options: dict[str, Any] | None = None,
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """A frame of a table of the catalog."""
        return self._glue_context.create_dynamic_frame_from_catalog(
            database,
            table_name,
            redshift_tmp_dir,
            transformation_ctx,
            push_down_predicate,
            additional_options,
            catalog_id,
            **kwargs,
        )


class DataFrameReader:
    """Reads Spark DataFrames, as `create_data_frame.…` does.

    Args:
        glue_context: The GlueContext.
    """

    def __init__(self, glue_context: Any):
        self._glue_context = glue_context

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise missing(type(self).__name__, name, public_names(type(self)))

    def from_catalog(self, *args: Any, **kwargs: Any) -> Any:
        """The rows of a table of the catalog."""
        return self._glue_context.create_data_frame_from_catalog(*args, **kwargs)

    def from_options(self, *args: Any, **kwargs: Any) -> Any:
        """The rows of a connection."""
        return self._glue_context.create_data_frame_from_options(*args, **kwargs)

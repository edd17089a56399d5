"""`write_dynamic_frame.…`: where frames go."""

from typing import Any

from .refusal import missing, public_names


class DynamicFrameWriter:
    """Writes DynamicFrames.

    Args:
        glue_context: The GlueContext.
    """

    def __init__(self, glue_context: Any):
        self._glue_context = glue_context

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise missing("DynamicFrameWriter", name, public_names(DynamicFrameWriter))

    def from_options(
        self,
        frame: Any,
        connection_type: str,
        connection_options: dict[str, Any] | None = None,
        format: str | None = None,
        format_options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
    ) -> Any:
        """Append a frame, or a collection, to a connection."""
        return self._glue_context.write_dynamic_frame_from_options(
            frame, connection_type, connection_options, format, format_options, transformation_ctx
        )

    def from_catalog(
        self,
        frame: Any,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        additional_options: dict[str, Any] | None = None,
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Append a frame to a table of the catalog."""
        return self._glue_context.write_dynamic_frame_from_catalog(
            frame,
            database,
            table_name,
            redshift_tmp_dir,
            transformation_ctx,
            additional_options,
            catalog_id,
            **kwargs,
        )

    def from_jdbc_conf(
        self,
        frame: Any,
        catalog_connection: str,
        connection_options: dict[str, Any] | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> Any:
        """Append a frame to a table behind a connection of the catalog: to its local stand-in."""
        return self._glue_context.write_dynamic_frame_from_jdbc_conf(
            frame, catalog_connection, connection_options, redshift_tmp_dir, transformation_ctx, catalog_id
        )


class DataFrameWriter:
    """Writes Spark DataFrames, as `write_data_frame.…` does.

    Args:
        glue_context: The GlueContext.
    """

    def __init__(self, glue_context: Any):
        self._glue_context = glue_context

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise missing("DataFrameWriter", name, public_names(DataFrameWriter))

    def from_catalog(self, *args: Any, **kwargs: Any) -> Any:
        """Append a DataFrame to a table of the catalog."""
        return self._glue_context.write_data_frame_from_catalog(*args, **kwargs)

"""`getSource`: what frames are read from, and streams in batches."""

from collections.abc import Callable
from typing import Any

from .refusal import missing, public_names


class DataSource:
    """Where DynamicFrames are read from.

    Args:
        glue_context: The GlueContext.
        connection_type: `s3`, `mysql`, `dynamodb` and so on.
        options: The connection's options.
        transformation_ctx: What the job's bookmark knows the reader by.
    """

    def __init__(
        self, glue_context: Any, connection_type: str, options: dict[str, Any], transformation_ctx: str
    ):
        self._glue_context, self._connection_type = glue_context, connection_type
        self._options, self._transformation_ctx = options, transformation_ctx
        self._format: str | None = None
        self._format_options: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise missing("DataSource", name, public_names(DataSource))

    def setFormat(self, format: str, **options: Any) -> None:
        """Set the format and its options."""
        self._format, self._format_options = format, options

    def getFrame(self, **options: Any) -> Any:
        """A frame of the source's records."""
        return self._glue_context.create_dynamic_frame_from_options(
            self._connection_type,
            {**self._options, **options},
            self._format,
            self._format_options,
            self._transformation_ctx,
        )


def for_each_batch(frame: Any, batch_function: Callable[[Any, int], Any], options: dict[str, Any]) -> None:
    """Call a function with each batch of a stream, and its number, until all that is there has been read.

    Args:
        frame: A stream; a frame that is none is one batch.
        batch_function: Takes a DataFrame and the batch's number.
        options: `checkpointLocation` keeps what has been read for the next run; what else tunes Glue's own
            stream, such as `windowSize`, has no effect.
    """
    if not frame.isStreaming:
        batch_function(frame, 0)
        return
    writer = frame.writeStream.foreachBatch(batch_function).trigger(availableNow=True)
    if options.get("checkpointLocation"):
        writer = writer.option("checkpointLocation", options["checkpointLocation"])
    writer.start().awaitTermination()

"""What a script asks of Sail, rewritten on its way to the server.

Tried with pysail 0.7, and settled here: it has no view file system, so S3 addresses become local places; it
reads a path that does not exist as an empty table, where Spark raises; it takes partition columns as text,
where Spark tells their types from the folders; its wildcards cross folders, and it reads folders that are no
partitions; it overwrites a path while reading it, which ends a Spark job.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import grpc
from google.protobuf.message import Message
from pyspark.errors import AnalysisException
from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc
from pyspark.sql.connect.types import proto_schema_to_pyspark_data_type
from pyspark.sql.types import DateType, DoubleType, IntegerType, LongType, StringType, StructField, StructType

from etl_platform.runtime.catalog import data_files
from etl_platform.runtime.partition_types import partition_values, type_of
from etl_platform.runtime.s3_paths import local_sql, local_uri

_FILE_FORMATS = ("parquet", "csv", "json", "text", "binaryfile", "avro")
_TYPES = {
    "int": IntegerType(),
    "bigint": LongType(),
    "double": DoubleType(),
    "date": DateType(),
    "string": StringType(),
}


def _parts(message: Message) -> Iterator[Message]:
    """A message and all messages inside it, innermost last."""
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None or descriptor.message_type.GetOptions().map_entry:
            continue
        for part in [value] if isinstance(value, Message) else value:
            yield from _parts(part)


def _kind(message: Message) -> str:
    return message.DESCRIPTOR.full_name.removeprefix("spark.connect.")


def _local_paths(uri: str) -> list[Path]:
    """The existing paths that a local address means, its wildcards resolved; none for other addresses."""
    parts = urlsplit(uri)
    path = Path(unquote(parts.path) if parts.scheme == "file" else uri).absolute()
    return sorted(Path("/").glob(str(path).lstrip("/"))) if path != Path("/") else [path]


class LocalPlaces(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """A gRPC interceptor that rewrites requests to Sail.

    Args:
        channel: The plain channel to the server, for questions about a schema.
        root: The folder that stands for S3 and Glue.
        buckets: S3 buckets that the script may use.
    """

    def __init__(self, channel: grpc.Channel, root: Path, buckets: Collection[str]):
        self._server = base_pb2_grpc.SparkConnectServiceStub(channel)
        self._root = root
        self._buckets = buckets

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Rewrite a request for a schema, a setting, ….

        Raises:
            AnalysisException: It reads what is not there.
            UnknownBucketError: It names a bucket that the job does not know.
        """
        self._rewrite(request)
        return continuation(client_call_details, request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Rewrite a request to run a plan; raises as the above."""
        self._rewrite(request)
        return continuation(client_call_details, request)

    def _rewrite(self, request: Message) -> None:
        for part in list(_parts(request)):
            match _kind(part):
                case "Read.DataSource":
                    self._rewrite_read(part, request)
                case "WriteOperation" | "CreateTable" | "CreateExternalTable":
                    self._rewrite_write(part)
                case "SQL":
                    self._rewrite_sql(part, "query")
                case "SqlCommand":
                    self._rewrite_sql(part, "sql")
                case "Read.NamedTable":
                    self._rewrite_sql(part, "unparsed_identifier")
        for part in _parts(request):
            if _kind(part) == "WriteOperation":
                _refuse_to_overwrite_input(part)

    def _rewrite_sql(self, part: Any, field: str) -> None:
        query = getattr(part, field)
        if query:
            setattr(part, field, local_sql(query, self._root, self._buckets))

    def _rewrite_write(self, part: Any) -> None:
        if part.HasField("path"):
            part.path = local_uri(part.path, self._root, self._buckets)
        if "path" in part.options:
            part.options["path"] = local_uri(part.options["path"], self._root, self._buckets)

    def _rewrite_read(self, part: Any, request: Any) -> None:
        if part.format.lower() not in _FILE_FORMATS:
            return
        named = [*part.paths, *([part.options["path"]] if "path" in part.options else [])]
        places = {name: local_uri(name, self._root, self._buckets) for name in named}
        part.paths[:] = [places[name] for name in part.paths]
        if "path" in part.options:
            part.options["path"] = places[part.options["path"]]
        found = {name: _local_paths(place) for name, place in places.items()}
        for name, paths in found.items():
            if not paths:
                raise AnalysisException(message=f"[PATH_NOT_FOUND] Path does not exist: {name}.")
            for path in paths:
                _refuse_nested_folders(path)
        if any(mark in path for path in part.paths for mark in "*?["):
            # Sail's wildcards cross folders.
            part.paths[:] = [path.as_uri() for paths in found.values() for path in paths]
        if part.schema:
            return
        folders = [path for paths in found.values() for path in paths]
        if not any(True for folder in folders for _ in data_files(folder)):
            raise AnalysisException(
                message=f"[UNABLE_TO_INFER_SCHEMA] Unable to infer schema for {part.format}. "
                f"It must be specified manually: there are no files in {', '.join(found)}."
            )
        if partitions := partition_values([folder for folder in folders if folder.is_dir()]):
            types = {name: type_of(values) for name, values in partitions.items()}
            part.schema = self._schema(part, request, types).json()

    def _schema(self, part: Any, request: Any, types: dict[str, str]) -> StructType:
        """The schema of a read as Sail tells it, its partition columns last and with Spark's types."""
        question = base_pb2.AnalyzePlanRequest(
            session_id=request.session_id, user_context=request.user_context
        )
        question.schema.plan.root.read.data_source.CopyFrom(part)
        answer = self._server.AnalyzePlan(question)
        told = proto_schema_to_pyspark_data_type(answer.schema.schema)
        assert isinstance(told, StructType)
        own = [field for field in told.fields if field.name not in types]
        return StructType([*own, *(StructField(name, _TYPES[kind]) for name, kind in types.items())])


def _refuse_nested_folders(path: Path) -> None:
    """Refuse a folder with folders inside that are no partitions: Sail reads what Spark passes over."""
    if not path.is_dir():
        return
    for child in path.iterdir():
        if child.is_dir() and not child.name.startswith(("_", ".")):
            if "=" in child.name:
                _refuse_nested_folders(child)
            elif any(True for _ in data_files(child)):
                raise AnalysisException(
                    message=f"{child} is no partition: Spark passes over such folders, Sail would read it. "
                    "Run the job with `--engine spark`."
                )


def _refuse_to_overwrite_input(write: Any) -> None:
    place = write.path or write.options.get("path", "")
    if write.mode != type(write).SAVE_MODE_OVERWRITE or not place:
        return
    for part in _parts(write.input):
        if _kind(part) == "Read.DataSource":
            read: Any = part
            if place.rstrip("/") in {path.rstrip("/") for path in read.paths}:
                raise AnalysisException(
                    message=f"[UNSUPPORTED_OVERWRITE.PATH] Cannot overwrite {place}, "
                    "which is also being read from."
                )

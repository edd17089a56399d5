"""Sources and targets behind servers: their local stand-ins, folders of files below the local root."""

import re
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from .localfiles import local_root
from .refusal import NotSupportedLocally

FILES = ("s3", "file")
SERVERS = (
    "mysql",
    "postgresql",
    "redshift",
    "sqlserver",
    "oracle",
    "jdbc",
    "custom.jdbc",
    "marketplace.jdbc",
)
"""Connection types whose tables JDBC reads."""
KINDS = ("redshift", "rds", "postgres", "mysql")
"""Source types of the configuration whose tables JDBC reads: the first folder of their stand-ins."""
TABLE_KEYS = ("dbtable", "dbTable", "tableName")
"""Options that name a table."""
URL = re.compile(r"jdbc:(?P<vendor>\w+):(?:\w+:)*//?@?(?P<host>[^/:;?@]+)(?P<rest>[^?]*)")


@dataclass(frozen=True)
class ServerTable:
    """A table or stream behind a server.

    Attributes:
        kind: `redshift`, `rds`, `dynamodb` or `kinesis`.
        server: First label of the server's host name; None where it is not known.
        database: Its database; None where its kind has none.
        schema: Its schema; None where it is not named.
        name: Its name.
    """

    kind: str
    name: str
    server: str | None = None
    database: str | None = None
    schema: str | None = None

    def __str__(self) -> str:
        parts = (self.server, self.database, self.schema, self.name)
        return f"{self.kind}://{'/'.join(part for part in parts if part)}"

    @property
    def folder(self) -> Path:
        """Where its stand-in belongs, as the configuration's sources of its kind have it."""
        parts = (self.kind, self.server, self.database, self.schema, self.name)
        return local_root(str(self)).joinpath(*[part for part in parts if part])

    def stand_in(self) -> Path:
        """The folder that there is for this database and table.

        Server and kind decide between several only: a connection of the catalog does not tell them here.

        Raises:
            LookupError: There is none, or there are several; with the key that declares it.
        """
        if self.database is None:
            found = [self.folder] if self.folder.is_dir() else []
        else:
            root, database, table = local_root(str(self)), escape(self.database), escape(self.name)
            schema = escape(self.schema) if self.schema else "*"
            found = self._below(root, database, table, schema)
            if not found and self.database == self.server:
                # A connection of the catalog names its database in AWS only.
                found = self._below(root, "*", table, schema)
            found = [path for path in found if path.parts[len(root.parts) + 1] == self.server] or found
            found = [path for path in found if path.parts[len(root.parts)] == self.kind] or found
        if len(found) == 1:
            return found[0]
        if found:
            raise LookupError(f"{self}: several local stand-ins fit: {', '.join(map(str, sorted(found)))}.")
        raise LookupError(
            f"{self}: no local stand-in is there, and the local platform opens no connection; add to the "
            f"job's `data_sources` {self._declaration()} and put its files into {self.folder}."
        )

    def _below(self, root: Path, database: str, table: str, schema: str) -> list[Path]:
        patterns = [f"{kind}/*/{database}/{part}{table}" for kind in KINDS for part in ("", f"{schema}/")]
        return [path for pattern in patterns for path in root.glob(pattern) if path.is_dir()]

    def target(self) -> Path:
        """The folder to write to: the stand-in that there is, else where one belongs."""
        try:
            return self.stand_in()
        except LookupError:
            return self.folder

    def _declaration(self) -> str:
        if self.kind == "dynamodb":
            return f'`{{"source_type": "dynamodb", "table_name": "{self.name}", …}}`'
        if self.kind == "kinesis":
            return f'`{{"source_type": "kinesis", "stream_name": "{self.name}", …}}`'
        server = "cluster" if self.kind == "redshift" else "instance"
        return (
            f'`{{"source_type": "{self.kind}", "{server}": "{self.server or "…"}", '
            f'"database": "{self.database}", "table": "{self.name}", …}}`'
        )


def server_table(connection_type: str, options: dict[str, Any]) -> ServerTable:
    """The table or stream that connection options name.

    Raises:
        NotSupportedLocally: No stand-in is known for connections of this type, or `dbtable` is a query.
        LookupError: The options do not say which table.
    """
    if connection_type in SERVERS:
        return _jdbc(connection_type, options)
    if connection_type == "dynamodb":
        name = options.get("dynamodb.input.tableName") or options.get("dynamodb.output.tableName")
        arn = str(options.get("dynamodb.tableArn", ""))
        return ServerTable(
            "dynamodb", _named(name or arn.rpartition("/")[2], connection_type, "dynamodb.input.tableName")
        )
    if connection_type == "kinesis":
        arn = str(options.get("streamARN", ""))
        name = options.get("streamName") or arn.rpartition("/")[2]
        return ServerTable("kinesis", _named(name, connection_type, "streamARN"))
    known = ", ".join([*FILES, *SERVERS, "dynamodb", "kinesis"])
    raise NotSupportedLocally(f'connection_type "{connection_type}"', f"one of {known}")


def _jdbc(connection_type: str, options: dict[str, Any]) -> ServerTable:
    given = next((options[key] for key in TABLE_KEYS if options.get(key)), None)
    named = _named(given, connection_type, "dbtable")
    if re.search(r"[\s(]", named):
        raise NotSupportedLocally("a query as `dbtable` here", "the table's name")
    schema, _, name = named.replace('"', "").replace("`", "").rpartition(".")
    url = URL.match(str(options.get("url", "")))
    rest = url["rest"] if url else ""
    in_url = re.search(r"(?i:databaseName)=([^;]+)", rest) or re.search(r"/([^/;]+)", rest)
    database = options.get("database") or (in_url[1] if in_url else options.get("connectionName"))
    vendor = url["vendor"] if url else connection_type
    return ServerTable(
        kind="redshift" if "redshift" in (vendor, connection_type) else "rds",
        server=url["host"].partition(".")[0] if url else options.get("connectionName"),
        database=_named(database, connection_type, "url"),
        schema=schema.rpartition(".")[2] or None,
        name=name,
    )


def _named(value: Any, connection_type: str, key: str) -> str:
    if not value:
        raise LookupError(f'connection_type "{connection_type}": the connection options lack "{key}".')
    return str(value)


def conf_of(name: str) -> dict[str, str]:
    """What `extract_jdbc_conf` gives for a connection: an address that only this runtime reads."""
    url = f"jdbc:local://{name}"
    unset = {"customJDBCCert": "", "customJDBCCertString": "", "skipCustomJDBCCertValidation": "false"}
    known = {"url": url, "fullUrl": f"{url}/{name}", "vendor": "local", "user": "local", "password": ""}
    return {**known, "enforceSSL": "false", **unset}

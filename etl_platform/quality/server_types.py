"""Column types of servers in Spark's names, as Spark's JDBC reads them."""

import re
from collections.abc import Mapping

from etl_platform.quality.column_types import normal_type

_POSTGRES = {
    "smallint": "smallint",
    "integer": "int",
    "bigint": "bigint",
    "real": "float",
    "double precision": "double",
    "numeric": "decimal(38,18)",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp_ntz",
    "timestamp without time zone": "timestamp_ntz",
    "timestamp with time zone": "timestamp",
    "character varying": "string",
    "character": "string",
    "text": "string",
    "uuid": "string",
    "bytea": "binary",
    "binary varying": "binary",
}
"""Redshift's and PostgreSQL's names; a `numeric` without digits is what Spark makes of it."""

_MYSQL = {
    "tinyint(1)": "boolean",
    "tinyint": "tinyint",
    "tinyint unsigned": "smallint",
    "smallint": "smallint",
    "smallint unsigned": "int",
    "mediumint": "int",
    "mediumint unsigned": "int",
    "int": "int",
    "int unsigned": "bigint",
    "bigint": "bigint",
    "bigint unsigned": "decimal(20,0)",
    "year": "int",
    "float": "float",
    "double": "double",
    "date": "date",
    "datetime": "timestamp_ntz",
    "timestamp": "timestamp",
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), "string"),
    **dict.fromkeys(("enum", "set"), "string"),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "binary"),
}


def postgres_type(name: str) -> str:
    """The Spark name of a type that PostgreSQL or Redshift calls so, such as `numeric(10,2)`."""
    return _known(name.lower(), _POSTGRES)


def mysql_type(name: str) -> str:
    """The Spark name of a type as `information_schema.columns.column_type` has it, such as `int unsigned`."""
    plain = name.lower().removesuffix(" zerofill")
    return _MYSQL[plain] if plain in _MYSQL else _known(plain, _MYSQL)


def _known(name: str, names: Mapping[str, str]) -> str:
    """A type whose family rules understand, else its own name, which is of no family."""
    digits = re.fullmatch(r"(?:numeric|decimal)\((\d+),(\d+)\)(?: unsigned)?", name)
    if digits:
        return normal_type(f"decimal({digits[1]},{digits[2]})")
    plain = re.sub(r"\(.*?\)", "", name).strip()
    return names.get(plain, names.get(plain.removesuffix(" unsigned"), name))

"""Column types in Spark's names, whatever engine read the data."""

from typing import Literal

Family = Literal[
    "integer", "decimal", "float", "string", "boolean", "date", "timestamp", "timestamp_ntz", "other"
]

SPARK_FAMILIES: dict[str, Family] = {
    "tinyint": "integer",
    "smallint": "integer",
    "int": "integer",
    "bigint": "integer",
    "float": "float",
    "double": "float",
    "string": "string",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "timestamp_ntz": "timestamp_ntz",
}
"""Family of each of Spark's types of values but decimals, whose names have a precision."""

_ALIASES = {
    "byte": "tinyint",
    "short": "smallint",
    "integer": "int",
    "long": "bigint",
    "real": "float",
    "bool": "boolean",
    "timestamp_ltz": "timestamp",
    "dec": "decimal(10,0)",
    "decimal": "decimal(10,0)",
    "numeric": "decimal(10,0)",
    "text": "string",
}
"""Other names of Spark's types; https://spark.apache.org/docs/3.5.1/sql-ref-datatypes.html."""

_DUCKDB = {
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    # Spark reads an unsigned Parquet column as the next wider signed type.
    "UTINYINT": "smallint",
    "USMALLINT": "int",
    "UINTEGER": "bigint",
    "UBIGINT": "decimal(20,0)",
    "HUGEINT": "decimal(38,0)",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "UUID": "string",
    "BLOB": "binary",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP_S": "timestamp_ntz",
    "TIMESTAMP_MS": "timestamp_ntz",
    "TIMESTAMP_NS": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "TIMESTAMPTZ_NS": "timestamp",
}


def normal_type(name: str) -> str:
    """A Spark type in one spelling: lower case, no spaces, `integer` → `int`."""
    plain = "".join(name.lower().split())
    if plain.startswith(("varchar(", "char(")):
        return "string"
    return _ALIASES.get(plain, plain.replace("numeric(", "decimal("))


def spark_type(duckdb_type: str) -> str:
    """The Spark name of a DuckDB type, as Spark would read the same Parquet column."""
    if duckdb_type.startswith("ENUM("):
        return "string"
    if duckdb_type in _DUCKDB:
        return _DUCKDB[duckdb_type]
    if duckdb_type.startswith("DECIMAL("):
        return normal_type(duckdb_type)
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        return normal_type(exp.DataType.build(duckdb_type, dialect="duckdb").sql("spark"))
    except SqlglotError:
        # A type that Spark has no name for, such as BIT; rules that need a known type say so.
        return duckdb_type.lower()


def family(spark_name: str) -> Family:
    """What kind of values a column of this type holds."""
    name = normal_type(spark_name)
    return "decimal" if name.startswith("decimal(") else SPARK_FAMILIES.get(name, "other")


def same_type(expected: str, found: str) -> bool:
    """Whether a column is of an expected type; `timestamp` is either kind, as Hive knows one only."""
    wanted, there = normal_type(expected), normal_type(found)
    return wanted == there or (wanted == "timestamp" and there == "timestamp_ntz")


def is_known_type(name: str) -> bool:
    """Whether a name in the configuration is a type that the rules understand."""
    if family(name) != "other" or normal_type(name) == "binary":
        return True
    return normal_type(name).startswith(("array<", "map<", "struct<"))


def find_column(field: str, columns: list[str]) -> str | None:
    """The column that a field names; the case of letters is ignored where no column is exactly so."""
    if field in columns:
        return field
    matches = [column for column in columns if column.lower() == field.lower()]
    return matches[0] if len(matches) == 1 else None

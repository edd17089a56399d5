"""pandera's checks as SQL expressions: written once, rendered for whatever engine evaluates them.

pandera's built-in checks are narwhals expressions. narwhals writes them down over an empty relation of the
dataset's types, and sqlglot takes them from there to the dialect of an engine. So DuckDB, Spark in this
process and Spark on a cluster all evaluate the same expression.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from etl_platform.quality.column_types import Family, family
from etl_platform.quality.date_bounds import local_text, utc_text
from etl_platform.quality.regex import portable

_TYPES: Mapping[Family, str] = {
    "integer": "BIGINT",
    "decimal": "DECIMAL(38, 9)",
    "float": "DOUBLE",
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "timestamp_ntz": "TIMESTAMP",
    "other": "BLOB",
}
"""DuckDB's type that stands for a family; expressions do not depend on more than that."""


def row_conditions(schema: Any, columns: Mapping[str, str]) -> dict[str, Any]:
    """Check name to a sqlglot expression that is true for the rows that fail, and never null.

    Args:
        schema: A pandera schema made by `schema_of`.
        columns: Column to type, in Spark's names.

    Returns:
        One for each check about single rows; not those about the newest value or about keys.
    """
    return _written(schema, columns, _fails, lambda kind: kind != "freshness")


def newest_conditions(schema: Any, columns: Mapping[str, str]) -> dict[str, Any]:
    """Check name to an aggregate expression that is true where the newest value is young enough."""
    return _written(
        schema,
        columns,
        lambda check, values, kind: run_check(check, values, None),
        lambda kind: kind == "freshness",
    )


def run_check(check: Any, values: Any, kind: Family | None) -> Any:
    """A pandera check as a narwhals expression over a column's values.

    Args:
        check: A `pandera.Check` made with `native=False`, as all built-in ones are.
        values: A column of `narwhals.stable.v1`.
        kind: The column's family of types; None for computed columns.
    """
    import narwhals.stable.v1 as nw

    if kind == "float":
        values = values.cast(nw.Float64)
    elif check._check_fn.__name__ in ("str_contains", "str_length") and kind in ("integer", "date"):
        values = values.cast(nw.String)
    arguments = {name: _literal(value) for name, value in check._check_kwargs.items()}
    if "pattern" in arguments:
        arguments["pattern"] = portable(arguments["pattern"])
    return check._check_fn(values, **arguments)


def _fails(check: Any, values: Any, kind: Family | None) -> Any:
    holds = run_check(check, values, kind)
    if not check.ignore_na:
        return ~holds
    if kind == "float":
        # The engines take NaN as the largest number; here it is in no range and in no list.
        holds = holds & ~values.is_nan()
    return ~holds & ~values.is_null()


def _literal(value: Any) -> Any:
    """A bound in the type that it is compared in; an engine would take 0.1 as a decimal, or lose a zone."""
    import narwhals.stable.v1 as nw

    match value:
        case bool():
            return value
        case float():
            return nw.lit(value).cast(nw.Float64)
        case datetime() if value.tzinfo:
            return nw.lit(utc_text(value)).cast(nw.Datetime("us", "UTC"))
        case datetime():
            return nw.lit(local_text(value)).cast(nw.Datetime("us"))
        case date():
            return nw.lit(value.isoformat()).cast(nw.Date)
    return value


def _written(
    schema: Any,
    columns: Mapping[str, str],
    expression: Callable[[Any, Any, Family | None], Any],
    wanted: Callable[[str], bool],
) -> dict[str, Any]:
    import duckdb
    import narwhals.stable.v1 as nw
    import sqlglot

    rules = schema.metadata["rules"]
    checks = [
        (name, check)
        for name, column in schema.columns.items()
        for check in column.checks
        if wanted(rules[check.name]["kind"])
    ]
    if not checks:
        return {}
    kinds: dict[str, Family | None] = {
        name: family(columns[name]) if name in columns else None for name, _ in checks
    }
    # narwhals folds the case of no name, DuckDB does: two columns may differ by that alone.
    places = {name: f"c{n}" for n, name in enumerate(kinds)}
    empty = ", ".join(
        f"NULL::{_TYPES[kind] if kind else _computed_type(rules, name, checks)} AS {places[name]}"
        for name, kind in kinds.items()
    )
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        frame: Any = nw.from_native(connection.sql(f"SELECT {empty}"))
        selected = frame.select(
            *(
                expression(check, nw.col(places[name]), kinds[name]).alias(f"e{n}")
                for n, (name, check) in enumerate(checks)
            )
        )
        tree: Any = sqlglot.parse_one(selected.to_native().sql_query(), read="duckdb")
    written = {place: name for name, place in places.items()}
    computed = schema.metadata["computed"]
    return {
        check.name: _engine_neutral(selection.this, written, computed)
        for (_, check), selection in zip(checks, tree.expressions, strict=True)
    }


def _computed_type(rules: Mapping[str, Any], column: str, checks: list[tuple[str, Any]]) -> str:
    """Freshness computes microseconds, all other computed columns are boolean."""
    names = [check.name for name, check in checks if name == column]
    return "BIGINT" if any(rules[name]["kind"] == "freshness" for name in names) else "BOOLEAN"


def _engine_neutral(expression: Any, columns: Mapping[str, str], computed: Mapping[str, Any]) -> Any:
    from sqlglot import exp

    for node in list(expression.find_all(exp.Contains, exp.ArrayContains)):
        if isinstance(node.this, exp.Array):
            # Both engines hash the list of an IN, and walk through an array for each row.
            listed = exp.In(this=node.expression, expressions=node.this.expressions)
            node.replace(exp.Paren(this=listed))
    for node in list(expression.find_all(exp.Cast)):
        if node.to.this == exp.DataType.Type.DOUBLE and _is_number(node.this):
            # A number with a point is a decimal to the engines, and is rounded on its way to a double.
            node.set("this", exp.Literal.string(node.this.name))
    for node in list(expression.find_all(exp.Column)):
        name = columns[node.name]
        column = exp.Paren(this=computed[name].copy()) if name in computed else exp.column(name, quoted=True)
        if node is expression:
            return column
        node.replace(column)
    return expression


def _is_number(node: Any) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Literal) and not node.is_string

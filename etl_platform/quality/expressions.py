"""`custom_validations.sql`: boolean expressions over a row, in Spark SQL, that every engine answers alike."""

from typing import Any

from etl_platform.quality.regex import RegexError, portable


class ExpressionError(ValueError):
    """An expression that is not one over a single row, or that the engines would not answer alike."""


def parse_expression(sql: str) -> Any:
    """Read a boolean expression of Spark SQL.

    Division and remainder by zero are made null, as Spark has them outside its ANSI mode, and patterns of
    RLIKE are rewritten by `regex.portable`.

    Returns:
        A sqlglot expression, to be written out by `render`.

    Raises:
        ExpressionError: It does not parse; is a statement; has a subquery, an aggregate, a window function,
            a generator, a random or an unknown function; or is plainly not boolean.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        statements = sqlglot.parse(sql, dialect="spark")
    except SqlglotError as error:
        reason = str(error).splitlines()[0]
        raise ExpressionError(f"`{sql}` is not an expression of Spark SQL: {reason}") from None
    if len(statements) != 1 or statements[0] is None:
        raise ExpressionError(f"`{sql}` must be one expression.")
    tree = statements[0]
    refused: tuple[tuple[str, tuple[type, ...]], ...] = (
        (
            "a statement or subquery",
            (exp.Query, exp.DDL, exp.Insert, exp.Update, exp.Delete, exp.Command, exp.Subquery, exp.Drop),
        ),
        ("a window function", (exp.Window,)),
        ("an aggregate function, which is about many rows", (exp.AggFunc,)),
        ("a function that makes rows", (exp.UDTF, exp.Explode)),
        ("a random function", (exp.Rand, exp.Randn, exp.Uuid)),
        ("a function that Spark and DuckDB do not both have", (exp.Anonymous,)),
        ("a regular-expression function other than RLIKE", (exp.RegexpExtract, exp.RegexpReplace)),
        ("a name with AS", (exp.Alias,)),
        ("a parameter", (exp.Parameter, exp.Placeholder)),
        ("`*`", (exp.Star,)),
    )
    for node in tree.walk():
        for what, types in refused:
            if isinstance(node, types):
                shown = node.sql("spark")
                raise ExpressionError(
                    f"`{sql}` has {what} (`{shown}`); "
                    "a custom validation is a boolean expression over one row."
                )
    boolean = (exp.Predicate, exp.Connector, exp.Not, exp.Boolean, exp.Column, exp.Func)
    if not isinstance(tree.unnest(), boolean):
        raise ExpressionError(f"`{sql}` is not boolean; compare it with something.")
    return tree.transform(_alike)


def _alike(node: Any) -> Any:
    """Replace what the engines answer differently by what they answer alike."""
    from sqlglot import exp

    if isinstance(node, (exp.Div, exp.Mod, exp.IntDiv)) and not isinstance(node.expression, exp.Nullif):
        zero = exp.Literal.number(0)
        node.set("expression", exp.Nullif(this=node.expression.copy(), expression=zero))
        if isinstance(node, exp.Div):
            # The divisor is null where it was zero; nothing more is to be guarded.
            node.set("safe", False)
    elif isinstance(node, exp.Cast) and node.to.this in exp.DataType.INTEGER_TYPES:
        raise ExpressionError(
            f"`{node.sql('spark')}` cuts a fraction off in Spark and rounds it in DuckDB; use floor, ceil or "
            "round, or a rule of type `type` to find what is no whole number."
        )
    elif isinstance(node, exp.RegexpLike):
        pattern = node.expression
        if not isinstance(pattern, exp.Literal) or not pattern.is_string:
            raise ExpressionError(f"`{node.sql('spark')}`: the pattern of RLIKE must be a text.")
        try:
            node.set("expression", exp.Literal.string(portable(pattern.this)))
        except RegexError as error:
            raise ExpressionError(str(error)) from None
    elif isinstance(node, (exp.Like, exp.ILike)) and "\\" in node.expression.sql():
        raise ExpressionError(f"`{node.sql('spark')}`: `\\` in LIKE is an escape in Spark only; use RLIKE.")
    return node


def columns_in(expression: Any) -> list[str]:
    """Columns that a parsed expression reads, in order; of a struct's field, the struct."""
    from sqlglot import exp

    return list(dict.fromkeys(column.parts[0].name for column in expression.find_all(exp.Column)))


def render(expression: Any, dialect: str) -> str:
    """A parsed expression as SQL of `duckdb` or `spark`."""
    return expression.sql(dialect)


def quote(name: str, dialect: str) -> str:
    """A column or table name, quoted for `duckdb` or `spark`."""
    mark = "`" if dialect == "spark" else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"

"""What an expression may hold so that a server answers it as the other engines do."""

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from etl_platform.quality.column_types import family
from etl_platform.quality.schema import RuleFault

_NAMES = """
Column Identifier Literal Boolean Null Paren DataType DataTypeParam Var Interval If Case Tuple
And Or Not EQ NEQ LT LTE GT GTE NullSafeEQ NullSafeNEQ Is In Between Like RegexpLike IsNan Coalesce Nullif
Add Sub Mul Div Mod IntDiv Neg Abs Floor Ceil Round
Length Upper Lower Trim Substring Left Concat DPipe
Cast TryCast TsOrDsToDate Year Month Day DateDiff CurrentDate CurrentTimestamp
"""
_ALIKE = frozenset(_NAMES.split())
"""sqlglot's names of what was compared on PostgreSQL, MariaDB and the local engine."""

_COMPARISONS = ("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "NullSafeEQ", "NullSafeNEQ", "Between", "In")
_ORDERINGS = ("LT", "LTE", "GT", "GTE", "Between")
_TEXTS = ("Upper", "Lower", "Trim", "Substring", "Left", "Concat", "DPipe")
_NUMBERS = (
    "Length",
    "Abs",
    "Floor",
    "Ceil",
    "Round",
    "Year",
    "Month",
    "Day",
    "DateDiff",
    "Mul",
    "Div",
    "Mod",
)
_COUNTED = frozenset({"number", "integer", "float"})
_HELD = ("Paren", "Coalesce", "Nullif", "Neg")


def refuse_unlike(tree: Any, dialect: str, title: str, columns: Mapping[str, str], zone: ZoneInfo) -> None:
    """Refuse an expression that a server would break off at, or might answer otherwise.

    Args:
        tree: A sqlglot expression whose columns have their own names.
        dialect: sqlglot's name of the server's SQL.
        title: The server's name for people.
        columns: Column to type, in Spark's names.
        zone: The job's time zone.

    Raises:
        RuleFault: The message shows the part, and says what to do.
    """
    for node in tree.walk():
        for reason in _reasons(node, dialect, columns, zone):
            shown = node.sql("spark").replace("`", "")
            raise RuleFault(
                f"{title} does not surely answer `{shown}` as the other engines do: {reason}. "
                "Say it in another way, or put the rule on the job's target."
            )


def order_by_bytes(tree: Any, columns: Mapping[str, str]) -> None:
    """Let texts be smaller and greater by their characters' codes, whatever the locale of the database."""
    from sqlglot import exp

    for node in list(tree.walk()):
        if type(node).__name__ in _ORDERINGS and _kind(node.this, columns) == "text":
            node.set(
                "this", exp.Collate(this=exp.Paren(this=node.this), expression=exp.to_identifier("C", True))
            )


def _reasons(node: Any, dialect: str, columns: Mapping[str, str], zone: ZoneInfo) -> Iterator[str]:
    from sqlglot import exp

    name = type(node).__name__
    if name not in _ALIKE:
        yield "only comparisons, arithmetic and the most common functions are known to be alike"
    elif name in ("Cast", "TryCast", "TsOrDsToDate") and not _is_literal(node.this):
        asked = _kind(node.this, columns)
        made = "text" if name != "TsOrDsToDate" and _kind(node, columns) == "text" else None
        if asked == "text" and made != "text":
            yield "a text that is none breaks the query off or becomes zero; there are rules of type `type`"
        elif dialect == "mysql" and node.args.get("to") and node.to.this == exp.DataType.Type.BOOLEAN:
            yield "it keeps numbers as they are"
        elif asked in _COUNTED and made != "text" and _kind(node, columns) != "number":
            yield "it has no such value for a number"
        elif made == "text" and asked not in ("text", "integer", "date"):
            yield "the texts of such values differ"
    elif name in _COMPARISONS:
        kinds = {kind for kind in (_kind(side, columns) for side in _sides(node)) if kind}
        if kinds & {"text", "literal"} and kinds & _COUNTED:
            yield "it compares a text with a number"
    elif name == "Like" and _kind(node.this, columns) in _COUNTED:
        yield "it compares a text with a number"
    elif name == "Like" and not _is_literal(node.expression):
        yield "its pattern is no text that stands there"
    elif name == "Substring" and not _starts_inside(node):
        yield "its start is no number from 1"
    elif name == "Round" and _kind(node.this, columns) == "float":
        yield "halves of binary numbers are rounded to either side"
    elif name == "Interval" and not _is_literal(node.this):
        yield "its number does not stand there"
    elif name in ("NullSafeEQ", "NullSafeNEQ") and dialect == "redshift":
        yield "it has no comparison of nulls"
    elif name == "Column" and dialect == "mysql" and zone.key != "UTC" and _has_hours(node, columns):
        yield f"its sessions are in UTC, and the job's days are those of {zone.key}"


def _sides(node: Any) -> Iterator[Any]:
    yield node.this
    for key in ("expression", "low", "high"):
        if node.args.get(key) is not None:
            yield node.args[key]
    yield from node.expressions


def _starts_inside(node: Any) -> bool:
    from sqlglot import exp

    start = node.args.get("start")
    return isinstance(start, exp.Literal) and start.is_int and int(start.name) >= 1


def _has_hours(column: Any, columns: Mapping[str, str]) -> bool:
    """Whether more is asked of an instant than where it stands among others that are written with a zone."""
    if column.name not in columns or family(columns[column.name]) != "timestamp":
        return False
    parent = column.parent
    if parent is None or type(parent).__name__ in ("Is", "Coalesce", "Not", "Paren", "And"):
        return False
    return not any(_is_instant(side) for side in _sides(parent) if side is not column)


def _is_instant(node: Any) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Cast) and _is_literal(node.this) and node.this.name.endswith("+00:00")


def _is_literal(node: Any) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Literal)


def _kind(node: Any, columns: Mapping[str, str]) -> str | None:
    """`text`, `literal` (a text that stands there), `integer`, `float`, `number`, a moment's, or unknown."""
    from sqlglot import exp

    name = type(node).__name__
    if isinstance(node, exp.Literal):
        return "literal" if node.is_string else "number"
    if isinstance(node, exp.Column):
        found = family(columns[node.name]) if node.name in columns else "other"
        return {"string": "text", "decimal": "number", "other": None}.get(found, found)
    if isinstance(node, (exp.Cast, exp.TryCast)):
        if node.to.this in exp.DataType.TEXT_TYPES:
            return "text"
        return "number" if node.to.this in exp.DataType.NUMERIC_TYPES else None
    if name in _TEXTS:
        return "text"
    if name in _NUMBERS:
        return "number"
    return _kind(node.this, columns) if name in _HELD else None

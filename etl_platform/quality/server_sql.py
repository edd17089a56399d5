"""Rules' expressions as the SQL of a server, with the answers that the other engines give.

sqlglot writes the expressions in a server's dialect. What it would write so that the server refuses it, or
answers otherwise, is said in another way here, or refused: regular expressions, NaN, moments, the present
day, and in custom validations all that is not known to be alike.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal
from zoneinfo import ZoneInfo

from etl_platform.quality.column_types import family, find_column
from etl_platform.quality.date_bounds import local_text, utc_text
from etl_platform.quality.regex import RegexError
from etl_platform.quality.regex_postgres import advanced
from etl_platform.quality.schema import RuleFault
from etl_platform.quality.server_functions import order_by_bytes, refuse_unlike

ServerDialect = Literal["postgres", "redshift", "mysql"]

_CODE = re.compile(r"\\x\{([0-9a-f]+)\}")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Speech:
    """How a server is spoken to.

    Attributes:
        dialect: sqlglot's name of its SQL.
        title: Its name for people.
        zone: The job's time zone.
        now: The present moment.
        by_characters: Whether its regular expressions tell Unicode characters and their classes, and find
            empty texts; asked only for patterns that need it.
    """

    dialect: ServerDialect
    title: str
    zone: ZoneInfo
    now: datetime
    by_characters: Callable[[], bool] = lambda: True


def said(expression: Any, speech: Speech, columns: Mapping[str, str]) -> Any:
    """An expression of `conditions` for a server.

    Args:
        expression: A sqlglot expression; it is left as it is.
        speech: The server.
        columns: Column to type, in Spark's names.

    Raises:
        RuleFault: The server cannot be asked so; the message says what to do.
    """
    from sqlglot import exp

    tree = expression.copy()
    if tree.find(exp.UnixMicros):
        return _newest(tree, speech, columns)
    for column in list(tree.find_all(exp.Column)):
        column.replace(_column(column, columns))
    refuse_unlike(tree, speech.dialect, speech.title, columns, speech.zone)
    if speech.dialect == "postgres":
        order_by_bytes(tree, columns)
    # What stands inside is said before what it stands in.
    for node in reversed(list(tree.dfs())):
        other = _alike(node, speech)
        if node is tree:
            tree = other
        elif other is not node:
            node.replace(other)
    return tree


def _column(column: Any, columns: Mapping[str, str]) -> Any:
    from sqlglot import exp

    if len(column.parts) > 1:
        raise RuleFault(f"`{column.sql('spark')}` is a field of a column, of which a server knows none.")
    return exp.column(find_column(column.name, list(columns)) or column.name, quoted=True)


def _newest(tree: Any, speech: Speech, columns: Mapping[str, str]) -> Any:
    """Whether the newest value is young enough, compared in the column's own type."""
    from sqlglot import exp

    column = tree.find(exp.Column)
    oldest = _EPOCH + timedelta(microseconds=int(tree.find(exp.GTE).expression.name))
    bound = _moment(oldest, family(columns[column.name]), speech)
    newest = exp.Max(this=exp.column(column.name, quoted=True))
    return exp.GTE(this=newest, expression=bound)


def _moment(moment: datetime, kind: str, speech: Speech) -> Any:
    """A moment as a value of a column of dates, of clock times, or of instants."""
    local = moment.astimezone(speech.zone)
    if kind == "date":
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        day = local.date() + timedelta(days=local != midnight)
        return _cast(day.isoformat(), "DATE")
    if kind == "timestamp_ntz":
        return _timestamp(local_text(local), speech)
    return _instant(utc_text(moment), speech)


def _cast(text: str, kind: str) -> Any:
    from sqlglot import exp

    return exp.Cast(this=exp.Literal.string(text), to=exp.DataType.build(kind, dialect="postgres"))


def _timestamp(text: str, speech: Speech) -> Any:
    from sqlglot import exp

    if speech.dialect != "mysql":
        return _cast(text, "TIMESTAMP")
    # Without its digits, a DATETIME is rounded to whole seconds.
    kind = exp.DataType.build("DATETIME(6)", dialect="mysql")
    return exp.Cast(this=exp.Literal.string(text), to=kind)


def _instant(text: str, speech: Speech) -> Any:
    if speech.dialect != "mysql":
        return _cast(text, "TIMESTAMPTZ")
    # Sessions there are in UTC, and MariaDB reads no offset.
    return _timestamp(text.removesuffix("+00:00"), speech)


def _alike(node: Any, speech: Speech) -> Any:
    from sqlglot import exp

    kinds = exp.DataType.Type
    if isinstance(node, exp.RegexpLike):
        return _matches(node.this, node.expression.name, speech)
    if isinstance(node, exp.IsNan):
        return _is_nan(node.this, speech)
    if isinstance(node, exp.CurrentDate):
        return _cast(speech.now.astimezone(speech.zone).date().isoformat(), "DATE")
    if isinstance(node, exp.CurrentTimestamp):
        return _instant(utc_text(speech.now), speech)
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) and node.this.is_string:
        if node.to.this == kinds.TIMESTAMPTZ and node.this.name.endswith("+00:00"):
            return _instant(node.this.name, speech)
        if node.to.this in (kinds.TIMESTAMP, kinds.DATETIME, kinds.TIMESTAMPNTZ):
            return _timestamp(node.this.name, speech)
    if isinstance(node, exp.Div) and speech.dialect == "mysql":
        # MySQL divides integers as decimals of a few digits.
        node.set("this", exp.Cast(this=node.this, to=exp.DataType.build("DOUBLE")))
    return node


def _is_nan(value: Any, speech: Speech) -> Any:
    from sqlglot import exp

    if speech.dialect == "mysql":
        return exp.false()
    if speech.dialect == "postgres":
        return exp.EQ(this=value, expression=_cast("NaN", "DOUBLE PRECISION"))
    # Whether a NaN equals another is not documented there; what its text is, is plain.
    text = exp.Lower(this=exp.Cast(this=value, to=exp.DataType.build("VARCHAR(64)")))
    return exp.EQ(this=text, expression=exp.Literal.string("nan"))


def _matches(value: Any, pattern: str, speech: Speech) -> Any:
    from sqlglot import exp

    match speech.dialect:
        case "postgres":
            try:
                return exp.RegexpLike(this=value, expression=exp.Literal.string(advanced(pattern)))
            except RegexError as error:
                raise RuleFault(str(error)) from None
        case "mysql" if speech.title == "MariaDB":
            # Its patterns follow the collation, which may know no cases.
            return _found("REGEXP_INSTR", value, exp.Literal.string(f"(?-i){pattern}"))
        case "mysql":
            arguments = [value, exp.Literal.string(pattern), exp.Literal.string("c")]
            return exp.Anonymous(this="REGEXP_LIKE", expressions=arguments)
    if not plain(pattern) and not speech.by_characters():
        raise RuleFault(
            f"{speech.title} was asked, and matches bytes, not characters, or finds no empty text. Name "
            "the characters that can stand: `[0-9]` for `\\d`, `[A-Za-z0-9_]` for `\\w`, a list for `.` and "
            "`[^…]`; let the pattern need one at least (`+` for `*`); or put the rule on the job's target."
        )
    further = exp.Literal.number(1), exp.Literal.string("p")
    return _found("REGEXP_COUNT", value, exp.Literal.string(pattern), *further)


def _found(function: str, *arguments: Any) -> Any:
    """Whether a function that counts, or gives a place, finds something; null for a null."""
    from sqlglot import exp

    counted = exp.Anonymous(this=function, expressions=list(arguments))
    return exp.Paren(this=exp.GT(this=counted, expression=exp.Literal.number(0)))


def plain(pattern: str) -> bool:
    """Whether a portable pattern names ASCII characters only, and at least one of them.

    Then bytes and characters are the same to it, and whether an empty match counts plays no part.
    """
    codes = [int(code, 16) for code in _CODE.findall(pattern)]
    if not pattern.isascii() or "[^" in pattern or r"\p" in pattern.lower() or max(codes, default=0) > 127:
        return False
    here = _CODE.sub(lambda found: f"\\x{int(found[1], 16):02x}", pattern).replace(r"\z", r"\Z")
    return re.search(here, "") is None

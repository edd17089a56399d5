"""Rules as pandera schemas: pandera is the language of the rules and of the report, not their execution."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil, floor, inf
from typing import Any
from zoneinfo import ZoneInfo

from etl_platform.config.models import data_quality as models
from etl_platform.quality import type_rule
from etl_platform.quality.column_types import Family, family, find_column, is_known_type
from etl_platform.quality.date_bounds import DateBoundError, resolve_bound, start_of_day
from etl_platform.quality.expressions import ExpressionError, columns_in, parse_expression
from etl_platform.quality.regex import RegexError, portable
from etl_platform.quality.rules import Rule


class RuleFault(ValueError):
    """A rule that cannot be evaluated on this dataset; the message says why and what to do.

    Attributes:
        reason: Name of pandera's `SchemaErrorReason`.
    """

    def __init__(self, message: str, reason: str = "CHECK_ERROR"):
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True)
class RuleSchema:
    """The rules of a dataset as one pandera schema.

    Attributes:
        schema: A `pandera.pyarrow.DataFrameSchema`. Its checks carry the check names; its `metadata` holds
            under `rules` each rule's kind, fields, severity, action and threshold, under `computed` the
            expressions of columns that only exist for their checks, and under `integrity` foreign keys.
        faults: Check name to the reason why a rule is not in the schema.
    """

    schema: Any
    faults: Mapping[str, RuleFault]


@dataclass(frozen=True)
class Context:
    """What the meaning of a rule depends on, besides itself.

    Attributes:
        columns: Column to type in Spark's names; None: not known, each rule gets the type it needs.
        zone: The job's time zone.
        now: The present moment, with a zone.
    """

    columns: Mapping[str, str] | None
    zone: ZoneInfo
    now: datetime

    def find(self, field: str) -> str:
        """The column that a field names.

        Raises:
            RuleFault: There is none.
        """
        if self.columns is None:
            return field
        column = find_column(field, list(self.columns))
        if column is None:
            raise RuleFault(
                f"there is no column `{field}`; there are {', '.join(self.columns) or 'none'}.",
                "COLUMN_NOT_IN_DATAFRAME",
            )
        return column

    def family_of(self, column: str, wanted: Sequence[Family], what: str) -> Family:
        """What kind of values a column has.

        Raises:
            RuleFault: None of the wanted ones.
        """
        if self.columns is None:
            return wanted[0]
        found = family(self.columns[column])
        if found not in wanted:
            raise RuleFault(
                f"{what} needs a column of {' or '.join(w for w in wanted if w != 'timestamp_ntz')} values; "
                f"`{column}` is {self.columns[column]}. Cast it in the job, or use a custom validation.",
                "WRONG_DATATYPE",
            )
        return found


def not_null(column: Any) -> Any:
    """Check of a narwhals expression: values are not null."""
    return ~column.is_null()


def schema_of(rules: Sequence[Rule], context: Context, *, dataset: str) -> RuleSchema:
    """Turn the rules of one dataset into a pandera schema.

    Returns:
        The schema, and a fault for each rule that cannot be evaluated on these columns.
    """
    import pandera.pyarrow as pa
    from pandera.backends.pyarrow.register import register_pyarrow_backends

    # Fills pandera's registry with the checks that are written as narwhals expressions.
    register_pyarrow_backends()
    checks: dict[str, list[Any]] = {}
    table_checks: list[Any] = []
    computed: dict[str, Any] = {}
    integrity: dict[str, dict[str, str]] = {}
    unique: dict[str, list[str]] = {}
    faults: dict[str, RuleFault] = {}
    for rule in rules:
        name, spec = rule.check_name, rule.spec
        try:
            match spec:
                case models.CompletenessCheck():
                    if not spec.required and _absent(spec.field, context):
                        continue
                    check = pa.Check(not_null, native=False, ignore_na=False, name=name, error="not_null")
                    checks.setdefault(context.find(spec.field), []).append(check)
                case models.TypeRule():
                    column = context.find(spec.field)
                    _need_types(spec.expected)
                    readable = type_rule.expression(column, spec.expected, _type(column, context))
                    computed[_hidden(name)] = _where_null(readable, answer=True)
                    checks.setdefault(_hidden(name), []).append(pa.Check.eq(True, name=name, ignore_na=False))
                case models.AccuracyRule():
                    column = context.find(spec.field)
                    checks.setdefault(column, []).append(_value_check(rule, column, context))
                case models.CustomValidation():
                    computed[_hidden(name)] = _custom(spec.sql, context)
                    checks.setdefault(_hidden(name), []).append(pa.Check.eq(True, name=name, ignore_na=False))
                case models.DuplicateCheck():
                    unique[name] = [context.find(field) for field in spec.key_fields]
                case models.ReferentialIntegrity():
                    key = {"key": context.find(spec.child_key), "parent": spec.parent_table}
                    integrity[name] = {**key, "parent_key": spec.parent_key}
                case models.RowCount():
                    table_checks.append(_count_check(spec, name))
                case models.Freshness():
                    column = context.find(spec.field)
                    context.family_of(column, ("timestamp", "timestamp_ntz", "date"), "freshness")
                    computed[_hidden(name)] = _epoch_microseconds(column)
                    oldest = context.now - timedelta(hours=spec.max_age_hours)
                    check = pa.Check(_newest_at_least, native=False, name=name, oldest=_microseconds(oldest))
                    checks.setdefault(_hidden(name), []).append(check)
                case models.SchemaCheck():
                    _need_types(*spec.columns.values())
        except RuleFault as fault:
            faults[name] = fault
    columns = {
        column: pa.Column(None, list(found), nullable=True, required=True) for column, found in checks.items()
    }
    # pandera's own uniqueness is over one list of columns, which is what the language has.
    keys = next(iter(unique.values()), None)
    schema = pa.DataFrameSchema(
        columns,
        checks=table_checks,
        unique=keys,
        name=dataset,
        metadata={
            "rules": {rule.check_name: _about(rule) for rule in rules},
            "computed": computed,
            "integrity": integrity,
            "unique": unique,
        },
    )
    return RuleSchema(schema, faults)


def _count_check(spec: models.RowCount, name: str) -> Any:
    import pandera.pyarrow as pa

    low, high = spec.min or 0, inf if spec.max is None else spec.max
    if low > high:
        raise RuleFault(f"no number of rows lies between {low} and {high}; swap the bounds.")
    return pa.Check.in_range(low, high, name=name)


def _about(rule: Rule) -> dict[str, Any]:
    further: dict[str, Any] = {}
    if isinstance(rule.spec, models.RowCount):
        further = {"max_change_percent": rule.spec.max_change_percent}
    elif isinstance(rule.spec, models.SchemaCheck):
        further = {"columns": dict(rule.spec.columns), "allow_extra": rule.spec.allow_extra}
    return {
        **further,
        "kind": rule.kind,
        "fields": list(rule.fields),
        "severity": rule.severity,
        "action": rule.action,
        "threshold_percent": rule.threshold_percent,
    }


def _hidden(check_name: str) -> str:
    """Name of the column that is computed for one check."""
    return f"__rule_{check_name}"


def _absent(field: str, context: Context) -> bool:
    return context.columns is not None and find_column(field, list(context.columns)) is None


def _type(column: str, context: Context) -> str:
    return "string" if context.columns is None else context.columns[column]


def _value_check(rule: Rule, column: str, context: Context) -> Any:
    makers: dict[type, Callable[[Any, str, Context], Any]] = {
        models.RegexRule: _regex_check,
        models.RangeRule: _range_check,
        models.DateRangeRule: _date_check,
        models.AllowedValuesRule: _values_check,
        models.LengthRule: _length_check,
    }
    check = makers[type(rule.spec)](rule.spec, column, context)
    check.name = rule.check_name
    return check


def _regex_check(spec: models.RegexRule, column: str, context: Context) -> Any:
    import pandera.pyarrow as pa

    context.family_of(column, ("string", "integer", "date"), "a regular expression")
    try:
        portable(spec.pattern)
    except RegexError as error:
        raise RuleFault(str(error)) from None
    # Kept as it was written; `backend.run_check` gives the engine the portable form.
    return pa.Check.str_contains(spec.pattern)


def _length_check(spec: models.LengthRule, column: str, context: Context) -> Any:
    import pandera.pyarrow as pa

    context.family_of(column, ("string", "integer", "date"), "a length")
    _need_bounds(spec.min, spec.max, "length")
    return pa.Check.str_length(spec.min, spec.max)


def _range_check(spec: models.RangeRule, column: str, context: Context) -> Any:
    _need_bounds(spec.min, spec.max, "range")
    match context.family_of(column, ("float", "integer", "decimal"), "a range"):
        case "float":
            return _between(spec.min, spec.max)
        case "integer":
            for bound in (spec.min, spec.max):
                if bound is not None and not -(2**63) <= bound < 2**63:
                    raise RuleFault(f"{bound:g} lies beyond the integers of 64 bits that `{column}` holds.")
            return _between(
                None if spec.min is None else ceil(spec.min), None if spec.max is None else floor(spec.max)
            )
        case _:
            # The bound is meant as it is written: 0.1 is one tenth, not the nearest binary fraction.
            return _between(*(None if b is None else Decimal(repr(b)) for b in (spec.min, spec.max)))


def _date_check(spec: models.DateRangeRule, column: str, context: Context) -> Any:
    _need_bounds(spec.min_date, spec.max_date, "date range", "min_date", "max_date")
    kind = context.family_of(column, ("timestamp", "timestamp_ntz", "date"), "a date range")
    try:
        low, high = (
            None if text is None else resolve_bound(text, context.now, context.zone)
            for text in (spec.min_date, spec.max_date)
        )
    except DateBoundError as error:
        raise RuleFault(str(error)) from None
    if kind == "date":
        return _between(_first_day(low), high.date() if isinstance(high, datetime) else high)
    moments = [_moment(bound, context.zone, ends=n == 1) for n, bound in enumerate((low, high))]
    if kind == "timestamp_ntz":
        moments = [moment and moment.replace(tzinfo=None) for moment in moments]
    # A date as the upper bound includes its whole day.
    whole_day = high is not None and not isinstance(high, datetime)
    return _between(moments[0], moments[1], include_max=not whole_day)


def _first_day(bound: date | datetime | None) -> date | None:
    """The first date that does not lie before a bound."""
    if not isinstance(bound, datetime):
        return bound
    midnight = bound.replace(hour=0, minute=0, second=0, microsecond=0)
    return bound.date() if bound == midnight else bound.date() + timedelta(days=1)


def _moment(bound: date | datetime | None, zone: ZoneInfo, *, ends: bool) -> datetime | None:
    if bound is None or isinstance(bound, datetime):
        return bound
    return start_of_day(bound + timedelta(days=1) if ends else bound, zone)


def _values_check(spec: models.AllowedValuesRule, column: str, context: Context) -> Any:
    import pandera.pyarrow as pa

    kinds: tuple[Family, ...] = ("string", "integer", "float", "decimal", "boolean", "date")
    kind = context.family_of(column, kinds, "a list of allowed values")
    if context.columns is None:
        values: list[Any] = list(spec.values)
    else:
        values = [_value_of(value, kind, column) for value in spec.values]
    # pandera writes all values into its message; a large set would flood it.
    return pa.Check.isin(values, error=f"isin({len(values)} values)")


def _value_of(value: str | int | float | bool, kind: Family, column: str) -> Any:
    """A listed value as one of the column's family."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "integer" and number and value == int(value):
        return int(value)
    if kind == "float" and number:
        return float(value)
    if kind == "decimal" and number:
        return Decimal(repr(value))
    if kind == "date" and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise RuleFault(f"`values` holds {value!r}, which is no {kind}, as `{column}` is.")


def _between(low: Any, high: Any, *, include_max: bool = True) -> Any:
    import pandera.pyarrow as pa

    if low is not None and high is not None:
        if low > high:
            raise RuleFault(f"nothing lies between {low} and {high}; swap the bounds.")
        return pa.Check.in_range(low, high, include_max=include_max)
    if high is None:
        return pa.Check.ge(low)
    return pa.Check.le(high) if include_max else pa.Check.lt(high)


def _need_bounds(low: Any, high: Any, what: str, first: str = "min", second: str = "max") -> None:
    if low is None and high is None:
        raise RuleFault(f"the {what} has no bounds; give `{first}` or `{second}`.")


def _need_types(*names: str) -> None:
    for name in names:
        if not is_known_type(name):
            raise RuleFault(f"`{name}` is no type; use Spark's names, such as bigint, double, string, date.")


def _custom(sql: str, context: Context) -> Any:
    try:
        tree = parse_expression(sql)
    except ExpressionError as error:
        raise RuleFault(str(error)) from None
    for column in columns_in(tree):
        context.find(column)
    return _where_null(tree, answer=False)


def _where_null(expression: Any, *, answer: bool) -> Any:
    """A boolean expression with an answer where it has none."""
    from sqlglot import exp

    return exp.Coalesce(this=exp.Paren(this=expression), expressions=[exp.Boolean(this=answer)])


def _epoch_microseconds(column: str) -> Any:
    from sqlglot import exp

    moment = exp.Cast(
        this=exp.column(column, quoted=True), to=exp.DataType.build("timestamp", dialect="spark")
    )
    return exp.UnixMicros(this=moment)


def _newest_at_least(column: Any, oldest: int) -> Any:
    """Check of a narwhals expression: the newest value is not older than a moment, in microseconds."""
    return column.max() >= oldest


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)

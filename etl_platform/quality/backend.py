"""Our execution of pandera schemas: all row checks of a dataset in one aggregate query.

pandera hands a `Checked` to `FrameBackend`, which takes pandera's built-in checks as expressions
(`conditions`), and sums all of them in one `SELECT`; uniqueness and foreign keys take one key-only pass each.
What is wrong is raised as pandera's `SchemaErrors` with its reason codes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import fmean
from typing import Any

from etl_platform.catalog.location import NoLocationError
from etl_platform.quality.column_types import family, find_column, same_type
from etl_platform.quality.conditions import newest_conditions, row_conditions
from etl_platform.quality.files import NoDataError
from etl_platform.quality.frame import Frame, QueryError
from etl_platform.quality.queries import ROWS
from etl_platform.quality.schema import RuleFault


@dataclass(frozen=True)
class Outcome:
    """What was found of one rule.

    Attributes:
        rows_checked: Rows looked at.
        rows_failed: Rows that break the rule; None for rules about the dataset as a whole.
        passed: Whether it holds within its threshold.
        found: What was found, where it is not a number of rows.
        error: The error that kept the rule from being evaluated.
        seconds: Wall time of its queries.
        scans: Passes over files that it took part in.
    """

    rows_checked: int | None
    rows_failed: int | None
    passed: bool
    found: str = ""
    error: Exception | None = None
    seconds: float = 0.0
    scans: int = 0


@dataclass
class Checked:
    """A dataset on its way through a schema.

    Attributes:
        frame: All of its rows.
        rows_frame: What row rules look at: `frame`, or a random sample of it.
        open_parent: Opens another dataset of the job in the same engine, by name.
        past_row_counts: Row counts of earlier runs.
        rows: Rows of `frame`; filled by the validation.
        outcomes: Check name to what was found; filled by the validation.
    """

    frame: Frame
    rows_frame: Frame
    open_parent: Callable[[str], Frame]
    past_row_counts: Sequence[int] = ()
    rows: int | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def sampled(self) -> bool:
        """Whether row rules look at a sample."""
        return self.rows_frame is not self.frame


class FrameBackend:
    """What pandera calls to validate a `Checked`; a virtual subclass of its `BaseSchemaBackend`."""

    def validate(self, check_obj: Checked, schema: Any, *, lazy: bool = False, **_: Any) -> Checked:
        """Evaluate all checks of a schema and fill `check_obj.outcomes`.

        Raises:
            SchemaErrors: Some rules failed or could not be evaluated; with `lazy`, all of them.
            SchemaError: Without `lazy`, the first of them.
        """
        from pandera.errors import SchemaErrors

        run = _Run(check_obj, schema)
        run.rows()
        run.table()
        run.uniqueness()
        run.integrity()
        errors = [
            self._error(schema, name, outcome)
            for name, outcome in check_obj.outcomes.items()
            if not outcome.passed
        ]
        if errors and not lazy:
            raise errors[0]
        if errors:
            raise SchemaErrors(schema=schema, schema_errors=errors, data=check_obj)
        return check_obj

    def failure_cases_metadata(self, schema_name: str, schema_errors: list[Any]) -> Any:
        """What pandera shows of failures: for each rule its reason code and the number of rows."""
        from pandera.errors import FailureCaseMetadata

        cases = [
            {
                "schema": schema_name,
                "check": error.check,
                "rows": error.failure_cases,
                "reason": error.reason_code.name,
            }
            for error in schema_errors
        ]
        counts: dict[str, int] = {}
        for case in cases:
            counts[case["reason"]] = counts.get(case["reason"], 0) + 1
        return FailureCaseMetadata(failure_cases=cases, message={"failures": cases}, error_counts=counts)

    def _error(self, schema: Any, name: str, outcome: Outcome) -> Any:
        from pandera.errors import SchemaError, SchemaErrorReason

        if outcome.error:
            reason = SchemaErrorReason[getattr(outcome.error, "reason", "CHECK_ERROR")]
        else:
            kind = schema.metadata["rules"][name]["kind"]
            reason = SchemaErrorReason[_REASONS.get(kind, "DATAFRAME_CHECK")]
        return SchemaError(
            schema,
            None,
            f"{name}: {outcome.rows_failed} of {outcome.rows_checked} rows",
            failure_cases=outcome.rows_failed,
            check=name,
            reason_code=reason,
        )


_REASONS = {
    "completeness": "SERIES_CONTAINS_NULLS",
    "duplicates": "DUPLICATES",
    "schema": "WRONG_DATATYPE",
    "type": "WRONG_DATATYPE",
}
"""Kind of rule to pandera's reason for its failure; the others are DATAFRAME_CHECK."""


@cache
def register() -> None:
    """Tell pandera that `FrameBackend` validates a `Checked`."""
    import pandera.pyarrow as pa
    from pandera.backends.base import BaseSchemaBackend

    BaseSchemaBackend.register(FrameBackend)
    backend: Any = FrameBackend
    pa.DataFrameSchema.register_backend(Checked, backend)


class _Run:
    """One validation."""

    def __init__(self, checked: Checked, schema: Any):
        self.checked = checked
        self.schema = schema
        self.about: Mapping[str, Mapping[str, Any]] = schema.metadata["rules"]

    def rows(self) -> None:
        """All rules about single rows, the newest values and the number of rows, in one scan."""
        checked = self.checked
        fails = self._answerable(row_conditions(self.schema, checked.frame.columns))
        newest = self._answerable(newest_conditions(self.schema, checked.frame.columns))
        if checked.sampled:
            checked.rows = checked.frame.count()
            self._aggregate(checked.rows_frame, fails, {})
            self._aggregate(checked.frame, {}, newest)
        elif fails or newest:
            checked.rows = self._aggregate(checked.frame, fails, newest)
        if checked.rows is None:
            checked.rows = checked.frame.count()

    def _answerable(self, expressions: Mapping[str, Any]) -> dict[str, Any]:
        """Those that the engine can be asked; the others have an error, and cost no scan."""
        refused = {name: self.checked.frame.refusal(each) for name, each in expressions.items()}
        for name, fault in refused.items():
            if fault:
                self.checked.outcomes[name] = Outcome(None, None, False, error=fault)
        return {name: each for name, each in expressions.items() if not refused[name]}

    def _aggregate(self, frame: Frame, fails: Mapping[str, Any], newest: Mapping[str, Any]) -> int | None:
        """Evaluate expressions together; where that fails, by halves, so that only the culprit has an error.

        Returns:
            The number of rows; None where no query went through.
        """
        if not fails and not newest:
            return None
        before, start = frame.scans, time.perf_counter()
        try:
            found = frame.aggregate(fails, newest)
        except QueryError as error:
            names = [*fails, *newest]
            if len(names) == 1:
                seconds, scans = time.perf_counter() - start, frame.scans - before
                outcome = Outcome(None, None, False, error=error, seconds=seconds, scans=scans)
                self.checked.outcomes[names[0]] = outcome
                return None
            counts = [
                self._aggregate(
                    frame,
                    {name: each for name, each in fails.items() if name in half},
                    {name: each for name, each in newest.items() if name in half},
                )
                for half in (names[: len(names) // 2], names[len(names) // 2 :])
            ]
            return next((rows for rows in counts if rows is not None), None)
        seconds, scans, rows = time.perf_counter() - start, frame.scans - before, int(found[ROWS])
        for name in fails:
            self.checked.outcomes[name] = self._counted(name, rows, int(found[name]), seconds, scans)
        for name in newest:
            young = found[name]
            told = "older than that" if young is False else ("there is no value" if young is None else "")
            self.checked.outcomes[name] = Outcome(rows, None, bool(young), told, None, seconds, scans)
        return rows

    def _counted(self, name: str, rows: int, failed: int, seconds: float, scans: int) -> Outcome:
        threshold = self.about[name]["threshold_percent"]
        # Compared as whole numbers of rows, so that 1 of 3 rows is within 33.333…% only where it is.
        passed = failed == 0 or failed * 100 <= threshold * rows
        return Outcome(rows, failed, passed, seconds=seconds, scans=scans)

    def table(self) -> None:
        """Rules about the number of rows and the columns, which need no scan."""
        for check in self.schema.checks:
            self.checked.outcomes[check.name] = self._row_count(check)
        for name, about in self.about.items():
            if about["kind"] == "schema" and "columns" in about:
                self.checked.outcomes[name] = self._columns(about)

    def _row_count(self, check: Any) -> Outcome:
        rows, limits = self.checked.rows or 0, check.statistics
        change = self.about[check.name].get("max_change_percent")
        problems = [] if limits["min_value"] <= rows <= limits["max_value"] else [f"{rows} rows"]
        past = self.checked.past_row_counts
        notes = [] if change is None or past else ["no earlier run to compare with"]
        if change is not None and past:
            mean = fmean(past)
            percent = abs(rows - mean) / mean * 100 if mean else (100.0 if rows else 0.0)
            if percent > change:
                problems.append(f"{rows} rows are {percent:.1f}% away from the last runs' mean {mean:.0f}")
        return Outcome(rows, None, not problems, "; ".join([*(problems or [f"{rows} rows"]), *notes]))

    def _columns(self, about: Mapping[str, Any]) -> Outcome:
        found = {name.lower(): kind for name, kind in self.checked.frame.columns.items()}
        problems = []
        for name, expected in about["columns"].items():
            there = found.pop(name.lower(), None)
            if there is None:
                problems.append(f"`{name}` is missing")
            elif not same_type(expected, there):
                problems.append(f"`{name}` is {there}, not {expected}")
        if not about["allow_extra"]:
            problems.extend(f"`{name}` is not expected" for name in found)
        return Outcome(self.checked.rows, None, not problems, "; ".join(problems))

    def uniqueness(self) -> None:
        """The key of the dataset, in one key-only scan."""
        for name, keys in self.schema.metadata["unique"].items():
            frame = self.checked.frame
            self._keys(name, frame, lambda frame=frame, keys=keys: frame.count_duplicates(keys))

    def integrity(self) -> None:
        """Foreign keys: one key-only scan of the child and one of the parent each."""
        for name, link in self.schema.metadata["integrity"].items():
            frame = self.checked.frame
            self._keys(name, frame, lambda frame=frame, link=link: self._orphans(frame, link))

    def _orphans(self, frame: Frame, link: Mapping[str, str]) -> tuple[int, int]:
        parent, parent_key = parent_of(link, frame, self.checked.open_parent)
        return frame.count_orphans(link["key"], parent, parent_key)

    def _keys(self, name: str, frame: Frame, count: Callable[[], tuple[int, int]]) -> None:
        start = time.perf_counter()
        # A foreign key passes over the child and the parent.
        scans = 2 if self.about[name]["kind"] == "integrity" else 1
        try:
            rows, failed = count()
        except (QueryError, RuleFault, NoDataError, NoLocationError) as error:
            outcome = Outcome(None, None, False, error=error, seconds=time.perf_counter() - start)
        else:
            outcome = self._counted(name, rows, failed, time.perf_counter() - start, scans)
        self.checked.outcomes[name] = outcome


def parent_of(
    link: Mapping[str, str], child: Frame, open_parent: Callable[[str], Frame]
) -> tuple[Frame, str]:
    """The parent of a foreign key, and its key column.

    Raises:
        RuleFault: The parent lacks the column, or its type is another one.
    """
    parent = open_parent(link["parent"])
    key = find_column(link["parent_key"], list(parent.columns))
    if key is None:
        raise RuleFault(
            f"`{link['parent']}` has no column `{link['parent_key']}`; it has {', '.join(parent.columns)}."
        )
    ours, theirs = child.columns[link["key"]], parent.columns[key]
    if family(ours) != family(theirs):
        raise RuleFault(
            f"`{link['key']}` is {ours} and `{link['parent']}.{key}` is {theirs}; "
            "keys are compared in one type only."
        )
    return parent, key

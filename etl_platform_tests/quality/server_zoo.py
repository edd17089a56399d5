"""The zoo as a table of a server, and the rules on it."""

from typing import Any

import pyarrow as pa

from etl_platform.config.models.job import Job
from etl_platform.quality.report import DatasetReport
from etl_platform_tests.quality import zoo
from etl_platform_tests.quality.builders import job_with

REFUSED = "custom__c10"
"""The zoo's rule that casts a text, which no server is asked."""

EXPRESSIONS = """
i <> n and n <= 2
i / n > 0.3333333
i / 3 = 0.3333333333333333
i * n - 3 >= 0
i div n = 1
-i > 1 or abs(i) < 3
d / 3 > 0.5
round(d, 1) = d
floor(d) = 1 or ceil(d) = 2
d > f
s = 'a'
s <> 'A'
s < 'b'
s >= 'Z'
s between 'A' and 'b'
upper(s) = 'A' or lower(s) = 'k'
length(s) = 2
s || t = 'a1'
concat(s, t) is null
substring(s, 2) = ''
left(s, 1) = 'k'
s like 'a%'
s like '%A%'
s in ('a', 'A', 'k')
s rlike '(?i)a'
coalesce(s, t) = '1'
nullif(s, 'a') is null
case when i > 0 then s = 'a' when i < 0 then b else n = 1 end
if(b, i > 0, n > 1)
b is not true
day > '2024-02-29'
at > '2024-03-01 12:00:00'
day = date '2024-02-29'
day > at
datediff(day, at) > 0
day - interval 3 days < '2024-02-28'
at - interval 90 minutes < '2024-02-29'
cast(i as string) = '1'
cast(at as date) = day
cast(d as double) > 0.5
i in (1, 2, null)
isnan(f)
""".strip().splitlines()
"""Custom validations that a server answers as the local engine does."""


def stored(dialect: str) -> pa.Table:
    """The zoo without what a server has no type or value for: lists, and in MySQL NaN and infinity."""
    table = zoo.zoo().drop_columns(["list"])
    rows = table.to_pylist()
    for row in rows if dialect == "mysql" else ():
        for field in ("f", "r"):
            if row[field] is not None and (row[field] != row[field] or row[field] == float("inf")):
                row[field] = None
    return pa.Table.from_pylist(rows, table.schema)


def job_on(zoo_source: dict[str, Any], *others: dict[str, Any], **further: Any) -> Job:
    """A job whose rules of every kind are on its source `zoo`; the parents of its keys are `letters`."""
    quality: dict[str, Any] = zoo.quality() | further
    quality["completeness_checks"] = [{"field": field} for field in stored("").column_names]
    quality["freshness"] = {"field": "when", "max_age_hours": 24}
    for rules in quality.values():
        for rule in rules if isinstance(rules, list) else [rules] if isinstance(rules, dict) else []:
            rule |= {"child_table": "zoo"} if "child_table" in rule else {"dataset": "zoo"}
    return job_with(
        quality,
        sources=[{"name": "zoo", **zoo_source}, *others],
        target=None,
        execution={"script_path": "x.py", "timezone": zoo.ZONE},
    )


def expressions_on(zoo_source: dict[str, Any]) -> Job:
    """A job with a custom validation of each of EXPRESSIONS on its source `zoo`."""
    rules = [{"name": f"x{n}", "sql": sql, "dataset": "zoo"} for n, sql in enumerate(EXPRESSIONS)]
    execution = {"script_path": "x.py", "timezone": zoo.ZONE}
    sources = [{"name": "zoo", **zoo_source}]
    return job_with({"custom_validations": rules}, sources=sources, target=None, execution=execution)


def different(report: DatasetReport, table: pa.Table) -> dict[str, tuple[int | None, int | None, str | None]]:
    """Check name to what was counted, what the reference counts, and the error, where they differ."""
    *rows, _, _ = zoo.expected(table)
    pairs = zip(report.results, [*rows, None, None, None], strict=True)
    return {
        result.rule.check_name: (result.rows_failed, count, result.error)
        for result, count in pairs
        if (result.rows_failed, result.error) != (count, None)
    }

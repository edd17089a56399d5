"""Count on a cluster which rows break rules: a PySpark script that stands alone.

It needs nothing but PySpark and the standard library of Python 3.9: no package is installed when a cluster
starts, so none can fail to be, none changes the versions that Glue or EMR bring along, and no way to a
package index has to be open. What it evaluates is Spark SQL that `quality.remote` wrote from the pandera
schema, the very expressions that the engines of the check's own process evaluate; so the counts are the same.

    rule_counts.py --RULES s3://…/rules.json --COUNTS s3://…/counts

RULES is a JSON document. COUNTS becomes a folder with one text file of one line: JSON with the columns, the
number of rows, and for each check the failing rows or the error. The data stays where it is.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

SEED = 20130101

Answer = TypeVar("Answer")
Json = dict[str, Any]


class RefusedError(Exception):
    """Spark refused a query, or broke off.

    Attributes:
        told: Its class of error and its first line, which may quote values of the data.
    """

    def __init__(self, kind: str, message: str):
        self.told = {"kind": kind, "message": message}
        super().__init__(message)


def main() -> None:
    """Read RULES, count, and write COUNTS."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--RULES", required=True)
    parser.add_argument("--COUNTS", required=True)
    # Platforms add arguments of their own.
    options, _ = parser.parse_known_args()
    spark = SparkSession.Builder().appName("rule counts").getOrCreate()
    rules = json.loads(spark.read.text(options.RULES, wholetext=True).collect()[0][0])
    answer = json.dumps(Counting(spark, rules).counts())
    written = spark.createDataFrame([(answer,)], "value string").coalesce(1).write
    written.mode("overwrite").text(options.COUNTS)


class Counting:
    """One count of all rules of a dataset."""

    def __init__(self, spark: SparkSession, rules: Json):
        self.spark = spark
        self.rules = rules
        self.checks: Json = {}
        # A failed cast or an overflow is null, and breaks off no scan.
        spark.conf.set("spark.sql.ansi.enabled", "false")
        spark.conf.set("spark.sql.session.timeZone", rules["time_zone"])

    def counts(self) -> Json:
        """The columns, the number of rows, and the counts of each check; or why there are none."""
        try:
            columns = self.open(self.rules["data"])
            others = {name: self.open_other(source) for name, source in self.rules["others"].items()}
            rows, sample_rows = self.count_rows(columns)
        except RefusedError as refused:
            return {"error": refused.told}
        self.count_keys(columns)
        return {
            "columns": columns,
            "others": others,
            "rows": rows,
            "sample_rows": sample_rows,
            "checks": self.checks,
        }

    def open(self, source: Json) -> dict[str, str]:
        """Make a view of a dataset's files.

        Returns:
            Its columns with their types.

        Raises:
            RefusedError: They cannot be read as they are said to be.
        """

        def load() -> dict[str, str]:
            reader = self.spark.read.format(source["format"]).options(**source["options"])
            if source["schema"]:
                reader = reader.schema(source["schema"])
            data = reader.load(source["paths"])
            data.createOrReplaceTempView(source["view"])
            return dict(data.dtypes)

        return self.attempt(load)

    def open_other(self, source: Json) -> Json:
        """The columns of another dataset, or why it cannot be read."""
        if "error" in source:
            return source
        try:
            return {"columns": self.open(source)}
        except RefusedError as refused:
            return {"error": refused.told}

    def attempt(self, action: Callable[[], Answer]) -> Answer:
        """What an action of Spark gives.

        Raises:
            RefusedError: Spark refused it.
        """
        try:
            return action()
        except (PySparkException, Py4JError) as problem:
            message = str(problem).splitlines()[0] if self.rules["tell_messages"] else ""
            raise RefusedError(type(problem).__name__, message) from problem

    def query(self, sql: str) -> list[Any]:
        """The only row of a query.

        Raises:
            RefusedError: Spark refused it.
        """
        return self.attempt(lambda: list(self.spark.sql(sql).collect()[0]))

    def count_rows(self, columns: Mapping[str, str]) -> tuple[int, int | None]:
        """All rules about single rows and newest values, in one pass, or the former on a sample.

        Returns:
            The number of rows, and of those in the sample; None: there is no sample.

        Raises:
            RefusedError: The rows cannot even be counted.
        """
        fails = self.written("fails", columns)
        newest = self.written("newest", columns)
        size = self.rules["sample_size"]
        if size is None:
            rows = self.aggregate("data", {**fails, **newest})
            return (self.total() if rows is None else rows), None
        total = self.total()
        if total <= size:
            self.aggregate("data", {**fails, **newest})
            return total, None
        sample = self.spark.table("data").sample(fraction=size / total, seed=SEED)
        sample.createOrReplaceTempView("sample")
        sample_rows = self.aggregate("sample", fails)
        self.aggregate("data", newest)
        return total, sample_rows

    def total(self) -> int:
        """The number of rows."""
        return self.query("SELECT count(*) FROM data")[0]

    def written(self, kind: str, columns: Mapping[str, str]) -> dict[str, str]:
        """Check name to expression, of the checks whose columns there are, by the type of their column."""
        expressions = {}
        there = {name.lower(): type_name for name, type_name in columns.items()}
        for check in self.rules[kind]:
            types = [there.get(name.lower()) for name in check["columns"]]
            if None in types:
                continue
            texts = check["sql"]
            found = str(types[0]) if types else ""
            family = self.rules["families"].get(found.partition("(")[0], "other")
            text = texts.get(found) or texts.get(family) or texts.get("any")
            if text:
                expressions[check["check"]] = text
        return expressions

    def aggregate(self, view: str, expressions: Mapping[str, str]) -> int | None:
        """Count together; where that fails, one by one, so that only the culprit has an error.

        Returns:
            The number of rows; None where no query went through.
        """
        if not expressions:
            return None
        start = time.time()
        sql = self.rules["aggregate"].format(view=view, expressions=", ".join(expressions.values()))
        try:
            row = self.query(sql)
        except RefusedError as refused:
            if len(expressions) > 1:
                counts = [self.aggregate(view, {name: text}) for name, text in expressions.items()]
                return next((rows for rows in counts if rows is not None), None)
            self.note(next(iter(expressions)), start, error=refused.told)
            return None
        for name, value in zip(expressions, row[1:]):  # noqa: B905  `strict` is younger than Python 3.9
            self.note(name, start, value=value)
        return row[0]

    def count_keys(self, columns: Mapping[str, str]) -> None:
        """Unique and foreign keys, each in a pass over its key alone."""
        there = {name.lower() for name in columns}
        for check in self.rules["keys"]:
            if not {name.lower() for name in check["columns"]} <= there:
                continue
            start = time.time()
            try:
                value = [int(number) for number in self.query(check["sql"])]
            except RefusedError as refused:
                self.note(check["check"], start, error=refused.told)
            else:
                self.note(check["check"], start, value=value)

    def note(self, check: str, start: float, **answer: Any) -> None:
        """Keep what was counted of a check."""
        self.checks[check] = {**answer, "seconds": time.time() - start}


if __name__ == "__main__":
    main()

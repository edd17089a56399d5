"""Rules on tables of servers, under the profile `aws`."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from etl_platform.quality.engine import evaluate
from etl_platform.quality.report import DatasetReport
from etl_platform_tests.quality import zoo
from etl_platform_tests.quality.builders import config_of, job_with, lake, write
from etl_platform_tests.quality.server_stand_ins import Answering, Connection, data_api
from etl_platform_tests.quality.server_zoo import REFUSED, different, expressions_on, job_on, stored

NOW = datetime(2024, 3, 4, tzinfo=timezone.utc)

SOURCES: dict[str, dict[str, Any]] = {
    "redshift": {"source_type": "redshift", "cluster": "dwh", "database": "dev"},
    "postgres": {"source_type": "postgres", "url": "postgresql+pg8000://etl:hunter2@127.0.0.1/shop"},
    "mysql": {"source_type": "mysql", "url": "mysql+pymysql://etl:hunter2@127.0.0.1/shop"},
}


@dataclass
class Place:
    """A server of a kind, and what asks it."""

    kind: str
    server: Answering
    folder: Path

    def source(self, table: str) -> dict[str, Any]:
        return {**SOURCES[self.kind], "table": table}

    def report(self, job: Any, dataset: str = "zoo", **options: Any) -> DatasetReport:
        config = replace(config_of(job, folder=self.folder), profile="aws")
        return evaluate(config, job, dataset, now=NOW, **options)

    def rules(self, quality: dict[str, Any], *others: dict[str, Any], **further: Any) -> DatasetReport:
        """What comes of a few rules on the zoo."""
        sources = [{"name": "zoo", **self.source("zoo")}, *others]
        return self.report(job_with(quality, sources=sources, target=None, **further))


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    kind: str = request.param
    server = Answering(kind, stored(kind))

    @contextmanager
    def connected(*_: Any, **__: Any) -> Iterator[Connection]:
        yield Connection(server)

    monkeypatch.setattr("etl_platform.quality.servers.connected", connected)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with data_api(server) if kind == "redshift" else nullcontext("") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield Place(kind, server, tmp_path)
    server.connection.close()


behind_http = pytest.param("redshift", marks=pytest.mark.slow)
every_server = pytest.mark.parametrize("place", [behind_http, "postgres", "mysql"], indirect=True)
redshift = pytest.mark.parametrize("place", [behind_http], indirect=True)
postgres = pytest.mark.parametrize("place", ["postgres"], indirect=True)


@every_server
def test_a_server_counts_as_the_reference_does(place: Place) -> None:
    job = job_on(place.source("zoo"), {"name": "letters", **place.source("letters")})
    report = place.report(job, show_values=False)
    found = different(report, stored(place.kind))
    assert "breaks the query off" in str(found.pop(REFUSED)[2])
    assert found == {}
    assert (report.engine, report.rows, report.scans) == (place.kind, zoo.ROWS, 4)


@every_server
def test_custom_validations_mean_the_same_as_on_files(place: Place) -> None:
    write(stored(place.kind), lake(place.folder, "zoo"))
    here = expressions_on({"source_type": "s3", "path": "s3://lake/zoo/"})
    local = evaluate(config_of(here, folder=place.folder), here, "zoo", engine="local", show_values=False)
    there = place.report(expressions_on(place.source("zoo")), show_values=False)
    wanted = [(result.rule.description, result.rows_failed, None) for result in local.results]
    assert [(r.rule.description, r.rows_failed, r.error) for r in there.results] == wanted


@every_server
def test_values_that_fail_are_shown_without_personal_data(place: Place) -> None:
    quality = {
        "accuracy_rules": [
            {"field": "s", "rule_type": "allowed_values", "values": ["a"], "dataset": "zoo"},
            {"field": "i", "rule_type": "range", "min": 0, "dataset": "zoo"},
            {"field": "when", "rule_type": "date_range", "min_date": "2024-03-01", "dataset": "zoo"},
        ]
    }
    hidden, shown, moments = place.rules(quality, compliance={"pii_fields": ["s"]}).results
    assert hidden.rows_failed and hidden.failing_values == ()
    assert shown.failing_values and all(isinstance(v, int) and v < 0 for v in shown.failing_values)
    assert all(str(value) < "2024-03-01" for value in moments.failing_values) and moments.failing_values


@every_server
def test_a_sample_is_drawn_by_the_server(place: Place) -> None:
    quality = {"completeness_checks": [{"field": "i", "dataset": "zoo"}], "sample_size": 100}
    report = place.rules(quality)
    assert report.rows == zoo.ROWS
    assert report.sampled_rows is not None and 50 < report.sampled_rows < 200
    assert report.results[0].interval_percent


@every_server
def test_a_field_that_no_column_has_fails_with_the_columns_that_there_are(place: Place) -> None:
    (result,) = place.rules({"completeness_checks": [{"field": "nope", "dataset": "zoo"}]}).results
    assert not result.passed and "there is no column `nope`; there are i, n, f" in str(result.error)


@every_server
def test_a_missing_table_holds_the_run_back_unless_it_is_optional(place: Place) -> None:
    rule = {"field": "i", "dataset": "gone", "severity": "critical"}
    for optional in (False, True):
        gone = {"name": "gone", **place.source("no_such"), "optional": optional}
        job = job_with({"completeness_checks": [rule]}, sources=[gone], target=None)
        report = place.report(job, "gone")
        assert len(report.blocking_failures) == (0 if optional else 1)
        assert "knows no such table" in str(report.results[0].error)


@every_server
def test_a_parent_elsewhere_is_an_error_of_its_rule_alone(place: Place) -> None:
    link = {"child_table": "zoo", "child_key": "s", "parent_table": "letters", "parent_key": "letter"}
    quality = {"referential_integrity": [link], "completeness_checks": [{"field": "i", "dataset": "zoo"}]}
    elsewhere = {"name": "letters", "source_type": "s3", "path": "s3://lake/letters/"}
    complete, orphans = place.rules(quality, elsewhere).results
    assert complete.error is None
    assert "looks for keys in its own tables only" in str(orphans.error)


@every_server
def test_a_rule_that_a_server_cannot_be_asked_costs_no_scan(place: Place) -> None:
    rules = [
        {"name": "spoken", "sql": "i > 0", "dataset": "zoo"},
        {"name": "unspoken", "sql": "initcap(s) = 'A'", "dataset": "zoo", "severity": "critical"},
    ]
    report = place.rules({"custom_validations": rules})
    assert [result.error is None for result in report.results] == [True, False]
    assert "as the other engines do" in str(report.results[1].error)
    assert len(report.blocking_failures) == 1
    assert report.results[0].scans == 1


@redshift
def test_redshift_is_asked_in_the_zone_of_the_job_and_with_a_limit(place: Place) -> None:
    rules = {"completeness_checks": [{"field": "i", "dataset": "zoo"}]}
    place.rules(rules, execution={"script_path": "x.py", "timezone": "Asia/Tokyo", "timeout_minutes": 7})
    assert place.server.asked[:2] == ["SET timezone TO 'Asia/Tokyo'", "SET statement_timeout TO 420000"]


@redshift
def test_a_pattern_of_characters_is_refused_where_redshift_matches_bytes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl_platform.quality.server.RedshiftServer.by_characters", lambda self: False)
    patterns = ["^[a-z]+[0-9]{2,}$", r"^\d+$", "^.b$", "^[^a]", "é", "^[a-z]*$"]
    rules = [{"field": "s", "rule_type": "regex", "pattern": p, "dataset": "zoo"} for p in patterns]
    results = place.rules({"accuracy_rules": rules}).results
    assert [result.error is None for result in results] == [True] + [False] * 5
    assert "Redshift was asked, and matches bytes" in str(results[1].error)


@postgres
def test_postgres_is_read_only_and_tells_no_password(place: Place) -> None:
    place.rules({"completeness_checks": [{"field": "i", "dataset": "zoo"}]})
    settings = [sql for sql in place.server.asked if sql.startswith("SET ")]
    assert "READ ONLY" in settings[0] and "SET TIME ZONE 'UTC'" in settings
    place.server.connection.execute("DROP VIEW public.zoo; DROP TABLE zoo")
    report = place.rules({"completeness_checks": [{"field": "i", "dataset": "zoo"}]})
    assert "the engine answered PostgreSQL" in str(report.results[0].error)
    assert "hunter2" not in str(report)


@postgres
def test_a_repeat_that_postgres_cannot_compile_is_refused(place: Place) -> None:
    rule = {"field": "s", "rule_type": "regex", "pattern": "^a{300}$", "dataset": "zoo"}
    (result,) = place.rules({"accuracy_rules": [rule]}).results
    assert "use a rule of type `length`" in str(result.error)


@postgres
def test_what_takes_too_long_is_not_tried_again_in_parts(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(step=100)
    monkeypatch.setattr("etl_platform.quality.server_frame.time.monotonic", lambda: next(clock))
    rules = [{"field": field, "dataset": "zoo"} for field in ("i", "n", "f")]
    execution = {"script_path": "x.py", "timeout_minutes": 1}
    report = place.rules({"completeness_checks": rules}, execution=execution)
    assert all("within the 60 s of `execution.timeout_minutes`" in str(r.error) for r in report.results)
    assert not [sql for sql in place.server.asked if sql.startswith("WITH")]


@postgres
def test_a_connection_that_is_lost_is_an_error_of_the_rules(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(self: Answering, sql: str) -> Any:
        if sql.startswith("WITH"):
            raise TimeoutError("timed out")
        return asked(self, sql)

    asked = Answering.answer
    monkeypatch.setattr(Answering, "answer", answer)
    (result,) = place.rules({"completeness_checks": [{"field": "i", "dataset": "zoo"}]}).results
    assert "the engine answered PostgreSQL: TimeoutError: timed out" in str(result.error)

import datetime as dt
import json

from etl_platform.agents.rule_generation import generate, with_rules
from etl_platform.config.load import load
from etl_platform.quality.engine import evaluate
from etl_platform_tests.projects import copy_job, load_project, source, write_project, write_table
from etl_platform_tests.quality.builders import config_of, job_with, lake, write

ROWS = 200


def row(n):
    return {
        "order_id": n,
        "status": ("new", "paid", "sent")[n % 3],
        "amount": 10.0 + n % 50,
        "share": n % 7 / 10,
        "country": ("DE", "FR", "IT", "ES", "PT", "NL", "BE")[n % 7],
        "note": None if n % 2 else f"note {n}",
        "code": None if n == 3 else f"AB{n:03d}",
        "email": f"person{n}@example.com",
        "contact": f"+49 30 90{n:04d}",
        "day": dt.date(2024, 1, 1 + n % 28),
        "text_number": str(n / 4),
    }


def generated(folder, rows, quality=None, **sections):
    write(rows, lake(folder))
    job = job_with(quality or {}, **sections)
    config = config_of(job, folder=folder)
    return config, job, generate(config, job, "target")


def by_id(found):
    return {one.rule_id: one for one in found.rules}


def test_rules_of_every_kind_with_their_evidence(tmp_path):
    _, _, found = generated(tmp_path, [row(n) for n in range(ROWS)])
    rules = by_id(found)
    assert rules["duplicate_check/order_id"].rule["key_fields"] == ["order_id"]
    assert rules["duplicate_check/order_id"].evidence == "200 of 200 rows differ in it, counted exactly"
    assert rules["completeness_checks/order_id"].rule["null_threshold_percent"] == 0
    assert rules["completeness_checks/code"].evidence == "1 of 200 rows are null"
    assert rules["accuracy_rules/status/allowed_values"].rule["values"] == ["new", "paid", "sent"]
    amount = rules["accuracy_rules/amount/range"].rule
    assert amount["min"] == 0 and 59 < amount["max"] < 110
    assert (
        rules["accuracy_rules/share/range"].rule["min"],
        rules["accuracy_rules/share/range"].rule["max"],
    ) == (0, 1)
    assert rules["accuracy_rules/country/length"].rule["max"] == 2
    assert rules["accuracy_rules/day/date_range"].rule["max_date"] == "current_date + 1 day"
    assert rules["accuracy_rules/text_number/type"].rule["expected"] == "double"
    assert rules["schema_check"].rule["columns"]["amount"] == "double"
    assert any("note: 50.0 % are null" in one for one in found.left_out)


def test_the_configuration_is_valid_holds_and_catches_bad_rows(tmp_path):
    rows = [row(n) for n in range(ROWS)]
    config, job, found = generated(tmp_path, rows)
    pasted = with_rules(job, found)
    good = evaluate(config, pasted, "target", engine="local")
    assert good.results and good.passed
    bad = {**row(1), "order_id": 2, "status": "lost", "amount": -5.0, "day": dt.date(2090, 1, 1)}
    write([*rows, *[bad] * 30], lake(tmp_path))
    failed = {
        one.rule.check_name
        for one in evaluate(config, pasted, "target", engine="local").results
        if not one.passed
    }
    assert {
        "duplicates__order_id",
        "accuracy__status__allowed_values",
        "accuracy__amount__range",
        "accuracy__day__date_range",
    } <= failed


def test_no_value_of_personal_data_is_in_any_rule(tmp_path):
    people = [
        {**row(n), "ssn": f"2{n % 3}9-09-9999", "who": f"person{n % 2}@example.com"} for n in range(ROWS)
    ]
    _, _, found = generated(tmp_path, people)
    said = repr(found)
    for value in ("person", "+49", "-9999"):
        assert value not in said
    assert by_id(found)["accuracy_rules/email/regex"].rule["pattern"].startswith("^[^@")


def test_values_that_do_not_fit_are_tolerated_by_their_count(tmp_path):
    rows = [{"ip": f"10.0.0.{n % 250}" if n % 50 else "none", "n": n} for n in range(1000)]
    _, _, found = generated(tmp_path, rows)
    rule = by_id(found)["accuracy_rules/ip/regex"]
    assert "20 of 1,000 rows break it" in rule.evidence
    # Wilson's upper end of 2 % seen in a thousand rows is 3.07 %.
    assert rule.rule["threshold_percent"] == 3.1


def test_a_key_that_nearly_fits_is_none(tmp_path):
    rows = [{"key": n if n else 1, "x": n % 9} for n in range(ROWS)]
    _, _, found = generated(tmp_path, rows)
    assert not any(one.section == "duplicate_check" for one in found.rules)


def test_few_rows_and_missing_data_make_no_rules(tmp_path):
    _, _, few = generated(tmp_path, [row(n) for n in range(5)])
    assert few.rules == () and few.configuration == {}
    assert "5 rows are too few" in few.left_out[0]
    job = job_with({})
    missing = generate(config_of(job, folder=tmp_path / "none"), job, "target")
    assert (missing.rows, missing.rules) == (None, ())
    assert "was not read" in missing.left_out[0]


def test_a_section_that_holds_one_rule_is_left_to_the_job(tmp_path):
    _, job, found = generated(
        tmp_path, [row(n) for n in range(ROWS)], {"duplicate_check": {"key_fields": ["email"]}}
    )
    assert any("may have one only" in one for one in found.left_out)
    quality = with_rules(job, found).data_quality
    assert quality.duplicate_check and quality.duplicate_check.key_fields == ["email"]


def test_declared_joins_become_foreign_keys_where_they_hold(tmp_path):
    def project(orphans):
        folder = tmp_path / str(orphans)
        folder.mkdir()
        job = copy_job("copy")
        job["data_sources"] = [
            source("orders", joins_with=["customers"], join_keys={"customers": "customer_id"}),
            source("customers"),
        ]
        config = load_project(folder, job)
        write_table(folder, "orders", [{"order_id": n, "customer_id": n % 40} for n in range(ROWS)])
        write_table(folder, "customers", [{"customer_id": n} for n in range(40 - orphans)])
        return generate(config, config.job("copy"), "orders")

    held = by_id(project(0))["referential_integrity/customer_id/customers"].rule
    assert (held["parent_table"], held["parent_key"]) == ("customers", "customer_id")
    broken = project(30)
    assert "referential_integrity/customer_id/customers" not in by_id(broken)
    assert any(
        one.startswith("referential_integrity/customer_id/customers: 75.0 %") for one in broken.left_out
    )


def test_pasted_into_the_file_it_validates(tmp_path):
    job = copy_job("copy")
    config = load_project(tmp_path, job)
    write_table(tmp_path, "orders", [row(n) for n in range(ROWS)])
    found = generate(config, config.job("copy"), "orders")
    pasted = json.loads(json.dumps({**job, **found.configuration}))
    again = load(write_project(tmp_path, [pasted]), environ={})
    report = evaluate(again, again.job("copy"), "orders", engine="local")
    assert len(report.results) == len(found.rules) and report.passed

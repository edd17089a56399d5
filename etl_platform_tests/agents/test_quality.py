import pytest

from etl_platform.agents.agent import Case, InvalidAnswerError
from etl_platform.agents.quality import AGENT, QualityAnswer, RuleShown, recommendations
from etl_platform.config.load import load
from etl_platform.tracking.records import ErrorDetails, ExecutionMetrics, JobExecution, QualityRecord
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform_tests.agents.cases import DAY, NOW, answer, results
from etl_platform_tests.projects import copy_job, load_project, write_project, write_table

ALL_ON = {"auto_generate_validation_rules": True, "profiling_enabled": True}


def rows(count=100, **columns):
    return [
        {"order_id": n, "email": f"person{n}@example.com", "amount": 5.0 + n, **columns} for n in range(count)
    ]


def a_case(folder, quality=None, *, tables=None, agent=None, jobs=(), **sections):
    job = copy_job("copy", data_quality=quality or {}, **sections)
    settings = {"agents": {"quality_agent": ALL_ON if agent is None else agent}}
    config = load_project(folder, job, *jobs, settings=settings)
    for name, listed in (tables or {"orders": rows()}).items():
        write_table(folder, name, listed)
    return Case(config, config.job("copy"), SqliteStore(folder / "tracking.db", clock=lambda: NOW), NOW)


def causes(case):
    return {one.cause_id.rpartition("/")[2]: one.sentence for one in answer(AGENT, case).causes}


def null_check(dataset, field="amount", **keys):
    return {"completeness_checks": [{"field": field, "dataset": dataset, **keys}]}


def test_a_dataset_without_rules_gets_some_that_can_be_pasted_and_validate(tmp_path):
    case = a_case(tmp_path)
    found = answer(AGENT, case)
    assert "orders/duplicate_check/order_id" in {one.rule_id for one in found.rules}
    job = copy_job("copy", **found.configuration)
    again = load(write_project(tmp_path, [job]), environ={})
    assert again.job("copy").data_quality.duplicate_check is not None
    (advice,) = recommendations(case, found)
    assert advice.action and '"completeness_checks"' in advice.action


def test_a_dataset_with_rules_gets_none_and_the_key_switches_all_off(tmp_path):
    assert answer(AGENT, a_case(tmp_path, null_check("orders"))).rules == []
    assert answer(AGENT, a_case(tmp_path, agent={})).rules == []


def test_a_rule_that_the_model_leaves_out_is_not_in_the_configuration(tmp_path):
    case = a_case(tmp_path)
    kept = RuleShown(rule_id="orders/completeness_checks/amount", rule={"field": "a lie"})
    told = AGENT.check(case, QualityAnswer(summary="One will do.", rules=[kept]))
    assert told.configuration == {
        "data_quality": {
            "completeness_checks": [{"dataset": "orders", "field": "amount", "null_threshold_percent": 0.0}]
        }
    }


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"rules": [{"rule_id": "orders/magic"}]}, "no rule orders/magic"),
        ({"causes": [{"cause_id": "moon"}]}, "no likely cause moon"),
        ({"summary": "It fails in 61 % of the rows."}, "61"),
    ],
)
def test_invented_answers_are_refused(tmp_path, said, why):
    with pytest.raises(InvalidAnswerError, match=why):
        AGENT.check(a_case(tmp_path), QualityAnswer.model_validate({"summary": "", **said}))


def test_a_column_that_is_empty_is_the_cause(tmp_path):
    case = a_case(tmp_path, null_check("orders"), tables={"orders": rows(amount=None)})
    assert causes(case)["empty_column"].startswith("amount is null in 100.0 % of the rows")


def test_a_column_that_is_gone_is_the_cause(tmp_path):
    case = a_case(tmp_path, null_check("orders", "price"))
    assert "orders has no column price" in causes(case)["missing_column"]


def test_a_type_that_changed_is_the_cause(tmp_path):
    rule = {"accuracy_rules": [{"field": "code", "rule_type": "range", "min": 0, "dataset": "orders"}]}
    found = causes(a_case(tmp_path, rule, tables={"orders": rows(code="A1")}))
    assert found["type"] == "The rule cannot be evaluated on the types of today: code is string."


def test_rows_that_are_there_twice_and_an_appended_target(tmp_path):
    job = {
        "target": {
            "type": "glue_catalog",
            "database": "lake",
            "table": "copy",
            "format": "csv",
            "mode": "append",
        }
    }
    unique = {"duplicate_check": {"key_fields": ["order_id"], "dataset": "target"}}
    tables = {"orders": rows(), "copy": [*rows(), *rows()]}
    found = causes(a_case(tmp_path, unique, tables=tables, **job))
    assert "100 of 200 rows repeat a key" in found["loaded_twice"]
    assert "appended to" in found["loaded_twice"]


def test_a_few_bad_rows_are_told_from_a_bad_column(tmp_path):
    listed = [{**row, "amount": None if n == 3 else row["amount"]} for n, row in enumerate(rows())]
    found = causes(a_case(tmp_path, null_check("orders"), tables={"orders": listed}))
    assert found["single_rows"] == (
        'Single rows, not the data as a whole: quarantine them (`"action": "quarantine"`), or tolerate them '
        '(`"null_threshold_percent": 5.5`).'
    )


def test_missing_data_is_the_cause_of_all(tmp_path):
    assert "was not read" in causes(a_case(tmp_path, null_check("target")))["unread"]


def test_an_upstream_job_that_failed_is_a_cause(tmp_path):
    upstream = copy_job("orders", reads="raw")
    case = a_case(tmp_path, null_check("orders"), tables={"orders": rows(amount=None)}, jobs=[upstream])
    case.store.put_execution(
        JobExecution(
            execution_id="exec-up",
            timestamp=NOW - DAY,
            job_name="orders",
            status="failed",
            error_details=ErrorDetails(error_occurred=True, error_class="missing_input", error_message="x"),
        )
    )
    assert causes(case)["upstream_orders"] == (
        "The last run of orders, which writes its input, ended as failed (missing input)."
    )


def test_an_unusual_number_of_rows_and_a_fallen_score_are_causes(tmp_path):
    tables = {"orders": rows(), "copy": rows(amount=None)}
    case = a_case(tmp_path, null_check("target"), tables=tables)
    for number in range(8):
        case.store.put_execution(
            JobExecution(
                execution_id=f"exec-{number}",
                timestamp=NOW - (number + 1) * DAY,
                job_name="copy",
                status="success",
                end_time=NOW - number * DAY,
                execution_metrics=ExecutionMetrics(records_written=5 if number == 0 else 1000 + number),
            )
        )
        case.store.put_quality(
            QualityRecord(
                job_name="copy",
                timestamp=NOW - (number + 1) * DAY,
                execution_id=f"exec-{number}",
                overall_score=50.0 if number == 0 else 99.0,
            )
        )
    found = causes(case)
    assert "the number of written rows is 5" in found["row_count"]
    assert found["since"] == "The score fell to 50.0 with exec-0; the 7 before it had 99.0."


def test_a_pattern_of_the_profile_is_a_cause_where_profiling_is_on(tmp_path):
    rule = {
        "accuracy_rules": [
            {"field": "code", "rule_type": "regex", "pattern": "^[A-Z]{3}$", "dataset": "orders"}
        ]
    }
    tables = {"orders": rows(code="https://example.com/a")}
    found = causes(a_case(tmp_path, rule, tables=tables))
    assert found["pattern"] == "Nearly all texts of code look like this now: url."
    assert found["whole_column"].startswith("100.0 % of the rows fail")
    off = a_case(tmp_path, rule, tables=tables, agent={"profiling_enabled": False})
    assert results(AGENT, off)["profile"] == {}
    assert "pattern" not in causes(off)


def test_critical_rules_that_fail_stop_the_job_by_the_agents_key(tmp_path):
    quality = null_check("orders", severity="critical")
    tables = {"orders": rows(amount=None)}
    held = answer(AGENT, a_case(tmp_path, quality, tables=tables))
    assert AGENT.blocks(held)[0].startswith("orders/completeness__amount")
    free = a_case(tmp_path, quality, tables=tables, agent={"fail_job_on_critical_issues": False})
    assert AGENT.blocks(answer(AGENT, free)) == []


def test_what_the_target_holds_now_does_not_stop_its_next_run(tmp_path):
    tables = {"orders": rows(), "copy": rows(amount=None)}
    found = answer(AGENT, a_case(tmp_path, null_check("target", severity="critical"), tables=tables))
    assert found.stops and AGENT.blocks(found) == []


def test_no_value_of_personal_data_appears(tmp_path):
    quality = {
        "accuracy_rules": [
            {"field": "email", "rule_type": "length", "max": 3, "dataset": "orders"},
            {"field": "contact", "rule_type": "allowed_values", "values": ["none"], "dataset": "orders"},
        ]
    }
    listed = [{**row, "contact": f"+49 30 90{n:04d}"} for n, row in enumerate(rows())]
    case = a_case(tmp_path, quality, tables={"orders": listed, "copy": listed})
    found = answer(AGENT, case)
    said = str([results(AGENT, case), found.model_dump(), recommendations(case, found)])
    assert "person1" not in said and "+49" not in said
    assert len(found.failures) == 2


def test_a_job_whose_rules_hold_says_so(tmp_path):
    found = answer(AGENT, a_case(tmp_path, null_check("orders"), agent={}))
    assert (found.summary, found.failures, found.configuration) == ("Every rule holds.", [], {})

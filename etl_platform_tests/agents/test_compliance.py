import pytest

from etl_platform.agents.agent import Case, InvalidAnswerError
from etl_platform.agents.compliance import AGENT, ComplianceAnswer, audit, recommendations, status
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform_tests.agents.cases import NOW, answer, results
from etl_platform_tests.projects import copy_job, load_project, write_table

PEOPLE = [
    {"order_id": n, "email": f"person{n}@example.com", "contact": f"+49 30 90{n:04d}", "amount": 9.5 + n}
    for n in range(1, 30)
]


def a_case(folder, compliance=None, execution_id=None, rows=PEOPLE, **settings):
    job = copy_job("copy", compliance=compliance or {})
    config = load_project(folder, job, settings=settings)
    write_table(folder, "orders", rows)
    store = SqliteStore(folder / "tracking.db", clock=lambda: NOW)
    return Case(config, config.job("copy"), store, NOW, execution_id)


def columns(case):
    return {f"{one.dataset}.{one.column}": one for one in answer(AGENT, case).columns}


def test_columns_are_told_by_name_and_by_value(tmp_path):
    found = columns(a_case(tmp_path, {"auto_detect_pii": True}))
    assert set(found) == {"orders.email", "orders.contact"}
    assert found["orders.contact"].kind == "phone"
    assert "29 of 29 sampled values look like `+9+ 9+ 9+`" in found["orders.contact"].evidence


def test_values_count_only_where_the_job_wants_it_and_names_only_where_the_agent_does(tmp_path):
    assert set(columns(a_case(tmp_path))) == {"orders.email"}
    off = {"agents": {"compliance_agent": {"auto_detect_pii": False}}}
    assert set(columns(a_case(tmp_path, {"auto_detect_pii": True}, **off))) == set()
    declared = {"pii_fields": ["contact"]}
    assert set(columns(a_case(tmp_path, declared, **off))) == {"orders.contact"}


def test_no_value_is_in_any_tool_or_answer(tmp_path):
    case = a_case(tmp_path, {"auto_detect_pii": True}, execution_id="exec-1")
    found = answer(AGENT, case)
    said = [results(AGENT, case), found.model_dump_json(), recommendations(case, found), audit(case, found)]
    assert "person1" not in str(said) and "+49" not in str(said)


def test_a_missing_dataset_is_told_by_its_declared_columns(tmp_path):
    case = a_case(tmp_path)
    assert results(AGENT, case)["columns"]["target"]["unread"]
    assert "Not read: target" in answer(AGENT, case).summary


def test_enforced_gdpr_stops_the_job_and_unenforced_does_not(tmp_path):
    gdpr = {"gdpr_applicable": True}
    free = answer(AGENT, a_case(tmp_path, gdpr))
    assert (free.breaches, AGENT.blocks(free)) == ([], [])
    on = {"agents": {"compliance_agent": {"enforce_gdpr": True}}}
    case = a_case(tmp_path, gdpr, **on)
    held = answer(AGENT, case)
    assert "gdpr/right_to_deletion" in held.breaches
    assert "article 17" in " ".join(AGENT.blocks(held))
    priorities = {one.recommendation_id: one.priority for one in recommendations(case, held)}
    assert priorities["copy/compliance/gdpr/right_to_deletion"] == "critical"


def test_a_run_gets_its_audit_and_its_status(tmp_path):
    case = a_case(tmp_path, {"gdpr_applicable": True, "audit_logging": True}, execution_id="exec-1")
    found = answer(AGENT, case)
    record = audit(case, found)
    assert record
    passed = {one.check_name: one.passed for one in record.compliance_checks}
    assert passed["audit_logging"] is True and passed["encryption_at_rest"] is False
    case.store.put_audit(record)
    assert case.store.audits("copy") == [record]
    kept = status(case, found)
    assert (kept.pii_detected, kept.gdpr_compliant, kept.hipaa_compliant) == (True, False, None)


def test_before_a_run_there_is_nothing_to_audit(tmp_path):
    case = a_case(tmp_path)
    assert audit(case, answer(AGENT, case)) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"columns": []}, "column orders.email is left out"),
        ({"missing": []}, "control audit_logging is left out"),
        ({"classification": "public"}, "is confidential, not public"),
        ({"summary": "There are 43 breaches."}, "43"),
    ],
)
def test_what_hides_or_softens_is_refused(tmp_path, change, why):
    case = a_case(tmp_path)
    said = answer(AGENT, case).model_dump()
    if "classification" in change:
        said["columns"][0]["classification"] = change["classification"]
    else:
        said |= change
    with pytest.raises(InvalidAnswerError, match=why):
        AGENT.check(case, ComplianceAnswer.model_validate(said))


def test_a_stricter_classification_is_taken(tmp_path):
    case = a_case(tmp_path)
    said = answer(AGENT, case).model_dump()
    said["columns"][0] |= {"classification": "restricted", "evidence": "a lie"}
    (told,) = AGENT.check(case, ComplianceAnswer.model_validate(said)).columns
    assert (told.classification, told.evidence) == ("restricted", "its name")

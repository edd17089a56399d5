import pytest

from etl_platform.compliance.controls import controls
from etl_platform.compliance.detect import detect
from etl_platform.config.models.job import Job


def job(source=None, **compliance):
    body = {"job_id": "orders", "execution": {"sql": "select 1"}, "compliance": compliance}
    return Job.model_validate({**body, "data_sources": [source] if source else []})


def met(one, found=None, columns=None):
    return {each.control_id: each.met for each in controls(one, found or {}, columns or {})}


def emails(values=(), declared=()):
    return {"target": detect(["email"], {"email": values}, declared)}


def test_without_personal_data_and_law_nothing_is_asked_for():
    assert met(job(), {"target": []}) == {}


def test_personal_data_asks_for_the_controls_of_its_keys():
    assert met(job(), emails()) == {
        "declared/target/email": False,
        "masking/target/email": False,
        "classification": False,
        "encryption_at_rest": False,
        "encryption_in_transit": False,
        "audit_logging": False,
        "retention": False,
    }


def test_keys_that_are_set_meet_them():
    one = job(
        pii_fields=["email"],
        masking={"email": "hash"},
        data_classification="confidential",
        encryption_at_rest=True,
        encryption_in_transit=True,
        audit_logging=True,
        retention_days=30,
        retention_column="day",
    )
    hashed = emails(["5d41402abc4b2a76b9719d911017c592"] * 4, ["email"])
    found = met(one, hashed, {"target": ["email", "Day"]})
    assert set(found.values()) == {True}


def test_a_mask_that_nobody_saw_is_open_and_raw_values_break_it():
    one = job(pii_fields=["email"], masking={"EMAIL": "hash"})
    assert met(one, emails(declared=["email"]))["masking/target/email"] is None
    raw = emails(["a@x.org", "b@x.org", "c@x.org"], ["email"])
    (control,) = [each for each in controls(one, raw, {}) if each.control_id.startswith("masking")]
    assert control.met is False
    assert control.evidence == 'masked as "hash", yet 3 of 3 written values look raw'


def test_plain_http_is_no_encryption_in_transit():
    source = {"name": "people", "source_type": "api", "url": "http://example.com/people"}
    one = job(source, pii_fields=["email"], encryption_in_transit=True)
    found = met(one)
    assert (found["encryption_in_transit"], found["encryption_in_transit/people"]) == (True, False)


def test_gdpr_asks_for_its_rights_and_their_columns():
    keys = {"right_to_deletion": True, "right_to_export": True, "consent_required": True, "subject_key": "id"}
    one = job(gdpr_applicable=True, gdpr_config=keys)
    found = met(one, columns={"target": ["customer_id"]})
    assert found["gdpr/right_to_deletion"] and found["gdpr/right_to_export"]
    assert found["gdpr/data_minimization"] is False
    assert found["gdpr/subject_key"] is False
    assert found["gdpr/consent_field"] is False
    assert met(one)["gdpr/subject_key"] is None


@pytest.mark.parametrize("applicable", [True, False])
def test_health_data_asks_for_hipaa(applicable):
    found = met(job(hipaa_applicable=applicable), {"target": detect(["diagnosis_code"], {})})
    assert found["hipaa/applicable"] is applicable
    assert found["hipaa/baa_in_place"] is False
    assert found["hipaa/encryption_at_rest"] is False

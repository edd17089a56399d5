"""What the targets send, received by real servers."""

import json
from pathlib import Path
from typing import Any

import pytest

from etl_platform.notify import pagerduty, slack, webhook
from etl_platform.notify.deliver import tell
from etl_platform.notify.events import Recovery, RunFailed
from etl_platform_tests.notify.build import NOW, Clock, a_config, a_failure, a_full_run, a_job, a_message
from etl_platform_tests.notify.sinks import HttpSink, SmtpSink

OVER = Recovery(event=RunFailed, job_id="flights", sentence="The run succeeded.")


def bodies(http: HttpSink) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in http.requests]


def test_slack_gets_blocks(tmp_path: Path, http: HttpSink) -> None:
    config = a_config(tmp_path, {"slack": {"enabled": True, "webhook_url": f"{http.url}/services/T/B/x"}})
    tell(config, [a_failure()], clock=Clock())
    (body,) = bodies(http)
    assert http.requests[0].path == "/services/T/B/x"
    assert body["text"] == "Flights, enriched: run failed"
    assert [block["type"] for block in body["blocks"]] == ["header", "section", "section", "context"]
    assert "no such customer" in body["blocks"][1]["text"]["text"]
    assert "channel" not in body


def test_slack_posts_to_the_channel_of_the_event(tmp_path: Path, http: HttpSink) -> None:
    settings = {"enabled": True, "webhook_url": http.url, "channels": {"run_failed": "#flight-data"}}
    tell(a_config(tmp_path, {"slack": settings}), [a_failure()], clock=Clock())
    assert bodies(http)[0]["channel"] == "#flight-data"


def test_slack_shows_markup_as_it_is_written(tmp_path: Path) -> None:
    message = a_message(a_config(tmp_path), a_failure("<!channel> & <https://evil.example|click>"))
    shown = slack.payload(message)["blocks"][1]["text"]["text"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in shown


def test_slack_keeps_to_the_limits_of_its_blocks(tmp_path: Path) -> None:
    job = a_job(job_name="long " * 60)
    body = slack.payload(a_message(a_config(tmp_path, job=job), a_failure("&" * 5_000)))
    assert len(body["blocks"][0]["text"]["text"]) <= 150
    assert len(body["blocks"][1]["text"]["text"]) <= 3_000
    assert len(body["blocks"][2]["fields"]) <= 10


def test_pagerduty_triggers_and_resolves_by_one_key(
    tmp_path: Path, http: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagerduty, "ADDRESS", f"{http.url}/v2/enqueue")
    settings = {"enabled": True, "api_key": "R0UT1NG", "escalation_policy": "data-on-call"}
    config = a_config(tmp_path, {"pagerduty": settings}, environment="production")
    tell(config, [a_failure()], clock=Clock())
    tell(config, [OVER], clock=Clock())
    trigger, resolve = bodies(http)
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == "etl-platform/production/run_failed/flights"
    assert trigger["routing_key"] == resolve["routing_key"] == "R0UT1NG"
    assert trigger["payload"]["severity"] == "error"
    assert trigger["payload"]["component"] == "flights"
    assert trigger["payload"]["custom_details"]["escalation_policy"] == "data-on-call"


def test_a_dedup_key_is_never_longer_than_pagerduty_takes(tmp_path: Path) -> None:
    config = a_config(tmp_path, environment="e" * 300)
    assert len(a_message(config).dedup_key) <= 255


def test_the_webhook_is_signed(tmp_path: Path, http: HttpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("hook_key", "s3cr3t")
    settings = {"enabled": True, "url": f"{http.url}/hook", "secret": "${SECRET:hook_key}"}
    tell(a_config(tmp_path, {"webhook": settings}), [a_failure()], clock=Clock())
    (request,) = http.requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    timestamp = headers["x-etl-platform-timestamp"]
    assert headers["x-etl-platform-signature"] == webhook.signature("s3cr3t", timestamp, request.body)
    body = json.loads(request.body)
    assert (body["event"], body["state"], body["job_id"]) == ("run_failed", "firing", "flights")
    assert headers["x-etl-platform-id"] == body["id"]


def test_a_signature_is_the_hmac_that_every_receiver_can_compute() -> None:
    # printf '1.{}' | openssl dgst -sha256 -hmac key
    expected = "sha256=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"
    assert webhook.signature("key", "1", b"{}") == expected


def test_an_e_mail_arrives_with_both_parts(tmp_path: Path, smtp: SmtpSink) -> None:
    job = a_job(owners=["ann@example.com", "team:flights"], stakeholders=["bob@example.com"])
    settings = {
        "enabled": True,
        "backend": "smtp",
        "smtp_server": smtp.address,
        "sender": "ETL <etl@example.com>",
        "recipients": ["all@example.com"],
    }
    tell(a_config(tmp_path, {"email": settings}, job=job), [a_failure()], clock=Clock())
    assert smtp.recipients == ["all@example.com", "ann@example.com", "bob@example.com"]
    email = smtp.emails[0]
    assert email["Subject"] == "Flights, enriched: run failed"
    assert email["From"] == "ETL <etl@example.com>"
    text, html = email.get_body(("plain",)), email.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "no such customer" in text.get_content()
    assert "no such customer" in html.get_content()


def test_smtp_logs_in_with_a_password_that_an_address_could_not_hold(
    tmp_path: Path, smtp: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("smtp_password", "p@ss/w:rd#%")
    settings = {
        "enabled": True,
        "backend": "smtp",
        "smtp_server": "smtp://etl:${SECRET:smtp_password}@" + smtp.address,
        "sender": "etl@example.com",
        "recipients": ["all@example.com"],
    }
    tell(a_config(tmp_path, {"email": settings}), [a_failure()], clock=Clock())
    assert smtp.users == {"etl": "p@ss/w:rd#%"}
    assert len(smtp.emails) == 1


def test_a_job_name_with_line_breaks_makes_no_headers(tmp_path: Path, smtp: SmtpSink) -> None:
    job = a_job(job_name="Flights\r\nBcc: eve@example.com")
    settings = {
        "enabled": True,
        "backend": "smtp",
        "smtp_server": smtp.address,
        "sender": "etl@example.com",
        "recipients": ["all@example.com"],
    }
    tell(a_config(tmp_path, {"email": settings}, job=job), [a_failure()], clock=Clock())
    assert smtp.emails[0]["Subject"] == "Flights Bcc: eve@example.com: run failed"
    assert smtp.emails[0]["Bcc"] is None


def test_under_the_local_profile_only_the_outbox_is_told(
    tmp_path: Path, http: HttpSink, caplog: pytest.LogCaptureFixture
) -> None:
    targets = {
        "slack": {"enabled": True, "webhook_url": http.url},
        "webhook": {"enabled": True, "url": http.url},
    }
    caplog.set_level("INFO", "etl_platform.notify")
    tell(a_config(tmp_path, targets, profile="local"), [a_failure()], clock=Clock())
    (line,) = (tmp_path / ".etl_platform/notifications.jsonl").read_text().splitlines()
    assert json.loads(line)["summary"] == "The run failed: no such customer"
    assert "event=<run_failed> job_id=<flights>" in caplog.text
    assert http.requests == []


def test_links_lead_to_the_ui_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = a_config(tmp_path)
    event = RunFailed(job_id="flights", execution=a_full_run(), reason="x")
    assert a_message(config, event).links == ()
    monkeypatch.setenv("ETL_PLATFORM_UI_URL", "https://dagster.example.com/")
    run, job = a_message(config, event).links
    assert run.url == "https://dagster.example.com/runs/7a6b5c4d-0000-4000-8000-000000000001"
    assert job.url == "https://dagster.example.com/assets/flights"
    assert a_message(config, event).created == NOW

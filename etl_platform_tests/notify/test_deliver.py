"""One message a cause, retries, dead targets, several processes, secrets."""

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from etl_platform.config.project import Config
from etl_platform.notify import deliver, http_post, pagerduty
from etl_platform.notify.deliver import ledger_of, send_waiting, tell, undelivered
from etl_platform.notify.events import (
    BudgetExceeded,
    Event,
    FailedCheck,
    QualityFailed,
    Recovery,
    RunFailed,
    RunSucceeded,
)
from etl_platform.notify.ledger import GIVE_UP_SECONDS, QUIET_SECONDS
from etl_platform_tests.notify.build import NOW, Clock, a_config, a_failure, a_run
from etl_platform_tests.notify.sinks import HttpSink, SmtpSink

OVER = Recovery(event=RunFailed, job_id="flights", sentence="The run succeeded.")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "_BACKOFF", lambda state: 0)


def to_webhook(folder: Path, http: HttpSink, **settings: Any) -> Config:
    return a_config(folder, {"webhook": {"enabled": True, "url": f"{http.url}/hook"}}, **settings)


def received(http: HttpSink) -> list[tuple[str, str]]:
    bodies = [json.loads(request.body) for request in http.requests]
    return [(body["event"], body["state"]) for body in bodies]


def quality(*checks: str) -> Event:
    failed = tuple(FailedCheck(name, "3 of 9 rows fail.") for name in checks)
    return QualityFailed(job_id="flights", dataset="target", checks=failed)


def holds_again(*checks: str) -> Recovery:
    return Recovery(
        event=QualityFailed,
        job_id="flights",
        subject="target",
        sentence="They hold.",
        details=frozenset(checks),
    )


# One message a cause


def test_an_open_cause_is_told_once(tmp_path: Path, http: HttpSink) -> None:
    config = to_webhook(tmp_path, http)
    for number in range(3):
        tell(config, [a_failure(execution_id=f"exec-{number}")], clock=Clock(NOW + number))
    assert received(http) == [("run_failed", "firing")]


def test_an_open_cause_is_told_again_after_the_quiet_time(tmp_path: Path, http: HttpSink) -> None:
    config = to_webhook(tmp_path, http)
    tell(config, [a_failure()], clock=Clock())
    tell(config, [a_failure()], clock=Clock(NOW + QUIET_SECONDS))
    assert received(http) == [("run_failed", "firing")] * 2


def test_the_end_of_a_cause_is_told_once(tmp_path: Path, http: HttpSink) -> None:
    config = to_webhook(tmp_path, http)
    tell(config, [a_failure()], clock=Clock())
    tell(config, [OVER, OVER], clock=Clock())
    assert received(http) == [("run_failed", "firing"), ("run_failed", "recovered")]


def test_nothing_is_over_that_did_not_happen(tmp_path: Path, http: HttpSink) -> None:
    assert tell(to_webhook(tmp_path, http), [OVER], clock=Clock()) == []
    assert not (tmp_path / ".etl_platform/notifications.db").exists()


def test_a_cause_that_was_over_is_told_anew(tmp_path: Path, http: HttpSink) -> None:
    config = to_webhook(tmp_path, http)
    tell(config, [a_failure(), OVER, a_failure()], clock=Clock())
    assert [state for _, state in received(http)] == ["firing", "recovered", "firing"]


def test_a_further_detail_of_an_open_cause_is_told_at_once(tmp_path: Path, http: HttpSink) -> None:
    config = to_webhook(tmp_path, http)
    tell(config, [quality("a"), quality("a"), quality("a", "b"), quality("b")], clock=Clock())
    assert len(http.requests) == 2


def test_a_cause_is_over_with_its_last_detail(tmp_path: Path, http: HttpSink) -> None:
    config = to_webhook(tmp_path, http)
    tell(config, [quality("a", "b"), holds_again("a"), holds_again("b")], clock=Clock())
    assert [state for _, state in received(http)] == ["firing", "recovered"]


def test_the_budgets_of_the_run_and_of_the_month_are_two_causes(tmp_path: Path, http: HttpSink) -> None:
    over = {"job_id": "flights", "usd": 2.0, "budget_usd": 1.0}
    run = BudgetExceeded(period="run", month="2026-11", **over)
    months = [
        BudgetExceeded(period="month", month=month, **over) for month in ("2026-11", "2026-11", "2026-12")
    ]
    tell(to_webhook(tmp_path, http), [run, *months], clock=Clock())
    assert len(http.requests) == 3


def test_a_run_that_succeeded_is_told_once(tmp_path: Path, http: HttpSink) -> None:
    config = to_webhook(tmp_path, http)
    for run in ("exec-1", "exec-1", "exec-2"):
        tell(config, [RunSucceeded(job_id="flights", execution=a_run(run))], clock=Clock())
    assert received(http) == [("run_succeeded", "info")] * 2


TELL_IN_A_PROCESS = """
import sys
import threading
from pathlib import Path
from etl_platform.notify.deliver import tell
from etl_platform_tests.notify.build import Clock, a_config, a_failure
config = a_config(Path(sys.argv[1]), profile="local")
sys.stdin.read()
tell(config, [a_failure()], clock=Clock())
"""


def test_several_processes_tell_a_cause_once(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", TELL_IN_A_PROCESS, str(tmp_path)], stdin=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0] * 4
    send_waiting(a_config(tmp_path, profile="local"), clock=Clock())
    assert len((tmp_path / ".etl_platform/notifications.jsonl").read_text().splitlines()) == 1


# Retries and dead targets


def test_a_target_that_is_busy_is_asked_again(tmp_path: Path, http: HttpSink) -> None:
    http.answers = [(503, {}), (429, {"Retry-After": "0"})]
    config = to_webhook(tmp_path, http)
    (delivery,) = tell(config, [a_failure()], clock=Clock())
    assert delivery.target == "webhook"
    assert len({request.body for request in http.requests}) == 1
    assert len(http.requests) == 3


def test_retries_are_bounded(tmp_path: Path, http: HttpSink) -> None:
    http.answers = [(500, {})] * 10
    config = to_webhook(tmp_path, http)
    assert tell(config, [a_failure()], clock=Clock()) == []
    assert len(http.requests) == deliver.ATTEMPTS
    (waiting,) = undelivered(config)
    assert waiting.error == "webhook: the message was answered with status 500."
    assert waiting.message.event == "run_failed"


def test_a_target_that_asks_for_a_long_pause_gets_it(tmp_path: Path, http: HttpSink) -> None:
    http.answers = [(429, {"Retry-After": "300"})]
    config = to_webhook(tmp_path, http)
    tell(config, [a_failure()], clock=Clock())
    send_waiting(config, clock=Clock(NOW + 299))
    assert len(http.requests) == 1
    send_waiting(config, clock=Clock(NOW + 301))
    assert len(http.requests) == 2
    assert undelivered(config) == []


def test_a_refusal_is_not_repeated_at_once(tmp_path: Path, http: HttpSink) -> None:
    http.answers = [(404, {})]
    config = to_webhook(tmp_path, http)
    tell(config, [a_failure()], clock=Clock())
    assert len(http.requests) == 1
    assert "Check `global_settings.notifications.webhook.url`." in (undelivered(config)[0].error or "")


def test_a_redirect_is_not_followed(tmp_path: Path, http: HttpSink) -> None:
    http.answers = [(302, {"Location": f"{http.url}/elsewhere"})]
    tell(to_webhook(tmp_path, http), [a_failure()], clock=Clock())
    assert [request.path for request in http.requests] == ["/hook"]


def test_what_a_dead_target_missed_arrives_later_and_in_order(tmp_path: Path, http: HttpSink) -> None:
    http.answers = [(500, {})] * deliver.ATTEMPTS
    config = to_webhook(tmp_path, http)
    tell(config, [a_failure()], clock=Clock())
    tell(config, [OVER], clock=Clock(NOW + 1))
    assert {state for _, state in received(http)} == {"firing"}
    send_waiting(config, clock=Clock(NOW + 61))
    assert [state for _, state in received(http)][-2:] == ["firing", "recovered"]
    assert undelivered(config) == []


def test_what_is_refused_holds_back_nothing(tmp_path: Path, http: HttpSink) -> None:
    http.answers = [(400, {})]
    tell(to_webhook(tmp_path, http), [a_failure(), quality("a")], clock=Clock())
    assert received(http) == [("run_failed", "firing"), ("quality_failed", "firing")]


def test_old_news_is_given_up_and_listed(tmp_path: Path, http: HttpSink) -> None:
    http.answers = [(500, {})] * deliver.ATTEMPTS
    config = to_webhook(tmp_path, http)
    tell(config, [a_failure()], clock=Clock())
    later = Clock(NOW + GIVE_UP_SECONDS)
    send_waiting(config, clock=later)
    assert len(http.requests) == deliver.ATTEMPTS
    (waiting,) = ledger_of(config, later).waiting()
    assert waiting.given_up


def test_a_target_that_never_answers_holds_nobody(
    tmp_path: Path, http: HttpSink, smtp: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_post, "TIMEOUT_SECONDS", 25)
    http.silent.set()
    settings = {
        "webhook": {"enabled": True, "url": http.url},
        "email": {
            "enabled": True,
            "backend": "smtp",
            "smtp_server": smtp.address,
            "sender": "etl@example.com",
            "recipients": ["all@example.com"],
        },
    }
    config = a_config(tmp_path, settings)
    sent = tell(config, [a_failure()], clock=Clock(), bound_seconds=2)
    # The sink holds the request until this test is over.
    assert "webhook" in [thread.name for thread in threading.enumerate()]
    assert [each.target for each in sent] == ["email"]
    assert [each.route.target for each in undelivered(config)] == ["webhook"]


def test_one_process_sends_to_a_target_at_a_time(tmp_path: Path) -> None:
    clock = Clock()
    ledger = ledger_of(a_config(tmp_path), clock)
    with ledger.alone("slack", "a", 60) as first, ledger.alone("slack", "b", 60) as second:
        assert (first, second) == (True, False)
        clock.now += 60
        with ledger.alone("slack", "c", 60) as after_the_lease, ledger.alone("email", "d", 60) as other:
            assert (after_the_lease, other) == (True, True)


def test_a_target_where_nobody_listens_is_named(tmp_path: Path) -> None:
    config = a_config(tmp_path, {"webhook": {"enabled": True, "url": "http://127.0.0.1:1/"}})
    tell(config, [a_failure()], clock=Clock())
    assert undelivered(config)[0].error == "webhook: no answer (ConnectionRefusedError)."


def test_an_smtp_server_that_is_busy_is_asked_again(tmp_path: Path, smtp: SmtpSink) -> None:
    smtp.answers = ["451 try again later"]
    settings = {"enabled": True, "backend": "smtp", "smtp_server": smtp.address, "sender": "etl@example.com"}
    config = a_config(tmp_path, {"email": {**settings, "recipients": ["all@example.com"]}})
    tell(config, [a_failure()], clock=Clock())
    assert len(smtp.emails) == 1


@pytest.mark.parametrize(
    ("target", "settings", "advice"),
    [
        ("slack", {}, "`global_settings.notifications.slack.webhook_url` is not set"),
        ("slack", {"webhook_url": "hooks.slack.com"}, "is no address that starts with https://"),
        ("pagerduty", {}, "`global_settings.notifications.pagerduty.api_key` is not set"),
        ("sns", {}, "`global_settings.notifications.sns.topic_arn` is not set"),
        ("webhook", {}, "`global_settings.notifications.webhook.url` is not set"),
        ("email", {}, "set `global_settings.notifications.email.recipients`"),
        ("email", {"recipients": ["a@example.com"]}, "email.sender` is not set"),
        ("email", {"recipients": ["a@example.com"], "backend": "smtp"}, "email.smtp_server` is not set"),
        ("slack", {"webhook_url": "${SECRET:absent}"}, "the environment variable absent is not set"),
    ],
)
def test_a_target_that_is_not_set_up_says_what_to_set(
    tmp_path: Path, target: str, settings: dict[str, Any], advice: str
) -> None:
    config = a_config(tmp_path, {target: {"enabled": True, **settings}})
    tell(config, [a_failure()], clock=Clock())
    (waiting,) = undelivered(config)
    assert advice in (waiting.error or "")


# Secrets


def test_no_secret_is_kept_or_logged(
    tmp_path: Path, http: HttpSink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every target fails in its own way, at the debug level of all loggers."""
    caplog.set_level(logging.DEBUG)
    secrets = {name: f"hidden-{name}-value" for name in ("slack", "hook", "key", "routing", "password")}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(pagerduty, "ADDRESS", f"{http.url}/enqueue")
    http.answers = [(status, {}) for status in (500, 400, 503, 404, 302, 429)] * 3
    config = a_config(
        tmp_path,
        {
            "slack": {"enabled": True, "webhook_url": f"{http.url}/services/" + "${SECRET:slack}"},
            "webhook": {
                "enabled": True,
                "url": "http://127.0.0.1:1/${SECRET:hook}",
                "secret": "${SECRET:key}",
            },
            "pagerduty": {"enabled": True, "api_key": "${SECRET:routing}"},
            "email": {
                "enabled": True,
                "backend": "smtp",
                "smtp_server": "smtps://etl:${SECRET:password}@127.0.0.1:1",
                "sender": "etl@example.com",
                "recipients": ["all@example.com"],
            },
        },
    )
    tell(config, [a_failure(), quality("a")], clock=Clock())
    assert {each.route.target for each in undelivered(config)} >= {"webhook", "email"}
    assert any(secrets["slack"] in request.path for request in http.requests)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for value in secrets.values():
        assert value.encode() not in kept
        assert value not in caplog.text

"""SES and SNS over HTTP, against moto's server."""

import json
from collections.abc import Iterator
from email import message_from_string, policy
from pathlib import Path

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from etl_platform.notify.deliver import tell, undelivered
from etl_platform_tests.notify.build import Clock, a_config, a_failure, a_job

pytestmark = pytest.mark.slow

REGION = "eu-central-1"
EMAIL = {"enabled": True, "backend": "ses", "sender": "etl@example.com", "recipients": ["all@example.com"]}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty AWS."""
    requests.post(f"{server}/moto-api/reset", timeout=10).raise_for_status()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    return server


def test_ses_sends_the_e_mail(tmp_path: Path, aws: str) -> None:
    boto3.client("sesv2", region_name=REGION).create_email_identity(EmailIdentity="etl@example.com")
    tell(a_config(tmp_path, {"email": EMAIL}), [a_failure()], clock=Clock())
    backend = requests.get(f"{aws}/moto-api/data.json", timeout=10).json()["ses"]
    (sent,) = backend["RawMessage"]
    email = message_from_string(sent["raw_data"], policy=policy.default)
    assert email["Subject"] == "Flights, enriched: run failed"
    assert email["To"] == "all@example.com"
    assert [part.get_content_type() for part in email.iter_parts()] == ["text/plain", "text/html"]


def test_what_ses_refuses_is_kept_with_its_reason(tmp_path: Path, aws: str) -> None:
    config = a_config(tmp_path, {"email": EMAIL})
    tell(config, [a_failure()], clock=Clock())
    (waiting,) = undelivered(config)
    assert waiting.error is not None
    assert waiting.error.startswith("email: sesv2 SendEmail failed with MessageRejected")


def test_sns_gets_text_for_people_and_json_for_machines(tmp_path: Path, aws: str) -> None:
    sns, sqs = boto3.client("sns", region_name=REGION), boto3.client("sqs", region_name=REGION)
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    job = a_job(job_name="Flüge\n" + "lang " * 40)
    config = a_config(tmp_path, {"sns": {"enabled": True, "topic_arn": topic}}, job=job)
    tell(config, [a_failure()], clock=Clock())
    assert undelivered(config) == []
    (received,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    notification = json.loads(received["Body"])
    assert json.loads(notification["Message"])["event"] == "run_failed"
    assert notification["MessageAttributes"]["severity"]["Value"] == "error"
    assert notification["Subject"].startswith("Fl?ge lang")
    assert len(notification["Subject"]) < 100


def test_a_topic_that_does_not_exist_is_named(tmp_path: Path, aws: str) -> None:
    topic = f"arn:aws:sns:{REGION}:123456789012:none"
    config = a_config(tmp_path, {"sns": {"enabled": True, "topic_arn": topic}})
    tell(config, [a_failure()], clock=Clock())
    (waiting,) = undelivered(config)
    assert "sns Publish failed with NotFound" in (waiting.error or "")

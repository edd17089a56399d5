"""HTTP APIs and Kafka: sources that are reached by their address."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from etl_platform_tests.catalog.builders import config, measured, source


class Api(BaseHTTPRequestHandler):
    seen: ClassVar[list[str | None]] = []

    def do_HEAD(self) -> None:
        self.seen.append(self.headers["Authorization"])
        if self.path == "/denied":
            self.send_response(401)
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/orders")
        else:
            self.send_response(200)
            self.send_header("X-Total-Count", "1234")
            self.send_header("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def api_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_api_tells_its_total_by_a_header(api_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("token", "hunter2")
    one = source("api", url=f"{api_url}/orders", headers={"Authorization": "Bearer ${SECRET:token}"})
    stats = measured(one, config(tmp_path))
    assert (stats.row_count, stats.last_updated, stats.size_gb) == (1234, 1_700_000_000.0, None)
    assert Api.seen[-1] == "Bearer hunter2"
    assert "hunter2" not in stats.model_dump_json()


def test_the_secret_of_an_api_is_a_bearer_token(
    api_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("token", "hunter2")
    measured(source("api", url=f"{api_url}/orders", secret="${SECRET:token}"), config(tmp_path))
    assert Api.seen[-1] == "Bearer hunter2"


def test_an_api_that_denies_says_what_to_check(api_url: str, tmp_path: Path):
    stats = measured(source("api", url=f"{api_url}/denied"), config(tmp_path))
    assert "status 401; check `headers` and `secret`" in stats.warnings[0]


def test_a_redirect_is_not_followed_with_the_token(api_url: str, tmp_path: Path):
    Api.seen.clear()
    stats = measured(source("api", url=f"{api_url}/moved"), config(tmp_path))
    assert "status 302" in stats.warnings[0]
    assert len(Api.seen) == 1


def test_an_api_that_is_asked_by_post_is_left_alone(tmp_path: Path):
    stats = measured(source("api", url="http://127.0.0.1:1/", method="POST"), config(tmp_path))
    assert "tells nothing cheaply" in stats.warnings[0]


def test_an_api_out_of_reach_is_a_warning(tmp_path: Path):
    stats = measured(source("api", url="http://127.0.0.1:1/"), config(tmp_path))
    assert "cannot be reached" in stats.warnings[0]


class KafkaError(Exception):
    pass


class Consumer:
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, **options: Any):
        type(self).options = options
        if options["bootstrap_servers"] == "down:9092":
            raise KafkaError("no brokers for hunter2")

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {0, 1} if topic == "clicks" else None

    def beginning_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, 10)

    def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, 110)

    def close(self) -> None:
        pass


@pytest.fixture
def kafka_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = SimpleNamespace(
        KafkaConsumer=Consumer,
        TopicPartition=lambda topic, number: (topic, number),
        errors=SimpleNamespace(KafkaError=KafkaError),
    )
    monkeypatch.setattr("etl_platform.catalog.kafka.find_spec", lambda name: driver)
    monkeypatch.setattr("etl_platform.catalog.kafka.import_module", lambda name: driver)


def test_a_topic_tells_partitions_and_messages(
    kafka_driver: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("sasl", '{"security_protocol": "SASL_SSL", "sasl_plain_password": "hunter2"}')
    one = source("kafka", bootstrap_servers="up:9092", topic="clicks", secret="${SECRET:sasl}")
    stats = measured(one, config(tmp_path))
    assert (stats.partition_count, stats.row_count, stats.size_gb) == (2, 200, None)
    assert Consumer.options["sasl_plain_password"] == "hunter2"


def test_an_unknown_topic_is_missing(kafka_driver: None, tmp_path: Path):
    one = source("kafka", bootstrap_servers="up:9092", topic="none")
    assert measured(one, config(tmp_path)).exists is False


def test_brokers_that_refuse_are_a_warning_without_secrets(kafka_driver: None, tmp_path: Path):
    one = source("kafka", bootstrap_servers="down:9092", topic="clicks")
    stats = measured(one, config(tmp_path))
    assert "the brokers refused with KafkaError" in stats.warnings[0]
    assert "hunter2" not in stats.model_dump_json()


def test_a_secret_that_is_no_object_is_refused_without_showing_it(
    kafka_driver: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("sasl", "hunter2")
    one = source("kafka", bootstrap_servers="up:9092", topic="clicks", secret="${SECRET:sasl}")
    stats = measured(one, config(tmp_path))
    assert "must be a JSON object" in stats.warnings[0]
    assert "hunter2" not in stats.model_dump_json()


def test_without_a_driver_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("etl_platform.catalog.kafka.find_spec", lambda name: None)
    stats = measured(source("kafka", bootstrap_servers="a:1", topic="t"), config(tmp_path))
    assert "pip install kafka-python" in stats.warnings[0]

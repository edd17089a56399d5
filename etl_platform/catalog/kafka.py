"""`kafka`: a topic, by the offsets of its partitions."""

import json
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from etl_platform.catalog.context import Context
from etl_platform.catalog.stats import CannotMeasureError, TableStats
from etl_platform.config.models.data_sources import KafkaSource
from etl_platform.config.secrets import UnknownSecretError, resolve_secrets

TIMEOUT_MS = 10_000


def measure_kafka(source: KafkaSource, dataset: str, context: Context) -> TableStats:
    """Partitions and kept messages of a topic; Kafka tells clients no bytes, so the size stays unknown.

    Messages are the sum of end minus beginning offsets: at most that many, since compaction and
    transactions leave gaps.

    Raises:
        CannotMeasureError: The driver is missing, the brokers refuse, or there is no such topic.
    """
    if find_spec("kafka") is None:
        raise CannotMeasureError(
            f"{dataset}: `pip install kafka-python` to ask its brokers, or set `size_gb` and "
            "`workload.events_per_second`."
        )
    kafka = import_module("kafka")

    options = _options(source, dataset, context)
    try:
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=source.bootstrap_servers,
            group_id=None,
            api_version_auto_timeout_ms=TIMEOUT_MS,
            request_timeout_ms=TIMEOUT_MS,
            **options,
        )
        try:
            numbers = consumer.partitions_for_topic(source.topic)
            partitions = [kafka.TopicPartition(source.topic, number) for number in sorted(numbers or ())]
            first = consumer.beginning_offsets(partitions)
            last = consumer.end_offsets(partitions)
        finally:
            consumer.close()
    except kafka.errors.KafkaError as error:
        # Its text may hold the options, and so a password.
        raise CannotMeasureError(
            f"{dataset}: the brokers refused with {type(error).__name__}; check `bootstrap_servers`, "
            "`secret` and the network."
        ) from None
    if not partitions:
        raise CannotMeasureError(f"{dataset}: the brokers have no such topic.", missing=True)
    return TableStats(
        dataset=dataset,
        exists=True,
        row_count=sum(last[partition] - first[partition] for partition in partitions),
        rows_estimated=True,
        partition_count=len(partitions),
        format="kafka",
        detected_by="Kafka offsets: end minus beginning of each partition",
        measured_at=context.now,
    )


def _options(source: KafkaSource, dataset: str, context: Context) -> dict[str, Any]:
    """Options of the consumer that the secret holds as JSON, such as `sasl_plain_password`."""
    if source.secret is None:
        return {}
    try:
        found = json.loads(resolve_secrets(source.secret, context.config))
    except UnknownSecretError as error:
        raise CannotMeasureError(str(error)) from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CannotMeasureError(
            f"{dataset}: its secret must be a JSON object of kafka-python's options, such as "
            '{"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", …}.'
        )
    return found

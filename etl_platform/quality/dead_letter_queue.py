"""Dead letters as messages of an SQS queue."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

MAX_BYTES = 262_144
"""Bytes of one message, and of all messages of one request, that every queue takes.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

MAX_MESSAGES = 10
"""Messages of one request; the same page."""

TRIES = 4
"""How often a message is sent that the queue did not take for a fault of its own."""

Letter = Mapping[str, Any]


class DeadLetterError(RuntimeError):
    """Dead letters that could not be sent; the message says how many were."""


def send_to_queue(queue_url: str, letters: Iterable[Letter], region: str | None) -> int:
    """Send letters to a queue, one message each.

    SQS may deliver a message twice, and a call that is made again sends all letters again; `letter_id` tells
    the same letter. A FIFO queue drops what it was sent within five minutes before.

    Args:
        queue_url: URL of the queue.
        letters: The letters; a row that is too large for a message is left out of its letter, which says so.
        region: AWS region; None: what the environment says.

    Returns:
        Number of letters.

    Raises:
        DeadLetterError: The queue took some of them only.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client: Any = boto3.Session(region_name=region).client("sqs")
    sent = 0
    try:
        for batch in _batches(_entry(letter, queue_url) for letter in letters):
            _send(client, queue_url, batch)
            sent += len(batch)
    except (BotoCoreError, ClientError) as error:
        raise DeadLetterError(
            f"{queue_url} took {sent} dead letters, then: {error} Grant `sqs:SendMessage` on the queue to "
            "the role that runs this, or correct `data_quality.dead_letter_queue_url`."
        ) from error
    return sent


def _entry(letter: Letter, queue_url: str) -> dict[str, str]:
    body = json.dumps(letter, ensure_ascii=False)
    size = len(body.encode())
    if size > MAX_BYTES:
        body = json.dumps({**letter, "row": None, "row_bytes": size}, ensure_ascii=False)
    entry = {"MessageBody": body}
    if queue_url.endswith(".fifo"):
        identity = sha256(letter["letter_id"].encode()).hexdigest()
        entry |= {"MessageGroupId": letter["job_id"], "MessageDeduplicationId": identity}
    return entry


def _batches(entries: Iterable[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    batch: list[dict[str, str]] = []
    size = 0
    for entry in entries:
        length = len(entry["MessageBody"].encode())
        if batch and (len(batch) == MAX_MESSAGES or size + length > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append({**entry, "Id": str(len(batch))})
        size += length
    if batch:
        yield batch


def _send(client: Any, queue_url: str, batch: Sequence[dict[str, str]]) -> None:
    left = list(batch)
    for number in range(TRIES):
        answer = client.send_message_batch(QueueUrl=queue_url, Entries=left)
        failed = {each["Id"]: each for each in answer.get("Failed", ())}
        refused = [each for each in failed.values() if each.get("SenderFault")]
        if refused:
            raise DeadLetterError(f"{queue_url} refused a dead letter: {refused[0].get('Message')}")
        left = [entry for entry in left if entry["Id"] in failed]
        if not left:
            return
        time.sleep(0.1 * 2**number)
    raise DeadLetterError(f"{queue_url} did not take {len(left)} dead letters in {TRIES} tries.")

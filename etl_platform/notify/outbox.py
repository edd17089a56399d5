"""The local outbox: a file with one JSON document a line, and the log."""

import logging
import os
from pathlib import Path

from etl_platform.config.project import Config
from etl_platform.notify.errors import DeliveryError
from etl_platform.notify.message import Message

_log = logging.getLogger(__name__)


def outbox_path(config: Config) -> Path:
    """`notifications.jsonl` in the local root."""
    return config.local_root / "notifications.jsonl"


def send(message: Message, config: Config) -> None:
    """Append a message to the file, and log it.

    Raises:
        DeliveryError: The file cannot be written.
    """
    path = outbox_path(config)
    line = message.model_dump_json(exclude_none=True) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write under O_APPEND: the lines of several processes do not mix.
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)
    except OSError as error:
        raise DeliveryError(
            "outbox", f"{path} cannot be written: {error.strerror}.", retry_can_help=True
        ) from error
    _log.info(
        "event=<%s> job_id=<%s> state=<%s> | %s %s",
        message.event,
        message.job_id,
        message.state,
        message.subject,
        message.summary,
    )

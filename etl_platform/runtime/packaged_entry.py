"""Runs a packaged script inside AWS Lambda or an AWS Batch container, and leaves its outcome in S3.

It stands alone: the package has this file beside the script, and nothing else of ours. What runs is what
runs on a laptop: the script's `handler(event, context)` where it has one, else the script as `__main__`,
which gets its arguments as `--name value`.
"""

import contextlib
import importlib
import json
import os
import re
import runpy
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

FACTS_FILE = "etl_platform_job.json"
"""Beside this file: `script`, the file's name, and `handler`, the function's name or null."""

EVENT_KEY = "ETL_PLATFORM"
"""Key of the event under which our own part stands: `folder` and `secrets`; the script does not see it."""

EVENT_VARIABLE = "ETL_PLATFORM_EVENT"
"""Environment variable that holds the event in a container."""

CLAIM, OUTCOME, CANCEL = "claim.json", "outcome.json", "cancel.json"
"""Objects in the run's folder: who runs it, how it ended, and that it is to stop."""

CANCEL_SECONDS = 5.0
"""How often a running invocation looks whether it is to stop."""

REFERENCE = re.compile(r"\$\{SECRET:([^}]+)\}")
_PIPES = "DAGSTER_PIPES_"


class ScriptError(Exception):
    """Stands for an exception of the script whose text held a secret."""


class Folder:
    """The run's folder in S3."""

    def __init__(self, uri: str):
        parts = urlsplit(uri)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self._client: Any = boto3.client("s3")

    def write(self, name: str, content: Mapping[str, Any], **condition: str) -> None:
        """Write an object."""
        body = json.dumps(content).encode()
        self._client.put_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}", Body=body, **condition)

    def create(self, name: str, content: Mapping[str, Any]) -> bool:
        """Write an object that is not there yet; False where it is. Of several at once, one succeeds."""
        try:
            self.write(name, content, IfNoneMatch="*")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalRequestConflict":
                return self.create(name, content)
            if code != "PreconditionFailed":
                raise
            # boto3 repeats a call whose answer was lost, and then finds what it has written itself.
            there = self._client.get_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}")
            return json.loads(there["Body"].read()) == content
        return True

    def has(self, name: str) -> bool:
        """Whether an object is there; without s3:ListBucket S3 answers 403 for one that is not."""
        try:
            self._client.head_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}")
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "403", "NoSuchKey"):
                return False
            raise
        return True


class ContainerContext:
    """What a handler gets in a container for the context that Lambda would give it.

    Attributes:
        function_name: The job's id.
        aws_request_id: The execution's id.
    """

    def __init__(self, event: Mapping[str, Any], timeout_seconds: float):
        self.function_name = event.get("JOB_NAME")
        self.aws_request_id = event.get("EXECUTION_ID")
        self._deadline = time.time() + timeout_seconds

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the run is stopped."""
        return max(0, int((self._deadline - time.time()) * 1000))


def handler(event: dict[str, Any], context: Any) -> Any:
    """What Lambda calls.

    An event may be delivered twice, and a run may be cancelled before it starts: whoever writes the claim
    first has the run, and nobody else does anything.
    """
    own = event.pop(EVENT_KEY)
    folder = Folder(own["folder"])
    now = time.time()
    claim = {
        "request_id": context.aws_request_id,
        "invocation": uuid.uuid4().hex,
        "log_group": context.log_group_name,
        "log_stream": context.log_stream_name,
        "started": now,
        "deadline": now + context.get_remaining_time_in_millis() / 1000,
    }
    if not folder.create(CLAIM, claim):
        _say(f"The run of {own['folder']} is taken or cancelled already; this invocation does nothing.")
        return None
    done = threading.Event()
    threading.Thread(target=_stop_on_cancel, args=(folder, now, done), daemon=True).start()
    try:
        return _run(folder, event, context, own["secrets"], now)
    finally:
        done.set()


def main() -> None:
    """What a container runs."""
    event = json.loads(os.environ.pop(EVENT_VARIABLE))
    own = event.pop(EVENT_KEY)
    event |= {name: value for name, value in os.environ.items() if name.startswith(_PIPES)}
    context = ContainerContext(event, own["timeout_seconds"])
    _run(Folder(own["folder"]), event, context, own["secrets"], time.time())


def _run(
    folder: Folder, event: dict[str, Any], context: Any, secrets: Mapping[str, Any], started: float
) -> Any:
    """Run the script and write the outcome; the exception of a script that fails is raised again."""
    values: dict[str, str] = {}
    outcome = {"started": started, "attempt": int(os.environ.get("AWS_BATCH_JOB_ATTEMPT", "1"))}
    try:
        event = {name: _resolved(value, secrets, values) for name, value in event.items()}
        result = _call(event, context)
    except BaseException as error:
        report = {
            "type": type(error).__name__,
            "message": _masked(_words(error), values),
            "stack_trace": _masked(traceback.format_exc(), values),
        }
        folder.write(OUTCOME, {**outcome, "status": "failed", "ended": time.time(), "error": report})
        if _masked(traceback.format_exc(), values) != traceback.format_exc():
            raise ScriptError(f"{report['type']}: {report['message']}") from None
        raise
    folder.write(OUTCOME, {**outcome, "status": "success", "ended": time.time(), "result": result})
    return result


def _call(event: dict[str, Any], context: Any) -> Any:
    here = Path(__file__).parent
    facts = json.loads((here / FACTS_FILE).read_text(encoding="utf-8"))
    script = here / facts["script"]
    pipes = {name: value for name, value in event.items() if name.startswith(_PIPES)}
    with _environment(pipes):
        if facts["handler"]:
            result = getattr(importlib.import_module(script.stem), facts["handler"])(event, context)
            return json.loads(json.dumps(result))
        flags = [
            part for name, value in event.items() if name not in pipes for part in (f"--{name}", str(value))
        ]
        sys.argv = [str(script), *flags]
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:
            if end.code not in (None, 0):
                raise
        return None


@contextlib.contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for one run: the next invocation of a warm function has others."""
    os.environ.update(changes)
    try:
        yield
    finally:
        for name in changes:
            os.environ.pop(name, None)


def _resolved(value: Any, secrets: Mapping[str, Any], values: dict[str, str]) -> Any:
    """A value with its secrets, which the role of the run reads; what is read is added to `values`."""

    def value_of(match: "re.Match[str]") -> str:
        key = match.group(1)
        if key not in values:
            name, json_key = secrets[key]
            text = boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]  # pyright: ignore
            values[key] = text if json_key is None else str(json.loads(text)[json_key])
        return values[key]

    return REFERENCE.sub(value_of, value) if isinstance(value, str) else value


def _masked(text: str, values: Mapping[str, str]) -> str:
    for value in values.values():
        text = text.replace(value, "***") if value else text
    return text


def _words(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"The script ended with exit status {error.code}."
    return str(error)


def _stop_on_cancel(folder: Folder, started: float, done: threading.Event) -> None:
    """End the process once the run is cancelled: Lambda itself has no call that stops an invocation."""
    while not done.wait(CANCEL_SECONDS):
        try:
            cancelled = folder.has(CANCEL)
        except (BotoCoreError, ClientError) as error:
            _say(f"Whether the run is cancelled is not known for now: {error}")
            continue
        if cancelled and not done.is_set():
            _say("The run was cancelled; the process ends.")
            outcome = {"status": "cancelled", "started": started, "ended": time.time()}
            if folder.create(OUTCOME, outcome):
                os._exit(1)
            return


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

"""Invoking a Lambda function for a run, and the handle by which the run is found again."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from etl_platform.platforms import lambda_function
from etl_platform.platforms.arguments import refuse_secrets, script_arguments
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.lambda_function import Function
from etl_platform.platforms.lambda_log import described_error
from etl_platform.platforms.protocol import RunHandle, RunRequest
from etl_platform.platforms.run_folder import RunFolder
from etl_platform.platforms.script_package import packaged_event
from etl_platform.runtime.packaged_entry import OUTCOME

SYNCHRONOUS_SECONDS = 60
"""A function that is not ours is waited for in the call where its own time limit is no longer."""

ASYNCHRONOUS_BYTES = 256 * 2**10
SYNCHRONOUS_BYTES = 6 * 2**20
"""AWS Lambda Developer Guide, "Lambda quotas": payload of an invocation."""

SUBMITTED = "submitted.json"
"""In the run's folder before a function that is not ours is invoked: from then on it is not invoked again."""

VOID = "void"
"""Key of a claim that keeps an invocation from starting; its value says why."""

_ANSWER_SECONDS = 30
"""How much longer than the function's own time limit its answer is waited for."""

_REPORT_LINE = re.compile(r"^REPORT RequestId: .*$", re.MULTILINE)


class Invocation(BaseModel):
    """What is to be known of an invocation to find it again; the details of its handle.

    Attributes:
        execution_id: Of the attempt.
        function: Name.
        owned: Whether the function is ours, so that it writes claim and outcome.
        folder: The run's folder.
        log_group: Where the function logs.
        logs_json: In which format.
        limit_seconds: The function's own time limit.
        submitted: When it was invoked, Unix seconds of this machine.
        request_id: None where the answer of the invocation was lost.
        repeats: How often Lambda repeats it where it fails.
        runtime: Such as `python3.12`; None of a container image.
        architecture: `x86_64` or `arm64`.
    """

    model_config = ConfigDict(frozen=True)

    execution_id: str
    function: str
    owned: bool
    folder: str
    log_group: str
    logs_json: bool
    limit_seconds: int
    submitted: float
    request_id: str | None
    repeats: int = 0
    runtime: str | None = None
    architecture: str = "x86_64"

    def handle(self) -> RunHandle:
        """As the record keeps it."""
        return RunHandle(
            platform="lambda",
            run_id=self.request_id or self.execution_id,
            details=self.model_dump(mode="json"),
        )


def is_synchronous(function: Function) -> bool:
    """Whether the call that invokes it brings the result."""
    return not function.owned and function.timeout_seconds <= SYNCHRONOUS_SECONDS


def event_of(request: RunRequest, folder: RunFolder, *, owned: bool) -> bytes:
    """The event of a run: its arguments and Pipes parameters, as JSON.

    Raises:
        NotRunnableError: A secret that cannot be read there.
    """
    if owned:
        return json.dumps(packaged_event(request, folder.uri)).encode()
    arguments = script_arguments(request)
    refuse_secrets(request.job.job_id, "execution.arguments", arguments)
    return json.dumps({**arguments, **request.pipes}).encode()


def check_size(request: RunRequest, event: bytes, *, synchronous: bool) -> None:
    """Refuse an event that Lambda would not take.

    Raises:
        NotRunnableError: It is too large.
    """
    most = SYNCHRONOUS_BYTES if synchronous else ASYNCHRONOUS_BYTES
    if len(event) > most:
        raise NotRunnableError(
            f'job "{request.job.job_id}": its arguments make an event of {len(event) / 2**10:,.0f} KB, and '
            f"Lambda takes {most / 2**10:,.0f} KB. Put large values into S3 and pass their address."
        )


def found(
    function: Function, request: RunRequest, folder: RunFolder, access: AwsAccess, **known: Any
) -> Invocation:
    """An invocation of a function for a request."""
    repeats = (
        0 if function.owned or is_synchronous(function) else lambda_function.repeats(access, function.name)
    )
    return Invocation(
        execution_id=request.execution_id,
        function=function.name,
        owned=function.owned,
        folder=folder.uri,
        log_group=function.log_group,
        logs_json=function.logs_json,
        limit_seconds=function.timeout_seconds,
        repeats=repeats,
        runtime=function.configuration.get("Runtime"),
        architecture=function.architecture,
        **known,
    )


def invoke_owned(
    access: AwsAccess,
    function: Function,
    request: RunRequest,
    folder: RunFolder,
    event: bytes,
    now: Callable[[], float],
) -> Invocation:
    """Invoke a function of ours; it may be repeated, because only the first invocation takes the claim."""
    client = access.client("lambda")
    submitted = now()
    with calling("lambda"):
        answer = client.invoke(FunctionName=function.name, InvocationType="Event", Payload=event)
    return found(function, request, folder, access, submitted=submitted, request_id=_request_id(answer))


def invoke_foreign(
    access: AwsAccess,
    function: Function,
    request: RunRequest,
    folder: RunFolder,
    event: bytes,
    now: Callable[[], float],
) -> Invocation:
    """Invoke a function that is not ours, once: that is on record before, and nothing sends it again.

    Raises:
        TransientError: Lambda has certainly not taken it, or its answer was lost; `find` tells which.
    """
    from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

    synchronous = is_synchronous(function)
    client = access.client(
        "lambda",
        attempts=1,
        read_timeout_seconds=function.timeout_seconds + _ANSWER_SECONDS if synchronous else None,
    )
    submitted = now()
    run = found(function, request, folder, access, submitted=submitted, request_id=None)
    folder.write(SUBMITTED, {"submitted": submitted})
    try:
        with calling("lambda"):
            answer = client.invoke(
                FunctionName=function.name,
                InvocationType="RequestResponse" if synchronous else "Event",
                LogType="Tail" if synchronous else "None",
                Payload=event,
            )
            payload = answer["Payload"].read() if synchronous else b""
    except Exception as error:
        cause = error.__cause__
        refused = (
            isinstance(cause, ClientError) and cause.response["ResponseMetadata"]["HTTPStatusCode"] < 500
        )
        if refused or isinstance(cause, ConnectTimeoutError | EndpointConnectionError):
            folder.delete(SUBMITTED)
        raise
    run = run.model_copy(update={"request_id": _request_id(answer)})
    if synchronous:
        folder.write(OUTCOME, _outcome(answer, payload, submitted, now()))
    folder.write(SUBMITTED, {"submitted": submitted, "request_id": run.request_id})
    return run


def _outcome(answer: Mapping[str, Any], payload: bytes, started: float, ended: float) -> dict[str, Any]:
    """The answer of a synchronous invocation, in the form in which a function of ours writes its outcome."""
    try:
        result = json.loads(payload) if payload else None
    except ValueError:
        result = payload.decode("utf-8", errors="replace")
    tail = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", errors="replace")
    line = _REPORT_LINE.search(tail)
    outcome: dict[str, Any] = {"started": started, "ended": ended, "report": line[0] if line else None}
    if not answer.get("FunctionError"):
        return {**outcome, "status": "success", "result": result}
    error = described_error(result if isinstance(result, dict) else {"errorMessage": str(result)})
    return {
        **outcome,
        "status": "timeout" if error.timed_out else "failed",
        "error": {"type": error.type, "message": error.message, "stack_trace": error.stack_trace},
    }


def _request_id(answer: Mapping[str, Any]) -> str:
    return answer["ResponseMetadata"]["RequestId"]

"""Requests and benches for the tests of Lambda, and what the package inside a function writes."""

import json
from pathlib import Path
from typing import Any

from etl_platform.platforms import records
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.lambda_ import LambdaPlatform
from etl_platform.platforms.protocol import RunRequest
from etl_platform_tests.platforms.aws_bench import AwsBench, FastTime
from etl_platform_tests.platforms.builders import config_of, job_of, request_of
from etl_platform_tests.platforms.fake_platform import FakeTime
from etl_platform_tests.platforms.lambda_service import (
    Invoked,
    LambdaService,
    role,
)

HANDLER = "def handler(event, context):\n    print('at work')\n    return {'job': event['JOB_NAME']}\n"


def request_for(
    folder: Path, access: AwsAccess, script: str = HANDLER, *, owned: bool = True, **changes: Any
) -> RunRequest:
    """A request to run a script; without `owned` the function `theirs` is named."""
    (folder / "job.py").write_text(script)
    keys = {"iam_role": role(access)} if owned else {"lambda_function_name": "theirs"}
    execution = {"script_path": "job.py", "script_type": "python", **changes.pop("execution", {})}
    job = job_of(execution=execution, platform={**keys, **changes.pop("platform", {})})
    config = config_of(folder, job, artifacts={"s3_uri": "s3://art/etl"}, **changes.pop("settings", {}))
    return request_of(config, job, **changes)


def fast(access: AwsAccess, folder: Path) -> AwsBench:
    """For code that runs in a process of its own."""
    time = FastTime()
    return AwsBench(LambdaPlatform(access, now=time.now), folder, time.clock)


def still(access: AwsAccess, folder: Path) -> tuple[AwsBench, FakeTime]:
    """For a function whose lines come at moments of a clock that only waiting moves."""
    time = FakeTime()
    return AwsBench(LambdaPlatform(access, now=lambda: time.now), folder, time.clock), time


def _folder(call: Invoked) -> str:
    return call.event["ETL_PLATFORM"]["folder"].removeprefix("s3://art/")


def _put(service: LambdaService, key: str, content: dict[str, Any]) -> None:
    service.access.client("s3").put_object(Bucket="art", Key=key, Body=json.dumps(content).encode())


def write_claim(service: LambdaService, call: Invoked, now: float) -> None:
    """What the package in the function writes first."""
    claim = {
        "request_id": call.request_id,
        "log_group": f"/aws/lambda/{call.function}",
        "log_stream": call.stream,
        "started": now,
        "deadline": now + 600,
    }
    _put(service, f"{_folder(call)}/claim.json", claim)


def write_outcome(service: LambdaService, call: Invoked, now: float) -> None:
    """What it writes last."""
    outcome = {"status": "success", "started": now - 60, "ended": now, "result": None, "attempt": 1}
    _put(service, f"{_folder(call)}/outcome.json", outcome)


def record_intent(bench: AwsBench, request: RunRequest) -> None:
    """As a driver leaves it that died between submit and record."""
    bench.store.put_execution(records.started(request, "lambda", bench.clock.now()))


def seen_by_request_id(handle: Any, call: Invoked) -> Any:
    """The handle as if its claim were unknown: found by the request id of the invocation alone."""
    details = {**handle.details, "owned": False, "request_id": call.request_id}
    return handle.model_copy(update={"details": details})

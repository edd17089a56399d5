"""Requests and benches for the tests of Batch."""

from pathlib import Path
from typing import Any

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.batch import BatchPlatform
from etl_platform.platforms.protocol import RunRequest
from etl_platform_tests.platforms.aws_bench import AwsBench, FastTime
from etl_platform_tests.platforms.builders import config_of, job_of, request_of
from etl_platform_tests.platforms.fake_platform import FakeTime

SUBMIT = "batch:POST /v1/submitjob"
DESCRIBE = "batch:POST /v1/describejobs"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/etl:7"
HANDLER = "def handler(event, context):\n    print('at work')\n    return {'job': event['JOB_NAME']}\n"


def request_for(folder: Path, script: str = HANDLER, **changes: Any) -> RunRequest:
    (folder / "job.py").write_text(script)
    keys = {"job_queue": "queue", "job_definition": "theirs", "vcpus": 1, "memory_mb": 2048}
    execution = {"script_path": "job.py", "script_type": "python", **changes.pop("execution", {})}
    job_id = changes.pop("job_id", "orders")
    job = job_of(job_id, execution=execution, platform={**keys, **changes.pop("platform", {})})
    config = config_of(folder, job, artifacts={"s3_uri": "s3://art/etl"}, **changes.pop("settings", {}))
    # Jobs are found by the name of the execution, and the queue outlives a test.
    execution_id = changes.pop("execution_id", f"exec-{folder.name}")
    return request_of(config, job, execution_id, **{"timeout_seconds": 600.0, **changes})


def fast(access: AwsAccess, folder: Path) -> AwsBench:
    time = FastTime()
    return AwsBench(BatchPlatform(access, now=time.now), folder, time.clock)


def still(access: AwsAccess, folder: Path) -> tuple[AwsBench, FakeTime]:
    time = FakeTime()
    return AwsBench(BatchPlatform(access, now=lambda: time.now), folder, time.clock), time

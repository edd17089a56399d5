"""A job on AWS gets a reference to its secret, and reads it by itself."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_platform.platforms.artifacts import read, upload_file
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.secret_arguments import with_secrets
from etl_platform_tests.platforms.builders import config_of, job_of, request_of
from etl_platform_tests.tracking.stand_in import moto_server


@pytest.fixture(scope="module")
def access() -> Iterator[AwsAccess]:
    with moto_server() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        access = AwsAccess("us-east-1", url)
        access.client("s3").create_bucket(Bucket="art")
        access.client("secretsmanager").create_secret(
            Name="prod/db", SecretString=json.dumps({"password": "hunter2"})
        )
        yield access


def request_with_secret(folder: Path, provider: str = "aws_secrets_manager") -> RunRequest:
    job = job_of(execution={"script_path": "job.py", "arguments": {"dsn": "db://u:${SECRET:db.password}@h"}})
    config = config_of(
        folder,
        job,
        artifacts={"s3_uri": "s3://art/etl"},
        secrets={"provider": provider, "prefix": "prod/"},
    )
    (folder / "job.py").write_text("import sys\nprint(sys.argv[1:])\n")
    return request_of(config, job)


@pytest.mark.slow
def test_the_started_script_reads_the_secret_and_runs_the_job(access: AwsAccess, tmp_path: Path) -> None:
    request = request_with_secret(tmp_path)
    script = upload_file(access, request.config, tmp_path / "job.py")
    entry, arguments = with_secrets(access, request, script)
    assert "hunter2" not in json.dumps(arguments)
    started = tmp_path / "entry.py"
    started.write_bytes(read(access, entry) or b"")
    done = subprocess.run(
        [
            sys.executable,
            str(started),
            *(part for name, value in arguments.items() for part in (f"--{name}", value)),
        ],
        env={**os.environ, "AWS_ENDPOINT_URL": str(access.endpoint_url), "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(
        ["--JOB_NAME", "orders", "--EXECUTION_ID", "exec-1", "--dsn", "db://u:hunter2@h"]
    )


def test_a_job_without_secrets_starts_its_own_script(tmp_path: Path) -> None:
    job = job_of(execution={"sql": "select 1"})
    request = request_of(config_of(tmp_path, job), job)
    script, arguments = with_secrets(AwsAccess(), request, "s3://art/job.py")
    assert (script, arguments["JOB_NAME"]) == ("s3://art/job.py", "orders")


def test_a_secret_of_this_machine_cannot_go_to_aws(tmp_path: Path) -> None:
    with pytest.raises(NotRunnableError, match=r"`db\.password`.*provider `env`.*aws_secrets_manager"):
        with_secrets(AwsAccess(), request_with_secret(tmp_path, "env"), "s3://art/job.py")

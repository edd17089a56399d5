"""What `doctor` finds of an account."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl_platform.cli.doctor import _store  # the finding of the store alone: the others start Spark
from etl_platform.cli.doctor_aws import look_at_account
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform_tests.platforms.builders import config_of, job_of
from etl_platform_tests.tracking.stand_in import moto_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", url)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield url


def project(folder: Path, role: str = "etl", **settings: Any) -> Any:
    job = job_of(platform={"user_preference": "glue", "iam_role": role})
    return config_of(folder, job, profile="aws", aws_region="us-east-1", **settings)


def looks(config: Any) -> dict[str, tuple[str, str, str]]:
    return {look.part: (look.state, look.found, look.advice) for look in look_at_account(config)}


def test_a_role_that_is_missing_is_named_with_its_job(moto: str, tmp_path: Path) -> None:
    state, found, advice = looks(project(tmp_path, role="nobody"))["role"]
    assert (state, found) == ("broken", 'nobody of job "orders" does not exist')
    assert "etl-platform iam --role nobody" in advice


def test_a_bucket_that_is_missing_is_named(moto: str, tmp_path: Path) -> None:
    state, found, _ = looks(project(tmp_path, artifacts={"s3_uri": "s3://not-there/etl"}))["artifacts"]
    assert (state, found) == ("broken", "there is no bucket not-there")


def test_no_place_for_artifacts_names_the_key(moto: str, tmp_path: Path) -> None:
    state, _, advice = looks(project(tmp_path))["artifacts"]
    assert state == "broken" and "artifacts.s3_uri" in advice


def test_what_is_there_works(moto: str, tmp_path: Path) -> None:
    access = AwsAccess("us-east-1", moto)
    access.client("s3").create_bucket(Bucket="art")
    access.client("iam").create_role(RoleName="etl", AssumeRolePolicyDocument="{}")
    found = looks(project(tmp_path, artifacts={"s3_uri": "s3://art/etl"}))
    assert {part: state for part, (state, *_) in found.items()} == {
        "AWS account": "works",
        "artifacts": "works",
        "role": "works",
    }


def test_missing_tables_say_how_to_make_them(moto: str, tmp_path: Path) -> None:
    finding = _store(replace(project(tmp_path), profile="aws"))
    assert finding.state == "broken" and "tracking init" in finding.found + finding.advice


def test_no_credentials_say_so_and_nothing_else_is_asked(
    moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    # Another region, so that no client that was made before is used.
    job = job_of(platform={"user_preference": "glue"})
    config = config_of(tmp_path, job, profile="aws", aws_region="eu-west-1")
    ((part, (state, _, advice)),) = looks(config).items()
    assert (part, state) == ("AWS account", "broken") and "AWS_PROFILE" in advice

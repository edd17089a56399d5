"""`etl-platform deploy` on an account of moto."""

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform_tests.cli.commands import call
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Call, Reply, aws_stand_in
from etl_platform_tests.projects import write_project
from etl_platform_tests.tracking.stand_in import moto_server

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::123456789012:role/etl"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


class Project:
    """Glue jobs, and an account that takes UpdateJob, which moto does not know."""

    def __init__(self, folder: Path, aws: AwsStandIn):
        self.folder, self.aws = folder, aws
        self.client = AwsAccess("us-east-1", aws.backend).client("glue")
        self.write("orders")
        aws.answer("glue:UpdateJob", self._update)

    def write(self, *job_ids: str, **keys: Any) -> None:
        platform = {"user_preference": "glue", "allow_agent_override": False, "iam_role": ROLE, **keys}
        execution = {"script_path": "job.py"}
        jobs = [{"job_id": name, "execution": execution, "platform": platform} for name in job_ids]
        settings = {"aws_region": "us-east-1", "artifacts": {"s3_uri": "s3://art/etl"}}
        write_project(self.folder, jobs, scripts={"job.py": "print('hello')\n"}, settings=settings)

    def deploy(self, *arguments: str, **environment: str) -> CompletedProcess[str]:
        settings = {"ETL_PLATFORM_PROFILE": "aws", "AWS_ENDPOINT_URL": self.aws.url, **CREDENTIALS}
        return call(self.folder, "deploy", *arguments, **{**settings, **environment})

    def changes(self, *arguments: str) -> dict[str, tuple[str, list[str]]]:
        answer = self.deploy(*arguments, "--format", "json")
        assert answer.returncode == 0, answer.stderr
        return {each["name"]: (each["action"], each["differences"]) for each in json.loads(answer.stdout)}

    def jobs(self) -> set[str]:
        return set(self.client.list_jobs()["JobNames"])

    def foreign(self, name: str) -> None:
        command = {"Name": "glueetl", "ScriptLocation": "s3://theirs/job.py"}
        self.client.create_job(Name=name, Role="theirs", Command=command)

    def _update(self, call: Call) -> Reply:
        name, job = call.body["JobName"], call.body["JobUpdate"]
        self.client.delete_job(JobName=name)
        self.client.create_job(Name=name, Tags={"etl-platform": "owned"}, **job)
        return Reply({"JobName": name})


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def project(moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with aws_stand_in(moto) as aws:
        made = Project(tmp_path, aws)
        AwsAccess("us-east-1", moto).client("s3").create_bucket(Bucket="art")
        yield made
        for name in made.jobs():
            made.client.delete_job(JobName=name)


def test_a_dry_run_makes_nothing(project: Project) -> None:
    assert project.changes("--dry-run") == {"orders": ("create", [])}
    assert project.jobs() == set() and not project.aws.count("s3:PUT .*")


def test_a_second_deployment_has_nothing_to_do(project: Project) -> None:
    assert project.changes() == {"orders": ("create", [])}
    assert project.changes() == {"orders": ("keep", [])}
    assert project.aws.count("glue:CreateJob") == 1 and not project.aws.count("glue:UpdateJob")


def test_a_changed_key_is_shown_and_updated(project: Project) -> None:
    project.deploy()
    project.write("orders", dpu_count=6)
    difference = ["NumberOfWorkers: 10 → 6"]
    assert project.changes("--dry-run") == {"orders": ("update", difference)}
    assert project.changes() == {"orders": ("update", difference)}
    assert project.client.get_job(JobName="orders")["Job"]["NumberOfWorkers"] == 6
    assert project.changes() == {"orders": ("keep", [])}


def test_only_the_jobs_that_are_named(project: Project) -> None:
    project.write("orders", "customers")
    assert set(project.changes("customers")) == {"customers"} and project.jobs() == {"customers"}


def test_what_is_not_ours_is_neither_changed_nor_removed(project: Project) -> None:
    # moto keeps the tags of a job that was removed, so the name is one that no other test uses.
    project.write("shared_with_us")
    project.foreign("shared_with_us")
    assert project.changes() == {"shared_with_us": ("foreign", [])}
    assert project.changes("--destroy", "--yes") == {}
    assert project.jobs() == {"shared_with_us"} and not project.aws.count("glue:(UpdateJob|DeleteJob)")


def test_destroy_removes_all_that_carries_our_tag_also_of_jobs_that_are_gone(project: Project) -> None:
    project.write("orders", "customers")
    project.deploy()
    project.foreign("theirs")
    project.write("orders")
    assert set(project.changes("--destroy", "--dry-run")) == {"orders", "customers"}
    assert project.jobs() == {"orders", "customers", "theirs"}
    assert set(project.changes("--destroy", "--yes")) == {"orders", "customers"}
    assert project.jobs() == {"theirs"}


def test_destroy_asks_before_it_removes(project: Project) -> None:
    project.deploy()
    answer = project.deploy("--destroy")
    assert answer.returncode == 1 and "Glue job orders: remove" in answer.stderr
    assert project.jobs() == {"orders"}


def test_what_appears_after_it_was_asked_stays(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.deploy()

    def confirmed(*_: Any, **__: Any) -> bool:
        command = {"Name": "glueetl", "ScriptLocation": "s3://art/late.py"}
        project.client.create_job(Name="late", Role=ROLE, Command=command, Tags={"etl-platform": "owned"})
        return True

    monkeypatch.setattr("click.confirm", confirmed)
    assert project.deploy("--destroy").returncode == 0
    assert project.jobs() == {"late"}


@pytest.mark.usefixtures("no_waiting")
def test_throttling_is_waited_out(project: Project) -> None:
    for _ in range(6):
        project.aws.fail_next("glue:(GetJob|ListJobs)", "throttle")
    assert project.changes() == {"orders": ("create", [])}


def test_a_denied_call_names_the_statement_that_is_missing(project: Project) -> None:
    project.aws.fail_next("glue:CreateJob", "denied")
    answer = project.deploy()
    assert answer.returncode == 1 and "Traceback" not in answer.stderr
    assert '"Action": "glue:CreateJob"' in answer.stderr and "etl-platform iam" in answer.stderr


def test_a_job_without_a_role_says_which_key_to_set(project: Project) -> None:
    project.write("orders", iam_role=None)
    answer = project.deploy()
    assert answer.returncode == 1 and "platform.iam_role" in answer.stderr


def test_one_job_that_cannot_be_deployed_does_not_hold_up_the_others(project: Project) -> None:
    project.write("orders", "customers")
    project.aws.answer(
        "glue:CreateJob",
        lambda call: (
            Reply({"__type": "InvalidInputException", "Message": "no"}, 400)
            if call.body["Name"] == "orders"
            else None
        ),
    )
    answer = project.deploy()
    assert answer.returncode == 1 and "no" in answer.stderr
    assert project.jobs() == {"customers"} and "customers" in answer.stdout


def test_the_local_profile_has_no_account(project: Project) -> None:
    answer = project.deploy(ETL_PLATFORM_PROFILE="local")
    assert answer.returncode == 1 and "ETL_PLATFORM_PROFILE=aws" in answer.stderr


def test_many_jobs_with_nothing_to_do_take_few_calls(project: Project) -> None:
    names = [f"job_{number:03}" for number in range(120)]
    project.write(*names)
    project.deploy()
    project.aws.reset()
    assert {action for action, _ in project.changes().values()} == {"keep"}
    # Names in pages of a hundred, and definitions a hundred at a time.
    assert sum(project.aws.calls.values()) <= 5

"""The printed policies: they allow what runs call, on what they call it, and little else."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from etl_platform import platforms
from etl_platform.catalog.aws import IAM_ACTIONS, IAM_PREFIXES
from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.platforms import emr_serverless
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import PlatformError
from etl_platform.platforms.iam import ORCHESTRATOR, policies
from etl_platform.platforms.open import AWS_PLATFORMS, open_platform
from etl_platform.platforms.permissions import GRANTS
from etl_platform_tests.cli.commands import call
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Reply, aws_stand_in
from etl_platform_tests.platforms.builders import config_of, job_of, request_of
from etl_platform_tests.platforms.lambda_service import without_docker
from etl_platform_tests.projects import write_project
from etl_platform_tests.tracking.stand_in import moto_server

ROLE = "arn:aws:iam::123456789012:role/runs"
ACCOUNT = "us-east-1:123456789012"
KEYS: dict[PlatformName, dict[str, Any]] = {
    "glue": {"glue_job_name": "orders-glue", "iam_role": ROLE},
    "emr": {"service_role": "emr-service", "job_flow_role": "emr-nodes"},
    "emr_serverless": {"execution_role_arn": ROLE},
    "lambda": {"lambda_function_name": "orders-function", "iam_role": ROLE},
    "batch": {
        "job_queue": "queue",
        "job_definition": "123456789012.dkr.ecr.us-east-1.amazonaws.com/etl:7",
        "iam_role": ROLE,
    },
}


def job_on(name: PlatformName, **keys: Any) -> Job:
    kind = "python" if name in ("lambda", "batch") else "pyspark"
    return job_of(
        execution={"script_path": "job.py", "script_type": kind, "timeout_minutes": 5},
        platform={"user_preference": name, "allow_agent_override": False, **KEYS[name], **keys},
        target={"type": "s3", "path": "s3://lake/orders", "format": "csv"},
    )


def policy_of(config: Any, role: str = ORCHESTRATOR) -> list[dict[str, Any]]:
    return policies(config, "123456789012")[role]["Statement"]


def allowed(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    return any(
        action in statement["Action"] and any(fnmatchcase(resource, each) for each in statement["Resource"])
        for statement in statements
    )


def test_every_call_of_a_platform_is_among_its_actions() -> None:
    """Read from the source, so that a call that no test makes is found too."""
    folder = Path(platforms.__file__).parent
    prefixes: dict[PlatformName, str] = {
        "glue": "glue",
        "emr": "elasticmapreduce",
        "emr_serverless": "emr-serverless",
        "lambda": "lambda",
        "batch": "batch",
    }
    for name, prefix in prefixes.items():
        stem = "lambda_" if name == "lambda" else name
        files = [
            file for file in folder.glob(f"{stem}*.py") if name != "emr" or "serverless" not in file.name
        ]
        text = "\n".join(file.read_text() for file in files)
        called = {
            IAM_ACTIONS.get((prefix, operation), f"{prefix}:{operation}") for operation in operations_in(text)
        }
        known = {action for grant in GRANTS[name] for action in grant.actions}
        others = {"GetLogEvents", "FilterLogEvents", "GetMetricData", "GetResources", "GetRole"}
        elsewhere = {"ListObjectsV2", "GetObject", "PutObject", "HeadObject", "GetTable", "DeleteObject"}
        missing = {action for action in called - known if action.partition(":")[2] not in others | elsewhere}
        assert missing == set(), name
        assert called & known, name


def operations_in(text: str) -> Iterator[str]:
    """Operations of boto3 clients that a source calls, in AWS's spelling."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        if not isinstance(owner, ast.Name) or owner.id != "client":
            continue
        called = node.func.attr
        if called == "get_paginator" and isinstance(node.args[0], ast.Constant):
            called = str(node.args[0].value)
        if called not in ("get_waiter", "get_paginator", "exceptions"):
            yield "".join(part.capitalize() for part in called.split("_"))


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        without_docker(url)
        yield url


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsStandIn]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with aws_stand_in(moto) as stand_in:
        yield stand_in


@contextmanager
def called(access: AwsAccess, *services: str) -> Iterator[set[tuple[str, str]]]:
    """Actions and the ARNs that they are called on, as calls are made."""
    seen: set[tuple[str, str]] = set()

    def note(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        service = model.service_model.service_name
        prefix = {**IAM_PREFIXES, "resourcegroupstaggingapi": "tag"}.get(service, service)
        action = IAM_ACTIONS.get((service, model.name), f"{prefix}:{model.name}")
        seen.add((action, _resource(service, params, action)))

    clients = [access.client(service) for service in services] + [
        access.client(s, attempts=1) for s in services
    ]
    for client in clients:
        client.meta.events.register("before-parameter-build", note, unique_id="noting")
    try:
        yield seen
    finally:
        for client in clients:
            client.meta.events.unregister("before-parameter-build", unique_id="noting")


def _resource(service: str, params: Mapping[str, Any], action: str) -> str:
    """The ARN that IAM would look at; `*` where the action knows none."""
    match service:
        case "s3":
            bucket = f"arn:aws:s3:::{params.get('Bucket')}"
            return bucket if action == "s3:ListBucket" else f"{bucket}/{params.get('Key')}"
        case "glue" if params.get("DatabaseName"):
            return f"arn:aws:glue:{ACCOUNT}:table/{params['DatabaseName']}/{params['Name']}"
        case "glue" if name := params.get("JobName") or params.get("Name") or params.get("JobNames"):
            return f"arn:aws:glue:{ACCOUNT}:job/{name if isinstance(name, str) else name[0]}"
        case "lambda" if name := params.get("FunctionName") or params.get("Resource"):
            return f"arn:aws:lambda:{ACCOUNT}:function:{name.rpartition(':')[2]}"
        case "logs" if stream := params.get("logStreamName"):
            return f"arn:aws:logs:{ACCOUNT}:log-group:{params['logGroupName']}:log-stream:{stream}"
        case "logs":
            return f"arn:aws:logs:{ACCOUNT}:log-group:{params['logGroupName']}:*"
        case "emr" if (
            cluster := params.get("ClusterId") or params.get("JobFlowId") or params.get("JobFlowIds")
        ):
            cluster_id = cluster if isinstance(cluster, str) else cluster[0]
            return f"arn:aws:elasticmapreduce:{ACCOUNT}:cluster/{cluster_id}"
        case "emr-serverless" if application := params.get("applicationId"):
            run = f"/jobruns/{params['jobRunId']}" if "jobRunId" in params else ""
            return f"arn:aws:emr-serverless:{ACCOUNT}:/applications/{application}{run}"
        case "batch" if action == "batch:RegisterJobDefinition":
            return f"arn:aws:batch:{ACCOUNT}:job-definition/{params['jobDefinitionName']}"
        case "batch" if action == "batch:SubmitJob":
            return str(params["jobDefinition"])
        case "batch" if action == "batch:DeregisterJobDefinition":
            return str(params["jobDefinition"])
        case "batch" if action == "batch:TerminateJob":
            return f"arn:aws:batch:{ACCOUNT}:job/{params['jobId']}"
    return "*"


SERVICES = (
    *("glue", "emr", "emr-serverless", "lambda", "batch", "s3", "logs", "iam", "cloudwatch"),
    "resourcegroupstaggingapi",
)
AT_LEAST: dict[PlatformName, set[str]] = {
    "glue": {
        "CreateJob",
        "UpdateJob",
        "StartJobRun",
        "GetJobRun",
        "BatchStopJobRun",
        "DeleteJob",
        "ListJobs",
    },
    "emr": {
        "RunJobFlow",
        "DescribeCluster",
        "ListClusters",
        "ListSteps",
        "ListInstances",
        "TerminateJobFlows",
    },
    "emr_serverless": {
        *("CreateApplication", "StartJobRun", "ListJobRuns", "GetJobRun"),
        *("ListApplications", "DeleteApplication"),
    },
    "lambda": {"CreateFunction", "UpdateFunctionCode", "InvokeFunction", "FilterLogEvents", "GetResources"},
    "batch": {
        "RegisterJobDefinition",
        "SubmitJob",
        "DescribeJobs",
        "TerminateJob",
        "DeregisterJobDefinition",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", AWS_PLATFORMS)
def test_a_run_and_a_deployment_call_only_what_the_policy_allows(
    aws: AwsStandIn, tmp_path: Path, name: PlatformName, monkeypatch: pytest.MonkeyPatch
) -> None:
    # moto tells no bill, however long one waits.
    monkeypatch.setattr(emr_serverless, "SETTLES_WITHIN_SECONDS", 0.0)
    access = AwsAccess("us-east-1", aws.url, attempts=1)
    for bucket in ("art", "lake"):
        access.client("s3").create_bucket(Bucket=bucket)
    with suppress(access.client("iam").exceptions.EntityAlreadyExistsException):
        access.client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument="{}")
    if name == "batch":
        _queue(access)
    for missing in ("glue:UpdateJob", "glue:BatchStopJobRun"):
        aws.answer(missing, lambda _: Reply({}))
    # moto names a log group that Glue does not have.
    aws.rewrite("glue:GetJobRun", lambda _, told: {"JobRun": {**told["JobRun"], "LogGroupName": None}})
    aws.answer("lambda:POST .*/invocations", lambda _: Reply(b"", 202, (("x-amzn-RequestId", "request-1"),)))
    function = f"arn:aws:lambda:{ACCOUNT}:function:orders-function"
    aws.answer(
        "tagging:GetResources", lambda _: Reply({"ResourceTagMappingList": [{"ResourceARN": function}]})
    )
    job = job_on(name)
    config = config_of(
        tmp_path, job, profile="aws", aws_region="us-east-1", artifacts={"s3_uri": "s3://art/etl"}
    )
    request = request_of(config, job, "exec-2026-01-01-00000001", timeout_seconds=300.0)
    (tmp_path / "job.py").write_text("print('one')\n")
    with called(access, *SERVICES) as seen:
        _use(open_platform(name, access), request, tmp_path)
    statements = policy_of(config)
    refused = sorted((action, on) for action, on in seen if not allowed(statements, action, on))
    assert refused == []
    assert {action.partition(":")[2] for action, _ in seen} >= AT_LEAST[name]


def _use(platform: Any, request: Any, folder: Path) -> None:
    """Call all that a platform has; what moto lacks is asked for all the same."""
    job, config = request.job, request.config
    platform.deploy(job, config, dry_run=False)
    (folder / "job.py").write_text("print('two')\n")
    platform.prepare(request)
    handle = platform.submit(request)
    with suppress(PlatformError):
        platform.poll(handle)
    with suppress(PlatformError):
        platform.cancel(handle)
    old = handle.model_copy(update={"details": {**handle.details, "submitted": 1_000.0}})
    for look in (
        lambda: platform.poll(old),
        lambda: platform.read_logs(old, None),
        lambda: platform.find(request),
        lambda: platform.outcome(request, old),
    ):
        with suppress(PlatformError):
            look()
    for change in platform.owned():
        platform.remove(change)


def _queue(access: AwsAccess) -> None:
    batch = access.client("batch")
    made = batch.create_compute_environment(
        computeEnvironmentName="machines", type="UNMANAGED", state="ENABLED", serviceRole=ROLE
    )
    order = [{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}]
    batch.create_job_queue(jobQueueName="queue", state="ENABLED", priority=1, computeEnvironmentOrder=order)


class TestLeast:
    def of(self, folder: Path, name: PlatformName, **keys: Any) -> list[dict[str, Any]]:
        artifacts = {"s3_uri": "s3://art/etl"}
        config = config_of(folder, job_on(name, **keys), aws_region="us-east-1", artifacts=artifacts)
        return policy_of(config)

    @pytest.mark.parametrize("name", AWS_PLATFORMS)
    def test_what_changes_something_names_it_or_has_a_condition(
        self, tmp_path: Path, name: PlatformName
    ) -> None:
        look = re.compile(r":(Get|List|Describe|FilterLog|BatchGet)")
        loose = [
            statement["Sid"]
            for statement in self.of(tmp_path, name)
            if statement["Resource"] == ["*"]
            and "Condition" not in statement
            and not all(look.search(action) for action in statement["Action"])
        ]
        assert loose == []

    @pytest.mark.parametrize(
        ("name", "action", "own", "other"),
        [
            ("glue", "glue:StartJobRun", "glue:job/orders-glue", "glue:job/another"),
            ("lambda", "lambda:InvokeFunction", "lambda:function:orders-function", "lambda:function:another"),
            ("batch", "batch:SubmitJob", "batch:job-definition/orders:7", "batch:job-definition/another:7"),
            ("batch", "batch:SubmitJob", "batch:job-queue/queue", "batch:job-queue/another"),
            (
                "glue",
                "logs:GetLogEvents",
                "logs:log-group:/aws-glue/jobs/output:log-stream:1",
                "logs:log-group:/x:*",
            ),
        ],
    )
    def test_only_its_own(
        self, tmp_path: Path, name: PlatformName, action: str, own: str, other: str
    ) -> None:
        statements = self.of(tmp_path, name)
        for resource, expected in ((own, True), (other, False)):
            service, _, rest = resource.partition(":")
            assert allowed(statements, action, f"arn:aws:{service}:{ACCOUNT}:{rest}") is expected

    def test_a_named_application_is_the_only_one(self, tmp_path: Path) -> None:
        statements = self.of(tmp_path, "emr_serverless", application_id="00abc")
        arn = f"arn:aws:emr-serverless:{ACCOUNT}:/applications/"
        assert allowed(statements, "emr-serverless:StartJobRun", f"{arn}00abc")
        assert not allowed(statements, "emr-serverless:StartJobRun", f"{arn}00def")
        assert not any("emr-serverless:CreateApplication" in each["Action"] for each in statements)

    def test_a_named_cluster_is_the_only_one(self, tmp_path: Path) -> None:
        statements = self.of(tmp_path, "emr", cluster_id="j-1")
        arn = f"arn:aws:elasticmapreduce:{ACCOUNT}:cluster/"
        assert allowed(statements, "elasticmapreduce:AddJobFlowSteps", f"{arn}j-1")
        assert not allowed(statements, "elasticmapreduce:AddJobFlowSteps", f"{arn}j-2")
        actions = {action for each in statements for action in each["Action"]}
        assert not actions & {
            "elasticmapreduce:RunJobFlow",
            "elasticmapreduce:TerminateJobFlows",
            "iam:PassRole",
        }

    def test_clusters_are_ended_only_where_they_are_ours(self, tmp_path: Path) -> None:
        (ending,) = [
            each
            for each in self.of(tmp_path, "emr")
            if "elasticmapreduce:TerminateJobFlows" in each["Action"]
        ]
        assert ending["Condition"] == {"StringEquals": {"elasticmapreduce:ResourceTag/etl-platform": "owned"}}

    def test_each_service_gets_its_own_roles(self, tmp_path: Path) -> None:
        passed = {
            each["Condition"]["StringEquals"]["iam:PassedToService"]: each["Resource"]
            for each in self.of(tmp_path, "emr")
            if each["Action"] == ["iam:PassRole"]
        }
        assert passed == {
            "ec2.amazonaws.com": ["arn:aws:iam::123456789012:role/emr-nodes"],
            "elasticmapreduce.amazonaws.com": ["arn:aws:iam::123456789012:role/emr-service"],
        }


MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"


class TestAskedModel:
    def statement(self, folder: Path, model_id: str) -> dict[str, Any]:
        model = {"provider": "bedrock", "model_id": model_id, "region": "eu-west-1"}
        config = config_of(folder, job_on("glue"), aws_region="us-east-1", agents={"model": model})
        return next(each for each in policy_of(config) if each["Sid"] == "AskModel")

    @pytest.mark.parametrize("area", ["", "us.", "eu.", "apac.", "jp.", "au.", "us-gov.", "global."])
    def test_a_profile_of_any_area_is_granted_with_the_model_behind_it(
        self, tmp_path: Path, area: str
    ) -> None:
        assert self.statement(tmp_path, area + MODEL)["Resource"] == [
            f"arn:aws:bedrock:*::foundation-model/{MODEL}",
            f"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/{area}{MODEL}",
        ]

    def test_a_profile_of_the_team_s_own_is_granted_by_its_arn(self, tmp_path: Path) -> None:
        arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
        assert self.statement(tmp_path, arn)["Resource"] == [
            "arn:aws:bedrock:*::foundation-model/*",
            arn,
        ]


def test_who_asks_redshift_about_rules_may_do_so_in_batches_and_the_jobs_need_not(tmp_path: Path) -> None:
    source = {"name": "t", "source_type": "redshift", "cluster": "dwh", "database": "dev", "table": "t"}
    job = job_on("glue").model_copy(update={"data_sources": job_of(data_sources=[source]).data_sources})
    config, place = config_of(tmp_path, job), f"arn:aws:redshift:{ACCOUNT}:cluster:dwh"
    batches = "redshift-data:BatchExecuteStatement"
    assert allowed(policy_of(config), batches, place)
    assert not allowed(policy_of(config, ROLE), batches, place)


class TestCommand:
    def test_sids_are_unique_and_of_letters_and_digits(self) -> None:
        retail = Path(__file__).parents[2] / "examples" / "retail"
        answer = call(retail, "iam", "--account", "123456789012")
        for policy in json.loads(answer.stdout).values():
            sids = [statement["Sid"] for statement in policy["Statement"]]
            assert len(set(sids)) == len(sids) and all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)

    def test_tables_in_unknown_places_are_told_in_one_sentence(self) -> None:
        answer = call(Path(__file__).parents[2] / "examples" / "retail", "iam", "--role", "orchestrator")
        assert set(json.loads(answer.stdout)) == {"Version", "Statement"}
        assert answer.stderr.count("s3:ListBucket") == 1 and "master_db.customers" in answer.stderr

    def test_a_role_that_nobody_has_is_told_with_those_that_are(self, tmp_path: Path) -> None:
        job = job_on("glue").model_dump(mode="json", exclude_unset=True)
        write_project(tmp_path, [job], scripts={"job.py": ""})
        answer = call(tmp_path, "iam", "--role", "x")
        assert answer.returncode == 2 and "orchestrator" in answer.stderr and ROLE in answer.stderr

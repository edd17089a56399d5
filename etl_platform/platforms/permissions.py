"""The calls that each platform makes, on what, and which platforms a configuration uses.

Which actions know resources and which conditions they take is from the AWS Service Authorization Reference,
"Actions, resources, and condition keys" of each service.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.platforms.batch_definition import image_of
from etl_platform.platforms.glue_job import command_of, glue_job_name
from etl_platform.platforms.lambda_function import function_name
from etl_platform.platforms.ownership import JOB_TAG, OWNER_TAG

EVERY = ("*",)
"""For actions that know no resource."""

_OURS = {"StringEquals": {f"aws:ResourceTag/{OWNER_TAG}": "owned"}}
_TO_BE_OURS = {"StringEquals": {f"aws:RequestTag/{OWNER_TAG}": "owned"}}


@dataclass(frozen=True)
class Grant:
    """Some actions on some resources.

    Attributes:
        title: What it is for, in letters.
        actions: IAM actions.
        resources: `service:resource`, as an ARN ends, with names of the job in braces; `*` for actions that
            know no resource. One whose name the job has not is left out.
        condition: As IAM writes it; None: always.
    """

    title: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = EVERY
    condition: Mapping[str, Mapping[str, str]] | None = None


_GLUE_JOBS = ("glue:job/{glue_job}", "glue:job/{glue_checks}")
_CLUSTER = ("elasticmapreduce:cluster/{cluster}",)
_APPLICATION = ("emr-serverless:/applications/{application}",)
_JOB_RUNS = ("emr-serverless:/applications/{application}/jobruns/*",)
_OUR_APPLICATIONS = ("emr-serverless:/applications/{own_application}",)
_FUNCTION = ("lambda:function:{function}",)
_ROLE = Grant("FindRoles", ("iam:GetRole",), ("iam::role/{named_role}",))

GRANTS: Mapping[PlatformName, tuple[Grant, ...]] = {
    "glue": (
        Grant(
            "Runs",
            ("glue:BatchStopJobRun", "glue:GetJob", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"),
            _GLUE_JOBS,
        ),
        Grant("Definitions", ("glue:CreateJob", "glue:TagResource", "glue:UpdateJob"), _GLUE_JOBS),
        Grant("FindDefinitions", ("glue:ListJobs",)),
        # All that carry our tag, also of jobs that the configuration does not have any more.
        Grant("ReadDefinitions", ("glue:BatchGetJobs",), ("glue:job/*",)),
        Grant("RemoveDefinitions", ("glue:DeleteJob",), ("glue:job/*",), _OURS),
        Grant(
            "Logs",
            ("logs:GetLogEvents",),
            ("logs:log-group:/aws-glue/jobs/*", "logs:log-group:/aws-glue/python-jobs/*"),
        ),
        Grant("Metrics", ("cloudwatch:GetMetricData",)),
    ),
    "emr": (
        Grant("Start", ("elasticmapreduce:RunJobFlow",), EVERY, _TO_BE_OURS),
        Grant("TagClusters", ("elasticmapreduce:AddTags",), ("elasticmapreduce:{transient}",), _TO_BE_OURS),
        Grant("FindClusters", ("elasticmapreduce:ListClusters",)),
        Grant(
            "Clusters",
            (
                "elasticmapreduce:DescribeCluster",
                "elasticmapreduce:ListInstances",
                "elasticmapreduce:ListSteps",
                "elasticmapreduce:TerminateJobFlows",
            ),
            ("elasticmapreduce:{transient}",),
            {"StringEquals": {f"elasticmapreduce:ResourceTag/{OWNER_TAG}": "owned"}},
        ),
        Grant(
            "Steps",
            (
                "elasticmapreduce:AddJobFlowSteps",
                "elasticmapreduce:CancelSteps",
                "elasticmapreduce:DescribeCluster",
                "elasticmapreduce:ListInstances",
                "elasticmapreduce:ListSteps",
            ),
            _CLUSTER,
        ),
    ),
    "emr_serverless": (
        Grant("Start", ("emr-serverless:ListJobRuns", "emr-serverless:StartJobRun"), _APPLICATION),
        Grant("Runs", ("emr-serverless:CancelJobRun", "emr-serverless:GetJobRun"), _JOB_RUNS),
        Grant("Tags", ("emr-serverless:TagResource",), (*_JOB_RUNS, *_OUR_APPLICATIONS)),
        Grant("FindApplications", ("emr-serverless:ListApplications",)),
        Grant("MakeApplications", ("emr-serverless:CreateApplication",), EVERY, _TO_BE_OURS),
        # To see whether it carries our tag.
        Grant("ReadApplications", ("emr-serverless:GetApplication",), _OUR_APPLICATIONS),
        Grant(
            "Applications",
            (
                "emr-serverless:DeleteApplication",
                "emr-serverless:StopApplication",
                "emr-serverless:UpdateApplication",
            ),
            _OUR_APPLICATIONS,
            _OURS,
        ),
        Grant("Logs", ("logs:GetLogEvents",), ("logs:log-group:/aws/emr-serverless:*",)),
    ),
    "lambda": (
        Grant(
            "Runs",
            (
                "lambda:GetFunction",
                "lambda:GetFunctionConcurrency",
                "lambda:GetFunctionEventInvokeConfig",
                "lambda:InvokeFunction",
                "lambda:ListTags",
            ),
            _FUNCTION,
        ),
        Grant(
            "Functions",
            (
                "lambda:CreateFunction",
                "lambda:PutFunctionConcurrency",
                "lambda:PutFunctionEventInvokeConfig",
                "lambda:TagResource",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
            ),
            _FUNCTION,
        ),
        Grant("FindFunctions", ("tag:GetResources",)),
        Grant(
            "RemoveFunctions", ("lambda:DeleteFunction", "lambda:GetFunction"), ("lambda:function:*",), _OURS
        ),
        _ROLE,
        Grant(
            "Logs",
            ("logs:FilterLogEvents", "logs:GetLogEvents"),
            ("logs:log-group:/aws/lambda/{function}:*",),
        ),
    ),
    "batch": (
        Grant(
            "Look",
            (
                "batch:DescribeComputeEnvironments",
                "batch:DescribeJobDefinitions",
                "batch:DescribeJobQueues",
                "batch:DescribeJobs",
                "batch:ListJobs",
            ),
        ),
        Grant(
            "Submit",
            ("batch:SubmitJob",),
            ("batch:job-definition/{definition}:*", "batch:job-queue/{queue}"),
        ),
        Grant("Tags", ("batch:TagResource",), ("batch:job/*", "batch:job-definition/{own_definition}:*")),
        Grant(
            "Stop",
            ("batch:TerminateJob",),
            ("batch:job/*",),
            {"StringLike": {f"aws:ResourceTag/{JOB_TAG}": "*"}},
        ),
        Grant(
            "Definitions",
            ("batch:RegisterJobDefinition",),
            ("batch:job-definition/{own_definition}",),
        ),
        Grant("RemoveDefinitions", ("batch:DeregisterJobDefinition",), ("batch:job-definition/*",), _OURS),
        _ROLE,
        Grant("Logs", ("logs:GetLogEvents",), ("logs:log-group:/aws/batch/job:*",)),
    ),
    "local": (),
}
"""Platform to what it must be allowed."""

CHECKS = "__checks"
"""Behind a job's id: the job that counts what breaks its rules on a cluster."""

SERVICE_PRINCIPALS: Mapping[PlatformName, str] = {
    "glue": "glue.amazonaws.com",
    "emr": "ec2.amazonaws.com",
    "emr_serverless": "emr-serverless.amazonaws.com",
    "lambda": "lambda.amazonaws.com",
    "batch": "ecs-tasks.amazonaws.com",
}
"""Platform to the service that takes the roles of its runs."""


def used_platforms(job: Job) -> tuple[PlatformName, ...]:
    """The platforms in the account that a job names: its preference, and those it may be moved to.

    A job that names none may run on any that fits; what that is, is decided at each run.
    """
    settings = job.platform
    preferred: list[PlatformName] = [settings.user_preference] if settings.user_preference else []
    allowed: list[PlatformName] = settings.allowed_platforms or []
    movable = settings.allow_agent_override or settings.auto_select_platform or not preferred
    named: list[PlatformName] = preferred + (allowed if movable else [])
    return tuple(name for at, name in enumerate(named) if name != "local" and name not in named[:at])


def grants_of(job: Job, platform: PlatformName) -> Iterator[Grant]:
    """What a job needs on a platform, its names put in; what it does not use there is left out."""
    names = {name: value for name, value in _names(job).items() if value is not None}
    for grant in GRANTS[platform]:
        if platform == "emr" and job.platform.cluster_id is not None and grant.title in _OF_OWN_CLUSTERS:
            continue
        if platform == "emr_serverless" and "own_application" not in names and "Applications" in grant.title:
            continue
        resources = tuple(
            resource.format_map(names)
            for resource in grant.resources
            if not any(f"{{{name}}}" in resource for name in _names(job).keys() - names.keys())
        )
        if resources:
            yield Grant(grant.title, grant.actions, resources, grant.condition)


_OF_OWN_CLUSTERS = ("Start", "TagClusters", "FindClusters", "Clusters")


def _names(job: Job) -> dict[str, str | None]:
    """The names that a job has on the platforms; None: it has none."""
    keys = job.platform
    spark = command_of(job) != "pythonshell"
    own_definition = job.job_id if image_of(job) else None
    definition = own_definition or (keys.job_definition or "*").rpartition("/")[2].partition(":")[0]
    role = keys.iam_role if keys.iam_role and not keys.iam_role.startswith("arn:") else None
    return {
        "glue_job": glue_job_name(job),
        "glue_checks": f"{job.job_id}{CHECKS}" if spark else None,
        "cluster": keys.cluster_id,
        "transient": None if keys.cluster_id else "cluster/*",
        "application": keys.application_id or "*",
        "own_application": None if keys.application_id else "*",
        "function": function_name(job),
        "definition": definition,
        "own_definition": own_definition,
        "queue": (keys.job_queue or "*").rpartition("/")[2],
        "named_role": role,
    }


def without_platform(jobs: Sequence[Job]) -> list[str]:
    """Ids of the jobs that name no platform in the account."""
    return [job.job_id for job in jobs if not used_platforms(job) and job.platform.user_preference != "local"]

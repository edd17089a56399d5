"""The calls that each platform makes, and which platforms a configuration uses."""

from collections.abc import Mapping

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job

_LOGS: tuple[str, ...] = ("logs:GetLogEvents",)

ACTIONS: Mapping[PlatformName, Mapping[str, tuple[str, ...]]] = {
    "glue": {
        "Run": (
            "cloudwatch:GetMetricData",
            "glue:BatchStopJobRun",
            "glue:GetJob",
            "glue:GetJobRun",
            "glue:GetJobRuns",
            "glue:GetTags",
            "glue:StartJobRun",
            *_LOGS,
        ),
        "Deploy": ("glue:CreateJob", "glue:DeleteJob", "glue:GetJobs", "glue:TagResource", "glue:UpdateJob"),
    },
    "emr": {
        "Run": (
            "elasticmapreduce:AddJobFlowSteps",
            "elasticmapreduce:AddTags",
            "elasticmapreduce:CancelSteps",
            "elasticmapreduce:DescribeCluster",
            "elasticmapreduce:DescribeStep",
            "elasticmapreduce:ListClusters",
            "elasticmapreduce:ListInstances",
            "elasticmapreduce:ListSteps",
            "elasticmapreduce:RunJobFlow",
            "elasticmapreduce:TerminateJobFlows",
        ),
    },
    "emr_serverless": {
        "Run": (
            "emr-serverless:CancelJobRun",
            "emr-serverless:GetJobRun",
            "emr-serverless:ListJobRuns",
            "emr-serverless:StartJobRun",
            *_LOGS,
        ),
        "Deploy": (
            "emr-serverless:CreateApplication",
            "emr-serverless:DeleteApplication",
            "emr-serverless:GetApplication",
            "emr-serverless:ListApplications",
            "emr-serverless:ListTagsForResource",
            "emr-serverless:StopApplication",
            "emr-serverless:TagResource",
            "emr-serverless:UpdateApplication",
        ),
    },
    "lambda": {
        "Run": (
            "lambda:GetFunction",
            "lambda:GetFunctionConcurrency",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:InvokeFunction",
            "logs:FilterLogEvents",
            *_LOGS,
        ),
        "Deploy": (
            "iam:GetRole",
            "lambda:CreateFunction",
            "lambda:DeleteFunction",
            "lambda:ListTags",
            "lambda:PutFunctionConcurrency",
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:TagResource",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "tag:GetResources",
        ),
    },
    "batch": {
        "Run": (
            "batch:DescribeComputeEnvironments",
            "batch:DescribeJobDefinitions",
            "batch:DescribeJobQueues",
            "batch:DescribeJobs",
            "batch:ListJobs",
            "batch:SubmitJob",
            "batch:TagResource",
            "batch:TerminateJob",
            *_LOGS,
        ),
        "Deploy": ("batch:DeregisterJobDefinition", "batch:RegisterJobDefinition", "iam:GetRole"),
    },
    "local": {},
}
"""Platform to its IAM actions, by what they are for."""

SERVICE_PRINCIPALS: Mapping[PlatformName, tuple[str, ...]] = {
    "glue": ("glue.amazonaws.com",),
    "emr": ("ec2.amazonaws.com", "elasticmapreduce.amazonaws.com"),
    "emr_serverless": ("emr-serverless.amazonaws.com",),
    "lambda": ("lambda.amazonaws.com",),
    "batch": ("ecs-tasks.amazonaws.com",),
    "local": (),
}
"""Platform to the services that take the roles of its jobs."""


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

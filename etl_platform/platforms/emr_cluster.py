"""What EMR is asked for: a cluster that lives for one run, and the step that runs the script."""

from typing import Any

from etl_platform.config.models.job import Job
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.spark_submit import (
    DEFAULT_INSTANCE,
    DEFAULT_RELEASE,
    SparkSubmission,
    run_name,
    run_tags,
)
from etl_platform.pricing.emr import spot_workers

DEFAULT_INSTANCES = 3
"""A primary and two core nodes, as EMR's own console starts with."""

LIMIT_SLACK_SECONDS = 120
"""The cluster ends the script itself this long after its time limit, if nobody did before."""

SPOT_WAIT_MINUTES = 20
"""How long EMR looks for spot capacity before it takes on-demand instances instead."""

_GLUE_CATALOG = "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory"
"""Makes the Glue catalog Spark's metastore (Amazon EMR Release Guide, "Use the AWS Glue Data Catalog")."""


def check_cluster(job: Job) -> None:
    """Refuse a job that names neither a cluster nor the roles to start one.

    Raises:
        NotRunnableError: The message names the keys.
    """
    missing = [key for key in ("service_role", "job_flow_role") if getattr(job.platform, key) is None]
    if missing:
        raise NotRunnableError(
            f'job "{job.job_id}": EMR needs a running cluster (platform.cluster_id), or, to start one for '
            f"the run, {' and '.join(f'platform.{key}' for key in missing)}."
        )


def cluster_request(request: RunRequest, step: dict[str, Any], log_uri: str) -> dict[str, Any]:
    """The arguments of RunJobFlow for a cluster that ends with its one step.

    It ends by itself also where nobody looks after it any more: without a step, with a failed one, and when
    it has been idle for as long as the run may take.
    """
    keys = request.job.platform
    limit = int(request.timeout_seconds) + LIMIT_SLACK_SECONDS
    return {
        "Name": run_name(request),
        "LogUri": log_uri + "/",
        "ReleaseLabel": keys.release_label or DEFAULT_RELEASE,
        "Applications": [{"Name": "Spark"}],
        "Configurations": [
            {
                "Classification": "spark-hive-site",
                "Properties": {"hive.metastore.client.factory.class": _GLUE_CATALOG},
            },
            # The run has the cluster for itself.
            {"Classification": "spark", "Properties": {"maximizeResourceAllocation": "true"}},
        ],
        "Instances": {
            **_instances(request),
            "KeepJobFlowAliveWhenNoSteps": False,
            "TerminationProtected": False,
        },
        # From a minute to seven days.
        "AutoTerminationPolicy": {"IdleTimeout": min(max(limit, 60), 604_800)},
        "Steps": [step],
        "ServiceRole": keys.service_role,
        "JobFlowRole": keys.job_flow_role,
        "VisibleToAllUsers": True,
        "Tags": [{"Key": key, "Value": value} for key, value in run_tags(request).items()],
    }


def spark_step(
    request: RunRequest, submission: SparkSubmission, platform_conf: dict[str, str], *, transient: bool
) -> dict[str, Any]:
    """A step that runs spark-submit, its driver on the primary node, so that its output is the step's log.

    Args:
        request: What is run.
        submission: The script.
        platform_conf: Settings that the job's own win over.
        transient: Whether the cluster is the run's own.
    """
    # On the command line nothing of the cluster's or the user's spark-defaults can displace them.
    pipes = dict(request.pipes)
    in_cluster_mode = {f"spark.yarn.appMasterEnv.{name}": value for name, value in pipes.items()}
    conf = {**platform_conf, **submission.conf, **in_cluster_mode}
    limit = int(request.timeout_seconds) + LIMIT_SLACK_SECONDS
    return {
        "Name": run_name(request),
        "ActionOnFailure": "TERMINATE_CLUSTER" if transient else "CONTINUE",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                # The run has an end also where the process that watches it has died.
                *("timeout", "--kill-after=60", str(limit)),
                *("env", *(f"{name}={value}" for name, value in pipes.items())),
                *("spark-submit", "--deploy-mode", conf.pop("spark.submit.deployMode", "client")),
                *(part for name, value in conf.items() for part in ("--conf", f"{name}={value}")),
                *submission.files(),
                submission.script,
                *submission.arguments,
            ],
        },
    }


def spot_nodes(request: RunRequest) -> int:
    """How many nodes may be spot: task nodes only, so that a primary and a core node stay whatever happens.

    None of them where an attempt before this one lost its spot capacity.
    """
    if request.decision is not None and request.decision.on_demand:
        return 0
    job = request.job
    return spot_workers(job.cost.spot_instances, job.platform.instance_count or DEFAULT_INSTANCES)


def _instances(request: RunRequest) -> dict[str, Any]:
    keys = request.job.platform
    count = keys.instance_count or DEFAULT_INSTANCES
    primary = keys.instance_type or DEFAULT_INSTANCE
    worker = keys.core_instance_type or primary
    task = spot_nodes(request)
    nodes = {"MASTER": (primary, 1), "CORE": (worker, count - 1 - task), "TASK": (worker, task)}
    wanted = {role: node for role, node in nodes.items() if node[1] > 0}
    if not task:
        groups = [
            {"InstanceRole": role, "InstanceType": kind, "InstanceCount": number, "Market": "ON_DEMAND"}
            for role, (kind, number) in wanted.items()
        ]
        return {"InstanceGroups": groups, **({"Ec2SubnetId": keys.subnet_id} if keys.subnet_id else {})}
    # A fleet takes on-demand instances where there is no spot capacity; a group would wait for ever.
    fleets = [
        {
            "InstanceFleetType": role,
            "TargetSpotCapacity" if role == "TASK" else "TargetOnDemandCapacity": number,
            "InstanceTypeConfigs": [{"InstanceType": kind, "WeightedCapacity": 1}],
            **(_SPOT if role == "TASK" else {}),
        }
        for role, (kind, number) in wanted.items()
    ]
    return {"InstanceFleets": fleets, **({"Ec2SubnetIds": [keys.subnet_id]} if keys.subnet_id else {})}


_SPOT = {
    "LaunchSpecifications": {
        "SpotSpecification": {
            "TimeoutDurationMinutes": SPOT_WAIT_MINUTES,
            "TimeoutAction": "SWITCH_TO_ON_DEMAND",
            "AllocationStrategy": "price-capacity-optimized",
        }
    }
}

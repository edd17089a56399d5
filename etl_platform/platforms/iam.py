"""The least that AWS must allow, for what a configuration does: one policy for each role."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from etl_platform.config.models import data_sources as sources
from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.config.secrets import SECRET, aws_reference
from etl_platform.platforms.iam_statements import Arns, Statement, merged, reading, word, writing
from etl_platform.platforms.permissions import EVERY, SERVICE_PRINCIPALS, grants_of, used_platforms

ORCHESTRATOR = "orchestrator"
"""Who Dagster runs as."""

_ROLE_KEYS: Mapping[PlatformName, str] = {"emr": "job_flow_role", "emr_serverless": "execution_role_arn"}
"""The key that names the role of a run, where it is not `iam_role`."""


_PROFILE_AREA = re.compile(r"^(?:global|us-gov|us|eu|apac|jp|au)\.")
"""What the id of a cross-region inference profile has before the model's own: the area that it serves (the
list is CrossRegionInferenceProfileRegion of the AWS CDK)."""


def policies(config: Config, account: str = "*") -> dict[str, dict[str, Any]]:
    """Role to the policy that it needs: `orchestrator`, and each role that jobs run under.

    The service role of EMR is not among them: AWS keeps its policy, `AmazonEMRServicePolicy_v2`.

    Args:
        config: The configuration.
        account: Account id for the ARNs.
    """
    arns = Arns(config.settings.aws_region or "*", account)
    roles: dict[str, list[Job]] = defaultdict(list)
    for job in config.jobs:
        for platform in used_platforms(job):
            roles[_role(job, platform)].append(job)
    needed = {ORCHESTRATOR: list(_orchestrator(config, arns))}
    for role, jobs in roles.items():
        needed[role] = list(_job_role(config, arns, role, list({job.job_id: job for job in jobs}.values())))
    return {
        role: {"Version": "2012-10-17", "Statement": [each.document() for each in merged(statements)]}
        for role, statements in needed.items()
    }


def _role(job: Job, platform: PlatformName) -> str:
    """The role of a job's runs; where none is configured, which key of which job would name it."""
    key = _ROLE_KEYS.get(platform, "iam_role")
    return getattr(job.platform, key) or f"<platform.{key} of {job.job_id}>"


def _orchestrator(config: Config, arns: Arns) -> Iterator[Statement]:
    yield from _on_platforms(config, arns)
    yield from _passed_roles(config, arns)
    if uri := config.settings.artifacts.s3_uri:
        yield from writing("Artifacts", [uri])
    if config.settings.tracking.backend != "sqlite":
        yield from _tracked(config.settings.tracking.table_prefix, arns)
    yield from _measured(config, arns)
    yield from _bad_rows(config, arns)
    yield from _told(config, arns)
    yield from _asked(config, arns)
    yield from _secrets(config, arns, _orchestrator_secrets(config))


def _on_platforms(config: Config, arns: Arns) -> Iterator[Statement]:
    """What runs and `deploy` call."""
    for job in config.jobs:
        for platform in used_platforms(job):
            for grant in grants_of(job, platform):
                resources = tuple(_arn(resource, arns) for resource in grant.resources)
                yield Statement(word(platform) + grant.title, grant.actions, resources, grant.condition)


def _arn(resource: str, arns: Arns) -> str:
    if resource in EVERY:
        return resource
    service, _, rest = resource.partition(":")
    return arns.role(rest.removeprefix(":role/")) if service == "iam" else arns.of(service, rest)


def _passed_roles(config: Config, arns: Arns) -> Iterator[Statement]:
    """Services that start something under a role, and the roles; each service gets its own ones only."""
    passed: dict[str, dict[str, None]] = defaultdict(dict)
    for job in config.jobs:
        keys = job.platform
        for platform in used_platforms(job):
            if platform == "emr" and keys.cluster_id is not None:
                continue
            service = SERVICE_PRINCIPALS[platform]
            roles = {service: _role(job, platform)}
            if platform == "emr" and keys.service_role:
                roles["elasticmapreduce.amazonaws.com"] = keys.service_role
            for taker, role in roles.items():
                passed[taker] |= {} if role.startswith("<") else {arns.role(role): None}
            if platform == "batch" and keys.execution_role_arn:
                passed[service][keys.execution_role_arn] = None
    for service, roles in passed.items():
        if roles:
            condition = {"StringEquals": {"iam:PassedToService": service}}
            yield Statement(
                f"PassTo{word(service.partition('.')[0])}", ("iam:PassRole",), tuple(roles), condition
            )


def _tracked(prefix: str, arns: Arns) -> Iterator[Statement]:
    """The records, and their tables, which `tracking init` makes."""
    tables = arns.of("dynamodb", f"table/{prefix}*")
    yield Statement(
        "Tracking",
        (
            "dynamodb:BatchGetItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:DescribeTable",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:Scan",
            "dynamodb:UpdateItem",
        ),
        (tables, f"{tables}/index/*"),
    )
    yield Statement(
        "TrackingTables",
        (
            "dynamodb:CreateTable",
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTable",
            "dynamodb:UpdateTimeToLive",
        ),
        (tables,),
    )


def _bad_rows(config: Config, arns: Arns) -> Iterator[Statement]:
    """Where rows of a target go that break rules; those of sources go to the artifacts."""
    uris: dict[str, None] = {}
    queues: dict[str, None] = {}
    for job in config.jobs:
        quality, target = job.data_quality, job.target
        rules = [
            *quality.completeness_checks,
            *quality.accuracy_rules,
            *quality.referential_integrity,
            *quality.custom_validations,
            *([quality.duplicate_check] if quality.duplicate_check else []),
        ]
        if target and target.path and any(rule.action == "quarantine" for rule in rules):
            path = target.path.rstrip("/")
            uris |= {path: None, f"{path}_quarantine": None}
        if quality.dead_letter_queue_url:
            queues[arns.queue(quality.dead_letter_queue_url)] = None
    yield from writing("BadRows", uris)
    if queues:
        yield Statement("DeadLetters", ("sqs:SendMessage",), tuple(queues))


def _asked(config: Config, arns: Arns) -> Iterator[Statement]:
    """The model that agents ask."""
    model = config.settings.agents.model
    if model.provider in (None, "bedrock") and model.model_id:
        here, model_id = replace(arns, region=model.region or arns.region), model.model_id
        profile = here.of("bedrock", f"inference-profile/{model_id}")
        if model_id.startswith("arn:"):
            # A profile of the team's own does not tell which model it is of.
            profile, model_id = model_id, "*"
        yield Statement(
            "AskModel",
            ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"),
            # A model that stands in several regions is asked by a profile of the account.
            (f"arn:aws:bedrock:*::foundation-model/{_PROFILE_AREA.sub('', model_id)}", profile),
        )


def _measured(config: Config, arns: Arns) -> Iterator[Statement]:
    """What sizing the sources and targets asks for."""
    tables, paths, others = _data(config.jobs)
    if tables:
        actions = ("glue:GetTable", "glue:GetPartitions")
        yield Statement("MeasureTables", actions, _flat(arns.table(*table) for table in tables))
    if paths:
        yield from reading("MeasureFiles", paths)
    for source in others:
        yield from _other_source(source, arns)


def _told(config: Config, arns: Arns) -> Iterator[Statement]:
    notifications = config.settings.notifications
    if notifications.sns.enabled and notifications.sns.topic_arn:
        yield Statement("TellTopic", ("sns:Publish",), (notifications.sns.topic_arn,))
    if notifications.email.enabled and notifications.email.backend == "ses":
        yield Statement("TellByMail", ("ses:SendEmail",), (arns.of("ses", "identity/*"),))


def _job_role(config: Config, arns: Arns, role: str, jobs: list[Job]) -> Iterator[Statement]:
    """What the jobs themselves do while they run."""
    tables, paths, others = _data(jobs, targets=False)
    written = {
        (job.target.database, job.target.table)
        for job in jobs
        if job.target and job.target.type == "glue_catalog"
    }
    if tables:
        actions = ("glue:GetDatabase", "glue:GetTable", "glue:GetPartitions")
        # Spark asks for the database `default` whatever it reads.
        default = arns.of("glue", "database/default")
        yield Statement("ReadTables", actions, (default, *_flat(arns.table(*table) for table in tables)))
    if written:
        yield Statement(
            "WriteTables",
            (
                "glue:BatchCreatePartition",
                "glue:CreateTable",
                "glue:DeletePartition",
                # Spark replaces a table by dropping it first.
                "glue:DeleteTable",
                "glue:GetDatabase",
                "glue:GetPartitions",
                "glue:GetTable",
                "glue:UpdateTable",
            ),
            _flat(arns.table(database or "*", table or "*") for database, table in written),
        )
    yield from reading("ReadFiles", paths)
    yield from writing("WriteFiles", [job.target.path for job in jobs if job.target and job.target.path])
    logs = [job.platform.spark_event_logs_path for job in jobs]
    yield from writing("Artifacts", filter(None, (config.settings.artifacts.s3_uri, *dict.fromkeys(logs))))
    for source in others:
        yield from _other_source(source, arns, read=True)
    yield from _of_services(arns, role, jobs)
    texts = [str(value) for job in jobs for value in job.execution.arguments.values()]
    yield from _secrets(config, arns, {key for text in texts for key in SECRET.findall(text)})


def _of_services(arns: Arns, role: str, jobs: list[Job]) -> Iterator[Statement]:
    """What services do under the role of a run beside the script: logs, metrics, connections."""
    groups: dict[str, None] = {}
    connections: dict[str, None] = {}
    for job in jobs:
        for platform in used_platforms(job):
            if _role(job, platform) != role:
                continue
            groups |= {
                arns.of(*resource.split(":", 1)): None
                for grant in grants_of(job, platform)
                for resource in grant.resources
                if resource.startswith("logs:")
            }
            if platform == "glue":
                connections |= dict.fromkeys(job.platform.connections)
    if groups:
        actions = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
        yield Statement("WriteLogs", actions, tuple(groups))
    if any(_role(job, "glue") == role for job in jobs if "glue" in used_platforms(job)):
        only_glue = {"StringEquals": {"cloudwatch:namespace": "Glue"}}
        yield Statement("WriteMetrics", ("cloudwatch:PutMetricData",), EVERY, only_glue)
    if connections:
        named = [arns.of("glue", f"connection/{name}") for name in connections]
        yield Statement("Connect", ("glue:GetConnection",), (arns.of("glue", "catalog"), *named))
        # Glue puts its workers into the connection's network; what is described there has no resource.
        look = ("SecurityGroups", "Subnets", "VpcEndpoints", "RouteTables", "Vpcs", "NetworkInterfaces")
        yield Statement("LookAtNetwork", tuple(f"ec2:Describe{what}" for what in look), EVERY)
        yield Statement(
            "JoinNetwork",
            ("ec2:CreateNetworkInterface", "ec2:CreateTags", "ec2:DeleteNetworkInterface"),
            tuple(arns.of("ec2", f"{kind}/*") for kind in ("network-interface", "security-group", "subnet")),
        )


def _secrets(config: Config, arns: Arns, keys: Iterable[str]) -> Iterator[Statement]:
    if config.settings.secrets.provider != "aws_secrets_manager":
        return
    # Secrets Manager adds six random characters to the name.
    names = {aws_reference(key, config).name for key in keys}
    if names:
        resources = [
            name if name.startswith("arn:") else arns.of("secretsmanager", f"secret:{name}-??????")
            for name in names
        ]
        yield Statement("ReadSecrets", ("secretsmanager:GetSecretValue",), tuple(resources))


def _orchestrator_secrets(config: Config) -> set[str]:
    texts = [config.settings.notifications.model_dump_json()]
    texts += [source.model_dump_json() for job in config.jobs for source in job.data_sources]
    return {key for text in texts for key in SECRET.findall(text)}


Others = list[sources.Source]


def _data(jobs: Iterable[Job], *, targets: bool = True) -> tuple[list[tuple[str, str]], list[str], Others]:
    """Glue tables, S3 addresses, and the sources that are neither."""
    tables: dict[tuple[str, str], None] = {}
    paths: dict[str, None] = {}
    others: dict[str, sources.Source] = {}
    for job in jobs:
        for source in job.data_sources:
            match source:
                case sources.GlueCatalogSource():
                    tables[source.database, source.table] = None
                case sources.S3Source():
                    paths[source.path] = None
                case (
                    sources.RedshiftSource()
                    | sources.RdsSource()
                    | sources.DynamoDbSource()
                    | sources.KinesisSource()
                ):
                    others.setdefault(source.model_dump_json(exclude={"name", "alias"}), source)
        target = job.target
        if targets and target and target.database and target.table and target.type == "glue_catalog":
            tables[target.database, target.table] = None
        if targets and target and target.path:
            paths[target.path] = None
    return list(tables), list(paths), list(others.values())


_READ_ITEMS = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan")


def _redshift(source: sources.RedshiftSource, arns: Arns, *, read: bool) -> Iterator[Statement]:
    """A login by role, and statements of one's own; a statement that runs has no resource."""
    if source.cluster:
        place = arns.of("redshift", f"cluster:{source.cluster}")
        login, where = "redshift:GetClusterCredentialsWithIAM", f"dbname:{source.cluster}/{source.database}"
        yield Statement("LogInToRedshift", (login,), (arns.of("redshift", where),))
    else:
        place = arns.of("redshift-serverless", "workgroup/*")
        yield Statement("LogInToRedshift", ("redshift-serverless:GetCredentials",), (place,))
    if read and source.cluster:
        # What the JDBC driver asks for, by the address `jdbc:redshift:iam://`.
        user = arns.of("redshift", f"dbuser:{source.cluster}/*")
        name = arns.of("redshift", f"dbname:{source.cluster}/{source.database}")
        actions = ("redshift:DescribeClusters", "redshift:GetClusterCredentials")
        yield Statement("ConnectToRedshift", actions, (place, user, name))
    # Rules are asked in batches, whose first statements set the session.
    ask = ("redshift-data:ExecuteStatement", *(() if read else ("redshift-data:BatchExecuteStatement",)))
    yield Statement("QueryRedshift", ask, (place,))
    own = ("CancelStatement", "DescribeStatement", "GetStatementResult")
    yield Statement(
        "OwnStatements",
        tuple(f"redshift-data:{name}" for name in own),
        EVERY,
        {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
    )


def _other_source(source: sources.Source, arns: Arns, *, read: bool = False) -> Iterator[Statement]:
    match source:
        case sources.RedshiftSource():
            yield from _redshift(source, arns, read=read)
        case sources.RdsSource():
            yield Statement(
                "FindDatabases", ("rds:DescribeDBInstances",), (arns.of("rds", f"db:{source.instance}"),)
            )
            if read and source.secret is None:
                # A login by role: its ARN has an id that only RDS knows, and a user that the script names.
                yield Statement("LogIn", ("rds-db:connect",), (arns.of("rds-db", "dbuser:*/*"),))
        case sources.DynamoDbSource():
            actions = (
                "dynamodb:DescribeTable",
                *(_READ_ITEMS if read else ()),
            )
            yield Statement(
                f"Table{word(source.table_name)}",
                actions,
                (arns.of("dynamodb", f"table/{source.table_name}"),),
            )
        case sources.KinesisSource():
            actions = (
                "kinesis:DescribeStreamSummary",
                *(("kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards") if read else ()),
            )
            yield Statement(
                f"Stream{word(source.stream_name)}",
                actions,
                (arns.of("kinesis", f"stream/{source.stream_name}"),),
            )
            if not read:
                yield Statement("StreamThroughput", ("cloudwatch:GetMetricStatistics",), EVERY)


def _flat(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(arn for group in groups for arn in group)


def unknown_locations(config: Config) -> list[str]:
    """Glue tables whose files stand where only the Data Catalog knows, as `database.table`."""
    return [".".join(table) for table in _data(config.jobs)[0]]

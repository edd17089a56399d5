"""The least that AWS must allow, for what a configuration does: one policy for each role."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from etl_platform.config.models import data_sources as sources
from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.config.secrets import SECRET, aws_reference
from etl_platform.platforms.permissions import ACTIONS, SERVICE_PRINCIPALS, used_platforms

ORCHESTRATOR = "orchestrator"
"""Who Dagster runs as."""

_BUILT_IN = "the role that the job has there"


@dataclass(frozen=True)
class Statement:
    """One statement that allows something.

    Attributes:
        sid: What it is for, in letters and digits.
        actions: Such as `s3:GetObject`.
        resources: ARNs; the account is `*` where nobody has named it.
        condition: As IAM writes it; None: always.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """As IAM writes it."""
        statement: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": sorted(set(self.actions)),
            "Resource": sorted(set(self.resources)),
        }
        return statement if self.condition is None else {**statement, "Condition": self.condition}


def policies(config: Config, account: str = "*") -> dict[str, dict[str, Any]]:
    """Role to the policy that it needs: `orchestrator`, and each role that jobs run under.

    Args:
        config: The configuration.
        account: Account id for the ARNs.
    """
    arns = _Arns(config.settings.aws_region or "*", account)
    roles: dict[str, list[Job]] = defaultdict(list)
    for job in config.jobs:
        for platform in used_platforms(job):
            roles[_role(job, platform)].append(job)
    needed = {ORCHESTRATOR: list(_orchestrator(config, arns, [name for name in roles if name != _BUILT_IN]))}
    for role, jobs in roles.items():
        needed[role] = list(_job_role(config, arns, list({job.job_id: job for job in jobs}.values())))
    return {
        role: {"Version": "2012-10-17", "Statement": [each.document() for each in statements]}
        for role, statements in needed.items()
    }


@dataclass(frozen=True)
class _Arns:
    region: str
    account: str

    def of(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def table(self, database: str, table: str) -> tuple[str, ...]:
        """A Glue table, with what the Data Catalog asks for besides."""
        return (
            self.of("glue", "catalog"),
            self.of("glue", f"database/{database}"),
            self.of("glue", f"table/{database}/{table}"),
        )


def _role(job: Job, platform: PlatformName) -> str:
    settings = job.platform
    named = {
        "emr": settings.job_flow_role,
        "emr_serverless": settings.execution_role_arn,
    }.get(platform, settings.iam_role)
    return named or _BUILT_IN


def _orchestrator(config: Config, arns: _Arns, roles: list[str]) -> Iterator[Statement]:
    used: dict[PlatformName, None] = {name: None for job in config.jobs for name in used_platforms(job)}
    for name in used:
        for title, actions in ACTIONS[name].items():
            # Names of runs and definitions are made as jobs come, so these go by service, not by name.
            yield Statement(f"{_word(name)}{title}", actions, ("*",))
    if roles:
        services = sorted({principal for name in used for principal in SERVICE_PRINCIPALS[name]})
        passed = tuple(
            role if role.startswith("arn:") else f"arn:aws:iam::{arns.account}:role/{role}" for role in roles
        )
        condition = {"StringEquals": {"iam:PassedToService": services}}
        yield Statement("PassJobRoles", ("iam:PassRole",), passed, condition)
    if uri := config.settings.artifacts.s3_uri:
        yield from _written("Artifacts", [uri])
    if _tracking_is_dynamodb(config):
        prefix = config.settings.tracking.table_prefix
        yield Statement(
            "Tracking",
            (
                "dynamodb:BatchGetItem",
                "dynamodb:BatchWriteItem",
                "dynamodb:DescribeTable",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ),
            (arns.of("dynamodb", f"table/{prefix}*"), arns.of("dynamodb", f"table/{prefix}*/index/*")),
        )
    yield from _measured(config, arns)
    yield from _told(config, arns)
    yield from _secrets(config, arns, _orchestrator_secrets(config))


def _measured(config: Config, arns: _Arns) -> Iterator[Statement]:
    """What sizing the sources and targets asks for."""
    tables, paths, others = _data(config.jobs)
    if tables:
        actions = ("glue:GetTable", "glue:GetPartitions")
        yield Statement("MeasureTables", actions, _flat(arns.table(*table) for table in tables))
    if paths:
        yield from _read("MeasureFiles", paths)
    for source in others:
        yield from _other_source(source, arns)


def _told(config: Config, arns: _Arns) -> Iterator[Statement]:
    notifications = config.settings.notifications
    if notifications.sns.enabled and notifications.sns.topic_arn:
        yield Statement("TellTopic", ("sns:Publish",), (notifications.sns.topic_arn,))
    if notifications.email.enabled and notifications.email.backend == "ses":
        yield Statement("TellByMail", ("ses:SendEmail",), (arns.of("ses", "identity/*"),))


def _job_role(config: Config, arns: _Arns, jobs: list[Job]) -> Iterator[Statement]:
    """What the jobs themselves do while they run."""
    tables, paths, others = _data(jobs, targets=False)
    written = {
        (job.target.database, job.target.table)
        for job in jobs
        if job.target and job.target.type == "glue_catalog"
    }
    if tables:
        actions = ("glue:GetDatabase", "glue:GetTable", "glue:GetPartitions")
        yield Statement("ReadTables", actions, _flat(arns.table(*table) for table in tables))
    if written:
        yield Statement(
            "WriteTables",
            (
                "glue:BatchCreatePartition",
                "glue:CreateTable",
                "glue:GetDatabase",
                "glue:GetPartitions",
                "glue:GetTable",
                "glue:UpdateTable",
            ),
            _flat(arns.table(database or "*", table or "*") for database, table in written),
        )
    if paths:
        yield from _read("ReadFiles", paths)
    outputs = [job.target.path for job in jobs if job.target and job.target.path]
    if outputs:
        yield from _written("WriteFiles", outputs)
    if uri := config.settings.artifacts.s3_uri:
        yield from _written("Artifacts", [uri])
    for source in others:
        yield from _other_source(source, arns, read=True)
    yield Statement(
        "WriteLogs",
        ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
        (arns.of("logs", "log-group:*"),),
    )
    texts = [str(value) for job in jobs for value in job.execution.arguments.values()]
    yield from _secrets(config, arns, {key for text in texts for key in SECRET.findall(text)})


def _secrets(config: Config, arns: _Arns, keys: Iterable[str]) -> Iterator[Statement]:
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


def _other_source(source: sources.Source, arns: _Arns, *, read: bool = False) -> Iterator[Statement]:
    match source:
        case sources.RedshiftSource():
            actions = (
                "redshift-data:DescribeStatement",
                "redshift-data:ExecuteStatement",
                "redshift-data:GetStatementResult",
            )
            yield Statement("QueryRedshift", actions, ("*",))
        case sources.RdsSource():
            yield Statement(
                "FindDatabases", ("rds:DescribeDBInstances",), (arns.of("rds", f"db:{source.instance}"),)
            )
        case sources.DynamoDbSource():
            actions = (
                "dynamodb:DescribeTable",
                *(("dynamodb:Scan", "dynamodb:Query", "dynamodb:GetItem") if read else ()),
            )
            yield Statement(
                f"Table{_word(source.table_name)}",
                actions,
                (arns.of("dynamodb", f"table/{source.table_name}"),),
            )
        case sources.KinesisSource():
            actions = (
                "kinesis:DescribeStreamSummary",
                *(("kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards") if read else ()),
            )
            yield Statement(
                f"Stream{_word(source.stream_name)}",
                actions,
                (arns.of("kinesis", f"stream/{source.stream_name}"),),
            )
            if not read:
                yield Statement("StreamThroughput", ("cloudwatch:GetMetricData",), ("*",))


def _read(sid: str, uris: Iterable[str]) -> Iterator[Statement]:
    buckets, objects = _s3(uris)
    yield Statement(f"{sid}List", ("s3:ListBucket",), buckets)
    yield Statement(sid, ("s3:GetObject",), objects)


def _written(sid: str, uris: Iterable[str]) -> Iterator[Statement]:
    buckets, objects = _s3(uris)
    yield Statement(f"{sid}List", ("s3:ListBucket",), buckets)
    yield Statement(sid, ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"), objects)


def _s3(uris: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    parts = [urlsplit(uri) for uri in uris]
    return (
        tuple(f"arn:aws:s3:::{part.netloc}" for part in parts),
        tuple(f"arn:aws:s3:::{part.netloc}{part.path.rstrip('/')}/*" for part in parts),
    )


def _tracking_is_dynamodb(config: Config) -> bool:
    backend = config.settings.tracking.backend
    return backend == "dynamodb" or (backend is None and config.profile == "aws")


def _word(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("-", "_").replace(".", "_").split("_"))


def _flat(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(arn for group in groups for arn in group)


def unknown_locations(config: Config) -> list[str]:
    """Glue tables whose files stand where only the Data Catalog knows, as `database.table`."""
    return [".".join(table) for table in _data(config.jobs)[0]]

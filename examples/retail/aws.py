"""Run the retail example under the profile `aws`, without an account.

    python -m examples.retail.aws

moto stands for the account and keeps what it holds; `aws_services.py` runs the scripts. All of
`etl-platform` works as in AWS: it is told where AWS is by AWS_ENDPOINT_URL, and knows nothing of all this.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from etl_platform.config.load import load
from etl_platform.config.models.data_sources import GlueCatalogSource
from etl_platform.config.project import Config
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, aws_stand_in
from examples.retail.aws_services import GlueRuns, LambdaRuns, Redshift, put_folder, put_table
from examples.retail.data import BUCKET, lay_out

EXAMPLE = Path(__file__).parent
REGION = "us-east-1"
TRUST = {"Version": "2012-10-17", "Statement": []}
RECORDS_A_CALL, ITEMS_A_CALL = 500, 25
"""Of Kinesis' PutRecords and DynamoDB's BatchWriteItem, at the most."""


@dataclass(frozen=True)
class Account:
    """The account, as `etl-platform` and the example see it.

    Attributes:
        aws: In front of moto.
        access: Straight to moto.
        project: Folder with a copy of the example.
        root: The data, as it lies on a laptop.
    """

    aws: AwsStandIn
    access: AwsAccess
    project: Path
    root: Path

    def etl_platform(self, *arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        """Call the command line in the project, under the profile `aws`."""
        return subprocess.run(
            [sys.executable, "-m", "etl_platform.cli.main", *arguments],
            cwd=self.project,
            env={**_environment(), "ETL_PLATFORM_PROFILE": "aws", "AWS_ENDPOINT_URL": self.aws.url},
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            check=False,
        )


@contextmanager
def account() -> Iterator[Account]:
    """An account with the retailer's buckets, tables, stream and roles, and services that run scripts."""
    from moto.server import ThreadedMotoServer

    os.environ.update(_environment())
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    moto = f"http://127.0.0.1:{port}"
    try:
        with aws_stand_in(moto) as aws, tempfile.TemporaryDirectory(prefix="retail-") as folder:
            _without_docker(moto)
            project, root = Path(folder, "project"), Path(folder, "data")
            shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".etl_platform", ".dagster"))
            made = Account(aws, AwsAccess(REGION, moto), project, root)
            _fill(made)
            yield made
    finally:
        server.stop()


def _fill(account: Account) -> None:
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    lay_out(account.root, today)
    local = _local_configuration(account)
    access = account.access
    s3 = access.client("s3")
    for bucket in (BUCKET, "retail-artifacts"):
        s3.create_bucket(Bucket=bucket)
    for folder in (account.root / "s3" / BUCKET).iterdir():
        put_folder(access, f"s3://{BUCKET}/{folder.name}", folder)
    for job in local.jobs:
        for source in job.data_sources:
            if isinstance(source, GlueCatalogSource):
                place = account.root / "glue" / source.database / source.table
                put_table(access, source.database, source.table, place)
    _stream(account)
    _profiles(account)
    access.client("redshift").create_cluster(
        ClusterIdentifier="analytics-cluster",
        NodeType="ra3.large",
        MasterUsername="root",
        MasterUserPassword="Unused-in-moto-1",
    )
    access.client("rds").create_db_instance(
        DBInstanceIdentifier="operational-db", DBInstanceClass="db.t4g.small", Engine="postgres"
    )
    runs = account.project.parent / "runs"
    GlueRuns(account.aws, local, runs)
    LambdaRuns(account.aws, runs)
    Redshift(account.aws, account.root)
    _roles(account)


def _stream(account: Account) -> None:
    kinesis, name = account.access.client("kinesis"), "clickstream-events-prod"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    lines = (account.root / "kinesis" / name / "data.json").read_text().splitlines()
    records = [{"Data": line.encode(), "PartitionKey": json.loads(line)["session_id"]} for line in lines]
    for start in range(0, len(records), RECORDS_A_CALL):
        kinesis.put_records(StreamName=name, Records=records[start : start + RECORDS_A_CALL])


def _profiles(account: Account) -> None:
    name, client = "user-profiles-prod", account.access.client("dynamodb")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "user_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "user_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    lines = (account.root / "dynamodb" / name / "data.json").read_text().splitlines()
    items = [
        {"PutRequest": {"Item": {k: _attribute(v) for k, v in json.loads(line).items()}}} for line in lines
    ]
    for start in range(0, len(items), ITEMS_A_CALL):
        client.batch_write_item(RequestItems={name: items[start : start + ITEMS_A_CALL]})


def _attribute(value: Any) -> dict[str, Any]:
    return {"BOOL": value} if isinstance(value, bool) else {"S": value}


def _roles(account: Account) -> None:
    """The roles that the jobs run under, each with the policy that `etl-platform iam` prints."""
    printed = account.etl_platform("iam", quiet=True)
    printed.check_returncode()
    client = account.access.client("iam")
    for role, policy in json.loads(printed.stdout).items():
        name = role.rpartition("/")[2]
        client.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        client.put_role_policy(RoleName=name, PolicyName="etl-platform", PolicyDocument=json.dumps(policy))


def _local_configuration(account: Account) -> Config:
    path = account.project / "etl_config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["global_settings"]["local"]["root"] = str(account.root)
    written = account.project.parent / "project" / "on_this_machine.json"
    written.write_text(json.dumps(content), encoding="utf-8")
    return load(written, environ={})


def _environment() -> dict[str, str]:
    """Without what would lead to a real account."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ETL_PLATFORM_"))
    }
    fixed = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
    return {**kept, **fixed, "AWS_EC2_METADATA_DISABLED": "true"}


def _without_docker(moto: str) -> None:
    simple = json.dumps({"lambda": {"use_docker": False}}).encode()
    with urlopen(Request(f"{moto}/moto-api/config", simple, {"Content-Type": "application/json"})):
        pass


def tell_decisions(account: Account) -> None:
    """Why each run went where it went."""
    found = account.etl_platform("runs", "--format", "json", quiet=True)
    for run in json.loads(found.stdout):
        shown = account.etl_platform("show", run["execution_id"], "--format", "json", quiet=True)
        execution = json.loads(shown.stdout)["execution"]
        decision = execution["platform_decision"]
        sys.stdout.write(f"\n{execution['job_name']} on {decision['selected_platform']}:\n")
        sys.stdout.write(f"  {decision['decision_reasoning']}\n")


def main() -> int:
    """Make the account, deploy, run all jobs, and show what is known of it afterwards."""
    failed = 0
    with account() as made:
        made.etl_platform("tracking", "init", quiet=True).check_returncode()
        for step in (("deploy",), ("run", "--all"), ("runs",), ("costs",)):
            sys.stdout.write(f"\n$ etl-platform {' '.join(step)}\n")
            sys.stdout.flush()
            failed = made.etl_platform(*step).returncode or failed
        tell_decisions(made)
    return failed


if __name__ == "__main__":
    sys.exit(main())

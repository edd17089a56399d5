"""Stands in for the services that run scripts: runs go on this machine, in front of moto.

moto keeps what an account holds, and runs nothing. Here a Glue run is the uploaded script in the local
runtime, on the data of `root`; what it writes to its job's target goes to S3 and into the Data Catalog. A
Lambda invocation is the function's code in a process of its own, which works on moto itself. States, times
and log lines are those of these processes. Redshift, whose tables moto does not have, answers out of the
local ones.
"""

import base64
import io
import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms.artifacts import read, write
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.glue_job import glue_job_name
from etl_platform.platforms.launch_file import launch_of
from etl_platform.platforms.local import LAUNCHER
from etl_platform.platforms.log_tail import read_lines
from etl_platform.platforms.protocol import RunRequest
from etl_platform.runtime.contract import (
    EVENT_LOG_FOLDER,
    LAUNCH_FILE,
    OUTCOME_FILE,
    STDERR_FILE,
    STDOUT_FILE,
    write_json,
)
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Call, Reply
from etl_platform_tests.quality.server_stand_ins import field_of, in_duckdb

WAREHOUSE = "s3://retail-data-lake/warehouse"
"""Where the files of the Glue tables stand."""

GLUE_LOGS = "/aws-glue/jobs"
LOOK_SECONDS = 0.3
_ONES_OWN = ("--dagster-pipes", "--conf", "--spark-event-logs-path", "--job-", "--enable-", "--TempDir")
"""Arguments that Glue keeps for itself, and those of Pipes, which are handed on as they are."""


class Logs:
    """CloudWatch streams that lines are written to."""

    def __init__(self, access: AwsAccess):
        self._client = access.client("logs")

    def write(self, group: str, stream: str, lines: list[str]) -> None:
        if not lines:
            return
        for make, names in (
            (self._client.create_log_group, {"logGroupName": group}),
            (self._client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            with suppress(self._client.exceptions.ResourceAlreadyExistsException):
                make(**names)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line or " "} for line in lines]
        self._client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


@dataclass
class GlueRun:
    """A run on this machine.

    Attributes:
        job_name: Name of its definition.
        folder: The run directory of the local runtime.
        started: Unix seconds.
        process: The runtime; None until it starts.
        ended: Unix seconds; None while it goes on.
        stopped: Whether BatchStopJobRun was called.
    """

    job_name: str
    folder: Path
    started: float = field(default_factory=time.time)
    process: subprocess.Popen[bytes] | None = None
    ended: float | None = None
    stopped: bool = False

    def facts(self) -> dict[str, Any]:
        """What Glue says of it."""
        if self.ended is None:
            return {"JobRunState": "RUNNING", "StartedOn": self.started}
        ended: dict[str, Any] = {
            "StartedOn": self.started,
            "CompletedOn": self.ended,
            "ExecutionTime": round(self.ended - self.started),
        }
        if self.stopped:
            return {**ended, "JobRunState": "STOPPED"}
        outcome = json.loads((self.folder / OUTCOME_FILE).read_text(encoding="utf-8"))
        if outcome["status"] == "success":
            return {**ended, "JobRunState": "SUCCEEDED"}
        error = outcome["error"]
        return {**ended, "JobRunState": "FAILED", "ErrorMessage": f"{error['type']}: {error['message']}"}


class GlueRuns:
    """Runs of Glue jobs."""

    def __init__(self, aws: AwsStandIn, local: Config, folder: Path):
        """Answer for them.

        Args:
            aws: In front of moto.
            local: The configuration under the profile `local`, whose root is the data of the account.
            folder: For the files of runs.
        """
        self._access = AwsAccess("us-east-1", aws.backend)
        self._logs = Logs(self._access)
        self._local, self._folder = local, folder
        self._jobs: dict[str, Job] = {glue_job_name(job): job for job in local.jobs}
        self.runs: dict[str, GlueRun] = {}
        aws.rewrite("glue:StartJobRun", self._start)
        aws.rewrite("glue:GetJobRun", lambda _, answer: {"JobRun": self._described(answer["JobRun"])})
        aws.rewrite(
            "glue:GetJobRuns",
            lambda _, answer: {**answer, "JobRuns": list(map(self._described, answer["JobRuns"][::-1]))},
        )
        aws.answer("glue:BatchStopJobRun", self._stop)

    def _start(self, call: Call, answer: Any) -> Any:
        run = GlueRun(call.body["JobName"], self._folder / answer["JobRunId"])
        self.runs[answer["JobRunId"]] = run
        threading.Thread(target=self._run, args=(answer["JobRunId"], run, call.body), daemon=True).start()
        return answer

    def _run(self, run_id: str, run: GlueRun, asked: dict[str, Any]) -> None:
        definition = self._access.client("glue").get_job(JobName=run.job_name)["Job"]
        arguments = {**definition.get("DefaultArguments", {}), **asked.get("Arguments", {})}
        job = self._jobs[run.job_name]
        request = RunRequest(job, self._local, run_id, None, asked["Timeout"] * 60.0, engine="spark")
        script = run.folder / definition["Command"]["ScriptLocation"].rpartition("/")[2]
        run.folder.mkdir(parents=True)
        script.write_bytes(read(self._access, definition["Command"]["ScriptLocation"]) or b"")
        given = {k[2:]: v for k, v in arguments.items() if not k.startswith(_ONES_OWN)}
        launch = {**launch_of(request), "script": str(script)}
        launch["arguments"] = {"JOB_NAME": run.job_name, **given}
        write_json(run.folder / LAUNCH_FILE, launch)
        run.process = subprocess.Popen(
            [sys.executable, *LAUNCHER, str(run.folder)],
            cwd=run.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        offsets = {STDOUT_FILE: 0, STDERR_FILE: 0}
        while True:
            ended = run.process.poll() is not None
            for name, group in ((STDOUT_FILE, "output"), (STDERR_FILE, "error")):
                lines, offsets[name] = read_lines(run.folder / name, offsets[name], complete=ended)
                self._logs.write(f"{GLUE_LOGS}/{group}", run_id, lines)
            if ended:
                break
            time.sleep(LOOK_SECONDS)
        self._publish(job, Path(launch["target"]["path"]))
        for log in (run.folder / EVENT_LOG_FOLDER).glob("*"):
            write(self._access, f"{arguments['--spark-event-logs-path']}{log.name}", log.read_bytes())
        run.ended = time.time()

    def _publish(self, job: Job, folder: Path) -> None:
        """Make the target in S3 what the script made of it here."""
        target = job.target
        assert target is not None
        if target.type == "glue_catalog":
            put_table(self._access, str(target.database), str(target.table), folder)
            return
        put_folder(self._access, str(target.path), folder)

    def _described(self, run: dict[str, Any]) -> dict[str, Any]:
        kept = ("Id", "JobName", "Arguments", "WorkerType", "NumberOfWorkers", "Timeout", "GlueVersion")
        known = {name: run[name] for name in kept if run.get(name) is not None}
        return {**known, "LogGroupName": GLUE_LOGS, **self.runs[run["Id"]].facts()}

    def _stop(self, call: Call) -> Reply:
        stopped = []
        for run_id in call.body["JobRunIds"]:
            run = self.runs[run_id]
            if run.process and run.ended is None:
                run.stopped = True
                run.process.terminate()
            stopped.append({"JobName": run.job_name, "JobRunId": run_id})
        return Reply({"SuccessfulSubmissions": stopped, "Errors": []})


_LAMBDA = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import etl_platform_entry
class Context:
    aws_request_id, log_group_name, log_stream_name = sys.argv[2:5]
    deadline = time.time() + float(sys.argv[5])
    def get_remaining_time_in_millis(self):
        return int((self.deadline - time.time()) * 1000)
etl_platform_entry.handler(json.load(sys.stdin), Context())
"""


class LambdaRuns:
    """Invocations of functions whose code came with CreateFunction or UpdateFunctionCode."""

    def __init__(self, aws: AwsStandIn, folder: Path):
        self._aws, self._folder = aws, folder
        self._access = AwsAccess("us-east-1", aws.backend)
        self._logs = Logs(self._access)
        self._code: dict[str, bytes] = {}
        aws.answer(r"lambda:POST /2015-03-31/functions/?", self._keep)
        aws.answer(r"lambda:PUT /2015-03-31/functions/[^/]+/code", self._keep)
        aws.answer(r"lambda:POST .*/invocations", self._invoke)

    def _keep(self, call: Call) -> None:
        name = call.body.get("FunctionName") or call.path.split("/")[-2]
        self._code[name] = base64.b64decode((call.body.get("Code") or call.body)["ZipFile"])

    def _invoke(self, call: Call) -> Reply:
        request_id, name = str(uuid.uuid4()), call.path.split("/")[-2]
        threading.Thread(target=self._run, args=(name, request_id, call.body), daemon=True).start()
        return Reply(b"", 202, (("x-amzn-RequestId", request_id),))

    def _run(self, name: str, request_id: str, event: Any) -> None:
        configuration = self._access.client("lambda").get_function_configuration(FunctionName=name)
        place, group = self._folder / request_id, f"/aws/lambda/{name}"
        stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}"
        zipfile.ZipFile(io.BytesIO(self._code[name])).extractall(place)
        self._logs.write(group, stream, [f"START RequestId: {request_id} Version: $LATEST\n"])
        started = time.perf_counter()
        arguments = [str(place), request_id, group, stream, str(configuration["Timeout"])]
        done = subprocess.run(
            [sys.executable, "-c", _LAMBDA, *arguments],
            input=json.dumps(event),
            env={**os.environ, "AWS_ENDPOINT_URL": self._aws.backend, "AWS_DEFAULT_REGION": "us-east-1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        milliseconds = (time.perf_counter() - started) * 1000
        memory = configuration["MemorySize"]
        # Of the largest child so far, which is this one at least.
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {-(-milliseconds // 1):.0f} ms\tMemory Size: {memory} MB\t"
            f"Max Memory Used: {min(used, memory)} MB\t\n"
        )
        lines = [*done.stdout.splitlines(), f"END RequestId: {request_id}\n", report]
        self._logs.write(group, stream, lines)


class Redshift:
    """Answers the catalog's questions to Redshift, and rules, out of the tables on this machine."""

    def __init__(self, aws: AwsStandIn, root: Path):
        self._root = root
        self._asked: dict[str, dict[str, Any]] = {}
        aws.answer("redshift-data:ExecuteStatement", self._execute)
        aws.answer("redshift-data:BatchExecuteStatement", self._execute)
        aws.answer("redshift-data:DescribeStatement", self._describe)
        aws.answer("redshift-data:GetStatementResult", self._result)

    def _execute(self, call: Call) -> Reply:
        statement = str(uuid.uuid4())
        self._asked[statement] = call.body
        return Reply({"Id": statement})

    def _describe(self, call: Call) -> Reply:
        return Reply({"Id": call.body["Id"], "Status": "FINISHED", "HasResultSet": True})

    def _result(self, call: Call) -> Reply:
        asked = self._asked[call.body["Id"].partition(":")[0]]
        if "Sqls" in asked:
            records = [[field_of(value) for value in row] for row in self._rows(asked)]
            return Reply({"Records": records, "ColumnMetadata": [], "TotalNumRows": len(records)})
        names = {parameter["name"]: parameter["value"] for parameter in asked["Parameters"]}
        folder = self._root / "redshift" / asked["ClusterIdentifier"] / asked["Database"]
        folder = folder / names["schema"] / names["table"]
        if "svv_columns" in asked["Sql"]:
            rows = [[{"stringValue": n}, {"stringValue": kind}] for n, kind in columns_of(folder)]
        else:
            files = list(folder.glob("*.parquet"))
            megabytes = -(-sum(file.stat().st_size for file in files) // 2**20)
            count = sum(pq.read_metadata(file).num_rows for file in files)
            rows = [[{"longValue": megabytes}, {"longValue": count}, {"isNull": True}, {"isNull": True}]]
        return Reply({"Records": rows, "ColumnMetadata": [], "TotalNumRows": len(rows)})

    def _rows(self, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The answer of the last statement of a batch; those before it are settings."""
        sql, root = (
            asked["Sqls"][-1],
            self._root / "redshift" / asked["ClusterIdentifier"] / asked["Database"],
        )
        if named := re.search(r"svv_columns WHERE table_schema = '(\w+)' AND table_name = '(\w+)'", sql):
            columns = columns_of(root / named[1] / named[2])
            return [(name, _REDSHIFT_TYPES.get(kind, kind), None, None) for name, kind in columns]
        with duckdb.connect() as connection:
            for folder in root.glob("*/*"):
                connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{folder.parent.name}"')
                connection.execute(
                    f'CREATE VIEW "{folder.parent.name}"."{folder.name}" AS FROM "{folder}/*.parquet"'
                )
            return connection.execute(in_duckdb(sql, "redshift")).fetchall()


def put_folder(access: AwsAccess, uri: str, folder: Path) -> None:
    """Make what stands below an address the files of a folder."""
    bucket, _, prefix = uri.removeprefix("s3://").rstrip("/").partition("/")
    client = access.client("s3")
    files = {
        f"{prefix}/{file.relative_to(folder)}": file
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith((".", "_"))
    }
    there = client.list_objects_v2(Bucket=bucket, Prefix=prefix + "/").get("Contents", ())
    for key in {item["Key"] for item in there} - files.keys():
        client.delete_object(Bucket=bucket, Key=key)
    for key, file in files.items():
        client.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())


def put_table(access: AwsAccess, database: str, table: str, folder: Path) -> None:
    """Make a table of Parquet files in S3 and in the Data Catalog what a folder holds."""
    client, uri = access.client("glue"), f"{WAREHOUSE}/{database}/{table}/"
    put_folder(access, uri, folder)
    with suppress(client.exceptions.AlreadyExistsException):
        client.create_database(DatabaseInput={"Name": database})
    storage = {
        "Location": uri,
        "Columns": [{"Name": name, "Type": kind} for name, kind in columns_of(folder)],
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    }
    described = {"Name": table, "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage}
    described["Parameters"] = {"classification": "parquet"}
    try:
        client.create_table(DatabaseName=database, TableInput=described)
    except client.exceptions.AlreadyExistsException:
        client.update_table(DatabaseName=database, TableInput=described)


_REDSHIFT_TYPES = {"int": "integer", "double": "double precision", "string": "character varying"}
_TYPES = {"int64": "bigint", "int32": "int", "float": "float", "large_string": "string", "bool": "boolean"}


def columns_of(folder: Path) -> list[tuple[str, str]]:
    """Names and Hive types of the columns of a folder of Parquet files."""
    schema = pq.read_schema(next(folder.glob("*.parquet")))
    return [
        (name, "timestamp" if str(kind).startswith("timestamp") else _TYPES.get(str(kind), str(kind)))
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]

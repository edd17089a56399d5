"""What moto lacks of Lambda: invocations that take time, write CloudWatch lines, fail, and are killed."""

import base64
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Call, Reply

REPORT = "Duration: 1200.50 ms\tBilled Duration: 1201 ms\tMemory Size: 512 MB\tMax Memory Used: 128 MB"

_RUN_CODE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import etl_platform_entry
etl_platform_entry.CANCEL_SECONDS = 0.1
class Context:
    aws_request_id, log_group_name, log_stream_name = sys.argv[2:5]
    def get_remaining_time_in_millis(self):
        return 60_000
etl_platform_entry.handler(json.loads(sys.argv[5]), Context())
"""


@dataclass
class Invoked:
    """One invocation."""

    function: str
    event: dict[str, Any]
    kind: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    stream: str = field(default_factory=lambda: f"2026/01/01/[$LATEST]{uuid.uuid4().hex}")


Behaviour = Callable[[Invoked], Reply | None]


class LambdaService:
    """Answers Invoke in front of moto.

    Attributes:
        invoked: All invocations, in order.
        behaviour: What an invocation does; at first, the function's code runs in a process of its own.
    """

    def __init__(self, aws: AwsStandIn, folder: Path):
        self.aws = aws
        # Its own calls go straight to moto: they are not counted, and no fault meets them.
        self.access = AwsAccess("us-east-1", aws.backend)
        self.folder = folder
        self.invoked: list[Invoked] = []
        self.behaviour: Behaviour = self.run_code
        self.threads: list[threading.Thread] = []
        self._code: dict[str, bytes] = {}
        aws.answer(r"lambda:POST /2015-03-31/functions/?", self._keep_code)
        aws.answer(r"lambda:PUT /2015-03-31/functions/[^/]+/code", self._keep_code)
        aws.answer(r"lambda:POST .*/invocations", self._invoke)
        aws.answer(r"tagging:GetResources", self._tagged)

    def foreign(self, name: str, *, timeout: int = 900, **settings: Any) -> None:
        """A function that carries no tag of ours."""
        client = self.access.client("lambda")
        client.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role(self.access),
            Handler="own.handler",
            Timeout=timeout,
            Code={"ZipFile": _zip_of({"own.py": "def handler(event, context): ..."})},
            **settings,
        )

    def log(self, call: Invoked, *lines: str, at: float | None = None) -> None:
        """Write lines into the stream of an invocation."""
        client, group = self.access.client("logs"), f"/aws/lambda/{call.function}"
        with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_group(logGroupName=group)
        with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_stream(logGroupName=group, logStreamName=call.stream)
        when = int((at or time.time()) * 1000)
        events = [{"timestamp": when + n, "message": line} for n, line in enumerate(lines)]
        client.put_log_events(logGroupName=group, logStreamName=call.stream, logEvents=events)

    def start(self, call: Invoked, *lines: str, at: float | None = None) -> None:
        self.log(call, f"START RequestId: {call.request_id} Version: $LATEST\n", *lines, at=at)

    def end(self, call: Invoked, *lines: str, at: float | None = None, more: str = "") -> None:
        marks = (
            f"END RequestId: {call.request_id}\n",
            f"REPORT RequestId: {call.request_id}\t{REPORT}\t{more}\n",
        )
        self.log(call, *lines, *marks, at=at)

    def whole(self, call: Invoked, *lines: str, at: float | None = None) -> None:
        """An attempt that is over at once."""
        self.start(call, *lines, at=at)
        self.end(call, at=at)

    def last(self, call: Invoked, seconds: float) -> Reply | None:
        """Take some time: in the call where it is synchronous, else beside it."""

        def work() -> None:
            time.sleep(seconds)
            self.end(call)

        self.start(call)
        if call.kind == "RequestResponse":
            work()
            return answer({})
        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()
        return None

    def run_code(self, call: Invoked) -> None:
        """Run the function's code as Lambda does: beside the caller, its output goes to CloudWatch."""
        place = self.folder / call.request_id
        zipfile.ZipFile(io.BytesIO(self._code[call.function])).extractall(place)
        event = json.dumps(call.event)
        arguments = [str(place), call.request_id, f"/aws/lambda/{call.function}", call.stream, event]

        def run() -> None:
            self.start(call)
            environment = {**os.environ, "AWS_ENDPOINT_URL": self.aws.url, "AWS_DEFAULT_REGION": "us-east-1"}
            done = subprocess.run(
                [sys.executable, "-c", _RUN_CODE, *arguments],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            self.end(call, *done.stdout.splitlines())

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def wait(self) -> None:
        """Wait for all code that runs."""
        for thread in self.threads:
            thread.join()

    def reset(self) -> None:
        """Let a test leave nothing to the next one."""
        self.wait()
        self.invoked.clear()
        self.threads.clear()
        self.behaviour = self.run_code
        client, logs, s3 = (self.access.client(name) for name in ("lambda", "logs", "s3"))
        for function in client.list_functions()["Functions"]:
            client.delete_function(FunctionName=function["FunctionName"])
        for group in logs.describe_log_groups()["logGroups"]:
            logs.delete_log_group(logGroupName=group["logGroupName"])
        found = [{"Key": item["Key"]} for item in s3.list_objects_v2(Bucket="art").get("Contents", ())]
        if found:
            s3.delete_objects(Bucket="art", Delete={"Objects": found})

    def _keep_code(self, call: Call) -> None:
        named = call.body.get("FunctionName") or call.path.split("/")[-2]
        zipped = call.body.get("ZipFile") or call.body.get("Code", {}).get("ZipFile")
        if zipped:
            self._code[named] = base64.b64decode(zipped)

    def _invoke(self, call: Call) -> Reply:
        found = re.search(r"/functions/([^/]+)/invocations", call.path)
        assert found
        kind = call.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        invoked = Invoked(found[1], call.body, kind)
        self.invoked.append(invoked)
        reply = self.behaviour(invoked) or Reply(b"", 202)
        headers = (*reply.headers, ("x-amzn-RequestId", invoked.request_id))
        return Reply(reply.body, reply.status, headers)

    def _tagged(self, call: Call) -> Reply:
        (wanted,) = call.body["TagFilters"]
        client = self.access.client("lambda")
        found = [
            item["FunctionArn"]
            for item in client.list_functions()["Functions"]
            if client.list_tags(Resource=item["FunctionArn"])["Tags"].get(wanted["Key"]) in wanted["Values"]
        ]
        return Reply({"ResourceTagMappingList": [{"ResourceARN": arn} for arn in found]})


def answer(payload: Any, *, error: str | None = None, log: str = "") -> Reply:
    """The answer of a synchronous invocation."""
    headers = [("x-amz-log-result", base64.b64encode(log.encode()).decode())]
    if error:
        headers.append(("x-amz-function-error", error))
    return Reply(payload, 200, tuple(headers))


def role(access: AwsAccess) -> str:
    """ARN of a role that Lambda and Batch may take."""
    client = access.client("iam")
    try:
        made = client.create_role(RoleName="runner", AssumeRolePolicyDocument="{}", Path="/etl/")
        return made["Role"]["Arn"]
    except client.exceptions.EntityAlreadyExistsException:
        return client.get_role(RoleName="runner")["Role"]["Arn"]


def without_docker(moto: str) -> None:
    """Put Lambda and Batch of moto into the mode that starts no containers."""
    simple = json.dumps({"lambda": {"use_docker": False}, "batch": {"use_docker": False}}).encode()
    with urlopen(Request(f"{moto}/moto-api/config", simple, {"Content-Type": "application/json"})):
        pass


def _zip_of(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()

"""What moto's EMR and EMR Serverless lack: states that pass with time, ends of all kinds, logs, bills."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from etl_platform.platforms.artifacts import write
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, Call, Reply

TRACEBACK = """26/07/31 10:00:00 INFO SparkContext: Running Spark version 3.5.2
Traceback (most recent call last):
  File "/tmp/spark-1/job.py", line 3, in <module>
    total(rows)
  File "/tmp/spark-1/job.py", line 2, in total
    raise ValueError("no orders for 2026-07-30")
ValueError: no orders for 2026-07-30
26/07/31 10:00:09 INFO ShutdownHookManager: Shutdown hook called
"""


@dataclass
class _Life:
    """When something was made and stopped, Unix seconds."""

    created: float
    cluster_id: str = ""
    stopped: float | None = None
    logged: bool = False


class _Ends:
    """How runs end.

    Attributes:
        starts_after: Seconds from the submission to the start.
        runs: Seconds of a run.
        ends_as: Final state that a run comes to by itself.
        stderr: What it printed by then; None: no log is written.
        stdout: Likewise.
    """

    def __init__(self, aws: AwsStandIn, now: Callable[[], float], access: AwsAccess):
        self.aws = aws
        self.now = now
        self.access = access
        self.starts_after = 60.0
        self.runs = 60.0
        self.ends_as = "COMPLETED"
        self.stderr: str | None = "26/07/31 10:00:00 INFO SparkContext: done\n"
        self.stdout: str | None = "42 orders\n"
        self.lives: dict[str, _Life] = {}

    def write_logs(self, folder: str) -> None:
        for name, text in (("stdout", self.stdout), ("stderr", self.stderr)):
            if text is not None:
                write(self.access, f"{folder}/{name}.gz", gzip.compress(text.encode()))


class EmrStandIn(_Ends):
    """Clusters that start, run their step, and shut down; steps on clusters that stay.

    Attributes:
        shuts_down: Seconds between the states TERMINATING and TERMINATED.
        failure: The step's `FailureDetails`.
        reason: `StateChangeReason` of a cluster that ends by itself.
        log_uri: Where the logs of a cluster that is there are copied to; None: nowhere.
        concurrency: Steps at once on such a cluster.
    """

    def __init__(self, aws: AwsStandIn, now: Callable[[], float], access: AwsAccess):
        super().__init__(aws, now, access)
        self.shuts_down = 90.0
        self.failure: dict[str, str] | None = None
        self.reason: dict[str, str] | None = None
        self.log_uri: str | None = "s3://art/team-logs/"
        self.concurrency = 1
        self.steps: dict[str, _Life] = {}
        self.own: set[str] = set()
        aws.rewrite("elasticmapreduce:RunJobFlow", self._started)
        aws.rewrite("elasticmapreduce:AddJobFlowSteps", self._added)
        aws.rewrite("elasticmapreduce:ListClusters", self._clusters)
        aws.rewrite("elasticmapreduce:DescribeCluster", self._cluster)
        aws.rewrite("elasticmapreduce:ListSteps", self._steps)
        aws.answer("elasticmapreduce:ListSteps", self._refuse_many)
        aws.answer("elasticmapreduce:ListInstances", self._instances)
        aws.answer("elasticmapreduce:CancelSteps", self._cancel)
        aws.answer("elasticmapreduce:TerminateJobFlows", self._terminate)

    def team_cluster(self) -> str:
        """A cluster that stays."""
        client = self.access.client("emr")
        made = client.run_job_flow(
            Name="team", Instances={"KeepJobFlowAliveWhenNoSteps": True}, LogUri="s3://art/team-logs/"
        )
        self.own.discard(made["JobFlowId"])
        return made["JobFlowId"]

    def state_of(self, cluster_id: str) -> str:
        """The state that EMR would tell now."""
        return self._cluster_state(cluster_id)[0]

    def _started(self, call: Call, answer: Any) -> Any:
        self.lives[answer["JobFlowId"]] = _Life(self.now())
        self.own.add(answer["JobFlowId"])
        return answer

    def _added(self, call: Call, answer: Any) -> Any:
        for step in answer["StepIds"]:
            self.steps[step] = _Life(self.now(), call.body["JobFlowId"])
        return answer

    def _life(self, cluster_id: str) -> _Life:
        """Of a cluster; one whose start's answer was lost is met here first."""
        if cluster_id not in self.lives:
            self.lives[cluster_id] = _Life(self.now())
            self.own.add(cluster_id)
        return self.lives[cluster_id]

    def _step_life(self, cluster_id: str, step_id: str) -> _Life:
        if cluster_id in self.own:
            return self._life(cluster_id)
        return self.steps.setdefault(step_id, _Life(self.now(), cluster_id))

    def _moments(self, life: _Life, starts_after: float) -> tuple[float, float]:
        start = life.created + starts_after
        return start, min(start + self.runs, life.stopped or float("inf"))

    def _cluster_state(self, cluster_id: str) -> tuple[str, dict[str, Any]]:
        life = self._life(cluster_id)
        times = {"CreationDateTime": life.created}
        if cluster_id not in self.own and life.stopped is None:
            return "WAITING", {"Timeline": times}
        start, end = self._moments(life, self.starts_after)
        end = life.stopped if cluster_id not in self.own and life.stopped is not None else end
        if self.now() < min(start, end):
            return "STARTING", {"Timeline": times}
        times["ReadyDateTime"] = start
        if self.now() < end:
            return "RUNNING", {"Timeline": times}
        failed = self.ends_as == "FAILED" and life.stopped is None
        reason = self.reason or (
            {"Code": "USER_REQUEST", "Message": "Terminated by user request"}
            if life.stopped is not None
            else {"Code": "STEP_FAILURE" if failed else "ALL_STEPS_COMPLETED", "Message": "Steps ended"}
        )
        status = {"Timeline": times, "StateChangeReason": reason}
        if self.now() < end + self.shuts_down:
            return "TERMINATING", status
        times["EndDateTime"] = end + self.shuts_down
        return "TERMINATED_WITH_ERRORS" if failed else "TERMINATED", status

    def _with_status(self, cluster: dict[str, Any]) -> dict[str, Any]:
        state, status = self._cluster_state(cluster["Id"])
        cluster["Status"] = {"State": state, **status}
        return cluster

    def _clusters(self, call: Call, answer: Any) -> Any:
        answer["Clusters"] = [self._with_status(one) for one in answer["Clusters"]]
        return answer

    def _cluster(self, call: Call, answer: Any) -> Any:
        cluster = self._with_status(answer["Cluster"])
        if cluster["Id"] not in self.own:
            cluster["StepConcurrencyLevel"] = self.concurrency
            cluster["LogUri"] = self.log_uri
        return answer

    def _refuse_many(self, call: Call) -> Reply | None:
        if len(call.body.get("StepIds", ())) > 10:
            return Reply({"__type": "InvalidRequestException", "message": "at most 10 step ids"}, 400)
        return None

    def _steps(self, call: Call, answer: Any) -> Any:
        cluster_id = call.body["ClusterId"]
        for step in answer["Steps"]:
            life = self._step_life(cluster_id, step["Id"])
            own = cluster_id in self.own
            start, end = self._moments(life, self.starts_after if own else 5.0)
            status: dict[str, Any] = {"State": "PENDING", "Timeline": {"CreationDateTime": life.created}}
            if self.now() >= start:
                status["State"] = "RUNNING"
                status["Timeline"]["StartDateTime"] = start
            if self.now() >= end:
                cut = life.stopped is not None and life.stopped < start + self.runs
                status["State"] = "CANCELLED" if cut else self.ends_as
                status["Timeline"]["EndDateTime"] = end
                if status["State"] == "FAILED" and self.failure:
                    status["FailureDetails"] = self.failure
                if not life.logged:
                    life.logged = True
                    root = (
                        "s3://art/etl/logs/emr" if own else (self.log_uri or "s3://art/nowhere").rstrip("/")
                    )
                    self.write_logs(f"{root}/{cluster_id}/steps/{step['Id']}")
            step["Status"] = status
        return answer

    def _instances(self, call: Call) -> Reply:
        """A primary node, and two spot nodes that joined a minute later."""
        cluster_id = call.body["ClusterId"]
        state, status = self._cluster_state(cluster_id)
        created = self.lives[cluster_id].created
        ended = status["Timeline"].get("EndDateTime")
        end = {} if ended is None else {"EndDateTime": ended}
        instances = [
            {
                "Id": f"ci-{number}",
                "Market": market,
                "Status": {"State": state, "Timeline": {"CreationDateTime": created + late, **end}},
            }
            for number, (market, late) in enumerate((("ON_DEMAND", 0), ("SPOT", 60), ("SPOT", 60)))
        ]
        return Reply({"Instances": instances})

    def _cancel(self, call: Call) -> Reply:
        told = []
        for step in call.body["StepIds"]:
            life = self.steps[step]
            ended = self.now() >= self._moments(life, 5.0)[1]
            if not ended:
                life.stopped = self.now()
            told.append({"StepId": step, "Status": "FAILED" if ended else "SUBMITTED", "Reason": "ended"})
        return Reply({"CancelStepsInfoList": told})

    def _terminate(self, call: Call) -> None:
        for cluster_id in call.body["JobFlowIds"]:
            life = self.lives[cluster_id]
            if self.state_of(cluster_id) in ("STARTING", "RUNNING", "WAITING"):
                life.stopped = self.now()


class ServerlessStandIn(_Ends):
    """Job runs that take time and are billed some seconds after their end; tokens are kept.

    Attributes:
        billed_after: Seconds from the end to the bill; None: it never comes.
        details: `stateDetails` of a run that ended.
    """

    def __init__(self, aws: AwsStandIn, now: Callable[[], float], access: AwsAccess):
        super().__init__(aws, now, access)
        self.starts_after = 30.0
        self.ends_as = "SUCCESS"
        self.billed_after: float | None = 8.0
        self.details: str | None = None
        self._tokens: dict[str, Any] = {}
        runs = r"emr-serverless:{} /applications/[^/]+/jobruns"
        aws.answer(runs.format("POST"), self._known)
        aws.rewrite(runs.format("POST"), self._started)
        aws.rewrite(runs.format("GET"), self._listed)
        aws.rewrite(runs.format("GET") + "/[^/]+", self._described)
        aws.answer(runs.format("DELETE") + "/[^/]+", self._cancel)

    def _known(self, call: Call) -> Reply | None:
        known = self._tokens.get(call.body["clientToken"])
        return Reply(known) if known else None

    def _started(self, call: Call, answer: Any) -> Any:
        self._tokens[call.body["clientToken"]] = answer
        self.lives[answer["jobRunId"]] = _Life(self.now(), answer["applicationId"])
        return answer

    def _state(self, run: dict[str, Any], run_id: str) -> dict[str, Any]:
        # One whose start's answer was lost is met here first.
        life = self.lives.setdefault(run_id, _Life(self.now(), run["applicationId"]))
        start = life.created + self.starts_after
        end = min(start + self.runs, life.stopped or float("inf"))
        run |= {"state": "SCHEDULED", "createdAt": life.created, "updatedAt": life.created}
        if start <= self.now():
            run |= {"state": "RUNNING", "startedAt": start}
        if end <= self.now():
            state = self.ends_as if life.stopped is None else "CANCELLED"
            run |= {"state": state, "stateDetails": self.details, "endedAt": end, "updatedAt": end}
            if not life.logged:
                life.logged = True
                root = f"s3://art/etl/logs/emr-serverless/applications/{life.cluster_id}/jobs/{run_id}"
                self.write_logs(f"{root}/SPARK_DRIVER")
        run.pop("billedResourceUtilization", None)
        if self.billed_after is not None and self.now() >= end + self.billed_after:
            bill = {"vCPUHour": 0.5, "memoryGBHour": 2.0, "storageGBHour": 0.0}
            run["billedResourceUtilization"] = bill
        return run

    def _listed(self, call: Call, answer: Any) -> Any:
        # A listing tells neither the start nor the bill.
        hidden = ("startedAt", "endedAt", "billedResourceUtilization")
        for run in answer["jobRuns"]:
            self._state(run, run["id"])
            for key in hidden:
                run.pop(key, None)
        return answer

    def _described(self, call: Call, answer: Any) -> Any:
        self._state(answer["jobRun"], answer["jobRun"]["jobRunId"])
        return answer

    def _cancel(self, call: Call) -> Reply:
        *_, application, _, run_id = call.operation.split("/")
        life = self.lives[run_id]
        if life.stopped is None:
            life.stopped = self.now()
        return Reply(json.dumps({"applicationId": application, "jobRunId": run_id}).encode())

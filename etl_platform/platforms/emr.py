"""Amazon EMR: steps on a cluster that is there, or on one that lives for the run."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms.artifacts import artifact_uri
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.emr_cluster import check_cluster, cluster_request, spark_step
from etl_platform.platforms.emr_run import EmrRun
from etl_platform.platforms.emr_state import (
    ENDED,
    ENDING,
    PREPARING,
    seconds_of,
    state_of_step,
    step_error,
)
from etl_platform.platforms.emr_usage import instance_hours
from etl_platform.platforms.errors import (
    NotRunnableError,
    PlatformError,
    RunNotFoundError,
    TransientError,
)
from etl_platform.platforms.event_logs import event_log_uri, metrics_of_event_logs
from etl_platform.platforms.figures import Figures
from etl_platform.platforms.gzip_logs import gzip_tail, read_gzip_logs
from etl_platform.platforms.ownership import Change
from etl_platform.platforms.patience import Clock
from etl_platform.platforms.protocol import (
    LogChunk,
    Polling,
    RunHandle,
    RunOutcome,
    RunRequest,
    RunState,
)
from etl_platform.platforms.shared_describe import SharedDescribe
from etl_platform.platforms.spark_submit import (
    SparkSubmission,
    event_log_conf,
    run_name,
    searched_since,
    spark_submission,
)
from etl_platform.platforms.target_figures import target_figures

STEPS_A_CALL = 10
"""Most `StepIds` of ListSteps (Amazon EMR API reference)."""

CLUSTERS_A_CALL = 200
"""Clusters that are looked up in one listing, four pages of it; the others are asked for by name."""

FRESH_SECONDS, GIVEN_FRESH_SECONDS = 4.0, 30.0
"""How old the state of a run, and of a cluster before a run, may be."""

ENDS_WITHIN_SECONDS = 180.0
"""How long the end of a cluster that shuts down is waited for: its instances' hours are the run's cost."""

LOOK_SECONDS = 10.0
_SKEW_SECONDS = 3600.0
_NO_CLUSTER = ("InvalidRequestException",)
"""What EMR says of a cluster or step that it does not know."""


class EmrPlatform:
    """Runs jobs as steps of EMR clusters.

    Runs on clusters of their own are polled by one listing of clusters, runs on one cluster by one listing of
    steps for each ten of them.
    """

    name: PlatformName = "emr"
    polling = Polling(shortest_seconds=5, longest_seconds=30, log_seconds=60)

    def __init__(self, access: AwsAccess, clock: Clock | None = None):
        """Run there.

        Args:
            access: Where and as whom the services are called.
            clock: Time; absent: the real one.
        """
        self._access = access
        self._clock = clock or Clock()
        self._prepared: dict[str, SparkSubmission] = {}
        self._submitted: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._printing: set[str] = set()
        self._step_ids: dict[str, str] = {}
        self._steps: dict[str, SharedDescribe[dict[str, Any]]] = {}
        self._given: SharedDescribe[dict[str, Any]] = SharedDescribe(
            lambda ids: {ids[0]: self._cluster(ids[0])},
            at_most=1,
            fresh_seconds=GIVEN_FRESH_SECONDS,
            now=self._clock.now,
        )
        self._clusters: SharedDescribe[dict[str, Any]] = SharedDescribe(
            self._list_clusters, at_most=CLUSTERS_A_CALL, fresh_seconds=FRESH_SECONDS, now=self._clock.now
        )

    def deploy(self, job: Job, config: Config, *, dry_run: bool) -> tuple[Change, ...]:
        """Nothing: a cluster lives for one run, or is the team's own."""
        return ()

    def owned(self) -> tuple[Change, ...]:
        """Nothing outlives its run."""
        return ()

    def remove(self, change: Change) -> None:
        """Nothing: `owned` names nothing."""

    def prepare(self, request: RunRequest) -> None:
        """Upload the script, and see that the cluster runs or that one can be started.

        Raises:
            NotRunnableError: The cluster has ended, a role or a file is missing, and the like.
        """
        cluster_id = request.job.platform.cluster_id
        if cluster_id is None:
            check_cluster(request.job)
        elif (state := self._given_cluster(cluster_id)["Status"]["State"]) in (*ENDING, *ENDED):
            raise NotRunnableError(
                f'job "{request.job.job_id}": the EMR cluster {cluster_id} is {state}. Name one that runs '
                "as platform.cluster_id, or leave it out for a cluster that lives for the run."
            )
        self._prepared[request.execution_id] = spark_submission(self._access, request)

    def submit(self, request: RunRequest) -> RunHandle:
        """Start the cluster with its step, or add the step: one call, which is never sent twice by itself."""
        cluster_id = request.job.platform.cluster_id
        conf = event_log_conf(self._access, request) if request.job.platform.enable_spark_ui else {}
        # Kept until a submission is answered, so that one that is tried again need not be made again.
        submission = self._prepared.get(request.execution_id) or spark_submission(self._access, request)
        step = spark_step(request, submission, conf, transient=cluster_id is None)
        # Neither call knows a client token: after a lost answer the driver looks for the run first.
        client = self._access.client("emr", attempts=1)
        if cluster_id is not None:
            with calling("emr"):
                added = client.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step])
            self._prepared.pop(request.execution_id, None)
            return self._handle(request, cluster_id, added["StepIds"][0])
        log_uri = artifact_uri(request.config, "logs", "emr")
        with calling("emr"):
            started = client.run_job_flow(**cluster_request(request, step, log_uri))
        self._prepared.pop(request.execution_id, None)
        return self._handle(request, started["JobFlowId"], None)

    def find(self, request: RunRequest) -> RunHandle | None:
        """The run of that execution id, by the name of its step, or of its cluster."""
        since, name = searched_since(request), run_name(request)
        client = self._access.client("emr")
        cluster_id = request.job.platform.cluster_id
        if cluster_id is None:
            pages = client.get_paginator("list_clusters").paginate(
                **({"CreatedAfter": since} if since else {})
            )
            with calling("emr"):
                found = next((one for page in pages for one in page["Clusters"] if one["Name"] == name), None)
            return self._handle(request, found["Id"], None) if found else None
        with calling("emr", not_found=_NO_CLUSTER, run_id=cluster_id):
            for page in client.get_paginator("list_steps").paginate(ClusterId=cluster_id):
                for step in page["Steps"]:
                    if step["Name"] == name:
                        return self._handle(request, cluster_id, step["Id"])
                    # The newest steps come first.
                    if since and step["Status"]["Timeline"]["CreationDateTime"] < since:
                        return None
        return None

    def poll(self, handle: RunHandle) -> RunState:
        """The state of the run's cluster while that says enough, then of its step.

        Raises:
            RunNotFoundError: EMR does not know the cluster or the step any more.
        """
        run = EmrRun.of(handle)
        if self._clock.now() - run.submitted < FRESH_SECONDS:
            # Just submitted: to ask for each run alone would spend more calls than all later polls together.
            return RunState("pending")
        cluster = None
        if run.transient:
            self._submitted.setdefault(run.cluster_id, run.submitted)
            cluster = self._clusters.get(run.cluster_id)
            if cluster is None:
                raise RunNotFoundError.of("EMR", f"cluster {run.cluster_id} of the run")
            status = cluster["Status"]
            if status["State"] in PREPARING:
                return RunState("pending", message=f"cluster {run.cluster_id} is {status['State'].lower()}")
            self._printing.add(handle.run_id)
            if status["State"] == "RUNNING":
                return RunState("running", seconds_of(status, "ReadyDateTime"))
        step = self._step(run)
        self._step_ids[run.cluster_id] = step["Id"]
        state = state_of_step(step, cluster, run.timeout_seconds)
        if state.status != "pending":
            self._printing.add(handle.run_id)
        if state.final:
            ended = seconds_of(step["Status"], "EndDateTime")
            if ended is not None:
                self._ended[handle.run_id] = ended
            self._forget(run)
        return state

    def read_logs(self, handle: RunHandle, cursor: str | None) -> LogChunk:
        """What EMR has copied to S3 of the step's output, which it does every few minutes and at the end."""
        run = EmrRun.of(handle)
        if run.log_uri is None or handle.run_id not in self._printing:
            return LogChunk((), cursor)
        if (step_id := run.step_id or self._step_ids.get(run.cluster_id)) is None:
            step_id = self._step_ids[run.cluster_id] = self._step(run)["Id"]
        files, ended = run.log_files(step_id), self._ended.get(handle.run_id)
        return read_gzip_logs(self._access, files, cursor, ended=ended, now=self._clock.now())

    def cancel(self, handle: RunHandle) -> None:
        """Terminate the run's own cluster, or cancel its step on a cluster that is used by others too."""
        run = EmrRun.of(handle)
        if run.transient:
            self._terminate(run.cluster_id)
            return
        client = self._access.client("emr")
        with calling("emr"):
            answer = client.cancel_steps(
                ClusterId=run.cluster_id, StepIds=[run.step_id], StepCancellationOption="SEND_INTERRUPT"
            )
        self._forget(run)
        for refused in answer["CancelStepsInfoList"]:
            if refused["Status"] == "FAILED" and not self.poll(handle).final:
                raise PlatformError(
                    f"EMR did not cancel step {run.step_id} of cluster {run.cluster_id}: "
                    f"{refused.get('Reason') or 'no reason given'}. Cancel it in the EMR console."
                )

    def outcome(self, request: RunRequest, handle: RunHandle) -> RunOutcome:
        """How the step ended, with the error that it printed and the hours of the instances.

        A cluster of the run's own is terminated if it is not already, and its end is waited for.
        """
        run = EmrRun.of(handle)
        cluster = self._see_ended(run) if run.transient else self._cluster(run.cluster_id)
        step = self._step(run)
        state = state_of_step(step, cluster if run.transient else None, run.timeout_seconds)
        if not state.final:
            raise TransientError(f"Step {step['Id']} of cluster {run.cluster_id} has not ended yet.")
        started = seconds_of(step["Status"], "StartDateTime")
        ended = seconds_of(step["Status"], "EndDateTime")
        files = run.log_files(step["Id"])
        place, figures = target_figures(
            self._access, request.job, started, succeeded=state.status == "success"
        )
        if run.event_log:
            figures = metrics_of_event_logs(self._access, run.event_log) | figures
        told: dict[str, Any] = {"status": state.status}
        if state.status in ("failed", "timeout"):
            log = gzip_tail(self._access, files["stderr"]) if files else None
            own = cluster if run.transient else None
            told["error"], told["retry_can_help"] = step_error(step, own, state, run.timeout_seconds, log)
        return RunOutcome(
            request.execution_id,
            handle,
            started=started,
            ended=ended,
            log_location=files["stderr"].rpartition("/")[0] if files else None,
            target_location=place,
            **(figures | self._hours(run, cluster, started, ended)).as_outcome(),
            **told,
        )

    def _handle(self, request: RunRequest, cluster_id: str, step_id: str | None) -> RunHandle:
        log_uri = (
            artifact_uri(request.config, "logs", "emr")
            if step_id is None
            else self._given_cluster(cluster_id).get("LogUri")
        )
        run = EmrRun(
            cluster_id=cluster_id,
            step_id=step_id,
            submitted=self._clock.now(),
            timeout_seconds=request.timeout_seconds,
            log_uri=log_uri,
            event_log=event_log_uri(request) if request.job.platform.enable_spark_ui else None,
        )
        return RunHandle(platform=self.name, run_id=step_id or cluster_id, details=asdict(run))

    def _step(self, run: EmrRun) -> dict[str, Any]:
        if run.step_id is None:
            # A cluster of the run's own has one step.
            steps = self._list_steps(run.cluster_id)
            step = next(iter(steps.values()), None)
        else:
            shared = self._steps.setdefault(
                run.cluster_id,
                SharedDescribe(
                    lambda ids: self._list_steps(run.cluster_id, ids),
                    at_most=STEPS_A_CALL,
                    fresh_seconds=FRESH_SECONDS,
                    now=self._clock.now,
                ),
            )
            step = shared.get(run.step_id)
        if step is None:
            raise RunNotFoundError.of("EMR", f"the step of cluster {run.cluster_id}")
        return step

    def _list_steps(self, cluster_id: str, step_ids: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        client = self._access.client("emr")
        with calling("emr", not_found=_NO_CLUSTER, run_id=cluster_id):
            steps = client.list_steps(
                ClusterId=cluster_id, **({"StepIds": list(step_ids)} if step_ids else {})
            )
        return {step["Id"]: step for step in steps["Steps"]}

    def _list_clusters(self, cluster_ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        wanted = set(cluster_ids)
        # The service's clock need not agree with the one of the process that submitted.
        since = min(self._submitted[one] for one in wanted) - _SKEW_SECONDS
        client = self._access.client("emr")
        found: dict[str, dict[str, Any]] = {}
        with calling("emr"):
            for page in client.get_paginator("list_clusters").paginate(
                CreatedAfter=datetime.fromtimestamp(since, timezone.utc),
                PaginationConfig={"MaxItems": CLUSTERS_A_CALL},
            ):
                found.update({one["Id"]: one for one in page["Clusters"] if one["Id"] in wanted})
                if len(found) == len(wanted):
                    return found
        for cluster_id in wanted - found.keys():
            with suppress(RunNotFoundError):
                found[cluster_id] = self._cluster(cluster_id)
        return found

    def _cluster(self, cluster_id: str) -> dict[str, Any]:
        client = self._access.client("emr")
        with calling("emr", not_found=_NO_CLUSTER, run_id=cluster_id):
            return client.describe_cluster(ClusterId=cluster_id)["Cluster"]

    def _given_cluster(self, cluster_id: str) -> dict[str, Any]:
        """A cluster that runs go to; asked for once in a while for all of them."""
        try:
            cluster = self._given.get(cluster_id)
        except RunNotFoundError as error:
            raise NotRunnableError(
                f"EMR has no cluster {cluster_id} in this region: {error} Correct platform.cluster_id."
            ) from error
        assert cluster is not None
        return cluster

    def _terminate(self, cluster_id: str) -> None:
        client = self._access.client("emr")
        with calling("emr"):
            client.terminate_job_flows(JobFlowIds=[cluster_id])
        self._clusters.forget(cluster_id)

    def _see_ended(self, run: EmrRun) -> dict[str, Any]:
        """The run's own cluster, once it is gone or has had its time to go."""
        cluster = self._cluster(run.cluster_id)
        if cluster["Status"]["State"] not in (*ENDING, *ENDED):
            self._terminate(run.cluster_id)
        until = self._clock.now() + ENDS_WITHIN_SECONDS
        # Who stopped a run is not kept waiting.
        stopped = (cluster["Status"].get("StateChangeReason") or {}).get("Code") == "USER_REQUEST"
        while cluster["Status"]["State"] not in ENDED and not stopped and self._clock.now() < until:
            self._clock.wait(LOOK_SECONDS)
            cluster = self._cluster(run.cluster_id)
        return cluster

    def _hours(
        self, run: EmrRun, cluster: Mapping[str, Any], started: float | None, ended: float | None
    ) -> Figures:
        client = self._access.client("emr")
        unknown = "and what it cost is unknown."
        if run.step_id is not None and (started is None or ended is None):
            return Figures(warnings=(f"The step tells no start or end, {unknown}",))
        if run.step_id is not None and cluster.get("StepConcurrencyLevel", 1) > 1:
            return Figures(warnings=(f"Steps share cluster {run.cluster_id}, so its part of it {unknown}",))
        with calling("emr"):
            pages = client.get_paginator("list_instances").paginate(ClusterId=run.cluster_id)
            instances = [instance for page in pages for instance in page["Instances"]]
        if run.step_id is not None and started is not None and ended is not None:
            return Figures(instance_hours(instances, since=started, until=ended)[0])
        hours, still_run = instance_hours(instances, until=self._clock.now())
        if not still_run:
            return Figures(hours)
        late = f"Cluster {run.cluster_id} was still shutting down; its hours from then on are not counted."
        return Figures(hours, (late,))

    def _forget(self, run: EmrRun) -> None:
        """Ask anew next time, and no longer along with others."""
        if run.step_id is None:
            self._clusters.forget(run.cluster_id)
        elif run.cluster_id in self._steps:
            self._steps[run.cluster_id].forget(run.step_id)

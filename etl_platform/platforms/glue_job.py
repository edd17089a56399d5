"""A job in Glue's words: its definition, the size of a run, and the arguments of a run."""

from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Literal

from etl_platform.config.models.job import Job
from etl_platform.platforms.arguments import as_text, refuse_secrets
from etl_platform.platforms.artifacts import artifact_uri
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.event_logs import event_log_uri
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.script_text import script_text
from etl_platform.platforms.spark_entry import spark_entry, uploaded
from etl_platform.pricing.glue import DPU_PER_WORKER
from etl_platform.runtime.python_job import handler_name

EXECUTION_ARGUMENT = "--EXECUTION_ID"
"""By this argument a run is found again: StartJobRun knows no client token."""

DEFAULT_VERSION = "5.0"
"""Glue version where the job names none: Spark 3.5, as on this machine."""

SHELL_VERSION = "3.0"
SHELL_PYTHON = "3.9"
"""The newest Python shell (AWS Glue Developer Guide, "AWS Glue versions")."""

DEFAULT_DPU = 10.0
"""Glue's own default where nothing decides the size (AWS Glue API reference, `MaxCapacity`)."""

FEWEST_WORKERS = 2
MOST_RUNS_AT_ONCE = 1000
"""AWS Glue endpoints and quotas, "Max concurrent job runs per job"."""

FLEX_WORKERS = ("G.1X", "G.2X")
"""Worker types that Flex runs on (AWS Glue Developer Guide, "Flex execution")."""

Command = Literal["glueetl", "gluestreaming", "pythonshell"]

_PIPES = {
    "DAGSTER_PIPES_CONTEXT": "--dagster-pipes-context",
    "DAGSTER_PIPES_MESSAGES": "--dagster-pipes-messages",
}
"""The arguments that `dagster_pipes.PipesCliArgsParamsLoader` reads."""


@dataclass(frozen=True)
class GlueFiles:
    """What Glue loads for a job, as s3:// addresses.

    Attributes:
        script: What it starts.
        arguments: What the script sees, as `name` to value.
        modules: Source files, zips and wheels of further modules.
        jars: Jars on Spark's class path.
    """

    script: str
    arguments: dict[str, str]
    modules: tuple[str, ...]
    jars: tuple[str, ...]


def glue_job_name(job: Job) -> str:
    """Name of the job's definition in Glue."""
    return job.platform.glue_job_name or job.job_id


def command_of(job: Job) -> Command:
    """The kind of Glue job: `python` scripts run in a Python shell, all else on Spark."""
    if job.execution.kind == "python":
        return "pythonshell"
    streams = job.execution.schedule == "streaming" or job.workload.query_pattern == "streaming"
    return "gluestreaming" if streams else "glueetl"


def files_of(access: AwsAccess | None, request: RunRequest) -> GlueFiles:
    """Upload what a job needs.

    Args:
        access: Where S3 is; None: nothing is uploaded, only addresses are told.
        request: What is run.

    Raises:
        NotRunnableError: A file is missing, or the script is not one that Glue can run.
    """
    execution = request.job.execution
    _refuse_handler(request)
    script, arguments = spark_entry(access, request)
    return GlueFiles(
        script=script,
        arguments=arguments,
        modules=tuple(uploaded(access, request, path) for path in execution.python_modules),
        jars=tuple(uploaded(access, request, path) for path in execution.jars),
    )


def definition_of(request: RunRequest, files: GlueFiles) -> dict[str, Any]:
    """The definition as CreateJob and UpdateJob take it, without name and tags.

    It is to hold what the configuration declares and nothing that is decided for a run: runs that differ in
    size may go on at once. It has no `Role` where the configuration names none.
    """
    job = request.job
    command = command_of(job)
    shell = command == "pythonshell"
    wanted: dict[str, Any] = {
        "Command": {
            "Name": command,
            "ScriptLocation": files.script,
            # Glue's Spark takes the major version only.
            "PythonVersion": (job.platform.python_version or SHELL_PYTHON) if shell else "3",
        },
        "DefaultArguments": _default_arguments(request, command, files),
        "Connections": {"Connections": job.platform.connections},
        "ExecutionProperty": {"MaxConcurrentRuns": MOST_RUNS_AT_ONCE},
        # Retries are the driver's: Glue's own would be runs that nobody recorded.
        "MaxRetries": 0,
        "Timeout": timeout_minutes(job.execution.timeout_minutes * 60),
        "GlueVersion": SHELL_VERSION if shell else job.platform.glue_version or DEFAULT_VERSION,
        **size_of_run(job, command),
    }
    optional = {"Role": job.platform.iam_role, "Description": job.description}
    return {**wanted, **{name: value for name, value in optional.items() if value}}


def declared(request: RunRequest) -> RunRequest:
    """The request with its job as the configuration declares it, before anything was decided for the run."""
    found = next((job for job in request.config.jobs if job.job_id == request.job.job_id), request.job)
    return replace(request, job=found)


def size_of_run(job: Job, command: str) -> dict[str, Any]:
    """The parameters of StartJobRun, and of the definition, that say how big.

    Raises:
        NotRunnableError: Spark needs two workers.
    """
    dpu = job.platform.dpu_count
    if command == "pythonshell":
        return {"MaxCapacity": 1.0 if dpu is not None and dpu >= 1 else 0.0625}
    worker_type = job.platform.worker_type or "G.1X"
    workers = round((DEFAULT_DPU if dpu is None else dpu) / float(DPU_PER_WORKER[worker_type]))
    if workers < FEWEST_WORKERS and dpu is not None:
        raise NotRunnableError(
            f'job "{job.job_id}": {dpu:g} DPU are {workers} workers of type {worker_type}, and Glue runs '
            "Spark on two at least; set platform.dpu_count higher or take a smaller platform.worker_type."
        )
    flex = job.platform.execution_class == "flex" and worker_type in FLEX_WORKERS and command == "glueetl"
    return {
        "WorkerType": worker_type,
        "NumberOfWorkers": max(workers, FEWEST_WORKERS),
        "ExecutionClass": "FLEX" if flex else "STANDARD",
    }


def timeout_minutes(seconds: float) -> int:
    """A time limit in Glue's unit; the driver keeps the exact one."""
    return max(1, ceil(seconds / 60))


def run_arguments(request: RunRequest, files: GlueFiles, command: str) -> dict[str, str]:
    """The arguments of one run: the script's own, Spark's settings, the event log, and Dagster Pipes.

    Raises:
        NotRunnableError: A Spark setting cannot be handed to Glue.
    """
    arguments = {f"--{name}": value for name, value in files.arguments.items()}
    if command != "pythonshell":
        # Glue sets it by itself, to the name of its job, and refuses another one.
        arguments.pop("--JOB_NAME", None)
        if conf := _conf(request):
            arguments["--conf"] = conf
        if request.job.platform.enable_spark_ui:
            arguments["--spark-event-logs-path"] = event_log_uri(request) + "/"
    return {**arguments, **{_PIPES[name]: value for name, value in request.pipes.items() if name in _PIPES}}


def _conf(request: RunRequest) -> str:
    """All Spark settings as the one value that `--conf` may have: `a=1 --conf b=2`."""
    settings = as_text(request.job.execution.spark_conf)
    refuse_secrets(request.job.job_id, "execution.spark_conf", settings)
    for name, value in settings.items():
        if any(mark.isspace() for mark in name + value):
            raise NotRunnableError(
                f'job "{request.job.job_id}": execution.spark_conf.{name} has a blank in it, at which Glue '
                "would cut it; set it in the script."
            )
    return " --conf ".join(f"{name}={value}" for name, value in settings.items())


def _default_arguments(request: RunRequest, command: Command, files: GlueFiles) -> dict[str, str]:
    job = request.job
    wheels = [uri for uri in files.modules if uri.endswith(".whl")]
    sources = [uri for uri in files.modules if uri not in wheels]
    if command == "pythonshell":
        return {"--extra-py-files": ",".join(files.modules)} if files.modules else {}
    incremental = "enable" if job.workload.incremental else "disable"
    arguments = {
        "--enable-glue-datacatalog": "true",
        "--enable-metrics": "true",
        "--enable-continuous-cloudwatch-log": str(job.platform.enable_continuous_logging).lower(),
        "--enable-spark-ui": str(job.platform.enable_spark_ui).lower(),
        "--job-bookmark-option": f"job-bookmark-{incremental}",
        "--TempDir": artifact_uri(request.config, "temp", job.job_id) + "/",
    }
    optional = {
        "--extra-py-files": sources,
        "--additional-python-modules": wheels,
        "--extra-jars": files.jars,
    }
    return {**arguments, **{name: ",".join(uris) for name, uris in optional.items() if uris}}


def _refuse_handler(request: RunRequest) -> None:
    """Refuse a module that only defines a handler: a Python shell runs a script and calls nothing in it."""
    execution = request.job.execution
    path = execution.script_path
    if execution.kind != "python" or path is None or "://" in path:
        return
    text = script_text(request.job.job_id, request.config.resolve(path))
    if (name := handler_name(text)) and "__main__" not in text:
        raise NotRunnableError(
            f'job "{request.job.job_id}": {path} defines `{name}(event, context)`, which a Glue Python shell '
            'does not call. Run it on lambda, batch or local, or call it below `if __name__ == "__main__":`.'
        )

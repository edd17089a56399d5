"""`platform`: where the job may run, and how big."""

from typing import Literal

from pydantic import Field

from etl_platform.config.models.base import PlatformName, Section

WorkerType = Literal[
    "G.025X", "G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X", "R.1X", "R.2X", "R.4X", "R.8X"
]


class Platform(Section):
    """Where the job may run and how big; what is absent is decided for each run."""

    user_preference: PlatformName | None = Field(default=None, description="Where the team wants it to run.")
    allow_agent_override: bool = Field(
        default=True, description="False: the preference is taken, no alternative is computed or shown."
    )
    auto_select_platform: bool = Field(
        default=False, description="Take the recommendation, not the preference."
    )
    allowed_platforms: list[PlatformName] | None = Field(
        default=None, min_length=1, description="Platforms that may be chosen; absent: all configured ones."
    )

    glue_job_name: str | None = Field(default=None, description="Glue job to run; absent: the job id.")
    glue_version: str | None = Field(default=None, description="Glue version, such as `5.0`.")
    worker_type: WorkerType | None = Field(default=None, description="Glue worker type.")
    dpu_count: float | None = Field(default=None, gt=0, description="Glue data processing units.")
    execution_class: Literal["standard", "flex"] | None = Field(default=None, description="Flex is cheaper.")
    python_version: str | None = Field(default=None, description="Python of the Glue job.")
    iam_role: str | None = Field(default=None, description="Role of the Glue job.")
    connections: list[str] = Field(default_factory=list, description="Glue connections.")

    cluster_id: str | None = Field(default=None, description="Running EMR cluster; absent: one for the run.")
    release_label: str | None = Field(default=None, description="EMR release, such as `emr-7.5.0`.")
    instance_type: str | None = Field(default=None, description="EC2 type of the primary node.")
    instance_count: int | None = Field(default=None, ge=1, description="EC2 instances in all.")
    core_instance_type: str | None = Field(default=None, description="EC2 type of core nodes.")
    service_role: str | None = Field(default=None, description="EMR service role.")
    job_flow_role: str | None = Field(default=None, description="EMR instance profile.")
    subnet_id: str | None = Field(default=None, description="Subnet of the cluster.")

    application_id: str | None = Field(default=None, description="EMR Serverless application.")
    execution_role_arn: str | None = Field(default=None, description="Role of the EMR Serverless run.")
    driver_cores: int | None = Field(default=None, ge=1, description="vCPU of the driver.")
    driver_memory_gb: float | None = Field(default=None, gt=0, description="Memory of the driver.")
    executor_cores: int | None = Field(default=None, ge=1, description="vCPU of an executor.")
    executor_memory_gb: float | None = Field(default=None, gt=0, description="Memory of an executor.")
    max_executors: int | None = Field(default=None, ge=1, description="Executors at the most.")

    lambda_function_name: str | None = Field(default=None, description="Lambda function; absent: the job id.")
    memory_mb: int | None = Field(default=None, ge=128, description="Memory of the Lambda or Batch run.")
    concurrent_executions: int | None = Field(default=None, ge=1, description="Lambda invocations at once.")
    architecture: Literal["x86_64", "arm64"] | None = Field(default=None, description="Lambda processor.")

    job_queue: str | None = Field(default=None, description="Batch job queue.")
    job_definition: str | None = Field(default=None, description="Batch job definition.")
    vcpus: float | None = Field(default=None, gt=0, description="vCPU of the Batch job.")

    auto_adjust_dpu: bool = Field(default=False, description="Size the run within `min_dpu` and `max_dpu`.")
    auto_adjust_memory: bool = Field(default=False, description="Size the memory of the run.")
    min_dpu: float | None = Field(default=None, gt=0, description="Smallest size that may be chosen.")
    max_dpu: float | None = Field(default=None, gt=0, description="Largest size that may be chosen.")
    enable_spark_ui: bool = Field(default=True, description="Keep Spark's event log.")
    enable_continuous_logging: bool = Field(default=True, description="Log while the run goes on.")
    spark_event_logs_path: str | None = Field(default=None, description="s3:// prefix of event logs.")

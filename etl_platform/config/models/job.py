"""A job: its sections together."""

from pydantic import Field

from etl_platform.config.models.base import Identifier, Section, shared
from etl_platform.config.models.compliance import Compliance
from etl_platform.config.models.cost import Cost
from etl_platform.config.models.data_flow import DataFlow
from etl_platform.config.models.data_quality import DataQuality
from etl_platform.config.models.data_sources import AnySource
from etl_platform.config.models.execution import Execution
from etl_platform.config.models.monitoring import Monitoring
from etl_platform.config.models.platform import Platform
from etl_platform.config.models.sla import Sla
from etl_platform.config.models.target import Target
from etl_platform.config.models.workload import Workload


class Job(Section):
    """One ETL job, resolved: templates, conditions and variables are already applied."""

    job_id: Identifier = Field(description="Asset key, run name, tracking key.")
    job_name: str = Field(default="", description="Shown in the UI; absent: the job id.")
    description: str = Field(default="", description="Shown in the UI.")
    enabled: bool = Field(default=True, description="False: shown in the graph, never run.")
    group: str = Field(default="default", pattern=r"^[A-Za-z0-9_]+$", description="Asset group.")
    owners: list[str] = Field(default_factory=list, description="E-mail addresses, or `team:name`.")
    stakeholders: list[str] = Field(default_factory=list, description="Who gets notifications.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of the asset and its runs.")
    execution: Execution = Field(description="What runs, when, how long.")
    target: Target | None = Field(default=None, description="What the job writes.")
    platform: Platform = Field(default_factory=shared(Platform), description="Where it runs, how big.")
    workload: Workload = Field(default_factory=shared(Workload), description="What is known of the work.")
    data_sources: list[AnySource] = Field(default_factory=list, description="What the job reads.")
    data_flow: DataFlow = Field(default_factory=shared(DataFlow), description="How joins are worked out.")
    data_quality: DataQuality = Field(
        default_factory=shared(DataQuality), description="What the data must be."
    )
    compliance: Compliance = Field(default_factory=shared(Compliance), description="What the law says.")
    cost: Cost = Field(default_factory=shared(Cost), description="What a run may cost.")
    sla: Sla = Field(default_factory=shared(Sla), description="How long it may take.")
    monitoring: Monitoring = Field(
        default_factory=shared(Monitoring), description="Which figures are watched."
    )

    @property
    def title(self) -> str:
        """The name to show to people."""
        return self.job_name or self.job_id

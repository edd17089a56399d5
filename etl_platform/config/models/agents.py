"""`global_settings.agents`: who argues, and with which model."""

from typing import Literal

from pydantic import Field

from etl_platform.config.models.base import Section


class AgentModel(Section):
    """The model that agents run on; absent values follow the profile."""

    provider: Literal["policy", "bedrock", "openai", "ollama", "litellm", "llamacpp"] | None = Field(
        default=None, description="Absent: `policy`, or `bedrock` under `aws` where a model id is given."
    )
    model_id: str | None = Field(default=None, description="Model.")
    region: str | None = Field(default=None, description="Region of Bedrock.")
    base_url: str | None = Field(default=None, description="Address of the model's server.")
    api_key: str | None = Field(
        default=None,
        description="Key of the model's server as `${SECRET:name}`; absent: its library looks for one.",
    )
    max_turns: int = Field(default=12, ge=1, description="Turns of one invocation.")
    max_tokens: int = Field(default=8000, ge=1, description="Tokens of one invocation.")
    timeout_seconds: float = Field(default=60, gt=0, description="Time of one invocation.")


class Agent(Section):
    """What every agent has."""

    enabled: bool = Field(default=True, description="False: this agent is never asked.")


class DecisionAgent(Agent):
    """Chooses the platform among the feasible options."""

    respect_user_preference: bool = Field(default=True, description="Take the team's preference.")
    always_provide_recommendation: bool = Field(default=True, description="Recommend beside a preference.")
    auto_platform_selection: bool = Field(default=True, description="Choose where there is no preference.")
    consider_cost: bool = Field(default=True, description="Dollars count.")
    consider_performance: bool = Field(default=True, description="Seconds count.")
    consider_reliability: bool = Field(default=True, description="Past failures count.")


class QualityAgent(Agent):
    """Explains failing rules and writes new ones."""

    fail_job_on_critical_issues: bool = Field(default=True, description="Critical findings stop the job.")
    auto_generate_validation_rules: bool = Field(default=False, description="Write rules for bare datasets.")
    profiling_enabled: bool = Field(default=False, description="Profile datasets.")


class OptimizationAgent(Agent):
    """Recommends changes to scripts, settings and sizes."""

    auto_tune_spark_config: bool = Field(default=True, description="Set Spark settings.")
    auto_adjust_resources: bool = Field(default=True, description="Set sizes.")
    learning_from_history: bool = Field(default=True, description="Use past runs.")


class LearningAgent(Agent):
    """Says what past runs tell about this one."""

    similarity_threshold: float = Field(
        default=0.8, ge=0, le=1, description="Least similarity of a past run."
    )
    min_history_samples: int = Field(default=5, ge=1, description="Runs before learnings act.")
    vector_storage: str | None = Field(default=None, description="Absent: `learning_storage`.")


class ComplianceAgent(Agent):
    """Classifies columns and finds missing controls."""

    auto_detect_pii: bool = Field(default=True, description="Look for personal data.")
    enforce_gdpr: bool = Field(default=False, description="A breach stops the job.")
    enforce_hipaa: bool = Field(default=False, description="A breach stops the job.")
    audit_all_access: bool = Field(default=False, description="Record each access.")


class CostTrackingAgent(Agent):
    """Explains costs and finds savings."""

    track_all_costs: bool = Field(default=True, description="Price every run.")
    forecast_monthly_costs: bool = Field(default=True, description="Forecast the month.")
    alert_on_budget_overrun: bool = Field(default=True, description="Tell people.")


class SupervisorAgent(Agent):
    """Runs the others and gives one answer."""

    pre_run: bool = Field(default=True, description="Go or no-go before a run.")
    post_run: bool = Field(default=True, description="Report after a run.")
    max_handoffs: int = Field(default=10, ge=1, description="Hand-offs between agents.")


class Agents(Section):
    """The agents and the model that they run on."""

    model: AgentModel = Field(default_factory=AgentModel, description="The model.")
    decision_agent: DecisionAgent = Field(default_factory=DecisionAgent, description="Decision.")
    quality_agent: QualityAgent = Field(default_factory=QualityAgent, description="Quality.")
    optimization_agent: OptimizationAgent = Field(
        default_factory=OptimizationAgent, description="Optimization."
    )
    learning_agent: LearningAgent = Field(default_factory=LearningAgent, description="Learning.")
    compliance_agent: ComplianceAgent = Field(default_factory=ComplianceAgent, description="Compliance.")
    cost_tracking_agent: CostTrackingAgent = Field(default_factory=CostTrackingAgent, description="Cost.")
    supervisor_agent: SupervisorAgent = Field(default_factory=SupervisorAgent, description="Supervisor.")

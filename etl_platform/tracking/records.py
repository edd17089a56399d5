"""The records of the six tables.

Times are Unix seconds UTC. A value that nobody measured is None in the model and absent in the store.
`model_copy(update={...})` makes the next state of a record; its `timestamp` must stay, being part of the key.
"""

from typing import Literal

from pydantic import Field

from etl_platform.tracking.values import Count, Figure, Json, Name, Record

Status = Literal["running", "success", "failed", "timeout", "cancelled"]
STATUSES: tuple[Status, ...] = ("running", "success", "failed", "timeout", "cancelled")

ErrorClass = Literal[
    "out_of_memory", "throttled", "timeout", "permission", "missing_input", "code", "capacity", "unknown"
]


class WorkloadCharacteristics(Record):
    """What the run was about to do."""

    data_volume_gb: Figure | None = None
    data_volume_category: Literal["low", "medium", "high", "very_high"] | None = None
    complexity: Literal["simple", "moderate", "complex"] | None = None
    criticality: Literal["low", "medium", "high", "critical"] | None = None
    estimated_runtime_minutes: Figure | None = None


class Alternative(Record):
    """A platform that was considered for the run."""

    platform: str
    feasible: bool
    reason: str | None = None
    estimated_seconds: Figure | None = None
    estimated_cost_usd: Figure | None = None


class PlatformDecision(Record):
    """Where the run went, and why."""

    selected_platform: str
    recommended_platform: str | None = None
    confidence: Figure | None = None
    decision_reasoning: str | None = None
    alternatives_considered: list[Alternative] | None = None
    provenance: Literal["policy", "llm", "user"] | None = None
    decision_agent_version: str | None = None
    size: dict[str, Json] | None = Field(
        default=None, description="Machine, nodes, cores, memory_gb: what later runs learn from."
    )
    estimated_seconds: Figure | None = None
    estimated_seconds_low: Figure | None = Field(default=None, description="5 runs in 100 are shorter.")
    estimated_seconds_high: Figure | None = Field(default=None, description="5 runs in 100 are longer.")
    estimated_cost_usd: Figure | None = None
    estimated_cost_usd_low: Figure | None = None
    estimated_cost_usd_high: Figure | None = None
    input_fingerprint: str | None = Field(default=None, description="Of all that the decision rests on.")
    settings: dict[str, Json] | None = Field(
        default=None,
        description="Keys of the job's `platform` that were decided for the attempt.",
    )
    on_demand: bool | None = Field(default=None, description="Spot capacity was lost and is not taken again.")


class ExecutionMetrics(Record):
    """What was measured; `_gb` is 2**30 bytes."""

    memory_mb_avg: Figure | None = None
    memory_mb_max: Figure | None = None
    memory_mb_allocated: Figure | None = None
    memory_utilization_percent: Figure | None = None
    cpu_utilization_percent: Figure | None = None
    data_processed_gb: Figure | None = None
    data_read_gb: Figure | None = None
    data_written_gb: Figure | None = None
    shuffle_read_gb: Figure | None = None
    shuffle_write_gb: Figure | None = None
    spilled_gb: Figure | None = Field(default=None, description="Did not fit into memory and went to disk.")
    executor_seconds: Figure | None = Field(default=None, description="Time of all tasks, summed over cores.")
    gc_seconds: Figure | None = Field(default=None, description="Garbage collection within it.")
    task_count: Count | None = None
    task_skew: Figure | None = Field(
        default=None, description="Longest task over the median one, in the stage that took most time."
    )
    records_processed: Count | None = None
    records_written: Count | None = Field(default=None, description="Rows that the run wrote.")
    records_per_second: Figure | None = None
    output_file_count: Count | None = None
    output_avg_file_mb: Figure | None = None


class CostBreakdown(Record):
    """What the run cost."""

    total_cost_usd: Figure | None = None
    compute_cost_usd: Figure | None = None
    storage_cost_usd: Figure | None = None
    network_cost_usd: Figure | None = None
    bedrock_cost_usd: Figure | None = None
    cost_per_gb: Figure | None = None
    dpu_hours: Figure | None = None
    dpu_cost_per_hour: Figure | None = None
    estimated_cost_usd: Figure | None = None
    price_book_date: str | None = None


class DataQualityScores(Record):
    """What the checks said; scores and percentages are 0 to 100."""

    overall_score: Figure | None = None
    completeness_score: Figure | None = None
    accuracy_score: Figure | None = None
    consistency_score: Figure | None = None
    timeliness_score: Figure | None = None
    validity_score: Figure | None = None
    null_percentage: Figure | None = None
    duplicate_percentage: Figure | None = None
    schema_violations: Count | None = None
    business_rule_violations: Count | None = None
    quality_checks_passed: Count | None = None
    quality_checks_failed: Count | None = None
    quarantined_rows: Count | None = None


class ComplianceStatus(Record):
    """What was found about the law's demands."""

    gdpr_compliant: bool | None = None
    hipaa_compliant: bool | None = None
    pii_detected: bool | None = None
    pii_masked: bool | None = None
    retention_policy_applied: bool | None = None
    encryption_at_rest: bool | None = None
    encryption_in_transit: bool | None = None
    audit_log_enabled: bool | None = None
    data_classification: Literal["public", "internal", "confidential", "restricted"] | None = None


class Issue(Record):
    """Something wrong with the job, found by looking at its script or its run."""

    issue_id: str
    severity: Literal["critical", "high", "medium", "low"]
    category: str
    type: str
    description: str
    impact: str | None = None
    recommendation: str | None = None
    estimated_improvement: str | None = None
    code_location: str | None = Field(default=None, description="`file:line`.")


class Optimization(Record):
    """A change of the run's settings that was proposed or made."""

    optimization_id: str
    type: str
    description: str
    applied: bool
    improvement_actual: str | None = None


class Recommendation(Record):
    """What somebody should do about the job."""

    recommendation_id: str
    priority: Literal["critical", "high", "medium", "low"]
    category: str
    title: str
    description: str
    action: str | None = None
    estimated_impact: str | None = None
    estimated_cost_impact: Figure | None = Field(default=None, description="USD a run; negative saves.")


class ErrorDetails(Record):
    """Why the run failed."""

    error_occurred: bool
    error_message: str | None = None
    error_type: str | None = None
    error_class: ErrorClass | None = None
    error_stack_trace: str | None = None
    error_timestamp: Figure | None = Field(
        default=None, description="When the platform stopped answering about a run that may go on."
    )
    retry_count: Count | None = None


class ExecutionOutline(Record):
    """What a list of executions shows of each."""

    execution_id: Name
    timestamp: Figure = Field(description="Start of the execution; part of the key, so it never changes.")
    job_name: Name = Field(description="The `job_id`.")
    job_type: str | None = Field(default=None, description="The platform; absent until it is decided.")
    status: Status
    start_time: Figure | None = None
    end_time: Figure | None = None
    duration_seconds: Figure | None = None
    dagster_run_id: str | None = None
    partition_key: str | None = None
    attempt: Count | None = None


class ExecutionSummary(ExecutionOutline):
    """An execution in a list; reading it costs a small part of reading the whole."""

    total_cost_usd: Figure | None = None


class JobExecution(ExecutionOutline):
    """One attempt to run a job: the item of the table JobExecutions.

    `issues_detected`, `optimizations_applied` and `recommendations` are None where nobody looked, and empty
    where somebody looked and found none.
    """

    step_key: str | None = None
    attempt_group: Name | None = Field(
        default=None, description="What the attempts of one retried step share; see `TrackingStore.attempts`."
    )
    run_handle: dict[str, Json] | None = Field(
        default=None, description="Ids of the platform by which the remote run is found again."
    )
    workload_characteristics: WorkloadCharacteristics | None = None
    platform_decision: PlatformDecision | None = None
    execution_metrics: ExecutionMetrics | None = None
    cost_breakdown: CostBreakdown | None = None
    data_quality: DataQualityScores | None = None
    compliance: ComplianceStatus | None = None
    issues_detected: list[Issue] | None = None
    optimizations_applied: list[Optimization] | None = None
    recommendations: list[Recommendation] | None = None
    error_details: ErrorDetails | None = None
    warnings: list[str] = Field(default_factory=list, description="What was tolerated.")
    log_location: str | None = None
    target_location: str | None = None
    stakeholders: list[str] = Field(default_factory=list)
    tags: dict[Name, str] = Field(default_factory=dict)
    learning_vector_stored: bool | None = None
    learning_vector_path: str | None = None
    notification_sent: bool | None = None
    notification_timestamp: Figure | None = None
    notification_recipients: list[str] | None = None


class TokensConsumed(Record):
    """What a call of a model consumed."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    total_cost_usd: Figure | None = None


class AgentInvocation(Record):
    """One call of one agent: the item of the table AgentInvocations."""

    invocation_id: Name
    timestamp: Figure
    execution_id: Name | None = None
    agent_name: Name
    agent_version: str | None = None
    provider: str | None = None
    input_parameters: dict[str, Json] | None = None
    output_response: Json | None = None
    duration_ms: Figure | None = None
    tokens_consumed: TokensConsumed | None = None
    success: bool
    error_message: str | None = None
    fallback_reason: str | None = None


class IssueRecord(Record):
    """An issue of a job over its runs: the item of the table IssueRegistry."""

    issue_type: Name
    timestamp: Figure = Field(description="First seen; a store moves it by microseconds where it is taken.")
    execution_id: Name
    job_name: Name
    severity: Literal["critical", "high", "medium", "low"]
    occurrences: int = Field(ge=1, le=10**15)
    resolved: bool
    resolution_timestamp: Figure | None = None


class CostTrend(Record):
    """What a job cost on a day: the item of the table CostTrends.

    Sums are absent while no execution of the day had the figure.
    """

    date: str = Field(pattern=r"^\d{4}-\d\d-\d\d$", description="UTC day on which the executions started.")
    job_name: Name
    total_executions: Count
    successful_executions: Count
    failed_executions: Count = Field(
        description="`failed` and `timeout`; a cancelled one is in the total only."
    )
    priced_executions: Count = Field(description="Those whose cost is known: the divisor of the average.")
    total_cost_usd: Figure | None = None
    avg_cost_per_execution: Figure | None = None
    total_duration_seconds: Figure | None = None
    total_data_processed_gb: Figure | None = None


class QualityRecord(DataQualityScores):
    """The scores of one run, and how they move: the item of the table DataQualityHistory."""

    job_name: Name
    timestamp: Figure = Field(description="A store moves it by microseconds where it is taken.")
    execution_id: Name
    trend: Literal["improving", "stable", "degrading"] | None = None
    anomalies_detected: list[str] | None = None


class ComplianceCheck(Record):
    """One question of an audit."""

    check_name: str
    passed: bool | None = Field(default=None, description="None where it could not be told.")
    details: str | None = None
    evidence: Json | None = None


class AuditRecord(Record):
    """One audit of one execution: the item of the table ComplianceAudit. It is never changed or deleted."""

    audit_id: Name
    timestamp: Figure
    execution_id: Name
    job_name: Name
    compliance_checks: list[ComplianceCheck]
    auditor: str
    compliance_officer_notified: bool | None = None

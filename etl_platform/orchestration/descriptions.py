"""What people read on an asset's page: the job in markdown."""

from etl_platform.config.identity import source_key, target_key
from etl_platform.config.models.job import Job
from etl_platform.quality.rules import Rule


def describe_job(job: Job, rules: tuple[Rule, ...]) -> str:
    """The job in markdown: what it reads, writes and must satisfy, and when it runs."""
    execution = job.execution
    what = execution.script_path or "a query in the configuration"
    lines = [job.description] if job.description else []
    if not job.enabled:
        lines.append("**Disabled**: set `enabled` to true to run it.")
    if job.data_flow.flow_description:
        lines.append(job.data_flow.flow_description)
    lines.append(f"**Runs** {_code(what)} ({execution.kind}), {describe_schedule(job)}.")
    if job.data_sources:
        rows = [
            f"| {source.name} | {_code(_name(source_key(source)))} | {source.role_in_flow or ''} |"
            for source in job.data_sources
        ]
        lines.append("\n".join(["| source | stands at | role |", "| --- | --- | --- |", *rows]))
    if job.target:
        partition_by = ", ".join(job.target.partition_by)
        cut = f", partitioned by {partition_by}" if partition_by else ""
        key = target_key(job.target)
        where = _code(_name(key)) if key else job.target.type
        lines.append(f"**Writes** {where} as {job.target.format} ({job.target.mode}){cut}.")
    if rules:
        rows = [f"| {rule.dataset} | {_cell(rule.description)} | {rule.action} |" for rule in rules]
        lines.append("\n".join(["| dataset | rule | on failure |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(lines)


def describe_schedule(job: Job) -> str:
    """When the job runs, as part of a sentence."""
    schedule = job.execution.schedule
    if schedule is None:
        return "only when asked"
    return "as a stream" if schedule == "streaming" else f"on `{schedule}` ({job.execution.timezone})"


def _name(key: tuple[str, ...]) -> str:
    return f"s3://{'/'.join(key[1:])}" if key[0] == "s3" else ".".join(key)


def _code(text: str) -> str:
    return f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

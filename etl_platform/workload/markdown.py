"""The analysis of a job as tables for people."""

from etl_platform.catalog.markdown import UNKNOWN, cell, gb
from etl_platform.workload.model import Workload


def workload_report(workload: Workload) -> str:
    """Volume, roles, join plan, broadcasts and findings as markdown; parts that are empty are left out."""
    parts = [summary_table(workload)]
    if workload.order:
        parts += ["#### Join plan", join_plan_table(workload)]
    if workload.broadcasts:
        parts += ["#### Broadcasts", broadcast_table(workload)]
    if workload.findings:
        lines = [
            f"- {one.severity}: {cell(one.description)} {one.recommendation}" for one in workload.findings
        ]
        parts += ["#### Findings", "\n".join(lines)]
    if workload.notes:
        parts += ["#### Not analysed", "\n".join(f"- {cell(note)}" for note in workload.notes)]
    return "\n\n".join(parts) + "\n"


def summary_table(workload: Workload) -> str:
    """The figures of a job, one a line."""
    volume = gb(workload.volume_gb)
    if workload.volume_unknown and workload.volume_gb is not None:
        volume = f"at least {volume}"
    rows = [
        ("input", f"{volume} ({workload.volume_from})"),
        ("files", UNKNOWN if workload.file_count is None else f"{workload.file_count:,}"),
        ("complexity", f"{workload.complexity}: {', '.join(workload.complexity_reasons)}"),
        ("facts", ", ".join(_of_role(workload, "fact", "streaming_source")) or "none"),
        ("dimensions", ", ".join(_of_role(workload, "dimension", "lookup", "reference")) or "none"),
        ("shape", ", ".join(shape.kind.replace("_", " ") for shape in workload.shapes) or UNKNOWN),
        (
            "shuffle of joins",
            f"{gb(workload.shuffle_without_broadcasts_gb)} → {gb(workload.shuffle_gb)} (with broadcasts)",
        ),
        ("shuffle of other operations", f"at most {gb(workload.wide_shuffle_gb_at_most)}"),
    ]
    if workload.volume_unknown:
        rows.insert(1, ("sizes unknown", ", ".join(workload.volume_unknown)))
    if workload.stream_gb_per_hour is not None:
        rows.insert(1, ("streams", f"{gb(workload.stream_gb_per_hour)} an hour"))
    return "\n".join(
        ["| what | value |", "| --- | --- |", *(f"| {name} | {cell(value)} |" for name, value in rows)]
    )


def join_plan_table(workload: Workload) -> str:
    """The join order, one step a line."""
    lines = ["| # | step | on | size | shuffle | why |", "| ---: | --- | --- | ---: | ---: | --- |"]
    for number, step in enumerate(workload.order, 1):
        cells = [
            str(number),
            f"{step.kind.replace('_', ' ')} `{step.source}`",
            " and ".join(step.on) + (" (guessed)" if step.guessed else ""),
            gb(step.size_gb),
            gb(step.shuffle_gb),
            step.reason,
        ]
        lines.append("| " + " | ".join(cell(text) for text in cells) + " |")
    return "\n".join(lines)


def broadcast_table(workload: Workload) -> str:
    """Which sources are broadcast, and why or why not."""
    lines = ["| source | broadcast | why |", "| --- | --- | --- |"]
    lines += [
        f"| `{one.source}` | {'yes' if one.chosen else 'no'} | {cell(one.reason)} |"
        for one in workload.broadcasts
    ]
    return "\n".join(lines)


def _of_role(workload: Workload, *names: str) -> list[str]:
    sizes = {step.source: step.size_gb for step in workload.order}
    return [f"{role.source} ({gb(sizes.get(role.source))})" for role in workload.roles if role.role in names]

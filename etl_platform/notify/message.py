"""What is said about an event: the same for every target, and plain enough to be kept in a file."""

import hashlib
import os
from typing import Annotated, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from etl_platform.config.project import Config
from etl_platform.notify.events import EventName, EventSeverity, Happening, Recovery, RunSucceeded
from etl_platform.notify.figures import compliance_lines, quality_lines, run_lines
from etl_platform.tracking.records import JobExecution

UI_ADDRESS = "ETL_PLATFORM_UI_URL"
"""Environment variable with the address of Dagster's UI, for links such as `https://dagster.example.com`."""

LONGEST_TEXT = 2_000
"""Letters of one text in a message; what is longer stands in tracking."""

LONGEST_KEY = 255
"""Letters of a dedup key, by PagerDuty's Events API v2."""

Short = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Line(_Part):
    """A figure with its name; `note` compares it with something."""

    label: str
    value: str
    note: str = ""


class Point(_Part):
    """A finding or a recommendation."""

    severity: str
    title: Short
    text: Short = ""
    where: str = ""


class Link(_Part):
    """A way to the run."""

    label: str
    url: str


class Message(_Part):
    """A message, as it is kept until all targets have it.

    Attributes:
        state: `recovered` ends what `firing` began; `info` stands alone.
        cause: Key of what happened; the dedup key of PagerDuty is made of it.
        created: Unix seconds UTC.
        findings: None: nobody looked.
        recommendations: None: nobody looked.
    """

    id: str = Field(default_factory=lambda: uuid4().hex)
    event: EventName
    state: Literal["firing", "recovered", "info"]
    severity: EventSeverity
    cause: str
    created: float
    job_id: str
    job_title: str
    environment: str | None = None
    execution_id: str | None = None
    dagster_run_id: str | None = None
    team: tuple[str, ...] = ()
    subject: str
    heading: str
    summary: Short
    figures: tuple[Line, ...] = ()
    quality: tuple[Line, ...] = ()
    compliance: tuple[Line, ...] = ()
    findings: tuple[Point, ...] | None = None
    recommendations: tuple[Point, ...] | None = None
    links: tuple[Link, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def dedup_key(self) -> str:
        """The cause in its environment, short enough for PagerDuty."""
        key = "/".join(filter(None, ("etl-platform", self.environment, self.cause)))
        return key if len(key) <= LONGEST_KEY else f"etl-platform/{hashlib.sha256(key.encode()).hexdigest()}"


def compose(config: Config, happening: Happening, now: float) -> Message:
    """The message about an event, or about its end.

    Args:
        config: The configuration.
        happening: The event, or its end.
        now: Unix seconds UTC.
    """
    job = config.job(happening.job_id)
    event = happening.event if isinstance(happening, Recovery) else type(happening)
    heading = event.words_after if isinstance(happening, Recovery) else event.words
    environment = config.settings.environment
    execution = happening.execution
    prefix = f"[{environment}] " if environment else ""
    return Message(
        event=event.name,
        state=_state(happening),
        severity=event.severity,
        cause=happening.cause,
        created=now,
        job_id=job.job_id,
        job_title=job.title,
        environment=environment,
        execution_id=execution.execution_id if execution else None,
        dagster_run_id=execution.dagster_run_id if execution else None,
        team=tuple(owner.removeprefix("team:") for owner in job.owners if owner.startswith("team:")),
        subject=one_line(f"{prefix}{job.title}: {heading}"),
        heading=heading,
        summary=cut(happening.sentence),
        figures=tuple(
            Line(label=label, value=value, note=note)
            for label, value, note in run_lines(execution, happening.previous, job.cost)
        ),
        quality=tuple(Line(label=label, value=value) for label, value in quality_lines(execution)),
        compliance=tuple(Line(label=label, value=value) for label, value in compliance_lines(execution)),
        findings=_findings(execution),
        recommendations=_recommendations(execution),
        links=_links(execution),
        commands=(f"etl-platform show {execution.execution_id}",) if execution else (),
    )


def one_line(text: str) -> str:
    """A text without line breaks and other control characters, as headers need it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def cut(text: str, longest: int = LONGEST_TEXT) -> str:
    """A text that fits; `…` stands for what was left out."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _state(happening: Happening) -> Literal["firing", "recovered", "info"]:
    if isinstance(happening, Recovery):
        return "recovered"
    return "info" if isinstance(happening, RunSucceeded) else "firing"


def _findings(execution: JobExecution | None) -> tuple[Point, ...] | None:
    if execution is None or execution.issues_detected is None:
        return None
    issues = sorted(execution.issues_detected, key=lambda issue: _ORDER[issue.severity])
    return tuple(
        Point(
            severity=issue.severity,
            title=cut(issue.description),
            text=cut(issue.recommendation or ""),
            where=issue.code_location or "",
        )
        for issue in issues
    )


def _recommendations(execution: JobExecution | None) -> tuple[Point, ...] | None:
    if execution is None or execution.recommendations is None:
        return None
    found = sorted(execution.recommendations, key=lambda each: _ORDER[each.priority])
    return tuple(
        Point(severity=each.priority, title=cut(each.title), text=cut(each.action or each.description))
        for each in found
    )


_ORDER = {"critical": 0, "high": 1, "medium": 2, "low": 3}


def _links(execution: JobExecution | None) -> tuple[Link, ...]:
    if execution is None:
        return ()
    links: list[Link] = []
    base = os.environ.get(UI_ADDRESS, "").rstrip("/")
    if base.startswith(("http://", "https://")):
        if execution.dagster_run_id:
            links.append(Link(label="Run in Dagster", url=f"{base}/runs/{execution.dagster_run_id}"))
        links.append(Link(label="Job in Dagster", url=f"{base}/assets/{execution.job_name}"))
    if (execution.log_location or "").startswith("https://"):
        links.append(Link(label="Log", url=execution.log_location or ""))
    return tuple(links)

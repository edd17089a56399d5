"""What a question is about: which jobs it names, and what of them, or of all jobs, it wants to know."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config


@dataclass(frozen=True)
class Topic:
    """A kind of question that can be answered by rule.

    Attributes:
        agent: Who answers; `supervisor` asks all.
        example: Such a question; `JOB` stands for a job id.
        words: Beginnings of words of which one must be in the question, as regular expressions.
    """

    agent: str
    example: str
    words: tuple[str, ...]


TOPICS = (
    Topic(
        "compliance",
        "which columns of JOB are personal data?",
        (
            r"personal",
            r"pii",
            r"gdpr",
            r"hipaa",
            r"complian",
            r"mask",
            r"privacy",
            r"sensitive",
            r"encrypt",
            r"lawful",
            r"legal",
            r"laws?\b",
            r"audit",
        ),
    ),
    Topic(
        "cost_tracking",
        "why did JOB cost more last week?",
        (
            r"cost",
            r"price",
            r"expensive",
            r"cheap",
            r"dollar",
            r"usd",
            r"budget",
            r"bill",
            r"spend",
            r"spent",
            r"saving",
            r"save money",
            r"money",
            r"pay\b",
            r"paid",
            r"forecast",
        ),
    ),
    Topic(
        "quality",
        "why do checks of JOB fail?",
        (
            r"quality",
            r"checks?\b",
            r"rules?\b",
            r"nulls?\b",
            r"duplicat",
            r"bad (?:row|data|record)",
            r"scores?\b",
            r"data\b.*\b(?:good|fine|ok|clean|right|correct|wrong|bad)\b",
            r"clean\b",
            r"trust",
            r"quarantin",
            r"valid",
            r"missing values?",
            r"anomal",
        ),
    ),
    Topic(
        "optimization",
        "how can JOB be made faster?",
        (
            r"fast",
            r"slow",
            r"optimi[sz]",
            r"tun(?:e|ing)\b",
            r"spill",
            r"shuffle",
            r"small files?",
            r"improv",
            r"speed",
            r"performance",
            r"skew",
            r"bottleneck",
        ),
    ),
    Topic(
        "learning",
        "what do past runs of JOB say?",
        (
            r"past runs?",
            r"previous runs?",
            r"earlier runs?",
            r"history",
            r"similar",
            r"learn",
            r"how long",
            r"usual",
            r"pattern",
            r"duration",
            r"runtime",
            r"how much time",
        ),
    ),
    Topic(
        "supervisor",
        "how did the last run of JOB go?",
        (
            r"how (?:did|is|was|are|does)",
            r"(?:last|latest|newest) run",
            r"fail",
            r"status",
            r"what happened",
            r"report",
            r"broke",
            r"crash",
            r"error",
            r"succeed",
            r"success",
            r"went wrong",
            r"healthy",
            r"ok\b",
            r"wrong with",
        ),
    ),
    Topic(
        "decision",
        "where does JOB run next, and why there?",
        (
            r"where",
            r"platform",
            r"glue",
            r"emr",
            r"lambda",
            r"batch",
            r"sizes?\b",
            r"workers?\b",
            r"dpus?\b",
            r"how big",
            r"which machine",
            r"cluster",
            r"next run",
        ),
    ),
)
"""In this order: the first whose word is in the question answers it."""


class UnknownQuestionError(LookupError):
    """A question that cannot be answered; the message lists those that can."""


def known_questions(job_id: str = "JOB") -> str:
    """The questions that are answered without a model, a line each."""
    from etl_platform.agents.fleet import EXAMPLES

    of_job = [topic.example.replace("JOB", job_id) for topic in TOPICS]
    return "\n".join(["These can be asked:", *(f"  {one}" for one in (*of_job, *EXAMPLES))])


def jobs_named(config: Config, question: str) -> list[Job]:
    """The jobs of a question, in its order; `_` may be a blank or a hyphen, letters of either case."""
    found = [
        (match.start(), match.end(), job)
        for job in config.jobs
        for match in re.finditer(_spelled(job.job_id), question, re.IGNORECASE)
    ]
    # In `orders_clean` nobody names `orders`.
    whole = [
        one
        for one in found
        if not any(o[0] <= one[0] and one[1] <= o[1] and o[1] - o[0] > one[1] - one[0] for o in found)
    ]
    ordered = [job for _, _, job in sorted(whole, key=lambda one: one[0])]
    return list({job.job_id: job for job in ordered}.values())


def topic_of(question: str, named: Sequence[Job] = ()) -> Topic | None:
    """What a question wants to know of jobs; None where no rule knows."""
    text = question.lower()
    for job in named:
        # The name of a job says nothing of what is asked about it.
        text = re.sub(_spelled(job.job_id), " JOB ", text, flags=re.IGNORECASE)
    return next((topic for topic in TOPICS if any(re.search(rf"\b{one}", text) for one in topic.words)), None)


def probably_meant(config: Config, question: str) -> str | None:
    """The job whose name is nearly in a question; only words with `_` or `-` look like one."""
    ids = [job.job_id for job in config.jobs]
    words = re.findall(r"[a-z0-9]+(?:[_-][a-z0-9]+)+", question.lower())
    close = (difflib.get_close_matches(word.replace("-", "_"), ids, 1) for word in words)
    return next((one[0] for one in close if one), None)


def _spelled(job_id: str) -> str:
    return rf"(?<!\w){'[_ -]+'.join(map(re.escape, job_id.split('_')))}(?!\w)"

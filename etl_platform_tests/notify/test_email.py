"""What an e-mail shows."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from etl_platform.notify.email import render_html, render_text
from etl_platform.notify.events import FailedCheck, QualityDegraded, RunFailed
from etl_platform.tracking.records import Issue
from etl_platform_tests.notify.build import a_config, a_failure, a_full_run, a_job, a_message, a_run

MARKUP = '<script>alert(1)</script><img src=x onerror="alert(2)"> & "quotes" {{ 7 * 7 }}'


class Page(HTMLParser):
    """Tags and words of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: set[str] = set()
        self.widths: set[str] = set()
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.widths |= {value or "" for name, value in attrs if name == "width"}

    def handle_data(self, data: str) -> None:
        self.words.append(" ".join(data.split()))


def full(folder: Path) -> tuple[str, str]:
    config = a_config(folder, job=a_job(cost={"budget_per_run_usd": 1.0}), environment="production")
    event = QualityDegraded(
        job_id="flights",
        execution=a_full_run(),
        previous=a_run("exec-1", cost=0.40, duration_seconds=540.0),
        dataset="weather",
        checks=(FailedCheck("wind", "1 of 26,115 rows fails."),),
    )
    message = a_message(config, event)
    return render_html(message), render_text(message)


@pytest.mark.parametrize("where", ["job_name", "reason", "finding"])
def test_markup_is_shown_and_does_nothing(tmp_path: Path, where: str) -> None:
    job = a_job(job_name=MARKUP) if where == "job_name" else a_job()
    issue = Issue(issue_id="1", severity="low", category="x", type="x", description=MARKUP)
    run = a_run(status="failed", issues_detected=[issue] if where == "finding" else None)
    event = RunFailed(job_id="flights", execution=run, reason=MARKUP if where == "reason" else "x")
    message = a_message(a_config(tmp_path, job=job), event)
    page = Page(render_html(message))
    assert page.tags.isdisjoint({"script", "img"})
    assert any(MARKUP in words for words in page.words)
    assert MARKUP in render_text(message)


@pytest.mark.parametrize("part", [0, 1], ids=["html", "text"])
@pytest.mark.parametrize(
    "figure",
    [
        *("success", "attempt 2", "10 min 00 s", "last run 9 min 00 s (+11%)", "336,776"),
        *("$0.4200", "42% of budget $1.00; last run $0.4000 (+5%)", "97.4", "1 of 12"),
        *(
            "collect() brings all rows",
            "jobs/flights_enriched.py:58",
            "Run on 2 workers",
            "etl-platform show",
        ),
    ],
)
def test_the_figures_of_the_run_are_shown(tmp_path: Path, part: int, figure: str) -> None:
    assert figure in full(tmp_path)[part]


def test_findings_are_in_the_order_of_their_severity(tmp_path: Path) -> None:
    for part in full(tmp_path):
        assert part.index("brings all rows") < part.index("shuffles both sides")


def test_what_nobody_measured_is_unknown(tmp_path: Path) -> None:
    lines = render_text(a_message(a_config(tmp_path))).splitlines()
    assert "Platform:        unknown" in lines
    assert "Cost:            unknown (last run unknown)" in lines
    assert "Overall:         unknown" in lines
    assert lines[lines.index("Findings") + 1] == "unknown"


def test_a_run_that_was_looked_at_and_has_no_findings_has_none(tmp_path: Path) -> None:
    lines = render_text(a_message(a_config(tmp_path), a_failure(issues_detected=[]))).splitlines()
    assert lines[lines.index("Findings") + 1] == "none"


def test_an_event_without_a_run_shows_no_figures(tmp_path: Path) -> None:
    text = render_text(a_message(a_config(tmp_path), RunFailed(job_id="flights", reason="it is disabled")))
    assert "The run did not start: it is disabled" in text
    assert "Duration" not in text


def test_the_page_is_600_pixels_wide(tmp_path: Path) -> None:
    assert "600" in Page(full(tmp_path)[0]).widths

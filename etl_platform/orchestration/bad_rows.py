"""What happens to the rows that break a rule: into quarantine, or to the dead letters."""

from etl_platform.catalog.location import NoLocationError
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.bad_rows import UnusableRuleError
from etl_platform.quality.dead_letter_queue import DeadLetterError
from etl_platform.quality.dead_letters import send_dead_letters
from etl_platform.quality.files import NoDataError
from etl_platform.quality.frame import QueryError
from etl_platform.quality.quarantine import open_shelf, quarantine
from etl_platform.quality.quarantined import QuarantineError
from etl_platform.quality.report import DatasetReport
from etl_platform.quality.rules import rules_that
from etl_platform.quality.servers import server_table

CANNOT = (QuarantineError, UnusableRuleError, DeadLetterError, NoLocationError, NoDataError, QueryError)


KEPT_UNDER_RUN = "run-{run_id}"
"""What rows of a source are kept under: they are taken out before the job has an execution of its own."""


def clean_copies(config: Config, job: Job, dagster_run_id: str) -> dict[str, str]:
    """Source to the clean copy that this run's checks made of it, of those that lost rows to quarantine."""
    copies: dict[str, str] = {}
    for source in job.data_sources:
        if not rules_that(job, source.name, "quarantine"):
            continue
        try:
            content = open_shelf(config, job, source.name).content(
                KEPT_UNDER_RUN.format(run_id=dagster_run_id)
            )
        except (QuarantineError, NoLocationError):
            # Then nothing can have been put aside either, and the check said so.
            continue
        if content and content.clean_copy:
            copies[source.name] = content.clean_copy
    return copies


def put_aside(
    config: Config, job: Job, report: DatasetReport, execution_id: str, partition_key: str | None
) -> tuple[dict[str, str], list[str]]:
    """Put the rows aside that break rules with the actions `quarantine` and `dead_letter_queue`.

    Args:
        config: The configuration.
        job: The job whose rules they are.
        report: What came of the rules.
        execution_id: What the rows are kept under.
        partition_key: Partition of the run.

    Returns:
        Check name to where its rows are now, and warnings about what could not be put aside.
    """
    found = [result.rule for result in report.results if result.rows_failed]
    places: dict[str, str] = {}
    warnings: list[str] = []
    condemned = [rule for rule in found if rule.action == "quarantine"]
    letters = [rule for rule in found if rule.action == "dead_letter_queue"]
    if (condemned or letters) and server_table(config, job, report.dataset):
        names = ", ".join(rule.check_name for rule in (*condemned, *letters))
        return {}, [
            f"rows of {report.dataset} that break {names} stay in the server's table. "
            "Give the rules the action `fail_job` or `warn`, or put them on the job's target, whose bad rows "
            "can be put aside."
        ]
    try:
        if letters:
            sent = send_dead_letters(
                config, job, report.dataset, execution_id, rules=letters, partition_key=partition_key
            )
            if sent:
                places |= {rule.check_name: sent.place for rule in letters}
        if condemned:
            moved = quarantine(
                config, job, report.dataset, execution_id, rules=condemned, partition_key=partition_key
            )
            if moved:
                places |= {rule.check_name: moved.path for rule in condemned}
    except CANNOT as error:
        warnings.append(f"rows of {report.dataset} that break rules were not put aside: {error}")
    return places, warnings

"""What happens to the rows that break a rule: into quarantine, or to the dead letters."""

from etl_platform.catalog.location import NoLocationError
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.bad_rows import UnusableRuleError
from etl_platform.quality.dead_letters import dead_letter_file, send_dead_letters
from etl_platform.quality.quarantine import quarantine
from etl_platform.quality.quarantined import QuarantineError
from etl_platform.quality.report import DatasetReport

CANNOT = (QuarantineError, UnusableRuleError, NoLocationError)


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
    try:
        if letters and send_dead_letters(
            config, job, report.dataset, execution_id, rules=letters, partition_key=partition_key
        ):
            path = dead_letter_file(config, job, report.dataset, execution_id)
            places |= {rule.check_name: str(path) for rule in letters}
        if condemned:
            moved = quarantine(
                config, job, report.dataset, execution_id, rules=condemned, partition_key=partition_key
            )
            if moved:
                places |= {rule.check_name: moved.path for rule in condemned}
    except CANNOT as error:
        warnings.append(f"rows of {report.dataset} that break rules were not put aside: {error}")
    return places, warnings

"""`etl-platform deploy`: what jobs need in the account, made, updated and removed."""

import sys
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from etl_platform.cli.options import (
    config_option,
    failing_as_sentence,
    format_option,
    messages,
    print_json,
    print_table,
)
from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform.config.project import UnknownJobError
from etl_platform.platforms.errors import PlatformError

_STYLES = {"create": "green", "update": "yellow", "remove": "red"}


@click.command()
@click.argument("job_ids", nargs=-1, metavar="[JOB...]")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@click.option("--destroy", is_flag=True, help="Remove all that carries our tag, and nothing else.")
@click.option("--yes", is_flag=True, help="Do not ask before --destroy removes anything.")
@config_option
@format_option
@failing_as_sentence(ConfigError, UnknownJobError, PlatformError, OSError)
def deploy(
    job_ids: tuple[str, ...],
    dry_run: bool,
    destroy: bool,
    yes: bool,
    config_path: Path,
    output_format: str,
) -> None:
    """Make or update what jobs need in the account: Glue jobs, functions, job definitions, applications.

    What exists without our tag is only used, never changed. A second time nothing is left to do.
    """
    if destroy and job_ids:
        raise click.UsageError("--destroy removes what belongs to all jobs; name no job with it.")
    config = load(config_path)
    jobs = [config.job(job_id) for job_id in job_ids] or list(config.jobs)
    if config.profile != "aws":
        raise click.ClickException(
            "deploy works on an AWS account, and the profile is local. Set ETL_PLATFORM_PROFILE=aws."
        )

    from etl_platform.platforms.deployment import all_owned, deploy_jobs, remove_owned
    from etl_platform.platforms.permissions import without_platform

    refused: list[str] = []
    if destroy:
        found = all_owned(config)
        changes = [each.change for each in found]
        if found and not dry_run:
            if not yes:
                messages.print("\n".join(map(str, changes)), markup=False, highlight=False)
                click.confirm(f"Remove these {len(found)}?", abort=True, err=True)
            remove_owned(config, found)
    else:
        changes, refused = deploy_jobs(config, jobs, dry_run=dry_run)
    for sentence in refused:
        messages.print(sentence, style="red", markup=False, highlight=False)
    if output_format == "json":
        print_json([vars(change) for change in changes])
        sys.exit(1 if refused else 0)
    table = Table("what", "name", "would" if dry_run else "done", "differences")
    for change in changes:
        table.add_row(
            *map(escape, (change.kind, change.name, change.action, "\n".join(change.differences))),
            style=_STYLES.get(change.action),
        )
    if changes:
        print_table(table)
    undecided = [] if destroy else without_platform(jobs)
    if undecided:
        messages.print(
            f"{', '.join(undecided)}: no platform is named, so each run decides; what it needs there is made "
            "at that run.",
            markup=False,
            highlight=False,
        )
    if not changes and not refused:
        messages.print("Nothing to do." if not destroy else "Nothing in the account carries our tag.")
    sys.exit(1 if refused else 0)

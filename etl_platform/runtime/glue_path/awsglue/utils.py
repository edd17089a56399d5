"""Arguments of a job, as Glue passes and reads them."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

RESERVED = (
    "JOB_ID",
    "JOB_RUN_ID",
    "JOB_NAME",
    "SECURITY_CONFIGURATION",
    "TempDir",
    "RedshiftTempDir",
    "encryption-type",
    "enable-data-lineage",
)
"""Arguments that Glue itself passes; absent ones are None."""
BOOKMARKS = ("job-bookmark-enable", "job-bookmark-disable", "job-bookmark-pause")


class GlueArgumentError(Exception):
    """An argument of the job is missing or has no value."""


class GlueArgumentParser(argparse.ArgumentParser):
    """A parser that raises where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        """Raise the message.

        Raises:
            GlueArgumentError: Always.
        """
        raise GlueArgumentError(f"{message}; a job gets its arguments from its `execution.arguments`")


def getResolvedOptions(args: Sequence[str], options: Sequence[str]) -> dict[str, Any]:
    """The values of a job's arguments, given as `--key value` or `--key=value`.

    Args:
        args: `sys.argv`; arguments that are not asked for are passed over.
        options: Names without the hyphens. Each must be there: Glue knows no optional arguments, so a script
            that has some looks into `sys.argv` first.

    Returns:
        Value by name, with the arguments that Glue itself passes: None where absent, and
        `job_bookmark_option` `job-bookmark-disable`.

    Raises:
        GlueArgumentError: An argument is missing, or has no value.
    """
    parser = GlueArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--job-bookmark-option", choices=BOOKMARKS, default="job-bookmark-disable")
    parser.add_argument("--job-bookmark-from")
    parser.add_argument("--job-bookmark-to")
    known = {"job-bookmark-option", "job-bookmark-from", "job-bookmark-to"}
    asked = [option.lstrip("-") for option in options]
    for name in dict.fromkeys([*asked, *RESERVED]):
        if name.replace("_", "-") not in known:
            parser.add_argument(f"--{name}", required=name in asked)
    parsed, _ = parser.parse_known_args(list(args[1:]))
    values = vars(parsed)
    if "JOB_NAME" not in asked and values["JOB_NAME"] is None:
        del values["JOB_NAME"]
    return values

"""The arguments that every platform gives to a job's script."""

import re
from collections.abc import Mapping

from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.protocol import RunRequest

_SECRET = re.compile(r"\$\{SECRET:([^}]*)\}")


def script_arguments(request: RunRequest) -> dict[str, str]:
    """`JOB_NAME`, `EXECUTION_ID`, `PARTITION_KEY` where there is one, and `execution.arguments`, as text.

    The script sees `--name value`. A standard one that the job declares itself has the job's value. Where
    checks took bad rows out of a source, `SOURCE_<NAME>` is the clean copy, whatever the job declares.
    """
    standard = {"JOB_NAME": request.job.job_id, "EXECUTION_ID": request.execution_id}
    if request.partition_key is not None:
        standard["PARTITION_KEY"] = request.partition_key
    clean = {f"SOURCE_{name.upper()}": place for name, place in request.clean_sources.items()}
    return {**standard, **as_text(request.job.execution.arguments), **clean}


def pipes_arguments(request: RunRequest, script_text: str) -> dict[str, str]:
    """Bootstrap parameters of Dagster Pipes among the arguments, for a script that looks for them there.

    `PipesCliArgsParamsLoader` reads the command line, `PipesMappingParamsLoader` the event of a handler;
    all other scripts get theirs in the environment.
    """
    if "PipesCliArgsParamsLoader" in script_text:
        return {name.lower().replace("_", "-"): value for name, value in request.pipes.items()}
    return dict(request.pipes) if "PipesMappingParamsLoader" in script_text else {}


def as_text(values: Mapping[str, str | int | float | bool]) -> dict[str, str]:
    """Values as the configuration's JSON spells them: `true`, not `True`."""
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()
    }


def refuse_secret_in_query(job_id: str, key: str, query: str) -> None:
    """Refuse a query that holds a secret: it would run as the text that stands there.

    Raises:
        NotRunnableError: It does; the message names where, never a value.
    """
    if found := _SECRET.search(query):
        raise NotRunnableError(
            f'job "{job_id}": the query of {key} holds ${{SECRET:{found[1]}}}, and secrets are not put into '
            "queries, because logs and plans show their text. Take it out; if the job needs the secret, make "
            "it a Python script that reads an environment variable."
        )


def refuse_secrets(job_id: str, section: str, values: Mapping[str, str]) -> None:
    """Refuse values that hold a secret, where they would be written down as they are.

    Raises:
        NotRunnableError: One does; the message names the key, never a value.
    """
    for key, value in values.items():
        if found := _SECRET.search(value):
            raise NotRunnableError(
                f'job "{job_id}": {section}.{key} holds ${{SECRET:{found[1]}}}, and secrets are not put into '
                f"{section}, because consoles and logs show it. Take it out; a secret may stand in "
                "execution.arguments, from where the script gets its value."
            )

"""The text of a script or query that stands beside the configuration."""

from pathlib import Path

from etl_platform.platforms.errors import NotRunnableError


def script_text(job_id: str, file: Path) -> str:
    """Read a file that `execution.script_path` names.

    Raises:
        NotRunnableError: It is not there, or no UTF-8 text.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotRunnableError(
            f'job "{job_id}": {file} cannot be read as UTF-8 text: {error}. Correct execution.script_path, '
            "or put the file there."
        ) from error

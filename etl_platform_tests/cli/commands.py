"""Call the command line as a user does, but without the second that a process of its own takes to start."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

import pytest

from etl_platform.cli.main import main
from etl_platform.platforms.open import forget_platforms


def call(folder: Path, *arguments: str, **environment: str) -> CompletedProcess[str]:
    """`etl-platform ARGUMENTS` in a folder; both streams are captured apart.

    Raises:
        Exception: What the command does not turn into a sentence; a user would see its stack trace.
    """
    forget_platforms()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ETL_PLATFORM_") and name != "DAGSTER_HOME"
    }
    with (
        mock.patch.dict(os.environ, {**kept, **environment}, clear=True),
        pytest.MonkeyPatch.context() as place,
        _written_to(1) as stdout,
        _written_to(2) as stderr,
        Path(os.devnull).open() as nothing,
    ):
        place.chdir(folder)
        place.setattr(sys, "stdin", nothing)
        time.tzset()
        with pytest.raises(SystemExit) as ended:
            main(arguments, prog_name="etl-platform")
    time.tzset()
    code = ended.value.code
    return CompletedProcess(arguments, code if isinstance(code, int) else 0, stdout[0], stderr[0])


@contextlib.contextmanager
def _written_to(descriptor: int) -> Iterator[list[str]]:
    """What the block, and the processes that it starts, write to one of the standard streams."""
    name = {1: "stdout", 2: "stderr"}[descriptor]
    written: list[str] = []
    kept = os.dup(descriptor)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        os.dup2(file.fileno(), descriptor)
        try:
            with (
                open(descriptor, "w", encoding="utf-8", closefd=False) as stream,
                mock.patch.object(sys, name, stream),
            ):
                yield written
        finally:
            os.dup2(kept, descriptor)
            os.close(kept)
            file.seek(0)
            written.append(file.read())

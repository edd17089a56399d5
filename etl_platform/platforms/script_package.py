"""A job's Python script with its modules as one zip, which runs in a Lambda function and in a container."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.config.secrets import aws_reference
from etl_platform.platforms.arguments import script_arguments
from etl_platform.platforms.artifacts import read, upload_content
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.secret_arguments import require_secrets_manager, secret_keys
from etl_platform.platforms.zips import files_in, zipped
from etl_platform.runtime import packaged_entry
from etl_platform.runtime.python_job import handler_name

ENTRY_MODULE = "etl_platform_entry"
"""Name of `runtime/packaged_entry.py` inside the zip."""


@dataclass(frozen=True)
class ScriptPackage:
    """A zip that can be run.

    Attributes:
        name: The script's name without its suffix.
        content: The zip.
        unzipped_bytes: What its files take.
    """

    name: str
    content: bytes
    unzipped_bytes: int

    def upload(self, access: AwsAccess, config: Config) -> str:
        """Put it into S3 under its content's hash, unless it is there; return its s3:// address."""
        return upload_content(access, config, "packages", f"{self.name}.zip", self.content)


def package(access: AwsAccess, job: Job, config: Config, platform: str) -> ScriptPackage:
    """Pack the script of a job, its Python modules, and what starts it.

    Args:
        access: For a script or module that stands in S3.
        job: The job.
        config: Its configuration.
        platform: The platform's name, for errors.

    Raises:
        NotRunnableError: The job has no script, or a file is missing.
    """
    script = job.execution.script_path
    if script is None or job.execution.kind == "sql":
        raise NotRunnableError(
            f'job "{job.job_id}" is a query, and {platform} has no engine for it: run it on glue, emr, '
            "emr_serverless or local, or make it a script."
        )
    files: dict[str, bytes] = {}
    content = _content(access, job, config, script, "script_path")
    name = PurePosixPath(script).name
    for path, data in [
        (name, content),
        *(
            file
            for module in job.execution.python_modules
            for file in _module_files(access, job, config, module)
        ),
        (f"{ENTRY_MODULE}.py", Path(packaged_entry.__file__).read_bytes()),
        (packaged_entry.FACTS_FILE, _facts(name, content)),
    ]:
        if files.setdefault(path, data) != data:
            raise NotRunnableError(
                f'job "{job.job_id}": two different files of its package are called {path}; rename the one '
                "in execution.python_modules."
            )
    return ScriptPackage(PurePosixPath(name).stem, zipped(files), sum(map(len, files.values())))


def packaged_event(request: RunRequest, folder: str) -> dict[str, Any]:
    """What the package gets: arguments, Pipes parameters, and under our own key where its outcome goes.

    Args:
        request: What is run.
        folder: s3:// address of the run's folder.

    Raises:
        NotRunnableError: An argument holds a secret that a job on AWS cannot read.
    """
    keys = secret_keys(request)
    require_secrets_manager(request, keys)
    own = {
        "folder": folder,
        "secrets": {key: tuple(aws_reference(key, request.config)) for key in keys},
        "timeout_seconds": request.timeout_seconds,
    }
    return {**script_arguments(request), **request.pipes, packaged_entry.EVENT_KEY: own}


def _facts(script: str, content: bytes) -> bytes:
    return json.dumps(
        {"script": script, "handler": handler_name(content.decode("utf-8", errors="replace"))}
    ).encode()


def _module_files(access: AwsAccess, job: Job, config: Config, module: str) -> Iterator[tuple[str, bytes]]:
    path = config.resolve(module)
    if "://" not in module and path.is_dir():
        yield from files_in(path)
        return
    content = _content(access, job, config, module, "python_modules")
    if not module.endswith((".zip", ".whl")):
        yield PurePosixPath(module).name, content
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from ((name, archive.read(name)) for name in archive.namelist() if not name.endswith("/"))
    except zipfile.BadZipFile as error:
        raise NotRunnableError(
            f'job "{job.job_id}": execution.python_modules names {module}, which is no zip: {error}. '
            "Name a zip or wheel, a module (.py) or a folder."
        ) from error


def _content(access: AwsAccess, job: Job, config: Config, path: str, key: str) -> bytes:
    if "://" in path:
        content = read(access, path)
        if content is None:
            raise NotRunnableError(
                f'job "{job.job_id}": execution.{key} names {path}, and there is no such object. '
                "Correct the address, or put the file there."
            )
        return content
    file = config.resolve(path)
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotRunnableError(
            f'job "{job.job_id}": execution.{key} names {path}; {file} cannot be read: '
            f"{error.strerror or error}. Correct the path, or put the file there."
        ) from error

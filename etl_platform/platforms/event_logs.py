"""Figures from the Spark event logs that a remote run left in S3."""

import shutil
import tempfile
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from etl_platform.platforms.artifacts import artifact_uri, bucket_and_key
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import PlatformError, TransientError
from etl_platform.platforms.figures import Figures
from etl_platform.platforms.protocol import RunRequest
from etl_platform.runtime.event_log import EventLogError, figures_of_logs

AT_MOST_BYTES = 2**30
"""Logs that are larger in all are not read: to copy and parse them would hold up the end of the run."""

_ROLLED = "eventlog_v2_"
"""Start of the name of the folder with the parts of a rolled log (Spark's RollingEventLogFilesWriter)."""


def event_log_uri(request: RunRequest) -> str:
    """The folder in S3 of a run's event logs; no other run writes there.

    Raises:
        NotRunnableError: The configuration does not say where logs or artifacts go.
    """
    stated = request.job.platform.spark_event_logs_path
    root = stated.rstrip("/") if stated else artifact_uri(request.config, "event-logs")
    return f"{root}/{request.execution_id}"


def metrics_of_event_logs(access: AwsAccess, uri: str) -> Figures:
    """Sum up all event logs below a folder, as the runtime on this machine does with its own.

    A log that cannot be read is a warning, and so is none at all.

    Args:
        access: Where S3 is.
        uri: As `event_log_uri` gives it.

    Raises:
        TransientError: S3 did not answer.
    """
    try:
        sizes = _sizes(access, uri)
        if not sizes:
            return Figures(warnings=(f"Spark left no event log in {uri}, so its figures are unknown.",))
        if sum(sizes.values()) > AT_MOST_BYTES:
            return Figures(
                warnings=(
                    f"The event logs in {uri} have {sum(sizes.values()) / 2**30:.1f} GB, more than the "
                    f"{AT_MOST_BYTES / 2**30:.0f} GB that are read, so Spark's figures are unknown.",
                )
            )
        with tempfile.TemporaryDirectory(prefix="etl-platform-") as folder:
            files = _copies(access, uri, sizes, Path(folder))
            return Figures(figures_of_logs(_logs(files)))
    except TransientError:
        raise
    except (PlatformError, EventLogError, OSError) as error:
        return Figures(warnings=(f"Spark's figures are unknown: {error}",))


def _sizes(access: AwsAccess, uri: str) -> dict[str, int]:
    """Bytes of each object that may hold events, by its name below the folder."""
    bucket, key = bucket_and_key(uri)
    prefix = key.rstrip("/") + "/"
    client = access.client("s3")
    with calling("s3"):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = [
            (item["Key"][len(prefix) :], item["Size"]) for page in pages for item in page.get("Contents", ())
        ]
    # A rolled log has an empty file `appstatus_…` beside its parts; folders are markers without a name.
    return {
        name: size
        for name, size in found
        if size
        and not name.endswith("/")
        and not name.rpartition("/")[2].startswith((".", "_", "appstatus_"))
    }


def _copies(access: AwsAccess, uri: str, names: Iterable[str], folder: Path) -> list[Path]:
    bucket, key = bucket_and_key(uri)
    client = access.client("s3")
    copies = []
    for name in names:
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        with calling("s3"), copy.open("wb") as file:
            shutil.copyfileobj(
                client.get_object(Bucket=bucket, Key=f"{key.rstrip('/')}/{name}")["Body"], file
            )
        copies.append(copy)
    return copies


def _logs(files: list[Path]) -> list[Path]:
    """One path for each log: the folder of a rolled one, else the file."""
    logs = [file.parent if file.parent.name.startswith(_ROLLED) else file for file in files]
    return [log for log, _ in groupby(sorted(logs))]

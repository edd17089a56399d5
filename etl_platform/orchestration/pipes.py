"""Dagster Pipes on every platform: what a script reports from inside a run reaches the UI.

A script may use the loaders and writers that it likes: the context stands in the parameters and in S3, and
messages are taken from the run's log and from S3. Dagster's own readers poll in threads and wait at the end;
here the driver's own polls read, and once a run is final, one more look finds all that there is.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster import PipesContextInjector, PipesMessageReader
from dagster_pipes import PipesContextData, PipesOpenedData, PipesParams

from etl_platform.catalog.location import s3_path
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms.artifacts import artifact_uri, bucket_and_key, keys_under, read, write
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.protocol import LogLine

_PROTOCOL_FIELD = "__dagster_pipes_version"
"""Key that each message has, by the Pipes protocol."""

Reported = dg.MaterializeResult | dg.AssetCheckResult


@dataclass
class PipesRun:
    """A Pipes session around one run of a job.

    Attributes:
        params: Bootstrap parameters for the script, by the name of their environment variable; empty where
            the job's script does not speak Pipes.
        reported: What the script has reported so far; complete once the session is closed.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    reported: Sequence[Reported] = ()
    _reader: "_Messages | None" = None

    def without_messages(self, lines: Sequence[LogLine]) -> list[LogLine]:
        """The lines that are none of Pipes' messages; those are taken."""
        if self._reader is None:
            return list(lines)
        return [line for line in lines if not self._reader.take(line.text)]

    def look(self, execution_id: str | None = None) -> None:
        """Read the messages in S3 that are new, of another attempt where the run was taken up from it."""
        if self._reader is not None:
            self._reader.look(execution_id)


def speaks_pipes(config: Config, job: Job) -> bool:
    """Whether the script of a job imports `dagster_pipes`."""
    script = job.execution.script_path
    if script is None or "://" in script:
        return False
    path = config.resolve(script)
    return path.is_file() and "dagster_pipes" in path.read_text(encoding="utf-8", errors="replace")


@contextmanager
def pipes_run(
    context: dg.AssetExecutionContext, config: Config, job: Job, execution_id: str, access: AwsAccess
) -> Iterator[PipesRun]:
    """A Pipes session for a run; nothing happens where the script does not speak Pipes.

    Args:
        context: Of the step that runs the job.
        config: Says where artifacts are; without `artifacts.s3_uri`, S3 writers in a script have no address.
        job: The job.
        execution_id: The attempt.
        access: Where S3 is, under the profile `aws`.
    """
    if not speaks_pipes(config, job):
        yield PipesRun()
        return
    store = _store(config, access)
    reader = _Messages(store, config, execution_id)
    run = PipesRun(_reader=reader)
    with dg.open_pipes_session(context, _Context(store, config, execution_id), reader) as session:
        run.params = session.get_bootstrap_env_vars()
        try:
            yield run
        finally:
            reader.look(None)
            run.reported = [one for one in session.get_reported_results() if isinstance(one, Reported)]


def reported_events(
    context: dg.AssetExecutionContext, reported: Sequence[Reported]
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """What a script reported, for Dagster's event log, but for the step's own asset: see `own_report`."""
    for one in reported:
        key = one.asset_key or context.asset_key
        match one:
            case dg.MaterializeResult() if key != context.asset_key:
                yield dg.AssetMaterialization(key, metadata=one.metadata)
            case dg.AssetCheckResult():
                assert one.check_name is not None, "Pipes refuses a check without a name"
                # No result: the asset declares no such check.
                yield dg.AssetCheckEvaluation(
                    asset_key=key,
                    check_name=one.check_name,
                    passed=one.passed,
                    severity=one.severity,
                    metadata=one.metadata or {},
                )


def own_report(
    context: dg.AssetExecutionContext, reported: Sequence[Reported]
) -> dg.MaterializeResult | None:
    """What a script reported last of the step's own asset, for the step's own output; None: nothing."""
    own = (one for one in reversed(reported) if isinstance(one, dg.MaterializeResult))
    return next((one for one in own if (one.asset_key or context.asset_key) == context.asset_key), None)


def events_of_failed(
    context: dg.AssetExecutionContext, reported: Sequence[Reported]
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.AssetObservation]:
    """What a script reported before its run failed; of the step's own asset as an observation.

    That asset is not materialized, whatever the script says.
    """
    yield from reported_events(context, reported)
    if own := own_report(context, reported):
        yield dg.AssetObservation(context.asset_key, metadata=own.metadata)


class _S3:
    """Small objects in S3, or in its stand-in on this machine."""

    def __init__(self, config: Config, access: AwsAccess):
        self._root = config.local_root if config.profile == "local" else None
        self._access = access

    def write(self, uri: str, content: bytes) -> None:
        if self._root is None:
            write(self._access, uri, content)
            return
        path = s3_path(uri, self._root)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def read(self, uri: str) -> bytes:
        return (
            (read(self._access, uri) or b"") if self._root is None else s3_path(uri, self._root).read_bytes()
        )

    def keys_under(self, uri: str) -> list[str]:
        if self._root is None:
            return keys_under(self._access, uri)
        folder = s3_path(uri, self._root)
        return [f"{uri}/{file.name}" for file in folder.iterdir()] if folder.is_dir() else []


def _store(config: Config, access: AwsAccess) -> _S3 | None:
    return _S3(config, access) if config.settings.artifacts.s3_uri else None


class _Context(PipesContextInjector):
    def __init__(self, store: _S3 | None, config: Config, execution_id: str):
        self._store, self._config, self._execution_id = store, config, execution_id

    @contextmanager
    def inject_context(self, context_data: PipesContextData) -> Iterator[PipesParams]:
        params: dict[str, Any] = {"data": context_data}
        if self._store:
            uri = artifact_uri(self._config, "pipes", self._execution_id, "context.json")
            self._store.write(uri, json.dumps(context_data).encode())
            params["bucket"], params["key"] = bucket_and_key(uri)
        yield params

    def no_messages_debug_text(self) -> str:
        return "The context went with the run's parameters, and to S3 where artifacts.s3_uri is set."


class _Messages(PipesMessageReader):
    """Messages from the log and from S3; it has no thread and never waits."""

    def __init__(self, store: _S3 | None, config: Config, execution_id: str):
        self._store, self._config, self._execution_id = store, config, execution_id
        self._seen: set[str] = set()
        self._handler: Any = None

    @contextmanager
    def read_messages(self, handler: Any) -> Iterator[PipesParams]:
        self._handler = handler
        params: dict[str, Any] = {"stdio": "stdout"}
        if self._store:
            params["bucket"], params["key_prefix"] = bucket_and_key(self._place(self._execution_id))
        yield params

    def on_opened(self, opened_payload: PipesOpenedData) -> None:
        """Nothing depends on it."""

    def no_messages_debug_text(self) -> str:
        return "Messages were looked for in the run's log, and in S3 where artifacts.s3_uri is set."

    def take(self, text: str) -> bool:
        """Handle a line of the log if it is a message."""
        if _PROTOCOL_FIELD not in text:
            return False
        try:
            message = json.loads(text)
        except ValueError:
            return False
        if not isinstance(message, dict) or _PROTOCOL_FIELD not in message:
            return False
        self._handler.handle_message(message)
        return True

    def look(self, execution_id: str | None) -> None:
        """Handle the chunks in S3 that are new, in their order."""
        if self._store is None:
            return
        self._execution_id = execution_id or self._execution_id
        found = [
            uri for uri in self._store.keys_under(self._place(self._execution_id)) if uri not in self._seen
        ]
        for uri in sorted(found, key=lambda uri: (len(uri), uri)):
            self._seen.add(uri)
            for line in self._store.read(uri).decode().splitlines():
                self.take(line)

    def _place(self, execution_id: str) -> str:
        return artifact_uri(self._config, "pipes", execution_id, "messages")

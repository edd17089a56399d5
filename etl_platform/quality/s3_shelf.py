"""Quarantine on S3, which has no rename and changes one object at a time.

Of a target, the files that hold bad rows are written again under `<target>_quarantine/_staging/`, and
counted. The bad rows are kept, then `_publishing.json` lists each object with its clean version and the ETag
that it had: that is the point of no return. Each object is then overwritten by its clean version, which S3
does at once for a reader, and at last the list makes room for the manifest. The process may end at any point.
Before the list stands, the target is the old one; after, whoever comes next finishes what it says. In
between, a reader finds each good row once, as each file is the old or the new one, whole. An object that has
another ETag than the list says was written anew since, and stays.

Rows come back the same way: the files that are added are made aside, and the list has them without an ETag,
as they must not be there yet. Then the rows that stay take the place of all. In between, a reader of the
target finds some of these rows before the others, and none twice.

Of a source, a clean copy is made beside the bad rows, and its manifest is written last.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from etl_platform.quality.files import Files
from etl_platform.quality.local_frame import LocalFrame
from etl_platform.quality.quarantined import MANIFEST, ROWS_FILE, Quarantined, QuarantineError, write_rows
from etl_platform.quality.rewriting import affected_files, write_without

PUBLISHING = "_publishing.json"


class S3Shelf:
    """Quarantine of a dataset under a prefix of S3."""

    def __init__(self, parent: str, region: str | None, *, of_target: bool):
        """Say where things stand.

        Args:
            parent: Prefix that holds one folder an execution, such as `bucket/out_quarantine`.
            region: AWS region; None: what the environment says.
            of_target: False: of a source, of which a clean copy is made.
        """
        import boto3

        self.parent = parent.strip("/")
        self.of_target = of_target
        self.client: Any = boto3.Session(region_name=region).client("s3")

    def folder(self, execution_id: str) -> str:
        """Where the rows of an execution are kept."""
        return f"s3://{self._folder(execution_id)}"

    def clean_copy(self, execution_id: str) -> str | None:
        """Where the clean copy of a source is made."""
        return None if self.of_target else f"s3://{self.parent}/_clean/{execution_id}"

    def recover(self) -> None:
        """Finish publications that were begun, and remove what was never to be published."""
        for path in [path for path in self._paths(self.parent) if path.endswith(f"/{PUBLISHING}")]:
            self._finish(path)
        if self.of_target:
            self._remove_all(f"{self.parent}/_staging")

    def prepare(self, execution_id: str, files: Files) -> None:
        """Note the version of each file, before any of them is read."""
        copy = self.clean_copy(execution_id)
        self.files = files
        self.clean = copy.removeprefix("s3://") if copy else f"{self.parent}/_staging/{execution_id}"
        self.etags = {path: self._etag(path) for path in files.paths}

    def write_clean(self, frame: LocalFrame, bad: str) -> list[str]:
        """Write the clean files aside; a source is copied whole."""
        self.discard()
        self.affected = affected_files(frame, bad)
        paths = []
        for path in self.files.paths:
            place = f"{self.clean}/{PurePosixPath(path).relative_to(self.files.root)}"
            if path in self.affected:
                write_without(frame, bad, self.files, path, place)
            elif self.of_target:
                paths.append(path)
                continue
            else:
                self._copy(path, place)
            paths.append(place)
        return paths

    def discard(self) -> None:
        """Remove the clean files."""
        self._remove_all(self.clean)

    def publish(self, frame: LocalFrame, bad: str, content: Quarantined) -> None:
        """Keep the bad rows, then overwrite each file that held some."""
        folder = content.path.removeprefix("s3://")
        changed = [path for path, etag in self.etags.items() if self._etag(path) != etag]
        if changed:
            self.discard()
            raise QuarantineError(
                f"{', '.join(sorted(changed)[:3])} was written to meanwhile; nothing was published."
            )
        write_rows(frame, bad, content, f"{folder}/{ROWS_FILE}", self.files.filesystem)
        if not self.of_target:
            self._put(f"{folder}/{MANIFEST}", content.document())
            return
        objects = [
            {
                "path": path,
                "clean": f"{self.clean}/{PurePosixPath(path).relative_to(self.files.root)}",
                "etag": self.etags[path],
            }
            for path in sorted(self.affected)
        ]
        self._put(f"{folder}/{PUBLISHING}", {"objects": objects, "content": content.document()})
        self._finish(f"{folder}/{PUBLISHING}")

    def stage_rows(self, execution_id: str) -> tuple[str, str]:
        """Note the version of the rows of an execution."""
        self.rows = f"{self._folder(execution_id)}/{ROWS_FILE}"
        self.rows_etag = self._etag(self.rows)
        self.staged = f"{self.parent}/_staging/{execution_id}/{ROWS_FILE}"
        return self.rows, self.staged

    def stage_target(self, execution_id: str, files: Files) -> str:
        """Note where files come to the target."""
        self.target = files.root
        self.added = f"{self.parent}/_staging/{execution_id}/added"
        return self.added

    def publish_replay(self, content: Quarantined, added: Sequence[str]) -> None:
        """Say what comes to the target and what stays, then do so."""
        if self._etag(self.rows) != self.rows_etag:
            raise QuarantineError(f"s3://{self.rows} was written to meanwhile; nothing was put back.")
        objects = [
            {"path": f"{self.target}/{path.removeprefix(f'{self.added}/')}", "clean": path, "etag": None}
            for path in added
        ]
        list_path = f"{self._folder(content.execution_id)}/{PUBLISHING}"
        self._put(list_path, {"objects": objects, "rows": self.staged, "content": content.document()})
        self._finish(list_path)

    def contents(self) -> Iterator[Quarantined]:
        """What lies in quarantine, by execution."""
        for path in self._paths(self.parent):
            if path.endswith(f"/{MANIFEST}"):
                yield Quarantined(**self._read(path))

    def content(self, execution_id: str) -> Quarantined | None:
        """What lies in quarantine of an execution."""
        path = f"{self._folder(execution_id)}/{MANIFEST}"
        return Quarantined(**self._read(path)) if path in self._paths(path) else None

    def _finish(self, path: str) -> None:
        plan = self._read(path)
        for each in plan["objects"]:
            if self._etag(each["path"]) == each["etag"]:
                self._copy(each["clean"], each["path"])
        content = Quarantined(**plan["content"])
        folder = content.path.removeprefix("s3://")
        if "rows" in plan:
            # What is mended since is taken back too: these rows must not stay, as they are in the target.
            self._copy(plan["rows"], f"{folder}/{ROWS_FILE}")
        self._put(f"{folder}/{MANIFEST}", content.document())
        self._remove(path)
        self._remove_all(f"{self.parent}/_staging")

    def _folder(self, execution_id: str) -> str:
        return f"{self.parent}/execution_id={execution_id}"

    def _paths(self, prefix: str) -> list[str]:
        bucket, key = _split(prefix)
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        return [f"{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", ())]

    def _etag(self, path: str) -> str | None:
        from botocore.exceptions import ClientError

        bucket, key = _split(path)
        try:
            return self.client.head_object(Bucket=bucket, Key=key)["ETag"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise

    def _read(self, path: str) -> dict[str, Any]:
        bucket, key = _split(path)
        return json.loads(self.client.get_object(Bucket=bucket, Key=key)["Body"].read())

    def _put(self, path: str, document: dict[str, Any]) -> None:
        bucket, key = _split(path)
        self.client.put_object(Bucket=bucket, Key=key, Body=json.dumps(document, indent=2).encode())

    def _copy(self, path: str, place: str) -> None:
        """Copy an object inside S3; one of more than 5 GB in parts, which appear together."""
        (bucket, key), (to_bucket, to_key) = _split(path), _split(place)
        self.client.copy({"Bucket": bucket, "Key": key}, to_bucket, to_key)

    def _remove(self, path: str) -> None:
        bucket, key = _split(path)
        self.client.delete_object(Bucket=bucket, Key=key)

    def _remove_all(self, prefix: str) -> None:
        for path in self._paths(f"{prefix}/"):
            self._remove(path)


def _split(path: str) -> tuple[str, str]:
    bucket, _, key = path.partition("/")
    return bucket, key

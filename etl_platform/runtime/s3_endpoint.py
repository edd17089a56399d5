"""Amazon S3 over HTTP on the local root, for what does not go through Spark: boto3, pandas, pyarrow, ….

All of them take the address of S3 from `AWS_ENDPOINT_URL_S3`, so a script runs unchanged. Offered is what
they use to read, write, list, copy and delete objects; anything else is answered with `NotImplemented`.
Two things differ from S3 because objects are files here: a key cannot be a prefix of another at a `/`, and
names that start with a dot (checksums, staging) are not listed.
"""

import shutil
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree

from etl_platform.runtime.s3_storage import BLOCK_BYTES, Content, LocalS3, S3Error, etag, save

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class _ChunkedBody:
    """The content of a body in `aws-chunked` encoding: size in hex, bytes, each with a line end."""

    def __init__(self, raw: BufferedIOBase):
        self._raw, self._left, self._ended = raw, 0, False

    def read(self, size: int) -> bytes:
        if self._left == 0 and not self._ended:
            self._left = int(self._raw.readline().split(b";")[0], 16)
            if self._left == 0:
                self._ended = True
                while self._raw.readline().strip():
                    pass
        block = self._raw.read(min(size, self._left))
        self._left -= len(block)
        if self._left == 0 and not self._ended:
            self._raw.readline()
        return block


class _PlainBody:
    """A body of known length."""

    def __init__(self, raw: BufferedIOBase, length: int):
        self._raw, self._left = raw, length

    def read(self, size: int) -> bytes:
        block = self._raw.read(min(size, self._left))
        self._left -= len(block)
        return block


def _xml(name: str, children: list[tuple[str, object]]) -> bytes:
    # S3 puts its answers into a name space, but not its errors.
    root = ElementTree.Element(name, {} if name == "Error" else {"xmlns": _NAMESPACE})

    def fill(parent: ElementTree.Element, items: list[tuple[str, object]]) -> None:
        for tag, value in items:
            child = ElementTree.SubElement(parent, tag)
            if isinstance(value, list):
                fill(child, value)
            else:
                child.text = str(value)

    fill(root, children)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _listed(path: Path) -> list[tuple[str, object]]:
    stat = path.stat()
    modified = datetime.fromtimestamp(stat.st_mtime, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return [
        ("LastModified", modified),
        ("ETag", etag(path)),
        ("Size", stat.st_size),
        ("StorageClass", "STANDARD"),
    ]


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    storage: LocalS3

    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of the run's log, which is the script's."""

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> Content:
        if (
            "aws-chunked" in self.headers.get("Content-Encoding", "")
            or "x-amz-decoded-content-length" in self.headers
        ):
            return _ChunkedBody(self.rfile)
        return _PlainBody(self.rfile, int(self.headers.get("Content-Length", 0)))

    def _all_of_body(self) -> bytes:
        body = self._body()
        return b"".join(iter(lambda: body.read(BLOCK_BYTES), b""))

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        try:
            self._dispatch(bucket, key, query)
        except S3Error as error:
            # What is left of the body would be read as the next request.
            self.close_connection = True
            self._answer(
                error.status,
                _xml("Error", [("Code", error.code), ("Message", error)]),
                {"Content-Type": "application/xml"},
            )

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

    def _dispatch(self, bucket: str, key: str, query: dict[str, str]) -> None:
        match self.command:
            case "GET" | "HEAD" if key:
                return self._get(self.storage.existing(bucket, key))
            case "HEAD":
                self.storage.path(bucket, "")
                return self._answer(200, b"", {})
            case "GET" if bucket and "location" in query:
                return self._send_xml("LocationConstraint", [])
            case "GET" if bucket and not query.keys() & {"acl", "versioning", "policy", "tagging"}:
                return self._list(bucket, query)
            case "PUT" if key and "partNumber" in query:
                return self._put_part(bucket, key, query)
            case "PUT" if key and "x-amz-copy-source" in self.headers:
                return self._copy(bucket, key)
            case "PUT" if key and not query.keys() & {"acl", "tagging"}:
                path = self.storage.write(bucket, key, self._body())
                return self._answer(200, b"", {"ETag": etag(path)})
            case "DELETE" if "uploadId" in query:
                self.storage.end_upload(query["uploadId"])
                return self._answer(204, b"", {})
            case "DELETE" if key:
                self.storage.path(bucket, key).unlink(missing_ok=True)
                return self._answer(204, b"", {})
            case "POST" if "delete" in query:
                return self._delete_many(bucket)
            case "POST" if "uploads" in query:
                self.storage.path(bucket, key)
                upload = self.storage.start_upload()
                names: list[tuple[str, object]] = [("Bucket", bucket), ("Key", key), ("UploadId", upload)]
                return self._send_xml("InitiateMultipartUploadResult", names)
            case "POST" if "uploadId" in query:
                return self._finish_upload(bucket, key, query["uploadId"])
        raise S3Error(501, "NotImplemented", f"The S3 of this machine has no {self.command} {self.path}.")

    def _send_xml(self, name: str, children: list[tuple[str, object]]) -> None:
        self._answer(200, _xml(name, children), {"Content-Type": "application/xml"})

    def _get(self, path: Path) -> None:
        size = path.stat().st_size
        first, last, status = 0, size - 1, 200
        asked = self.headers.get("Range", "")
        headers = {
            "ETag": etag(path),
            "Last-Modified": formatdate(path.stat().st_mtime, usegmt=True),
            "Content-Type": "binary/octet-stream",
            "Accept-Ranges": "bytes",
        }
        if asked.startswith("bytes="):
            start, _, end = asked.removeprefix("bytes=").partition("-")
            first = int(start) if start else max(0, size - int(end))
            last = min(int(end), size - 1) if start and end else size - 1
            if first > last:
                raise S3Error(416, "InvalidRange", f"{asked} of an object of {size} bytes.")
            status, headers["Content-Range"] = 206, f"bytes {first}-{last}/{size}"
        self._answer(status, b"", headers | {"Content-Length": str(last - first + 1)})
        if self.command == "GET":
            with path.open("rb") as file:
                file.seek(first)
                body = _PlainBody(file, last - first + 1)
                while block := body.read(BLOCK_BYTES):
                    self.wfile.write(block)

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        second = query.get("list-type") == "2"
        after = query.get("continuation-token") or query.get("start-after") or query.get("marker") or ""
        limit = min(int(query.get("max-keys") or 1000), 1000)
        encode = quote if query.get("encoding-type") == "url" else str
        objects: list[tuple[str, object]] = []
        folders: dict[str, None] = {}
        last, truncated = "", False
        for key in self.storage.keys(bucket, prefix):
            rest = key[len(prefix) :]
            folder = prefix + rest[: rest.index(delimiter) + 1] if delimiter and delimiter in rest else None
            entry = folder or key
            if entry <= after or folder in folders:
                continue
            if len(objects) + len(folders) == limit:
                truncated = True
                break
            last = entry
            if folder:
                folders[folder] = None
            else:
                facts = _listed(self.storage.path(bucket, key))
                objects.append(("Contents", [("Key", encode(key)), *facts]))
        answer: list[tuple[str, object]] = [
            *(("Name", bucket), ("Prefix", encode(prefix)), ("MaxKeys", limit)),
            ("IsTruncated", str(truncated).lower()),
            *([("EncodingType", "url")] if encode is quote else []),
            *([("Delimiter", delimiter)] if delimiter else []),
            *([("KeyCount", len(objects) + len(folders))] if second else []),
            *([("NextContinuationToken" if second else "NextMarker", last)] if truncated else []),
            *objects,
            *(("CommonPrefixes", [("Prefix", encode(folder))]) for folder in folders),
        ]
        self._send_xml("ListBucketResult", answer)

    def _copy(self, bucket: str, key: str) -> None:
        source_bucket, _, source_key = unquote(self.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        with self.storage.existing(source_bucket, source_key).open("rb") as content:
            path = self.storage.write(bucket, key, content)
        self._send_xml("CopyObjectResult", [("ETag", etag(path)), _listed(path)[0]])

    def _delete_many(self, bucket: str) -> None:
        asked = ElementTree.fromstring(self._all_of_body())
        keys = [element.text or "" for element in asked.iter() if element.tag.endswith("Key")]
        for key in keys:
            self.storage.path(bucket, key).unlink(missing_ok=True)
        self._send_xml("DeleteResult", [("Deleted", [("Key", key)]) for key in keys])

    def _put_part(self, bucket: str, key: str, query: dict[str, str]) -> None:
        if "x-amz-copy-source" in self.headers:
            raise S3Error(501, "NotImplemented", f"s3://{bucket}/{key}: copying in parts; copy it whole.")
        part = self.storage.part(query["uploadId"], int(query["partNumber"]))
        save(self._body(), part)
        self._answer(200, b"", {"ETag": etag(part)})

    def _finish_upload(self, bucket: str, key: str, upload: str) -> None:
        self._all_of_body()
        whole = self.storage.part(upload, 0).with_name("whole")
        with whole.open("wb") as file:
            for part in sorted(whole.parent.glob("[0-9]*")):
                with part.open("rb") as content:
                    shutil.copyfileobj(content, file)
        with whole.open("rb") as content:
            path = self.storage.write(bucket, key, content)
        self.storage.end_upload(upload)
        names: list[tuple[str, object]] = [("Bucket", bucket), ("Key", key), ("ETag", etag(path))]
        self._send_xml("CompleteMultipartUploadResult", names)


class S3Endpoint(ThreadingHTTPServer):
    """The server; a context manager that answers from a thread until it is left.

    Args:
        storage: The buckets.
    """

    daemon_threads = True

    def __init__(self, storage: LocalS3):
        super().__init__(("127.0.0.1", 0), type("Handler", (_Handler,), {"storage": storage}))

    def __enter__(self) -> "S3Endpoint":
        Thread(target=self.serve_forever, name="s3", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables by which AWS libraries find this server; no account is needed for it."""
        return {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.server_port}",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

"""Statements of IAM policies, and ARNs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Statement:
    """One statement that allows something.

    Attributes:
        sid: What it is for, in letters and digits.
        actions: Such as `s3:GetObject`.
        resources: ARNs; the account is `*` where nobody has named it.
        condition: As IAM writes it; None: always.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """As IAM writes it."""
        statement: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": sorted(set(self.actions)),
            "Resource": sorted(set(self.resources)),
        }
        return statement if self.condition is None else {**statement, "Condition": self.condition}


@dataclass(frozen=True)
class Arns:
    """Makes ARNs of one account and region; `*` where they are not known."""

    region: str
    account: str

    def of(self, service: str, resource: str) -> str:
        """The ARN of a resource."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def role(self, role: str) -> str:
        """The ARN of a role, which has no region; a role that is an ARN stays as it is."""
        return role if role.startswith("arn:") else f"arn:aws:iam::{self.account}:role/{role}"

    def table(self, database: str, table: str) -> tuple[str, ...]:
        """A Glue table, with what the Data Catalog asks for besides."""
        return (
            self.of("glue", "catalog"),
            self.of("glue", f"database/{database}"),
            self.of("glue", f"table/{database}/{table}"),
        )

    def queue(self, url: str) -> str:
        """The ARN of an SQS queue by its URL, `https://sqs.<region>.amazonaws.com/<account>/<name>`."""
        parts = urlsplit(url)
        _, account, name = parts.path.rsplit("/", 2) if parts.path.count("/") > 1 else ("", "*", "*")
        region = parts.netloc.split(".")[1] if parts.netloc.startswith("sqs.") else self.region
        return f"arn:aws:sqs:{region}:{account}:{name}"


def reading(sid: str, uris: Iterable[str]) -> Iterator[Statement]:
    """Statements to read what stands below s3:// addresses."""
    yield from _on_s3(sid, ("s3:GetObject",), uris)


def writing(sid: str, uris: Iterable[str]) -> Iterator[Statement]:
    """Statements to read, write and remove what stands below s3:// addresses."""
    yield from _on_s3(sid, ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"), uris)


def _on_s3(sid: str, actions: tuple[str, ...], uris: Iterable[str]) -> Iterator[Statement]:
    parts = [urlsplit(uri) for uri in uris]
    if not parts:
        return
    yield Statement(f"{sid}List", ("s3:ListBucket",), tuple(f"arn:aws:s3:::{part.netloc}" for part in parts))
    objects = tuple(f"arn:aws:s3:::{part.netloc}{part.path.rstrip('/')}/*" for part in parts)
    yield Statement(sid, actions, objects)


def merged(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Statements that differ in their resources alone as one, and each with a Sid of its own."""
    alike: dict[tuple[str, tuple[str, ...], str], Statement] = {}
    for each in statements:
        key = each.sid, each.actions, str(each.condition)
        before = alike[key].resources if key in alike else ()
        alike[key] = replace(each, resources=(*before, *each.resources))
    sids: Counter[str] = Counter()
    for each in alike.values():
        sids[each.sid] += 1
        number = sids[each.sid]
        yield each if number == 1 else replace(each, sid=f"{each.sid}{number}")


def word(name: str) -> str:
    """A name as a Sid may hold it: `my-table` becomes `MyTable`."""
    return "".join(part.capitalize() for part in name.replace("-", "_").replace(".", "_").split("_"))

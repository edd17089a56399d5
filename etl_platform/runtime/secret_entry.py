"""Starts a script on AWS whose arguments refer to secrets: the values are read there, by the job's own role.

It stands alone: Glue and EMR run this file in place of the script, with two arguments of its own before the
script's: where the script is in S3, and where AWS Secrets Manager keeps what the arguments refer to.
"""

import json
import re
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SCRIPT_ARGUMENT = "--etl-platform-script"
SECRETS_ARGUMENT = "--etl-platform-secrets"
REFERENCE = re.compile(r"\$\{SECRET:([^}]+)\}")


def main() -> None:
    """Read the secrets, put them into the arguments, and run the script as `__main__`."""
    references = json.loads(_taken(SECRETS_ARGUMENT))
    script = _fetched(_taken(SCRIPT_ARGUMENT))
    read: dict[str, str] = {}

    def value_of(match: "re.Match[str]") -> str:
        name, json_key = references[match.group(1)]
        if name not in read:
            read[name] = _secret(name)
        return read[name] if json_key is None else str(json.loads(read[name])[json_key])

    sys.argv = [str(script), *(REFERENCE.sub(value_of, argument) for argument in sys.argv[1:])]
    runpy.run_path(str(script), run_name="__main__")


def _taken(name: str) -> str:
    at = sys.argv.index(name)
    value = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    return value


def _fetched(uri: str) -> Path:
    path = Path(tempfile.mkdtemp()) / uri.rpartition("/")[2]
    parts = urlsplit(uri)
    client = _client("s3")
    if client is None:
        _aws("s3", "cp", "--quiet", uri, str(path))
    else:
        client.download_file(parts.netloc, parts.path.lstrip("/"), str(path))
    return path


def _secret(name: str) -> str:
    client = _client("secretsmanager")
    if client is not None:
        return client.get_secret_value(SecretId=name)["SecretString"]
    command = ("secretsmanager", "get-secret-value", "--secret-id", name, "--query", "SecretString")
    return _aws(*command, "--output", "text").rstrip("\n")


def _client(service: str) -> Any:
    """A client of boto3; None where the Python of the cluster has none, as on some releases of EMR."""
    try:
        import boto3
    except ImportError:
        return None
    return boto3.client(service)  # pyright: ignore


def _aws(*arguments: str) -> str:
    """The answer of the AWS command line, which each EMR node has."""
    return subprocess.run(["aws", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()

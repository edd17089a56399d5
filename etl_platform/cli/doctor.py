"""`etl-platform doctor`: what works on this machine, and what to do where not."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import click
from rich.table import Table

from etl_platform.cli.options import config_option, format_option, print_json, print_table
from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform.config.project import Config
from etl_platform.runtime.engine import sail_is_installed
from etl_platform.runtime.java import NoJavaError, java_home

TRIAL_SECONDS = 120
"""How long a trial of Java, Spark or Sail may take; a cold Spark on a slow laptop takes some 20 s."""


@dataclass(frozen=True)
class Finding:
    """What was found of one part.

    Attributes:
        part: What was looked at.
        state: `works`; `missing` where it is absent and not needed; `broken` where it is needed.
        found: What was found.
        advice: What to do; empty where all is well.
    """

    part: str
    state: Literal["works", "missing", "broken"]
    found: str
    advice: str = ""


@click.command()
@config_option
@format_option
def doctor(config_path: Path, output_format: str) -> None:
    """Say what works on this machine, and what to do where not."""
    findings = list(_examine(config_path))
    if output_format == "json":
        print_json([asdict(finding) for finding in findings])
    else:
        table = Table("part", "state", "found", "what to do")
        for finding in findings:
            style = {"works": "green", "missing": "yellow", "broken": "red"}[finding.state]
            state = f"[{style}]{finding.state}[/]"
            table.add_row(finding.part, state, finding.found, finding.advice)
        print_table(table)
    sys.exit(1 if any(finding.state == "broken" for finding in findings) else 0)


def _examine(config_path: Path) -> Iterator[Finding]:
    yield _java()
    yield _spark()
    yield _sail()
    try:
        config = load(config_path)
    except ConfigError as error:
        count = len(error.faults)
        advice = f"etl-platform validate --config {config_path}"
        yield Finding(
            "configuration", "broken", f"{count} fault{'s' if count > 1 else ''} in {config_path}", advice
        )
        return
    yield Finding("configuration", "works", f"{config.path}: {len(config.jobs)} jobs")
    yield Finding("profile", "works", config.profile)
    yield _credentials(config)
    if config.profile == "aws":
        from etl_platform.cli.doctor_aws import look_at_account

        yield from (Finding(*look) for look in look_at_account(config))
    yield _local_root(config)
    yield _store(config)
    yield _outbox(config)
    yield _messages(config)


def _java() -> Finding:
    try:
        home = java_home()
    except NoJavaError as error:
        return Finding("Java", "broken", "no usable Java", str(error))
    answer = _answer([str(home / "bin" / "java"), "-version"])
    if answer.returncode:
        return Finding(
            "Java", "broken", f"{home}: {_last_line(answer)}", "Set JAVA_HOME to a Java 17, or unset it."
        )
    return Finding("Java", "works", f"{answer.stderr.splitlines()[0]} in {home}")


def _spark() -> Finding:
    # In a process of its own: a session in this one would hold the machine's memory.
    answer = _answer([sys.executable, "-c", _SPARK_TRIAL])
    if answer.returncode:
        return Finding(
            "Spark", "broken", _last_line(answer), "Mend Java first; then pip install 'pyspark>=3.5.9,<5'."
        )
    return Finding("Spark", "works", f"pyspark {version('pyspark')} counted a row")


def _sail() -> Finding:
    if not sail_is_installed():
        return Finding(
            "Sail",
            "missing",
            "not installed",
            "pip install 'etl-platform[sail]' for runs that start at once.",
        )
    answer = _answer([sys.executable, "-c", _SAIL_TRIAL])
    if answer.returncode:
        return Finding(
            "Sail", "broken", _last_line(answer), "pip install --force-reinstall 'etl-platform[sail]'"
        )
    return Finding("Sail", "works", f"pysail {version('pysail')} counted a row")


_SPARK_TRIAL = """
import os
from etl_platform.runtime.java import java_home
os.environ["JAVA_HOME"] = str(java_home())
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
assert spark.range(1).count() == 1
"""

_SAIL_TRIAL = """
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote(f"sc://127.0.0.1:{server.listening_address[1]}").getOrCreate()
assert spark.range(1).count() == 1
"""


def _answer(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=TRIAL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer in {TRIAL_SECONDS} s")
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _last_line(answer: subprocess.CompletedProcess[str]) -> str:
    lines = answer.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit status {answer.returncode}"


def _credentials(config: Config) -> Finding:
    import boto3
    import botocore.exceptions

    needed = config.profile == "aws"
    state = "broken" if needed else "missing"
    try:
        session = boto3.Session(region_name=config.settings.aws_region)
        credentials = session.get_credentials()
    except botocore.exceptions.BotoCoreError as error:
        return Finding("AWS credentials", state, str(error), "Mend ~/.aws/config, or unset AWS_PROFILE.")
    if credentials is None:
        advice = (
            "Run `aws configure sso`, or set AWS_PROFILE."
            if needed
            else "Not needed under the profile local."
        )
        return Finding("AWS credentials", state, "none found", advice)
    region = session.region_name or "no region"
    return Finding("AWS credentials", "works", f"found by {credentials.method}, {region}")


def _local_root(config: Config) -> Finding:
    root = config.local_root
    advice = "Make it writable, or set `global_settings.local.root` to a folder that is."
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            return Finding("local root", "works", str(root))
    except OSError as error:
        return Finding("local root", "broken", f"{root}: {error.strerror}", advice)


def _store(config: Config) -> Finding:
    from etl_platform.tracking.errors import StoreError
    from etl_platform.tracking.open import open_store

    try:
        store = open_store(config)
        latest = store.executions(limit=1).items
    except (StoreError, OSError) as error:
        return Finding("tracking", "broken", str(error), "See `global_settings.tracking`.")
    return Finding("tracking", "works", f"{store}: {'has runs' if latest else 'no run yet'}")


def _outbox(config: Config) -> Finding:
    from etl_platform.tracking.errors import StoreError
    from etl_platform.tracking.open import open_store
    from etl_platform.tracking.outbox import open_outbox

    try:
        outbox = open_outbox(config, open_store(config))
        waiting, refused = outbox.waiting(), outbox.refused()
    except StoreError as error:
        return Finding("outbox of records", "broken", str(error), "Mend what it says.")
    if waiting or refused:
        found = f"{waiting} records wait for the store, {refused} were refused by it"
        return Finding("outbox of records", "broken", found, "Mend tracking; the next run delivers them.")
    return Finding("outbox of records", "works", "no record waits")


def _messages(config: Config) -> Finding:
    from etl_platform.notify.deliver import undelivered

    waiting = undelivered(config)
    if not waiting:
        return Finding("notifications", "works", "no message waits")
    given_up = sum(message.given_up for message in waiting)
    found = f"{len(waiting)} messages were not delivered, of which {given_up} were given up"
    return Finding("notifications", "missing", found, f"The last error: {waiting[-1].error}")

"""`etl-platform mcp` with a real client over standard input and output."""

import json
import os
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client

from etl_platform.config.load import load
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import ErrorDetails, JobExecution
from etl_platform_tests.projects import ORDERS, copy_job, write_project, write_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mcp")
    described = "Call +49 170 1234567, or use postgres://admin:hunter2@db/x."
    write_project(folder, [copy_job("clean_orders", description=described)])
    write_table(folder, "orders", ORDERS * 50)
    now = time.time() - 600
    failed = ErrorDetails(
        error_occurred=True,
        error_class="permission",
        error_message="denied: password=hunter2 for a@example.com",
    )
    open_store(load(folder / "etl_config.json")).put_execution(
        JobExecution(
            execution_id="exec-1",
            timestamp=now,
            start_time=now,
            end_time=now + 60,
            duration_seconds=60.0,
            job_name="clean_orders",
            job_type="local",
            status="failed",
            error_details=failed,
        )
    )
    return folder


def in_session(folder: Path, ask: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    """What a client finds in one session."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "etl_platform.cli.main", "mcp", "--config", str(folder / "etl_config.json")],
        env=dict(os.environ),
    )

    async def run() -> Any:
        with anyio.fail_after(60):
            async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
                await session.initialize()
                return await ask(session)

    return anyio.run(run)


def text_of(result: Any) -> str:
    return "\n".join(block.text for block in result.content)


@pytest.fixture(scope="module")
def answers(project: Path) -> dict[str, Any]:
    """All that the tests ask in one session, and the files before and after it."""

    async def ask(session: ClientSession) -> dict[str, Any]:
        job = {"job_id": "clean_orders"}
        return {
            "tools": (await session.list_tools()).tools,
            "jobs": await session.call_tool("list_jobs", {}),
            "history": await session.call_tool("decision_history", job),
            "columns": await session.call_tool("compliance_personal_columns", job),
            "rules": await session.call_tool("quality_generated_rules", job),
            "reply": await session.call_tool(
                "ask_question", {"question": "what failed in the last 24 hours?"}
            ),
            "unknown_question": await session.call_tool("ask_question", {"question": "what is love?"}),
            "unknown_job": await session.call_tool("decision_options", {"job_id": "clean_order"}),
        }

    before = _files(project)
    found = in_session(project, ask)
    return {**found, "before": before, "after": _files(project)}


def _files(folder: Path) -> dict[str, str]:
    """What each file holds; a database's own files come and go."""
    return {
        str(path): _rows(path) if path.suffix == ".db" else path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def _rows(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump())


def test_each_tool_is_listed_as_read_only(answers: dict[str, Any]) -> None:
    names = {tool.name for tool in answers["tools"]}
    assert {"list_jobs", "ask_question", "decision_options", "cost_tracking_savings"} <= names
    assert all(tool.annotations.read_only_hint for tool in answers["tools"])
    assert all(tool.description for tool in answers["tools"])


def test_a_tool_answers(answers: dict[str, Any]) -> None:
    assert not answers["columns"].is_error
    found = json.loads(text_of(answers["columns"]))["result"]
    assert [one["column"] for one in found] == ["email"]


def test_a_question_is_answered(answers: dict[str, Any]) -> None:
    assert "1 run failed" in text_of(answers["reply"])


def test_an_unknown_question_says_what_can_be_asked(answers: dict[str, Any]) -> None:
    assert "These can be asked" in text_of(answers["unknown_question"])


def test_an_unknown_job_is_a_clear_error(answers: dict[str, Any]) -> None:
    assert answers["unknown_job"].is_error
    assert 'no job "clean_order"; did you mean "clean_orders"?' in text_of(answers["unknown_job"])


@pytest.mark.parametrize("asked", ["jobs", "history", "reply", "rules"])
def test_no_secret_and_no_personal_value_is_told(answers: dict[str, Any], asked: str) -> None:
    said = text_of(answers[asked])
    assert not answers[asked].is_error and said
    assert not any(one in said for one in ("hunter2", "@example.com", "1234567"))


def test_nothing_is_changed(answers: dict[str, Any]) -> None:
    assert answers["after"] == answers["before"]

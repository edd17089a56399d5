"""`python` jobs: a plain script, or a module with a Lambda-style `handler(event, context)`."""

import ast
import importlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from etl_platform.runtime.contract import Json, Launch
from etl_platform.runtime.plain_script import run_as_main
from etl_platform.runtime.script_facts import parse

# AWS Lambda calls this function where nothing else is configured.
_HANDLERS = ("handler", "lambda_handler")


@dataclass(frozen=True)
class LambdaContext:
    """What AWS Lambda hands to a handler besides the event, as far as it has a meaning on this machine.

    Attributes:
        function_name: The job's id.
        aws_request_id: The execution's id.
        deadline: When the run is stopped, Unix seconds.
    """

    function_name: str
    aws_request_id: str
    deadline: float

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the run is stopped."""
        return max(0, int((self.deadline - time.time()) * 1000))


def handler_name(script_text: str) -> str | None:
    """Name of the handler that a module defines at its top level; None where it is a plain script."""
    tree = parse(script_text)
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} if tree else set()
    return next((name for name in _HANDLERS if name in defined), None)


def _as_json(value: Json, script: Path) -> Json:
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{script.name}: the handler returned what JSON cannot hold ({error}); AWS Lambda refuses it too."
        ) from error


def run_python(launch: Launch) -> Json:
    """Run a `python` job in this process.

    Args:
        launch: What is run. A handler gets `arguments` as its event.

    Returns:
        What the handler returned; None of a plain script.

    Raises:
        TypeError: The handler returned what JSON cannot hold.
    """
    script = launch.script
    if script is None:
        raise ValueError(f'job "{launch.job_id}": a python job needs a script, and launch.json names none.')
    name = handler_name(launch.text)
    if name is None:
        run_as_main(script)
        return None
    handler = getattr(importlib.import_module(script.stem), name)
    context = LambdaContext(launch.job_id, launch.execution_id, time.time() + launch.timeout_seconds)
    return _as_json(handler(dict(launch.arguments), context), script)

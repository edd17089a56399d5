import json
from pathlib import Path

from etl_platform_tests.cli.commands import call


def test_the_schema_needs_no_configuration(tmp_path: Path) -> None:
    answer = call(tmp_path, "schema")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"

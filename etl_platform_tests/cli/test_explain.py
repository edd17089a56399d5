import json
from pathlib import Path

from etl_platform_tests.cli.commands import call
from etl_platform_tests.config.files import config, job, write

CONFIG = config(
    job("orders", platform={"extends": "large"}, tags={"a": "b"}, description="[b]"),
    templates={"large": {"dpu_count": 20}},
)


def test_each_value_is_shown_with_its_layer_and_line(tmp_path: Path) -> None:
    write(tmp_path / "etl_config.json", CONFIG)
    answer = call(tmp_path, "explain", "orders")
    assert (answer.returncode, answer.stderr) == (0, "")
    rows = {tuple(cell.strip() for cell in line.split("│")[1:-1]) for line in answer.stdout.splitlines()}
    assert rows >= {
        ("platform.dpu_count", "20.0", "template large", "etl_config.json:20"),
        ("job_id", '"orders"', "the job", "etl_config.json:5"),
        ("description", '"[b]"', "the job", "etl_config.json:15"),
        ("platform.allow_agent_override", "true", "default", ""),
    }


def test_json_holds_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "etl_config.json", CONFIG)
    values = json.loads(call(tmp_path, "explain", "orders", "--format", "json").stdout)
    assert {
        "key": "platform.dpu_count",
        "value": 20,
        "layer": "template large",
        "path": str(path),
        "line": 20,
    } in values


def test_an_unknown_job_is_a_sentence_with_a_guess(tmp_path: Path) -> None:
    write(tmp_path / "etl_config.json", CONFIG)
    answer = call(tmp_path, "explain", "order")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert 'no job "order"; did you mean "orders"?' in answer.stderr


def test_no_job_is_wrong_usage(tmp_path: Path) -> None:
    assert call(tmp_path, "explain").returncode == 2

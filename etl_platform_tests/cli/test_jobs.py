import json
from pathlib import Path

from etl_platform_tests.cli.commands import call
from etl_platform_tests.config.files import config, job, write

CONFIG = config(
    job(
        "a",
        target={"type": "s3", "path": "s3://lake/a"},
        execution={"script_path": "a.py", "schedule": "0 6 * * *"},
    ),
    job("b", enabled=False, group="night"),
)


def test_the_table_shows_every_job(tmp_path: Path) -> None:
    write(tmp_path / "etl_config.json", CONFIG)
    answer = call(tmp_path, "list")
    rows = [tuple(cell.strip() for cell in line.split("│")[1:-1]) for line in answer.stdout.splitlines()]
    assert [row for row in rows if row] == [
        ("a", "pyspark", "default", "0 6 * * *", "0", "s3/lake/a", "etl_config.json:4"),
        ("b (disabled)", "sql", "night", "", "0", "", "etl_config.json:15"),
    ]


def test_json_is_a_list_of_jobs(tmp_path: Path) -> None:
    write(tmp_path / "etl_config.json", CONFIG)
    listed = json.loads(call(tmp_path, "list", "--format", "json").stdout)
    assert [(each["job_id"], each["enabled"], each["target"]) for each in listed] == [
        ("a", True, "s3/lake/a"),
        ("b", False, None),
    ]


def test_a_broken_configuration_is_a_list_of_faults(tmp_path: Path) -> None:
    write(tmp_path / "etl_config.json", config(job("a", tabel=1)))
    answer = call(tmp_path, "list")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("etl_config.json:9:7: jobs[0].tabel: unknown key")

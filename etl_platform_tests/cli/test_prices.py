import json
from pathlib import Path

import pytest

from etl_platform_tests.cli.commands import call
from etl_platform_tests.config.files import config, job, write


def test_a_quote_needs_no_project(tmp_path: Path) -> None:
    answer = call(tmp_path, "prices", "quote", "glue", "dpu=6", "minutes=15", "--format", "json")
    quote = json.loads(answer.stdout)
    assert round(quote["total_usd"], 2) == 0.66
    assert [line["price_key"] for line in quote["lines"]] == ["glue.spark.dpu_hour"]


def test_the_table_shows_the_arithmetic_and_the_total(tmp_path: Path) -> None:
    answer = call(
        tmp_path,
        "prices",
        "quote",
        "fargate",
        "tasks=150",
        "minutes=10",
        "vcpu=1",
        "memory_gb=2",
        "storage_gb=30",
    )
    assert "150 tasks × 600 s × 1 vCPU = 90,000 vCPU-second" in answer.stdout
    assert "1.26" in answer.stdout.splitlines()[-2]


def test_a_projects_overrides_count(tmp_path: Path) -> None:
    settings = {"pricing": {"region": "il-central-1", "overrides": {"glue.spark.dpu_hour": 1.0}}}
    write(tmp_path / "etl_config.json", config(job("a"), global_settings=settings))
    answer = call(tmp_path, "prices", "quote", "glue", "dpu=6", "minutes=15", "--format", "json")
    assert json.loads(answer.stdout)["total_usd"] == 1.5
    listed = json.loads(call(tmp_path, "prices", "list", "--format", "json").stdout)
    assert [price["key"] for price in listed] == ["glue.spark.dpu_hour"]


def test_an_unknown_price_is_null_and_says_what_to_do(tmp_path: Path) -> None:
    answer = call(
        tmp_path,
        "prices",
        "quote",
        "glue",
        "dpu=6",
        "minutes=15",
        "--region",
        "il-central-1",
        "--format",
        "json",
    )
    quote = json.loads(answer.stdout)
    assert (quote["total_usd"], quote["lines"][0]["usd"]) == (None, None)
    assert "overrides" in quote["warnings"][0]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(("glue", "dpu"), "KEY=VALUE"), (("glue", "dpu=1", "dpu=2"), "twice"), (("gleu", "dpu=1"), "glue")],
)
def test_a_wrong_call_is_a_sentence(tmp_path: Path, arguments: tuple[str, ...], hint: str) -> None:
    answer = call(tmp_path, "prices", "quote", *arguments)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert hint in answer.stderr


def test_a_region_without_prices_says_so(tmp_path: Path) -> None:
    answer = call(tmp_path, "prices", "list", "--region", "il-central-1")
    assert (answer.returncode, answer.stdout) == (0, "")
    said = " ".join(answer.stderr.split())
    assert "no price of anything in il-central-1 is known" in said
    assert "prices refresh --region il-central-1" in said


def test_a_region_that_aws_does_not_have_is_refused(tmp_path: Path) -> None:
    answer = call(tmp_path, "prices", "list", "--region", "eu-centrl-1")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert 'did you mean "eu-central-1"?' in answer.stderr


def test_a_region_lists_which_platforms_have_no_price(tmp_path: Path) -> None:
    answer = call(tmp_path, "prices", "list", "--region", "eu-central-1", "--format", "json")
    assert {price["service"] for price in json.loads(answer.stdout)} == {"glue", "emr_serverless"}
    assert "no price of emr, lambda, batch in eu-central-1" in " ".join(answer.stderr.split())

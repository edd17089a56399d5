from pathlib import Path
from typing import Any

from etl_platform.config.explain import explain
from etl_platform_tests.config.files import config, job, write

LAYERED = config(
    job(
        "orders",
        extends="large",
        description="for ${variables.team} in ${ENV:CITY:Kyiv}",
        cost={"budget_per_run_usd": "${variables.budget}"},
        platform={
            "glue_version": "5.0",
            "if": {"team": "core"},
            "then": {"worker_type": "G.2X"},
        },
        data_sources=[
            {
                "name": "crm",
                "source_type": "api",
                "url": "${ENV:CRM}",
                "headers": {"Authorization": "${SECRET:crm_token}"},
            },
            {
                "name": "db",
                "source_type": "postgres",
                "url": "postgres://me:pass@db:5432/sales",
                "table": "t",
            },
        ],
    ),
    templates={"large": {"dpu_count": 20, "worker_type": "G.1X", "glue_version": "4.0"}},
    variables={"team": "core", "budget": 5},
)


def layers(folder: Path, **environ: str) -> dict[str, tuple[Any, str]]:
    path = write(folder / "etl_config.json", LAYERED)
    found = explain(path, "orders", environ=environ)
    return {".".join(map(str, each.key)): (each.value, each.layer) for each in found}


def test_each_value_names_the_layer_that_set_it(tmp_path: Path) -> None:
    found = layers(tmp_path, CRM="https://crm.example")
    assert {
        key: found[key]
        for key in (
            "job_id",
            "description",
            "enabled",
            "platform.dpu_count",
            "platform.glue_version",
            "platform.worker_type",
            "cost.budget_per_run_usd",
            "cost.hard_limit",
        )
    } == {
        "job_id": ("orders", "the job"),
        "description": ("for core in Kyiv", "variable team, environment variable CITY"),
        "enabled": (True, "default"),
        "platform.dpu_count": (20, "template large"),
        "platform.glue_version": ("5.0", "the job"),
        "platform.worker_type": ("G.2X", "condition"),
        "cost.budget_per_run_usd": (5, "variable budget"),
        "cost.hard_limit": (False, "default"),
    }


def test_no_secret_is_shown(tmp_path: Path) -> None:
    found = layers(tmp_path, CRM="https://crm.example/?key=hunter2")
    assert found["data_sources.0.headers.Authorization"] == ("${SECRET:crm_token}", "the job")
    assert found["data_sources.0.url"] == ("***", "environment variable CRM")
    assert found["data_sources.1.url"] == ("postgres://***@db:5432/sales", "the job")


def test_a_value_is_placed_where_it_is_written(tmp_path: Path) -> None:
    path = write(tmp_path / "etl_config.json", LAYERED)
    lines = path.read_text().splitlines()
    places = {
        each.key: each.place for each in explain(path, "orders", environ={"CRM": "https://crm.example"})
    }

    def line(*key: str | int) -> str:
        place = places[key]
        assert place is not None
        return lines[place.line - 1].strip().rstrip(",")

    assert line("platform", "dpu_count") == '"dpu_count": 20'
    assert line("platform", "worker_type") == '"worker_type": "G.2X"'
    assert line("cost", "budget_per_run_usd") == '"budget": 5'
    assert places["enabled",] is None

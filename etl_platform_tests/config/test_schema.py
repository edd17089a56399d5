from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from etl_platform.config.document import read
from etl_platform.config.models.job import Job
from etl_platform.config.schema import json_schema
from etl_platform_tests.config.files import config, job, loaded

SOURCE = {"name": "s", "source_type": "glue_catalog", "database": "d", "table": "t"}

VALID: dict[str, dict[str, Any]] = {
    "the least": config(),
    "comments": config(job(_note=1, platform={"$x": 2}, tags={"_a": [1]}), **{"$schema": "x"}),
    "variables in place of anything": config(
        job(
            enabled="${variables.on}",
            platform={"dpu_count": "${variables.n}", "worker_type": "${ENV:WORKER:G.1X}"},
            owners="${variables.owners}",
            tags={"a": "${ENV:A:b}"},
            cost="${variables.cost}",
            data_sources=[
                "${variables.source}",
                {**SOURCE, "name": "t", "source_type": "${ENV:TYPE:glue_catalog}"},
            ],
        ),
        variables={"on": True, "n": 2, "owners": ["team:a"], "cost": {"hard_limit": True}, "source": SOURCE},
    ),
    "templates": config(
        {"job_id": "orders", "extends": ["whole", "part"]},
        job("others", platform={"extends": "part"}, data_sources=[{"extends": "source", "name": "x"}]),
        templates={
            "_why": "text",
            "whole": {"execution": {"sql": "select 1"}, "extends": "part"},
            "part": {"glue_version": "5.0", "dpu_count": "${variables.n}"},
            "source": {"source_type": "s3", "path": "s3://b/x"},
        },
        variables={"n": 1},
    ),
    "conditions": config(
        job(
            **{
                "if": {"x": 1},
                "then": {"platform": {"dpu_count": 1}},
                "else": {"if": {"x": 2}, "then": {"group": "a"}},
            }
        ),
        job(
            "others",
            data_sources=[{"if": {"x": {"not": [1, 2]}}, "then": SOURCE}],
            tags={"if": {"x": 1}, "then": {"a": "b"}},
        ),
        variables={"x": 1},
    ),
    "each kind of source": config(
        job(
            data_sources=[
                SOURCE,
                {"name": "a", "source_type": "postgres", "url": "${SECRET:u}", "table": "t"},
                {"name": "b", "source_type": "kafka", "bootstrap_servers": ["x:1"], "topic": "t"},
                {
                    "name": "c",
                    "source_type": "redshift",
                    "workgroup": "w",
                    "database": "d",
                    "table": "t",
                    "join_keys": {"a": {"left": "x", "right": ["y"]}, "b": ["x"]},
                    "broadcast_eligible": True,
                },
            ],
            data_quality={"accuracy_rules": [{"field": "f", "rule_type": "range", "min": 1}]},
        )
    ),
    "null where nothing is given": config(job(target=None, platform={"user_preference": None})),
}

FAULTY: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key of a job": (config(job(platfrom={})), "$.jobs[0]"),
    "an unknown key of a section": (config(job(platform={"dpu_cuont": 1})), "$.jobs[0].platform"),
    "a text for a number": (config(job(platform={"dpu_count": "10"})), "$.jobs[0].platform.dpu_count"),
    "a word that is not known": (
        config(job(platform={"worker_type": "G.3X"})),
        "$.jobs[0].platform.worker_type",
    ),
    "no script": (config({"job_id": "a"}), "$.jobs[0]"),
    "a key of another source": (
        config(job(data_sources=[{**SOURCE, "topic": "x"}])),
        "$.jobs[0].data_sources[0]",
    ),
    "a source without its table": (
        config(job(data_sources=[{"name": "s", "source_type": "glue_catalog", "database": "d"}])),
        "$.jobs[0].data_sources[0]",
    ),
    "an unknown kind of source": (
        config(job(data_sources=[{"name": "s", "source_type": "glue"}])),
        "$.jobs[0].data_sources[0].source_type",
    ),
    "an unknown key of a rule": (
        config(job(data_quality={"accuracy_rules": [{"field": "f", "rule_type": "range", "minn": 1}]})),
        "$.jobs[0].data_quality.accuracy_rules[0]",
    ),
    "an unknown key of a template": (config(templates={"t": {"dpu_cuont": 1}}), "$.templates.t"),
    "an unknown setting": (config(global_settings={"profil": "aws"}), "$.global_settings"),
    "no version": ({"jobs": []}, "$"),
    "no jobs": ({"config_version": "2.0"}, "$"),
    "an unknown key of a branch": (
        config(job(platform={"if": {"x": 1}, "then": {"dpu_cuont": 1}})),
        "$.jobs[0].platform.then",
    ),
}


@cache
def validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def places(value: Any) -> list[str]:
    return [error.json_path for error in validator().iter_errors(value)]


@pytest.mark.parametrize("name", VALID)
def test_what_the_loader_takes_is_valid(name: str, tmp_path: Path) -> None:
    loaded(tmp_path, VALID[name])
    assert places(VALID[name]) == []


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_marked_where_it_is(name: str) -> None:
    value, place = FAULTY[name]
    assert places(value) == [place]


def test_every_key_is_described() -> None:
    definitions = json_schema()["$defs"]
    own = {"extends", "if", "then", "else"}
    bare = [
        f"{name}.{key}"
        for name, definition in definitions.items()
        for key, schema in definition.get("properties", {}).items()
        if key not in own and "description" not in schema and "#/$defs/" not in str(schema.get("else"))
    ]
    assert bare == []


def test_all_sections_of_a_job_are_there() -> None:
    assert Job.model_fields.keys() <= json_schema()["$defs"]["Job.part"]["properties"].keys()


def test_the_configuration_of_this_repository_is_valid() -> None:
    assert places(read(Path(__file__).parents[2] / "etl_config.json").value) == []

from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.config.files import config, job, loaded, loaded_job


def dpu(folder: Path, condition: Any, **variables: Any) -> float | None:
    platform = {"dpu_count": 1, "if": condition, "then": {"dpu_count": 2}, "else": {"dpu_count": 3}}
    return loaded_job(folder, config(job(platform=platform), variables=variables)).platform.dpu_count


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"environment": "production"}, 2),
        ({"environment": "test"}, 3),
        ({"environment": ["test", "production"]}, 2),
        ({"environment": {"not": "production"}}, 3),
        ({"environment": {"not": ["test", "dev"]}}, 2),
        ({"environment": "production", "large": True}, 2),
        ({"environment": "production", "large": False}, 3),
        ({"large": 1}, 3),
        ({"environment": "${variables.wanted}"}, 2),
    ],
)
def test_a_condition_chooses_a_branch(tmp_path: Path, condition: Any, expected: float) -> None:
    assert dpu(tmp_path, condition, environment="production", large=True, wanted="production") == expected


def test_without_a_branch_the_object_stays(tmp_path: Path) -> None:
    platform = {"dpu_count": 1, "if": {"x": 2}, "then": {"dpu_count": 2}}
    assert loaded_job(tmp_path, config(job(platform=platform), variables={"x": 1})).platform.dpu_count == 1


def test_a_branch_merges_deep_and_may_hold_conditions_and_templates(tmp_path: Path) -> None:
    found = loaded_job(
        tmp_path,
        config(
            job(
                platform={"glue_version": "5.0"},
                **{
                    "if": {"environment": "production"},
                    "then": {
                        "platform": {
                            "extends": "large",
                            "if": {"region": "eu"},
                            "then": {"glue_version": "4.0"},
                        },
                        "group": "live",
                    },
                },
            ),
            variables={"environment": "production", "region": "eu"},
            templates={"large": {"dpu_count": 50}},
        ),
    )
    assert (found.platform.dpu_count, found.platform.glue_version, found.group) == (50, "4.0", "live")


def test_an_element_that_is_only_a_condition_falls_away_where_nothing_is_chosen(tmp_path: Path) -> None:
    def source(name: str) -> dict[str, str]:
        return {"name": name, "source_type": "dynamodb", "table_name": name}

    sources = [source("a"), {"if": {"x": 2}, "then": source("b")}, {"if": {"x": 1}, "then": source("c")}]
    found = loaded_job(tmp_path, config(job(data_sources=sources), variables={"x": 1}))
    assert [each.name for each in found.data_sources] == ["a", "c"]


def test_the_conditions_of_a_template_and_of_the_job_both_apply(tmp_path: Path) -> None:
    templates = {"base": {"dpu_count": 1, "if": {"x": 1}, "then": {"dpu_count": 2, "glue_version": "4.0"}}}
    platform = {"extends": "base", "if": {"y": 1}, "then": {"dpu_count": 3}}
    found = loaded_job(
        tmp_path, config(job(platform=platform), variables={"x": 1, "y": 1}, templates=templates)
    )
    assert (found.platform.dpu_count, found.platform.glue_version) == (3, "4.0")


def test_settings_and_variables_may_depend_on_variables(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        config(
            job(platform={"dpu_count": "${variables.dpu}"}),
            variables={
                "environment": "${ENV:STAGE:test}",
                "dpu": 1,
                "if": {"environment": "production"},
                "then": {"dpu": 50},
            },
            **{"if": {"environment": "production"}, "then": {"global_settings": {"profile": "aws"}}},
        ),
        environ={"STAGE": "production"},
    )
    assert (found.jobs[0].platform.dpu_count, found.profile) == (50, "aws")

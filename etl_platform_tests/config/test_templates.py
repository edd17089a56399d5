from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from etl_platform.config.conditions import laid_over
from etl_platform.config.document import Document, Text
from etl_platform.config.findings import Findings
from etl_platform.config.json_document import JsonMarks
from etl_platform.config.origin import Traced, Written, merged
from etl_platform.config.templates import Templates
from etl_platform_tests.config.files import config, faults, job, loaded_job

NOWHERE = Written(Document(Text(Path("none.json"), "{}"), {}, JsonMarks("{}")), ())

keys = st.sampled_from(["a", "b", "c", "d"])
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)
objects = st.dictionaries(keys, values, max_size=4)


def over(first: Any, second: Any) -> Any:
    """The rule of merging, said in the shortest way."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {
            **second,
            **{key: over(first[key], second[key]) if key in second else first[key] for key in first},
        }
    return first


@given(objects, objects)
def test_objects_merge_key_by_key_and_the_rest_replaces(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert merged(Traced(first, NOWHERE), Traced(second, NOWHERE)).value == over(first, second)


@given(objects, objects, objects)
def test_later_templates_win_and_own_keys_win_over_all(
    own: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    findings = Findings()
    templates = Templates({"x": Traced(first, NOWHERE), "y": Traced(second, NOWHERE)}, findings)
    expanded = templates.expand(Traced({**own, "extends": ["x", "y"]}, NOWHERE), None)
    assert (expanded.value, findings.faults) == (over(own, over(second, first)), [])


@given(objects, objects)
def test_merging_changes_neither_object(first: dict[str, Any], second: dict[str, Any]) -> None:
    before = (repr(first), repr(second))
    laid_over(Traced(first, NOWHERE), Traced(second, NOWHERE))
    assert (repr(first), repr(second)) == before


def test_a_job_shaped_template_brings_whole_sections(tmp_path: Path) -> None:
    templates = {
        "nightly": {"execution": {"max_retries": 2}, "cost": {"budget_per_run_usd": 5}, "group": "night"}
    }
    found = loaded_job(tmp_path, config(job(extends="nightly"), templates=templates))
    assert (found.execution.max_retries, found.execution.sql) == (2, "select 1")
    assert (found.cost.budget_per_run_usd, found.group) == (5, "night")


def test_a_section_shaped_template_goes_to_the_one_section_that_declares_its_keys(tmp_path: Path) -> None:
    templates = {"old_glue": {"allow_agent_override": True, "glue_version": "3.0"}}
    found = loaded_job(tmp_path, config(job(extends="old_glue"), templates=templates))
    assert found.platform.glue_version == "3.0"


def test_a_template_may_be_named_inside_a_section_and_inside_a_source(tmp_path: Path) -> None:
    templates = {
        "lake": {"source_type": "glue_catalog", "database": "lake"},
        "strict": {"threshold_percent": 0, "severity": "critical"},
    }
    found = loaded_job(
        tmp_path,
        config(
            job(
                data_sources=[{"extends": "lake", "name": "orders", "table": "orders"}],
                data_quality={
                    "accuracy_rules": [{"extends": "strict", "field": "x", "rule_type": "range", "min": 0}]
                },
            ),
            templates=templates,
        ),
    )
    assert found.data_sources[0].model_dump(include={"database", "table"}) == {
        "database": "lake",
        "table": "orders",
    }
    assert found.data_quality.accuracy_rules[0].severity == "critical"


def test_templates_extend_templates(tmp_path: Path) -> None:
    templates = {
        "glue": {"glue_version": "5.0", "worker_type": "G.1X"},
        "large": {"extends": "glue", "worker_type": "G.8X"},
        "nightly": {"extends": "large", "group": "night"},
    }
    found = loaded_job(tmp_path, config(job(extends="nightly"), templates=templates))
    assert (found.platform.glue_version, found.platform.worker_type, found.group) == ("5.0", "G.8X", "night")


def test_lists_replace(tmp_path: Path) -> None:
    templates = {"owned": {"owners": ["team:a", "team:b"]}}
    found = loaded_job(tmp_path, config(job(extends="owned", owners=["team:c"]), templates=templates))
    assert found.owners == ["team:c"]


def test_a_fault_in_a_template_is_reported_once_and_where_it_stands(tmp_path: Path) -> None:
    jobs = [job(f"j{number}", extends="large") for number in range(5)]
    broken = config(*jobs, templates={"large": {"platform": {"dpu_cuont": 10}}})
    assert faults(tmp_path, broken) == [
        'templates.large.platform.dpu_cuont: unknown key; did you mean "dpu_count"?'
    ]


def test_comments_are_ignored_anywhere(tmp_path: Path) -> None:
    commented = job(
        _why="…",
        platform={"_note": 1, "$ref": 2},
        tags={"team": "a", "_team": "b"},
        data_quality={"completeness_checks": [{"field": "x", "_because": "of y"}]},
    )
    value = config(
        commented, **{"$schema": "x", "_by": "me"}, templates={"_about": "text"}, variables={"$x": "${y}"}
    )
    assert loaded_job(tmp_path, value).tags == {"team": "a"}

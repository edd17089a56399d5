import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.config.references import Environment, Secret, Variable, parts
from etl_platform_tests.config.files import config, faults, job, loaded, loaded_job

names = st.text(string.ascii_letters + string.digits + "_.-", min_size=1)
plain = st.text().filter(lambda text: "$" not in text and "{" not in text)
references = st.one_of(
    names.map(Variable),
    st.builds(
        Environment, names, st.one_of(st.none(), st.text().filter(lambda text: not set(text) & set("{}")))
    ),
    names.map(lambda name: Secret(f"${{SECRET:{name}}}")),
)


def written(part: Any) -> str:
    match part:
        case Variable(name):
            return f"${{variables.{name}}}"
        case Environment(name, None):
            return f"${{ENV:{name}}}"
        case Environment(name, default):
            return f"${{ENV:{name}:{default}}}"
        case Secret(text):
            return text
    return part


@given(st.lists(st.tuples(plain.filter(bool), references), max_size=4))
def test_a_text_is_cut_into_what_it_was_put_together_from(pairs: list[tuple[str, Any]]) -> None:
    expected = [part for pair in pairs for part in pair]
    assert [*parts("".join(map(written, expected)))] == expected


@given(st.text())
def test_an_escaped_text_is_literal(text: str) -> None:
    without_dollars_before = text.replace("$", "€")
    escaped = without_dollars_before.replace("{", "$${")
    assert "".join(map(str, parts(escaped))) == without_dollars_before.replace("{", "${")


def described(folder: Path, text: str, environ: dict[str, str] | None = None, **variables: Any) -> str:
    return loaded_job(
        folder, config(job(description=text), variables=variables), environ=environ or {}
    ).description


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_the_text_of_an_environment_variable_is_taken_as_it_is(tmp_path: Path, text: str) -> None:
    assert described(tmp_path, "${ENV:X}", {"X": text}) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("for ${variables.team}", "for core"),
        ("${variables.size}0 ${variables.on} ${variables.rate}", "100 true 0.5"),
        ("${variables.long}", "the core team"),
        ("${ENV:CITY}-${ENV:AREA:a:b}${ENV:NONE:}", "Kyiv-a:b"),
        ("${SECRET:key}", "${SECRET:key}"),
        ("$${variables.team} $$${x} $", "${variables.team} $${x} $"),
        ("${ENV:NESTED}", "${variables.team}"),
    ],
)
def test_forms(tmp_path: Path, text: str, expected: str) -> None:
    environ = {"CITY": "Kyiv", "NESTED": "${variables.team}"}
    variables = {"team": "core", "size": 10, "on": True, "rate": 0.5, "long": "the ${variables.team} team"}
    assert described(tmp_path, text, environ, **variables) == expected


def test_a_text_that_is_one_variable_keeps_its_type(tmp_path: Path) -> None:
    value = config(
        job(
            platform={"dpu_count": "${variables.dpu}", "enable_spark_ui": "${variables.off}"},
            owners="${variables.owners}",
            tags="${variables.tags}",
        ),
        variables={
            "dpu": 10,
            "off": False,
            "owners": ["team:${variables.team}"],
            "team": "a",
            "tags": {"x": "y"},
        },
    )
    found = loaded_job(tmp_path, value)
    assert (found.platform.dpu_count, found.platform.enable_spark_ui) == (10, False)
    assert (found.owners, found.tags) == (["team:a"], {"x": "y"})


def test_an_environment_variable_may_set_a_number_or_a_boolean(tmp_path: Path) -> None:
    value = config(
        job(
            platform={"dpu_count": "${ENV:DPU:10}", "enable_spark_ui": "${variables.ui}"},
            description="${ENV:DPU:10}",
        ),
        variables={"ui": "${ENV:UI:false}"},
    )
    found = loaded_job(tmp_path, value, environ={"DPU": "20"})
    assert (found.platform.dpu_count, found.platform.enable_spark_ui, found.description) == (20, False, "20")


def test_an_unset_environment_variable_stands_as_its_name_with_a_warning(tmp_path: Path) -> None:
    found = loaded(tmp_path, config(job(description="in ${ENV:CITY}")))
    assert found.jobs[0].description == "in CITY"
    assert [warning.split(": ", 1)[1] for warning in found.warnings] == [
        'jobs[0].description: environment variable CITY is not set; its name stands as the text "CITY"'
    ]


def test_an_unset_environment_variable_is_a_fault_when_strict(tmp_path: Path) -> None:
    assert faults(tmp_path, config(job(description="in ${ENV:CITY}")), strict=True) == [
        "jobs[0].description: environment variable CITY is not set; "
        "set it, or give a default: ${ENV:CITY:default}"
    ]


def test_a_default_satisfies_strictness(tmp_path: Path) -> None:
    assert loaded(tmp_path, config(job(description="${ENV:CITY:}")), strict=True).warnings == ()


def test_secrets_stay_inside_longer_texts(tmp_path: Path) -> None:
    source = {
        "name": "s",
        "source_type": "postgres",
        "url": "postgres://u:${SECRET:pw}@${variables.host}/d",
        "table": "t",
    }
    found = loaded_job(tmp_path, config(job(data_sources=[source]), variables={"host": "db"}))
    assert found.data_sources[0].model_dump()["url"] == "postgres://u:${SECRET:pw}@db/d"

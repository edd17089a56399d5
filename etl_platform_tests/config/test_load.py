import json
from pathlib import Path

import pytest

from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform_tests.config.files import config, faults, job, loaded, write


def test_jobs_are_typed_and_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = loaded(tmp_path, config(job("b"), job("a", enabled=False)))
    assert [(each.job_id, each.enabled) for each in found.jobs] == [("b", True), ("a", False)]


def test_the_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "etl_config.json", config())
    monkeypatch.chdir(tmp_path)
    assert load("etl_config.json", environ={}).path == tmp_path / "etl_config.json"


def test_places_name_the_line_where_each_job_begins(tmp_path: Path) -> None:
    path = tmp_path / "etl_config.json"
    path.write_text(
        '{"config_version": "2.0", "jobs": [\n'
        '  {"job_id": "a", "execution": {"sql": "select 1 -- }],{"}},\n\n'
        '  {"job_id": "b", "execution": {"sql": "select 2"}}\n]}'
    )
    places = load(path, environ={}).places
    assert {name: (place.path, place.line) for name, place in places.items()} == {
        "a": (path, 2),
        "b": (path, 4),
    }


def test_a_list_of_faults_says_where_each_of_them_is(tmp_path: Path) -> None:
    path = tmp_path / "etl_config.json"
    path.write_text(
        '{"config_version": "2.0",\n "jobs": [{"job_id": "a", "execution": {"sqll": ""},\n "sla": 3}]}'
    )
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    assert str(caught.value).splitlines() == [
        f'{path}:2:41: jobs[0].execution.sqll: unknown key; did you mean "sql"?',
        f"{path}:3:9: jobs[0].sla: expected an object, found 3",
    ]


def test_a_fault_of_one_phase_hides_none_of_another(tmp_path: Path) -> None:
    broken = config(
        job("a", extends="nothing"),
        job("b", platform={"dpu_cuont": 3}),
        job("c", cost={"budget_per_run_usd": "${variables.x}"}),
        job("d", sla={"deadline_cron": "nine"}, workload={"incremental": 1}),
        job("a"),
    )
    locations = [fault.split(": ")[0] for fault in faults(tmp_path, broken)]
    assert locations == [
        "jobs[0].extends",
        "jobs[1].platform.dpu_cuont",
        "jobs[2].cost.budget_per_run_usd",
        "jobs[3].sla.deadline_cron",
        "jobs[3].workload.incremental",
        "jobs[4].job_id",
    ]


@pytest.mark.parametrize(
    ("environ", "profile"),
    [({}, "local"), ({"ETL_PLATFORM_PROFILE": "aws"}, "aws"), ({"ETL_PLATFORM_PROFILE": ""}, "local")],
)
def test_the_environment_chooses_the_profile(tmp_path: Path, environ: dict[str, str], profile: str) -> None:
    assert loaded(tmp_path, config(), environ=environ).profile == profile


def test_yaml_says_the_same_as_json(tmp_path: Path) -> None:
    value = config(job(tags={"answer": "no", "day": "2024-01-01"}, platform={"dpu_count": 2.5}))
    path = tmp_path / "etl_config.yaml"
    path.write_text(
        "config_version: '2.0'\n"
        "jobs:\n"
        "  - job_id: orders\n"
        "    execution: {sql: select 1}\n"
        "    tags: {answer: no, day: 2024-01-01}\n"
        "    platform: {dpu_count: 2.5}\n"
    )
    found = load(path, environ={})
    assert found.jobs == loaded(tmp_path, value).jobs
    assert found.places["orders"].line == 3


def test_json_that_yaml_cannot_read_has_its_places_too(tmp_path: Path) -> None:
    path = tmp_path / "etl_config.json"
    text = json.dumps(config(job(description="\U0001f600", enabeld=True)), indent="\t")
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    lines = text.splitlines()
    assert [lines[fault.line - 1].strip() for fault in caught.value.faults] == ['"enabeld": true']


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            config(job(extends="odd"), templates={"odd": {"extends": 3.5, "dpu_count": 1}}),
            ["templates.odd.extends: `extends` takes the name of a template, or a list of names"],
        ),
        (
            config(variables={"x": 1}, **{"if": {"x": 1}, "then": True}),
            ["then: `then` must be an object"],
        ),
        (
            config(
                job("Not an id", execution={"sql": "select 1", "depends_on": ["b"]}),
                job("b", execution={"sql": "select 1", "depends_on": ["faulty"]}),
            ),
            [
                "jobs[0].job_id: expected small letters, digits and _, starting with a letter, "
                'found "Not an id"',
                'jobs[1].execution.depends_on[0]: "faulty" is the id of no job',
            ],
        ),
    ],
)
def test_one_oddity_does_not_end_the_search(
    tmp_path: Path, value: dict[str, object], expected: list[str]
) -> None:
    assert faults(tmp_path, value) == expected

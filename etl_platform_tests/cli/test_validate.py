import json
from pathlib import Path

from etl_platform_tests.cli.commands import call
from etl_platform_tests.config.files import config, job, write


def test_a_sound_configuration_is_counted(tmp_path: Path) -> None:
    write(tmp_path / "etl_config.json", config(job("a"), job("b", enabled=False)))
    answer = call(tmp_path, "validate")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "etl_config.json: 2 jobs (1 disabled), 0 warnings, no faults\n"


def test_keys_that_are_not_acted_on_are_told_once(tmp_path: Path) -> None:
    jobs = [job(f"j{number}", compliance={"audit_logging": True}) for number in range(5)]
    write(tmp_path / "etl_config.json", config(*jobs))
    lines = call(tmp_path, "validate").stdout.splitlines()
    assert lines[1:] == [
        "accepted, not acted on yet:",
        "  compliance.audit_logging (in j0, j1, j2 and 2 more)",
    ]


def test_a_script_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    jobs = [
        {"job_id": "a", "execution": {"script_path": "jobs/a.py"}},
        {"job_id": "b", "execution": {"script_path": "s3://bucket/b.py"}},
    ]
    write(tmp_path / "etl_config.json", config(*jobs))
    answer = call(tmp_path, "validate")
    assert answer.returncode == 0
    assert answer.stderr == (
        "warning: etl_config.json:7:24: jobs[0].execution.script_path: there is no file jobs/a.py\n"
    )


def test_faults_go_to_standard_error(tmp_path: Path) -> None:
    write(tmp_path / "etl_config.json", config(job("a", platform={"dpu_cuont": 1}), job("a")))
    answer = call(tmp_path, "validate")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.splitlines() == [
        'etl_config.json:10:9: jobs[0].platform.dpu_cuont: unknown key; did you mean "dpu_count"?',
        'etl_config.json:14:17: jobs[1].job_id: "a" is also the id of the job in etl_config.json:4',
        "2 faults",
    ]


def test_faults_as_json_go_to_standard_output(tmp_path: Path) -> None:
    write(tmp_path / "other.json", config(job(platform={"dpu_cuont": 1})))
    answer = call(tmp_path, "validate", "--config", "other.json", "--format", "json")
    assert (answer.returncode, answer.stderr) == (1, "")
    assert json.loads(answer.stdout) == {
        "path": "other.json",
        "faults": [
            {
                "path": "other.json",
                "line": 10,
                "column": 9,
                "location": "jobs[0].platform.dpu_cuont",
                "message": 'unknown key; did you mean "dpu_count"?',
            }
        ],
    }


def test_an_unset_variable_is_a_fault_only_when_strict(tmp_path: Path) -> None:
    write(tmp_path / "etl_config.json", config(job(description="${ENV:NO_SUCH_VARIABLE}")))
    assert call(tmp_path, "validate").returncode == 0
    assert call(tmp_path, "validate", "--strict").returncode == 1


def test_the_environment_names_the_configuration(tmp_path: Path) -> None:
    write(tmp_path / "other.json", config())
    answer = call(tmp_path, "validate", "--format", "json", ETL_PLATFORM_CONFIG="other.json")
    assert json.loads(answer.stdout) == {
        "path": "other.json",
        "faults": [],
        "jobs": 1,
        "warnings": [],
        "pending": [],
    }


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    answer = call(tmp_path, "validate")
    assert answer.returncode == 1
    assert answer.stderr.startswith("etl_config.json:1:1: there is no such file; name the configuration")


def test_wrong_usage_is_told_apart(tmp_path: Path) -> None:
    assert call(tmp_path, "validate", "--format", "xml").returncode == 2


def test_a_region_that_cannot_be_one_is_a_fault_at_its_place(tmp_path: Path) -> None:
    settings = {"aws_region": "eu-centrl-1", "pricing": {"region": "mars-1"}}
    write(tmp_path / "etl_config.json", config(job(), global_settings=settings))
    lines = call(tmp_path, "validate").stderr.splitlines()
    assert lines[0].endswith(
        'global_settings.aws_region: "eu-centrl-1" is no region of AWS; did you mean "eu-central-1"?'
    )
    assert 'global_settings.pricing.region: "mars-1" is no region of AWS' in lines[1]
    assert all(line.startswith("etl_config.json:") for line in lines[:2])


def test_a_region_that_may_be_new_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path / "etl_config.json", config(job(), global_settings={"aws_region": "eu-west-9"}))
    answer = call(tmp_path, "validate", "--format", "json")
    assert answer.returncode == 0
    assert (
        '"eu-west-9" is no region that the installed botocore knows'
        in json.loads(answer.stdout)["warnings"][0]
    )


def test_regions_of_all_partitions_are_known(tmp_path: Path) -> None:
    for region in ("us-gov-west-1", "cn-north-1", "ap-southeast-2"):
        settings = {"aws_region": region, "pricing": {"region": "us-east-1"}}
        write(tmp_path / "etl_config.json", config(job(), global_settings=settings))
        assert (call(tmp_path, "validate").stderr, region) == ("", region)


def test_a_region_whose_prices_are_unknown_is_warned_of_once(tmp_path: Path) -> None:
    write(
        tmp_path / "etl_config.json", config(job("a"), job("b"), global_settings={"aws_region": "eu-south-1"})
    )
    warnings = json.loads(call(tmp_path, "validate", "--format", "json").stdout)["warnings"]
    assert len(warnings) == 1
    assert "no price of emr, emr_serverless, lambda, batch in eu-south-1" in warnings[0]
    assert "prices refresh --region eu-south-1" in warnings[0] and "pricing.overrides" in warnings[0]


def test_overrides_of_prices_are_checked_at_their_place(tmp_path: Path) -> None:
    overrides = {"glue.spark.dpu_hour": -1}
    write(tmp_path / "etl_config.json", config(job(), global_settings={"pricing": {"overrides": overrides}}))
    assert "must be greater than 0, found -1" in call(tmp_path, "validate").stderr
    overrides = {"glue.spark.dpu_huor": 0.4, "ec2.x9.large.instance_hour": 1.0}
    write(tmp_path / "etl_config.json", config(job(), global_settings={"pricing": {"overrides": overrides}}))
    answer = call(tmp_path, "validate", "--format", "json")
    (fault,) = json.loads(answer.stdout)["faults"]
    assert answer.returncode == 1
    written = (tmp_path / "etl_config.json").read_text().splitlines()[fault["line"] - 1]
    assert written[fault["column"] - 1 :].startswith('"glue.spark.dpu_huor"')
    assert 'no price "glue.spark.dpu_huor" in the book; near it: glue.spark.dpu_hour' in fault["message"]

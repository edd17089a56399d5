import json
from pathlib import Path

from etl_platform_tests.cli.commands import call
from etl_platform_tests.config.files import config, job, write

SOURCE = {
    "name": "orders",
    "source_type": "redshift",
    "cluster": "c",
    "database": "d",
    "table": "t",
    "size_gb": 50,
}


def project(folder: Path, **platform: object) -> None:
    jobs = (
        job("a", data_sources=[SOURCE], platform={"user_preference": "glue", **platform}),
        job("b", enabled=False),
    )
    write(folder / "etl_config.json", config(*jobs, global_settings={"profile": "local"}))


def test_json_tells_options_decision_and_budget(tmp_path: Path) -> None:
    project(tmp_path)
    answer = json.loads(call(tmp_path, "plan", "a", "--format", "json").stdout)
    assert answer["workload"]["volume_gb"] == 50
    assert answer["decision"]["selected_platform"] == "local"
    assert answer["decision"]["arithmetic"] is None
    local = next(one for one in answer["decision"]["options"] if one["platform"] == "local")
    assert (local["feasible"], local["charged"], local["usd"]) == (True, False, None)
    assert answer["budget"]["allowed"] is True


def test_people_can_follow_the_dollars(tmp_path: Path) -> None:
    tables = {"backend": "sqlite", "path": "tracking.db"}
    write(
        tmp_path / "etl_config.json",
        config(
            job("a", data_sources=[SOURCE], platform={"user_preference": "glue"}),
            global_settings={"tracking": tables, "feature_flags": {"enable_auto_size_detection": False}},
        ),
    )
    shown = " ".join(call(tmp_path, "plan", "a", ETL_PLATFORM_PROFILE="aws").stdout.split())
    assert "arithmetic Glue Spark, standard execution:" in shown
    assert "this month $0.00 (no run yet) so far" in shown


def test_the_same_call_gives_the_same_decision(tmp_path: Path) -> None:
    project(tmp_path)
    first, second = (json.loads(call(tmp_path, "plan", "a", "--format", "json").stdout) for _ in range(2))
    assert first["decision"] == second["decision"]


def test_people_see_no_charge_and_why(tmp_path: Path) -> None:
    project(tmp_path)
    shown = " ".join(call(tmp_path, "plan", "a").stdout.split())
    assert "no charge" in shown
    assert "under the profile `local` there is no account" in shown


def test_people_see_how_big_each_source_is_and_how_that_is_known(tmp_path: Path) -> None:
    project(tmp_path)
    shown = " ".join(call(tmp_path, "plan", "a").stdout.split())
    assert "orders 50 GB" in shown
    assert "size by size_gb of the" in shown


def test_all_leaves_out_disabled_jobs(tmp_path: Path) -> None:
    project(tmp_path)
    answers = json.loads(call(tmp_path, "plan", "--all", "--format", "json").stdout)
    assert [one["job_id"] for one in answers] == ["a"]


def test_what_if_and_its_mistakes(tmp_path: Path) -> None:
    project(tmp_path)
    ten = json.loads(call(tmp_path, "plan", "a", "--what-if", "size=10x", "--format", "json").stdout)
    assert ten["workload"]["volume_gb"] == 500
    wrong = call(tmp_path, "plan", "a", "--what-if", "ten times")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "size=10x" in wrong.stderr


def test_naming_no_job_is_a_wrong_call(tmp_path: Path) -> None:
    project(tmp_path)
    assert call(tmp_path, "plan").returncode == 2


def test_a_plan_that_would_be_refused_exits_with_one(tmp_path: Path) -> None:
    settings = {
        "profile": "aws",
        "tracking": {"backend": "sqlite"},
        "feature_flags": {"enable_auto_size_detection": False},
    }
    alone = {"user_preference": "emr", "allow_agent_override": False}
    one = job("a", data_sources=[SOURCE], platform=alone)
    write(tmp_path / "etl_config.json", config(one, global_settings=settings))
    answer = call(tmp_path, "plan", "a")
    assert answer.returncode == 1
    assert "Would not be started" in answer.stderr


def test_a_what_if_is_shown_beside_what_is(tmp_path: Path) -> None:
    project(tmp_path)
    shown = " ".join(call(tmp_path, "plan", "a", "--what-if", "size=10x").stdout.split())
    assert "Where it could run if size=10x" in shown
    assert "as it is local" in shown


def test_without_the_records_a_plan_knows_no_past_and_says_so(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / ".etl_platform").mkdir(exist_ok=True)
    (tmp_path / ".etl_platform" / "tracking.db").write_text("no database")
    answer = call(tmp_path, "plan", "a")
    assert answer.returncode == 0
    assert "nothing is known of past runs" in answer.stderr

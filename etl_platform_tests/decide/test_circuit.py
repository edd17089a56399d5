import pytest

from etl_platform.decide.circuit import OPEN_SECONDS, circuits_of, open_circuits
from etl_platform.tracking.records import ErrorDetails, JobExecution
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform_tests.decide.builders import NOW, decided, option, spark_job


def ended(minutes_ago: float, error_class=None, platform="glue") -> JobExecution:
    moment = NOW - 60 * minutes_ago
    return JobExecution(
        execution_id=f"exec-{platform}-{minutes_ago}",
        timestamp=moment,
        job_name="any",
        job_type=platform,
        status="failed" if error_class else "success",
        end_time=moment,
        error_details=ErrorDetails(error_occurred=True, error_class=error_class, error_message="no nodes")
        if error_class
        else None,
    )


@pytest.mark.parametrize(
    ("classes", "is_open"),
    [
        (["capacity", "throttled", "capacity"], True),
        (["capacity", "capacity"], False),
        (["capacity", "capacity", None, "capacity"], False),
        (["code", "code", "code"], False),
        (["capacity", "code", "capacity", "capacity"], False),
    ],
)
def test_three_faults_of_the_platform_in_a_row_open_the_circuit(classes, is_open):
    runs = [ended(n + 1, one) for n, one in enumerate(classes)]
    assert ("glue" in circuits_of(runs, NOW)) is is_open


def test_it_closes_after_a_while_and_one_more_failure_opens_it_again():
    runs = [ended(n + 1, "capacity") for n in range(3)]
    later = NOW + OPEN_SECONDS
    assert circuits_of(runs, later) == {}
    again = ended(-(OPEN_SECONDS / 60), "capacity")
    assert "glue" in circuits_of([*runs, again], later + 1)


def test_the_local_platform_never_opens_one():
    assert circuits_of([ended(n, "capacity", "local") for n in (1, 2, 3)], NOW) == {}


def test_the_state_is_in_the_store_for_all_processes(tmp_path):
    store = SqliteStore(tmp_path / "tracking.db", clock=lambda: NOW)
    for n in (1, 2, 3):
        store.put_execution(ended(n, "throttled", "emr"))
    other = SqliteStore(tmp_path / "tracking.db", clock=lambda: NOW)
    assert open_circuits(other, NOW)["emr"].failures == 3


def test_an_open_circuit_takes_the_platform_out_of_the_options():
    circuits = circuits_of([ended(n + 1, "capacity") for n in range(3)], NOW)
    decision = decided(spark_job({"user_preference": "glue"}), circuits=circuits)
    assert not option(decision, "glue").feasible
    assert decision.selected.platform != "glue"
    assert "no nodes" in decision.reasoning[0] and "tried again in" in decision.reasoning[0]

import json
from pathlib import Path

import pytest

from etl_platform.agents.agent import Case, InvalidAnswerError
from etl_platform.agents.learning import AGENT, LearningAnswer, recommendations, remember
from etl_platform.tracking.records import ErrorDetails, PlatformDecision
from etl_platform_tests.agents.cases import answer, case_of, glue_job, results, run

FREE = {"allowed_platforms": ["glue"], "auto_select_platform": True, "worker_type": "G.1X"}


def free_job(**sections):
    """A job on Glue whose size is open, and which should be cheap."""
    cost = {"optimization_priority": "cost"}
    execution = {"sql": "select * from orders", "timeout_minutes": 50.0}
    return glue_job(50.0, **{"platform": FREE, "cost": cost, "execution": execution, **sections})


def again(case: Case, *, execution_id: str | None = None, job=None) -> Case:
    """The same project a moment later: what was measured is measured anew."""
    return Case(case.config, job or case.job, case.store, case.now, execution_id)


def sized(workers: int) -> PlatformDecision:
    size = {
        "label": f"{workers} × G.1X",
        "machine": "glue G.1X",
        "nodes": workers - 1,
        "cores": 4.0 * (workers - 1),
        "memory_gb": 16.0 * (workers - 1),
    }
    return PlatformDecision(selected_platform="glue", size=size, estimated_seconds=400.0)


def slow(number: int, **fields):
    """A run that took far longer than its physics."""
    return run(
        number,
        days_ago=number,
        seconds=3500.0,
        gb=50.0,
        **{"platform_decision": sized(20), **fields},
    )


def test_a_run_leaves_a_vector_that_a_similar_job_finds(tmp_path):
    other = glue_job(job_id="cousin")
    case = case_of(tmp_path, runs=[run(1, days_ago=1)], others=[other], execution_id="exec-1")
    noted = remember(case)
    assert noted and noted.learning_vector_stored and noted.learning_vector_path
    stored = case.store.execution("exec-1")
    assert stored and stored.learning_vector_path == noted.learning_vector_path
    vector = json.loads(Path(noted.learning_vector_path).read_text())
    assert (vector["seconds"], vector["usd"], vector["traits"]["data_gb"]) == (600.0, 1.0, 20.0)
    (found,) = answer(AGENT, again(case, job=other)).similar
    assert (found.execution_id, found.job_id, found.similarity) == ("exec-1", "orders", 1.0)


def test_a_job_that_is_unlike_finds_none(tmp_path):
    unlike = glue_job(20_000.0, job_id="giant", workload={"complexity": "complex"})
    case = case_of(tmp_path, runs=[run(1, days_ago=1)], others=[unlike], execution_id="exec-1")
    remember(case)
    assert answer(AGENT, again(case, job=unlike)).similar == []


@pytest.mark.parametrize(
    "off", [{"enable_agent_learning": False}, {"agents": {"learning_agent": {"enabled": False}}}]
)
def test_nothing_is_stored_where_learning_is_off(tmp_path, off):
    case = case_of(tmp_path, runs=[run(1, days_ago=1)], execution_id="exec-1", **off)
    assert remember(case) is None
    assert not (tmp_path / ".etl_platform" / "learning").exists()


def test_nothing_is_stored_of_a_run_that_goes_on(tmp_path):
    case = case_of(tmp_path, runs=[run(1, days_ago=1, status="running")], execution_id="exec-1")
    assert remember(case) is None


def test_where_a_job_has_too_few_runs_nothing_is_recommended(tmp_path):
    case = case_of(tmp_path, free_job(), [slow(n) for n in range(1, 5)])
    found = answer(AGENT, case)
    assert found.patterns == []
    assert "4 runs of its own are recorded; patterns need 5" in found.statement
    assert recommendations(case, found) == []


def test_five_runs_change_the_choice_and_the_recommendations(tmp_path):
    limit = {"sql": "select * from orders", "timeout_minutes": 40.0}
    case = case_of(tmp_path, free_job(execution=limit), [slow(n) for n in range(1, 6)])
    found = answer(AGENT, case)
    choice = found.choice
    assert choice and choice["changed"]
    before, after = choice["without_learning"], choice["with_learning"]
    # The learned model knows that the naive choice is late, and takes one that is not.
    assert before["seconds"] > 40 * 60 > after["seconds"]
    assert after["probability_on_time"] > before["probability_on_time"] + 0.1
    (advice,) = [one for one in recommendations(case, found) if one.recommendation_id.endswith("choice")]
    assert advice.estimated_cost_impact == pytest.approx(after["usd"] - before["usd"])
    assert "dpu_count" in (advice.action or "")


def test_patterns_are_counted(tmp_path):
    died = ErrorDetails(error_occurred=True, error_class="out_of_memory", error_message="secret")
    runs = [slow(n, status="failed", error_details=died) for n in range(1, 4)]
    runs += [slow(n, metrics={"spilled_gb": 2.0 * n}) for n in range(4, 10)]
    case = case_of(tmp_path, free_job(), runs)
    found = answer(AGENT, case)
    sentences = {one.pattern_id: one.sentence for one in found.patterns}
    assert sentences["failure_out_of_memory"] == (
        "3 of the last 9 runs ran out of memory, all of them on glue, 20 × G.1X."
    )
    assert sentences["spill"].startswith(
        "6 of 6 measured runs spilled to disk, half of these at least 13.00 GB"
    )
    assert sentences["estimate_bias"].startswith("Runs take 8.75 times as long as is expected")
    assert "secret" not in found.model_dump_json()
    named = {one.title for one in recommendations(case, found)}
    assert {"failure out of memory", "spill"} <= named


def test_failures_that_were_mended_are_no_pattern(tmp_path):
    died = ErrorDetails(error_occurred=True, error_class="code", error_message="m")
    runs = [slow(n) for n in range(1, 6)]
    runs += [slow(n, status="failed", error_details=died) for n in range(6, 8)]
    found = answer(AGENT, case_of(tmp_path, free_job(), runs)).patterns
    assert not any(one.pattern_id.startswith("failure") for one in found)


def test_growing_input_is_a_pattern(tmp_path):
    runs = [run(n, days_ago=n, gb=100.0 / n) for n in range(1, 9)]
    assert "growth" in {one.pattern_id for one in answer(AGENT, case_of(tmp_path, runs=runs)).patterns}


def test_the_runtime_model_says_on_what_it_rests_and_how_right_it_was(tmp_path):
    case = case_of(tmp_path, free_job(), [slow(n) for n in range(1, 6)])
    runtime = results(AGENT, case)["runtime"]
    assert (runtime["learned_from"], runtime["borrowed_from"]) == (5, 0)
    assert runtime["usual_error_factor"] == pytest.approx(8.75)
    assert runtime["runs_with_range"] == 0 and runtime["runs_within_range"] is None


def test_an_invented_figure_is_refused_and_the_rest_is_the_engines(tmp_path):
    case = case_of(tmp_path, free_job(), [slow(n) for n in range(1, 6)])
    with pytest.raises(InvalidAnswerError, match="99%"):
        AGENT.check(case, LearningAnswer(statement="It is 99% sure."))
    told = AGENT.check(case, LearningAnswer(statement="It is slow.", runtime={"seconds": 1.0}))
    assert told.runtime["seconds"] != 1.0
    assert told.statement == "It is slow."


def test_an_unreadable_storage_leaves_the_rest(tmp_path):
    folder = tmp_path / ".etl_platform" / "learning" / "2026-09-20"
    folder.mkdir(parents=True)
    (folder / "exec-1.json").write_text("no vector")
    case = case_of(tmp_path, runs=[run(1, days_ago=1)])
    from etl_platform.agents.stated_numbers import facts_of

    facts = facts_of(AGENT.tools(case))
    assert "similar" not in facts
    assert "Runs of other jobs cannot be read." in AGENT.policy(case, facts).statement

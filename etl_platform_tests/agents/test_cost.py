import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.agents.agent import InvalidAnswerError, ToolError
from etl_platform.agents.cost import AGENT, CostAnswer, SavingShown, recommendations
from etl_platform.agents.cost_change import RunFigures, change
from etl_platform_tests.agents.cases import answer, case_of, glue_job, results, run


def one(usd, hours=1.0, gb=10.0, dpu: float | None = 10.0, *, succeeded=True, platform="glue"):
    return RunFigures("exec", platform, usd, succeeded, hours, gb, dpu)


def shares(found):
    return {part.cause: part.usd for part in found.parts}


positive = st.floats(0.01, 1000)
maybe = st.none() | positive
figures = st.builds(
    RunFigures,
    st.just("exec"),
    st.just("glue"),
    st.none() | st.floats(0, 100),
    st.booleans(),
    maybe,
    maybe,
    maybe,
)


@given(st.lists(figures, max_size=5), st.lists(figures, max_size=5))
@settings(deadline=None, max_examples=200)
def test_the_dollars_of_the_causes_add_up_to_the_change(before, after):
    found = change(before, after)
    if found.usd is not None:
        assert sum(part.usd for part in found.parts) == pytest.approx(found.usd, abs=1e-9)


def test_twice_the_data_at_the_same_pace_is_volume_alone():
    found = shares(change([one(1.0)], [one(2.0, hours=2.0, gb=20.0, dpu=20.0)]))
    assert found.pop("volume") == pytest.approx(1.0)
    assert all(usd == pytest.approx(0) for usd in found.values())


def test_a_slower_run_on_the_same_data_is_duration_alone():
    found = shares(change([one(1.0)], [one(3.0, hours=3.0, dpu=30.0)]))
    assert found["duration"] == pytest.approx(2.0)


def test_more_dpu_is_size_and_a_new_price_is_price():
    assert shares(change([one(1.0)], [one(2.0, dpu=20.0)]))["size"] == pytest.approx(1.0)
    assert shares(change([one(1.0)], [one(1.5)]))["price"] == pytest.approx(0.5)


def test_elsewhere_without_dpu_it_is_platform_and_price():
    found = change([one(1.0)], [one(4.0, dpu=None, platform="emr")])
    assert shares(found)["platform_and_price"] == pytest.approx(3.0)


def test_attempts_that_failed_are_retries():
    found = change([one(1.0)], [one(0.7, succeeded=False), one(1.0)])
    assert shares(found)["retries"] == pytest.approx(0.7)


def test_unpriced_runs_are_told_and_left_out():
    found = change([one(1.0), one(None)], [one(1.0)])
    assert (found.unpriced, found.usd) == (1, 0.0)
    assert change([one(None)], [one(1.0)]).usd is None


def test_a_dearer_run_is_explained_against_the_run_before(tmp_path):
    runs = [run(1, days_ago=2, usd=1.0), run(2, days_ago=1, usd=2.0, seconds=1200, gb=40.0)]
    found = answer(AGENT, case_of(tmp_path, runs=runs))
    (change_of_runs,) = [one for one in found.changes if one.compared == "runs"]
    assert change_of_runs.usd == pytest.approx(1.0)
    assert change_of_runs.parts[0].cause == "volume"
    assert "volume +1.0000 (20 → 40 GB a run)" in found.explanation


def test_the_attempts_of_one_run_count_together(tmp_path):
    runs = [
        run(1, days_ago=2, usd=1.0),
        run(2, days_ago=1.1, usd=0.5, status="failed", attempt_group="g"),
        run(3, days_ago=1.0, usd=1.0, attempt_group="g"),
    ]
    found = results(AGENT, case_of(tmp_path, runs=runs, execution_id="exec-3"))["cost_changes"][0]
    parts = {part["cause"]: part["usd"] for part in found["parts"]}
    assert found["usd"] == pytest.approx(0.5)
    assert parts["retries"] == pytest.approx(0.5)


def test_weeks_are_compared_by_number_of_runs(tmp_path):
    runs = [run(n, days_ago=n * 0.5, usd=1.0) for n in range(1, 5)]
    runs += [run(n, days_ago=n, usd=1.0) for n in (8, 9)]
    found = answer(AGENT, case_of(tmp_path, runs=runs))
    (weeks,) = [one for one in found.changes if one.compared == "weeks"]
    assert (weeks.before_usd, weeks.after_usd) == (2.0, 4.0)
    assert weeks.parts[0].cause == "runs"
    assert weeks.parts[0].usd == pytest.approx(2.0)


def test_savings_are_ranked_by_dollars_a_month_and_stored_as_recommendations(tmp_path):
    job = glue_job(platform={"user_preference": "glue", "dpu_count": 100.0, "worker_type": "G.1X"})
    runs = [run(n, days_ago=n, usd=10.0) for n in range(1, 8)]
    runs.append(run(20, days_ago=3.5, usd=4.0, status="failed"))
    case = case_of(tmp_path, job, runs)
    found = answer(AGENT, case)
    known = [one.usd_a_month for one in found.savings if one.usd_a_month is not None]
    assert known == sorted(known, reverse=True)
    assert {"glue_flex", "size", "failures"} <= {one.saving_id for one in found.savings}
    failures = next(one for one in found.savings if one.saving_id == "failures")
    assert failures.usd_a_month == 4.0
    flex = next(one for one in recommendations(case, found) if one.recommendation_id.endswith("glue_flex"))
    assert flex.estimated_cost_impact == pytest.approx(-10 * (1 - 0.29 / 0.44))


def test_a_lie_about_a_saving_is_replaced_by_the_engines_dollars(tmp_path):
    job = glue_job(platform={"user_preference": "glue", "dpu_count": 10.0, "worker_type": "G.1X"})
    case = case_of(tmp_path, job, [run(n, days_ago=n, usd=10.0) for n in range(1, 4)])
    lie = SavingShown(saving_id="glue_flex", title="free", usd_a_run=1e6)
    told = AGENT.check(case, CostAnswer(explanation="Take Flex.", savings=[lie], alert=False))
    assert told.savings[0].usd_a_run == pytest.approx(10 * (1 - 0.29 / 0.44))
    assert told.savings[0].title == "Glue Flex"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"explanation": "It cost $77.31 more.", "alert": False}, "77.31"),
        ({"explanation": "", "alert": False, "savings": [{"saving_id": "quantum"}]}, "no saving quantum"),
        ({"explanation": "", "alert": True}, "an alert needs a cause"),
    ],
)
def test_invented_answers_are_refused(tmp_path, said, why):
    case = case_of(tmp_path, runs=[run(1, days_ago=1)])
    with pytest.raises(InvalidAnswerError, match=why):
        AGENT.check(case, CostAnswer.model_validate(said))


def test_a_budget_that_is_overrun_must_be_told(tmp_path):
    job = glue_job(cost={"budget_per_run_usd": 5.0})
    case = case_of(tmp_path, job, [run(1, days_ago=1, usd=6.0)])
    found = answer(AGENT, case)
    assert found.alert
    assert [one.cause_id for one in found.causes] == ["budget_per_run_usd:exec-1:over"]
    with pytest.raises(InvalidAnswerError, match="must be told"):
        AGENT.check(case, CostAnswer(explanation="All is well.", alert=False))


def test_budget_alerts_are_off_where_the_agents_key_says_so(tmp_path):
    job = glue_job(cost={"budget_per_run_usd": 5.0})
    off = {"cost_tracking_agent": {"alert_on_budget_overrun": False, "forecast_monthly_costs": False}}
    case = case_of(tmp_path, job, [run(1, days_ago=1, usd=6.0)], agents=off)
    assert not answer(AGENT, case).alert
    assert results(AGENT, case)["month_forecast"] is None


def test_an_unusual_cost_is_a_cause(tmp_path):
    runs = [run(n, days_ago=n, usd=1.0) for n in range(2, 10)] + [run(1, days_ago=1, usd=9.0)]
    assert [one.cause_id for one in answer(AGENT, case_of(tmp_path, runs=runs)).causes] == ["anomaly:exec-1"]


def test_a_job_without_runs_has_nothing_to_explain(tmp_path):
    found = answer(AGENT, case_of(tmp_path))
    assert (found.changes, found.alert) == ([], False)
    assert "no two priced runs" in found.explanation


def test_a_run_of_another_job_is_none_of_this_one(tmp_path):
    case = case_of(tmp_path, runs=[run(1, days_ago=1, job_name="other")], execution_id="exec-1")
    with pytest.raises(ToolError, match="no run exec-1"):
        results(AGENT, case)

import pytest

from etl_platform.decide import size
from etl_platform.decide.decision import CannotRunError
from etl_platform_tests.decide.builders import decided, job, option, run, spark_job


def test_a_preference_is_taken_and_the_recommendation_shown_beside_it():
    decision = decided(spark_job({"user_preference": "glue"}, cost={"optimization_priority": "cost"}))
    assert decision.selected.platform == "glue"
    assert decision.recommended and decision.recommended.platform != "glue"
    assert any("minutes" in sentence and "$" in sentence for sentence in decision.reasoning)
    assert decision.provenance == "user"


def test_a_preference_that_cannot_run_gives_way_to_the_recommendation():
    decision = decided(spark_job({"user_preference": "lambda"}))
    assert decision.recommended and decision.selected == decision.recommended
    assert "preference lambda cannot run" in decision.reasoning[0]
    assert decision.provenance == "policy"


@pytest.mark.parametrize("keys", [{}, {"user_preference": "glue", "auto_select_platform": True}])
def test_without_a_preference_the_recommendation_is_taken(keys):
    decision = decided(spark_job(keys, cost={"optimization_priority": "cost"}))
    assert decision.recommended is not None
    assert decision.selected.platform == decision.recommended.platform != "glue"


def test_a_strict_preference_computes_no_alternative():
    decision = decided(spark_job({"user_preference": "glue", "allow_agent_override": False}))
    assert [one.platform for one in decision.options] == ["glue"]
    assert (decision.recommended, decision.confidence) == (None, None)


def test_a_strict_preference_that_cannot_run_fails_with_the_reason():
    with pytest.raises(CannotRunError, match=r"lambda must be taken.*no Spark cluster"):
        decided(spark_job({"user_preference": "lambda", "allow_agent_override": False}))


def test_no_possible_platform_is_an_error_with_all_reasons():
    one = spark_job({"allowed_platforms": ["lambda"]})
    with pytest.raises(CannotRunError, match=r"no platform is possible.*glue: .*allowed_platforms"):
        decided(one)


@pytest.mark.parametrize(
    "keys", [{}, {"user_preference": "glue"}, {"user_preference": "glue", "allow_agent_override": False}]
)
def test_the_local_profile_runs_here_and_says_what_an_account_would_do(keys):
    decision = decided(spark_job(keys), profile="local")
    assert decision.selected.platform == "local" and not decision.selected.charged
    assert decision.selected.figures.usd is None
    assert "no account" in decision.reasoning[0]
    if keys:
        assert "glue" in decision.reasoning[2]


def test_what_lacks_its_keys_under_an_account_still_runs_here():
    one = spark_job({"user_preference": "emr", "allow_agent_override": False, "cluster_id": None})
    decision = decided(one, profile="local")
    assert decision.selected.platform == "local"
    assert "cluster_id" in " ".join(decision.reasoning)


@pytest.mark.parametrize(
    ("keys", "platform", "reason"),
    [
        ({"cluster_id": None}, "emr", "`platform.cluster_id` or `platform.service_role`"),
        ({"execution_role_arn": None}, "emr_serverless", "set `platform.execution_role_arn`"),
        ({"job_queue": None}, "batch", "set `platform.job_queue`"),
        ({"allowed_platforms": ["emr"]}, "glue", "has only emr"),
        ({}, "local", "only where `platform` names `local`"),
        ({"dpu_count": 400.0, "worker_type": "G.1X"}, "glue", "at most 299 workers"),
        ({"dpu_count": 1.0, "worker_type": "G.1X"}, "glue", "two workers at least"),
    ],
)
def test_why_a_platform_is_not_possible(keys, platform, reason):
    found = option(decided(spark_job(keys)), platform)
    assert not found.feasible
    assert any(reason in one for one in found.reasons)


@pytest.mark.parametrize(
    ("volume_gb", "reason"), [(30.0, "do not fit into 10.0 GB of memory"), (9.0, "Lambda stops after 15")]
)
def test_lambda_is_left_out_where_time_or_memory_do_not_suffice(volume_gb, reason):
    lamda = option(decided(job(), volume_gb=volume_gb, complexity="complex"), "lambda")
    assert not lamda.feasible
    assert any("Lambda stops" in one or "do not fit" in one for one in lamda.reasons)
    assert option(decided(job(), volume_gb=0.05), "lambda").feasible


def test_a_stream_does_not_run_on_lambda_or_batch():
    one = job(workload={"query_pattern": "streaming"})
    decision = decided(one)
    assert not option(decision, "lambda").feasible and not option(decision, "batch").feasible


def test_speed_is_faster_and_cost_is_cheaper():
    fast = decided(spark_job(cost={"optimization_priority": "speed"})).selected.figures
    cheap = decided(spark_job(cost={"optimization_priority": "cost"})).selected.figures
    assert fast.seconds is not None and cheap.seconds is not None
    assert fast.usd is not None and cheap.usd is not None
    assert fast.seconds < cheap.seconds and fast.usd > cheap.usd


def test_speed_stays_within_the_budget_of_a_run():
    figures = decided(
        spark_job(cost={"optimization_priority": "speed", "budget_per_run_usd": 3.0})
    ).selected.figures
    assert figures.usd is not None and figures.usd <= 3.0


def test_cost_meets_the_deadline_with_certainty():
    tight = spark_job(cost={"optimization_priority": "cost"}, sla={"max_duration_minutes": 60.0})
    figures = decided(tight).selected.figures
    assert figures.on_time is not None and figures.on_time >= 0.95


@pytest.mark.parametrize("minutes", [0.5, 4.0])
def test_an_impossible_deadline_takes_one_as_likely_as_any_and_says_so(minutes: float):
    one = spark_job(cost={"optimization_priority": "cost"}, sla={"max_duration_minutes": minutes})
    decision = decided(one, volume_gb=500.0)
    best = max(o.figures.on_time or 0 for o in decision.options if o.feasible)
    # Chances within a tenth are alike, and the cheaper wins.
    assert (decision.selected.figures.on_time or 0) > best - 0.1
    assert "no option surely meets the deadline" in " ".join(decision.reasoning)


def test_a_given_size_stands_and_the_better_one_is_shown():
    one = spark_job(
        {"user_preference": "glue", "worker_type": "G.1X", "dpu_count": 2.0},
        cost={"optimization_priority": "speed"},
    )
    glue = option(decided(one), "glue")
    assert glue.size and glue.size.label == "2 × G.1X"
    assert glue.recommended_size and glue.recommended_size.cores > glue.size.cores


def test_auto_adjust_sizes_within_the_limits():
    keys = {
        "user_preference": "glue",
        "worker_type": "G.1X",
        "dpu_count": 2.0,
        "auto_adjust_dpu": True,
        "min_dpu": 5.0,
        "max_dpu": 20.0,
    }
    decision = decided(spark_job(keys, cost={"optimization_priority": "speed"}))
    glue = decision.selected
    assert glue.size and glue.size.keys["dpu_count"] == 20.0
    assert decision.apply(spark_job(keys)).platform.dpu_count == 20.0


def test_an_unknown_size_gives_unknown_figures_and_says_so():
    decision = decided(spark_job(), volume_gb=None)
    assert decision.selected.figures.seconds is None and decision.selected.figures.usd is None
    assert decision.confidence is None
    assert "size of the input is unknown" in decision.reasoning[-1]


def test_an_unknown_size_with_past_runs_is_figured_from_them():
    runs = [run(size.glue("G.1X", 5), 600 + n, None, n) for n in range(4)]
    glue = option(decided(spark_job({"dpu_count": 5.0}), volume_gb=None, runs=runs), "glue")
    assert glue.figures.seconds == pytest.approx(601, rel=0.05)


def test_a_region_without_prices_has_unknown_dollars_and_known_times():
    decision = decided(spark_job({"user_preference": "glue"}), region="eu-south-2")
    assert decision.selected.figures.usd is None
    assert decision.selected.figures.seconds is not None


def test_past_runs_correct_the_estimate_and_narrow_its_range():
    sized = size.glue("G.1X", 5)
    cold = option(decided(spark_job({"dpu_count": 5.0})), "glue").figures
    runs = [run(sized, 300 + 5 * n, number=n) for n in range(8)]
    warm = option(decided(spark_job({"dpu_count": 5.0}), runs=runs), "glue").figures
    assert warm.seconds == pytest.approx(317, rel=0.03)
    assert warm.seconds_high and warm.seconds_low and cold.seconds_high and cold.seconds_low
    assert warm.seconds_high / warm.seconds_low < 0.2 * cold.seconds_high / cold.seconds_low


def test_runs_elsewhere_do_not_shorten_the_start_of_a_platform():
    runs = [run(size.this_machine(), 2.0, 0.01, n) for n in range(6)]
    glue = option(decided(spark_job({"dpu_count": 5.0}), volume_gb=0.01, runs=runs), "glue").figures
    assert glue.seconds is not None and glue.seconds >= 60


def test_without_predictive_scaling_past_runs_do_not_count():
    runs = [run(size.glue("G.1X", 5), 9.0, number=n) for n in range(8)]
    flags = {"feature_flags": {"enable_predictive_scaling": False}}
    assert decided(spark_job(), settings=flags, runs=runs).learned_from == 0


def test_the_same_inputs_give_the_same_decision_and_other_inputs_another_fingerprint():
    runs = [run(size.glue("G.1X", 5), 300 + n, number=n) for n in range(5)]
    first, second = (decided(spark_job(), runs=runs) for _ in range(2))
    assert first == second
    assert decided(spark_job(), runs=runs[:4]).fingerprint != first.fingerprint
    assert decided(spark_job({"max_dpu": 50.0}), runs=runs).fingerprint != first.fingerprint


def test_confidence_is_a_probability_and_grows_with_knowledge():
    one = spark_job({"allowed_platforms": ["glue", "emr_serverless"]}, cost={"optimization_priority": "cost"})
    cold = decided(one).confidence
    known = [run(size.glue("G.1X", 2), 9000 + n, number=n) for n in range(4)] + [
        run(size.serverless(one.platform, 1), 900 + n, number=9 + n) for n in range(4)
    ]
    warm = decided(one, runs=known)
    assert warm.recommended and warm.recommended.platform == "emr_serverless"
    assert cold is not None and warm.confidence is not None
    assert 0 < cold <= 1 and warm.confidence > 0.95


def test_a_tie_goes_to_what_ran_last():
    decision = decided(spark_job(), volume_gb=None, last="emr_serverless")
    assert decision.selected.platform == "emr_serverless"


def test_the_record_keeps_size_ranges_and_alternatives():
    record = decided(spark_job({"user_preference": "glue", "dpu_count": 5.0})).record()
    assert record.size == {
        "label": "5 × G.1X",
        "machine": "glue G.1X",
        "nodes": 4,
        "cores": 16.0,
        "memory_gb": 64.0,
    }
    assert record.estimated_seconds and record.estimated_seconds_low and record.estimated_seconds_high
    assert record.estimated_seconds_low < record.estimated_seconds < record.estimated_seconds_high
    assert record.alternatives_considered and len(record.alternatives_considered) == 6

import math
from dataclasses import replace

import numpy as np
import pytest

from etl_platform.decide.run_features import RunShape
from etl_platform.decide.runtime_model import RuntimeModel


def shape(data_gb=10.0, cores=16.0, machine="m5.xlarge", times=(15.0, None), **extra) -> RunShape:
    """A run with the estimate of a cold start, by default of 400 core seconds a GB."""
    start, work = times
    work = 400 * data_gb / cores if work is None else work
    return RunShape(data_gb, cores, cores / 4, cores * 4, machine, start, work, True, extra)


def seconds_of(run: RunShape) -> float:
    """A job of 20 s of start, 4 s a GB in sequence and 90 s a GB over all cores; slower on c5."""
    slow = 1.3 if run.machine == "c5.xlarge" else 1.0
    return (20 + 4 * run.data_gb + 90 * run.data_gb / run.cores) * slow


def random_runs(count: int, seed: int = 0) -> list[RunShape]:
    random = np.random.default_rng(seed)
    return [
        shape(
            float(random.choice([5, 10, 20, 40])),
            float(random.choice([8, 16, 32, 64])),
            str(random.choice(["m5.xlarge", "c5.xlarge"])),
        )
        for _ in range(count)
    ]


def learned(count: int, seed: int = 0, noise: float = 0.03) -> RuntimeModel:
    runs = random_runs(count, seed)
    factors = np.exp(np.random.default_rng(seed + 99).normal(0, noise, count))
    return RuntimeModel.fit(
        runs, [seconds_of(run) * float(factor) for run, factor in zip(runs, factors, strict=True)]
    )


def error(model: RuntimeModel) -> float:
    runs = random_runs(60, seed=7)
    return float(
        np.mean(
            [
                abs(one.seconds / seconds_of(run) - 1)
                for one, run in zip(model.predict(runs), runs, strict=True)
            ]
        )
    )


@pytest.mark.parametrize(("runs", "most"), [(5, 0.35), (20, 0.10), (40, 0.06)])
def test_error_falls_with_the_runs(runs, most):
    assert np.mean([error(learned(runs, seed)) for seed in range(3)]) < most


def test_a_driver_that_fills_a_node_is_found_out():
    runs = [
        shape(data, cores) for data, cores in [(10, 16), (20, 32), (10, 64), (40, 16), (20, 48), (40, 64)]
    ]
    model = RuntimeModel.fit(runs, [20 + 30 * run.data_gb / (run.nodes - 1) for run in runs])
    two, four = (one.seconds for one in model.predict([shape(20, 8), shape(20, 16)]))
    # In truth 2.8; halving the nodes without a driver on them would double the time at most.
    assert two / four > 2.3


def test_many_runs_overrule_the_physics():
    def odd(run: RunShape) -> float:
        return 0.2 * run.data_gb**2 * (run.cores / 16) ** 0.5

    runs, new = random_runs(30), random_runs(60, seed=7)
    answers = RuntimeModel.fit(runs, [odd(run) for run in runs]).predict(new)
    assert np.mean([abs(one.seconds / odd(run) - 1) for one, run in zip(answers, new, strict=True)]) < 0.03


def test_far_from_the_runs_the_estimate_speaks():
    one, far = shape(10, times=(0.1, 100.0)), shape(10_000, times=(0.1, 50_000.0))
    model = RuntimeModel.fit([one] * 10, [50.0 + n for n in range(10)])
    near, away = model.predict([one, far])
    assert away.seconds / near.seconds == pytest.approx(500, rel=0.05)
    assert away.spread > 10 * near.spread


def test_one_slow_run_is_not_believed():
    runs = random_runs(20)
    times = [seconds_of(run) for run in runs]
    times[3] *= 6
    assert error(RuntimeModel.fit(runs, times)) < 0.12


def test_two_runs_know_that_data_and_cores_count():
    model = RuntimeModel.fit([shape(10), shape(10)], [100.0, 104.0])
    more_data, same, more_cores = (
        one.seconds for one in model.predict([shape(40), shape(10), shape(10, 64)])
    )
    assert more_cores < same < more_data
    assert same == pytest.approx(102, rel=0.05)


def test_doubt_grows_away_from_what_was_seen():
    model = learned(20)
    near, far = model.predict([shape(10, 16), shape(4000, 1024, "other")])
    assert far.spread > 3 * near.spread


def test_intervals_hold_about_their_share():
    model, runs = learned(30, noise=0.05), random_runs(300, seed=11)
    random = np.random.default_rng(3)
    inside = [
        one.quantile(0.1) <= seconds_of(run) * float(np.exp(random.normal(0, 0.05))) <= one.quantile(0.9)
        for one, run in zip(model.predict(runs), runs, strict=True)
    ]
    assert 0.7 <= np.mean(inside) <= 0.97


def test_probability_and_quantile_agree():
    (one,) = learned(10).predict([shape()])
    assert one.probability_within(one.seconds) == pytest.approx(0.5)
    assert one.probability_within(one.quantile(0.95)) == pytest.approx(0.95)


def test_same_runs_same_answer():
    first, second = (learned(15).predict([shape(12, 24)]) for _ in range(2))
    assert first == second


def test_without_runs_the_estimate_is_the_answer():
    (one,) = RuntimeModel.fit([], []).predict([shape(times=(20.0, 80.0))])
    assert one.seconds == pytest.approx(100)
    assert one.quantile(0.95) / one.seconds == pytest.approx(6, rel=0.5)


def test_an_estimate_that_is_off_by_a_factor_is_corrected():
    def estimated(run: RunShape) -> RunShape:
        return replace(run, start_seconds=20.0, work_seconds=(seconds_of(run) - 20) / 3)

    runs = [estimated(run) for run in random_runs(12)]
    new = estimated(shape(25, 48))
    (one,) = RuntimeModel.fit(runs, [seconds_of(run) for run in runs]).predict([new])
    assert one.seconds == pytest.approx(seconds_of(new), rel=0.05)


def test_where_data_no_longer_fit_the_memory_the_time_jumps():
    def spilling(run: RunShape) -> float:
        return seconds_of(run) * (4 if run.data_gb > run.memory_gb / 2 else 1)

    def some(seed: int, count: int) -> list[RunShape]:
        random = np.random.default_rng(seed)
        return [
            replace(shape(float(random.choice([5, 10, 20, 40, 80])), float(cores)), memory_gb=2.0 * cores)
            for cores in random.choice([8, 16, 32, 64], count)
        ]

    runs, new = some(0, 30), some(1, 60)
    answers = RuntimeModel.fit(runs, [spilling(run) for run in runs]).predict(new)
    errors = [abs(one.seconds / spilling(run) - 1) for one, run in zip(answers, new, strict=True)]
    assert np.mean(errors) < 0.1


def test_errors_of_like_runs_go_together():
    model = learned(6)
    near, like, other = shape(500, 16), shape(500, 16), shape(0.01, 4096)
    covariance = model.joint_errors([near, like, other])
    assert covariance[0, 1] == pytest.approx(covariance[0, 0], rel=0.01)
    assert covariance[0, 2] < covariance[0, 1]


def test_further_features_may_be_numbers_shares_names_or_missing():
    runs = [
        shape(10, cores, share=share, mode=mode)
        for cores in (8, 16, 32)
        for share in (0.0, 0.5, 1.0)
        for mode in "ab"
    ]
    times = [
        seconds_of(run) * math.exp(float(run.extra["share"])) * (2 if run.extra["mode"] == "b" else 1)
        for run in runs
    ]
    model = RuntimeModel.fit(runs, times)
    low, high, other, missing = model.predict(
        [
            shape(10, 16, share=0.25, mode="a"),
            shape(10, 16, share=0.75, mode="a"),
            shape(10, 16, share=0.25, mode="b"),
            shape(10, 16, mode="c"),
        ]
    )
    assert high.seconds / low.seconds == pytest.approx(math.exp(0.5), rel=0.1)
    assert other.seconds / low.seconds == pytest.approx(2, rel=0.1)
    assert missing.spread > low.spread


def test_a_run_without_data_is_allowed():
    (one,) = RuntimeModel.fit([shape(0.0), shape(1.0)], [10.0, 20.0]).predict([shape(0.0)])
    assert math.isfinite(one.seconds)


@pytest.mark.parametrize(("runs", "times"), [([shape()], []), ([shape(), shape()], [1.0, 0.0])])
def test_an_impossible_history_is_refused(runs, times):
    with pytest.raises(ValueError, match="a time above 0"):
        RuntimeModel.fit(runs, times)


def test_far_from_its_runs_the_physics_goes_on_and_the_range_stays_one_that_says_something():
    runs = [shape(data_gb=0.008 * factor) for factor in (1.0, 1.1, 0.9, 1.05, 1.0)]
    model = RuntimeModel.fit(runs, [one.start_seconds + one.work_seconds for one in runs])
    (far,) = model.predict([shape(data_gb=500.0)])
    assert far.quantile(0.9) / far.quantile(0.1) < 100
